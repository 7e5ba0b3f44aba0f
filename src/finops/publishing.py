"""What goes with the reports: index and manifest.

Several runs may end at once, each with some of the reports, so each publisher holds a lock, starts
from what the last one left, and puts its own reports into it.  What makes pages is imported when
one is made (see `pipeline`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import registry
from finops.atomic import replacing, target_name
from finops.errors import StorageError
from finops.json_files import read_object
from finops.kept_reports import FileDigest
from finops.manifest import (
    MANIFEST,
    NOT_RUN,
    STALE,
    DatasetEntry,
    PeriodEntry,
    ReportEntry,
    RunOptions,
    manifest_of,
    read_manifest,
    write_manifest,
)
from finops.progress_events import FAILED, OK
from finops.reading_choices import ReadingChoices
from finops.registry import Analysis
from finops.storage.lock import file_lock
from finops.storage.sidecars import real_path
from finops.timestamps import utc_text

Row = Dict[str, Any]

INDEX = "index.html"
_LOCK_WAIT_S = 30
_SCENARIO_NAME = re.compile(r"scenario_[a-z0-9_]+\.json")
_NEVER_RUN = "It has not been run yet."
_OTHER_OPTIONS = "It was generated with other prices, time zone or range."
_OTHER_DATA = "The data has changed since it was generated."


class Made(NamedTuple):
    """How one report of this run went; `reason` says why it failed, "" if it did not.

    `seconds` is analysis and page together, without the scan.
    """

    analysis: Analysis
    seconds: float = 0.0
    size_bytes: int = 0
    headline: str = ""
    reason: str = ""
    trace: str = ""
    digests: Sequence[str] = ()  # SHA-256 of page and result as they were written


class Published(NamedTuple):
    """The index page, what was written of it and of the manifest, and the results that the pages
    in the folder show of this data, by id.
    """

    page: Path
    files: Sequence[FileDigest]
    results: Mapping[str, Row]


def publish(
    folder: Path,
    made: Mapping[str, Made],
    results: Mapping[str, Row],
    context: Mapping[str, Any],
    options: RunOptions,
) -> Published:
    """Write index and manifest for this run's reports and those of earlier runs.

    Raises StorageError where they cannot be written, LockError where
    another run does not finish publishing.
    """
    from finops.generators.reports.index import generate_index

    index = folder / INDEX
    lock = Path(real_path(folder)) / ".publishing.lock"
    with file_lock(lock, folder / ".publishing", _LOCK_WAIT_S):
        earlier = _EarlierRuns(folder, dataset_of(context), options)
        entries = tuple(
            earlier.entry(analysis)
            if analysis.id not in made
            else _entry(made[analysis.id], earlier, context)
            for analysis in registry.ANALYZER_REGISTRY.values()
        )
        # Of a report that could not be written, the index says what the page that is there does.
        new = {name: result for name, result in results.items() if not made[name].reason}
        shown = {entry.id: new.get(entry.id) or earlier.result(entry.id) for entry in entries}
        known = {name: result for name, result in shown.items() if result}
        manifest = manifest_of(
            context.get("generated_at"),
            int(context.get("calls") or 0),
            context.get("target_size_mb") or 0,
            dataset_of(context),
            options,
            entries,
        )
        try:
            linked = dict(context, scenarios=scenario_pages(folder))
            with replacing(index, folder / MANIFEST) as (new_index, new_manifest):
                generate_index(known, [_for_index(entry) for entry in entries], linked, new_index)
                write_manifest(manifest, new_manifest)
                files = (
                    FileDigest.of(new_index, INDEX),
                    FileDigest.of(new_manifest, MANIFEST),
                )
        except OSError as error:
            name = target_name(Path(str(error.filename or index)).name)
            raise StorageError(
                f"cannot write {folder / name}: {error.strerror}; {_written(made)}"
            ) from error
    current = {entry.id for entry in entries if entry.status == OK}
    return Published(index, files, {name: known[name] for name in known if name in current})


def _written(made: Mapping[str, Made]) -> str:
    """Return which reports of this run are there, in a few words."""
    new = [name for name, page in made.items() if not page.reason]
    if len(new) == len(made):
        return f"all {len(made)} reports of this run were written"
    summary = f"of {len(made)} reports of this run {len(new)} were written"
    names = f" ({', '.join(new)})" if new else ""
    return f"{summary}{names}, the others are unchanged"


class _EarlierRuns:
    """What earlier runs left: the entries of their manifest and the results beside the pages."""

    def __init__(self, folder: Path, dataset: DatasetEntry, options: RunOptions) -> None:
        stored = read_manifest(folder / MANIFEST)
        # Reports with names must not show in those that have them replaced.
        has_names = options.names != (stored.content.options.names if stored else "")
        self._folder = None if options.names and has_names else folder
        self._stored = stored if self._folder else None
        last = self._stored.content if self._stored else None
        self._same_data = last is not None and last.dataset == dataset
        self._same_options = last is not None and _how(last.options) == _how(options)

    def entry(self, analysis: Analysis) -> ReportEntry:
        """Return the entry of a report that this run did not touch."""
        entry = self.page_of(analysis)
        last = self._stored.entries.get(analysis.id) if self._stored else None
        unchanged = self._same_data and self._same_options
        if last is not None and unchanged and last.generated_at == entry.generated_at:
            return entry._replace(status=last.status, reason=last.reason)
        if entry.generated_at is None:
            return entry._replace(status=NOT_RUN, reason=_NEVER_RUN)
        if not self._same_data:
            return entry._replace(status=STALE, reason=_OTHER_DATA)
        if not self._same_options:
            return entry._replace(status=STALE, reason=_OTHER_OPTIONS)
        return entry

    def page_of(self, analysis: Analysis) -> ReportEntry:
        """Return an entry with the facts of the page that is there, without any where none is."""
        empty = _empty(analysis)
        if self._folder is None:
            return empty
        page = self._folder / analysis.filename
        if not page.is_file():
            return empty
        status = page.stat()
        last = self._stored.entry_of(analysis.id, status) if self._stored else None
        if last is not None and last.generated_at is not None:
            return empty._replace(
                size_kb=last.size_kb,
                size_bytes=last.size_bytes,
                generated_at=last.generated_at,
                seconds=last.seconds,
                headline=last.headline,
                content_security_policy=last.content_security_policy,
            )
        return _with_size(empty, status.st_size)._replace(
            generated_at=_changed_at(status),
            headline=headline_of(self.result(analysis.id) or {}),
        )

    def result(self, name: str) -> Optional[Row]:
        """Return the last good result of an analysis, None where there is none."""
        if self._folder is None or not (self._folder / f"{name}.html").is_file():
            return None
        result = read_object(self._folder / f"{name}.json")
        return result if result and _can_be_shown(name, result) else None


def dataset_of(context: Mapping[str, Any]) -> DatasetEntry:
    """Return what the manifest says of a dataset, by which it is recognised."""
    period = PeriodEntry(context.get("period_start"), context.get("period_end"))
    name, size = context.get("dataset"), context.get("size_bytes")
    return DatasetEntry(None if name is None else os.path.basename(name), int(size or 0), period)


def headline_of(result: Mapping[str, Any]) -> str:
    """Return the top finding of a report, in a few words."""
    missing = (result.get("basis") or {}).get("missing")
    if missing:
        from finops.generators.basis_line import missing_words

        return missing_words(missing)
    findings = result.get("findings") or ()
    if findings:
        return str(findings[0]["title"])
    summary = result.get("summary") or {}
    is_empty = summary.get("total_calls", 0) == 0 and not summary.get("total_cost")
    return "there are no calls" if is_empty else "nothing out of the ordinary"


def _can_be_shown(name: str, result: Row) -> bool:
    """Whether the index can be made with an old result, by making one of nothing else."""
    from finops.generators.reports.index import index_page

    report = _for_index(_empty(registry.ANALYZER_REGISTRY[name]))
    try:
        index_page({name: result}, [report], {})
        headline_of(result)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):  # edited
        return False
    return True


def scenario_pages(folder: Path) -> List[Dict[str, str]]:
    """Return filename, title and purpose of the showcase's pages among the reports.

    A page is listed where a description, NAME.json, lies beside NAME.html.
    """
    pages = []
    for description in sorted(folder.glob("scenario_*.json")):
        page = description.with_suffix(".html")
        about = read_object(description) if _SCENARIO_NAME.fullmatch(description.name) else None
        if about is not None and page.is_file():
            title, purpose = str(about.get("title") or page.stem), str(about.get("purpose") or "")
            pages.append({"filename": page.name, "title": title, "purpose": purpose})
    return pages


def _how(options: RunOptions) -> Tuple[ReadingChoices, str]:
    """Return how data was read, wherever it lay and whatever charts mark, and whether its names
    were replaced.
    """
    return options.reading._replace(data=(), events=""), options.names


def _empty(analysis: Analysis) -> ReportEntry:
    """Return the entry of a report without a page."""
    from finops.generators.page import content_security_policy

    return ReportEntry(
        id=analysis.id,
        title=analysis.title,
        domain=analysis.domain,
        filename=analysis.filename,
        status=OK,
        reason="",
        size_kb=0.0,
        size_bytes=0,
        generated_at=None,
        seconds=None,
        headline="",
        content_security_policy=content_security_policy(),
    )


def _with_size(entry: ReportEntry, size_bytes: int) -> ReportEntry:
    return entry._replace(size_bytes=size_bytes, size_kb=_kilobytes(size_bytes))


def _entry(made: Made, earlier: _EarlierRuns, context: Mapping[str, Any]) -> ReportEntry:
    """Return the entry of a report of this run; where it failed, its previous page is kept."""
    if made.reason:
        return earlier.page_of(made.analysis)._replace(status=FAILED, reason=made.reason)
    return _with_size(_empty(made.analysis), made.size_bytes)._replace(
        generated_at=context.get("generated_at"),
        seconds=round(made.seconds, 3),
        headline=made.headline,
    )


def _for_index(entry: ReportEntry) -> Row:
    purpose = registry.ANALYZER_REGISTRY[entry.id].purpose
    return dict(entry._asdict(), purpose=purpose)


def _kilobytes(size: int) -> float:
    return round(size / 1024, 1)


def _changed_at(status: os.stat_result) -> Optional[str]:
    """Return when a page was changed; None where its time is beyond the calendar."""
    try:
        return utc_text(status.st_mtime)
    except (ValueError, OverflowError, OSError):
        return None
