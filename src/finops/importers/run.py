"""One import: files in, a CSV of calls out, changed by one rename or not at all.

What was read goes into an index by id; the present CSV is read past it, row by row; both are
written merged in order of time.  Memory does not grow with the number of calls.  An import that
is killed leaves the CSV as it was, and the next one makes the same of it.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Optional, Tuple

from finops.atomic import replacing
from finops.business.price_table import PriceTable
from finops.csv_lines import CsvLines
from finops.errors import DataError, StorageError, UsageError
from finops.importers import find_format
from finops.importers.base import Format, ImportOptions, Progress, Session, digest_of
from finops.importers.calls_csv import write_calls
from finops.importers.costs import Comparison, CostRules
from finops.importers.index import CallIndex, temporary_index
from finops.importers.present_calls import PresentCalls, added, counted, totals_of
from finops.importers.sources import Source
from finops.importers.state import State
from finops.importers.tally import Rejection, Tally
from finops.importers.totals import Totals
from finops.storage.file_operations import FILES
from finops.storage.lock import writer_lock


class Input(NamedTuple):
    """The files of one format."""

    format: Format
    sources: Tuple[Source, ...]


class Job(NamedTuple):
    """What to import, into which CSV, and how.

    `rejects`: a file for the list of rejected records.  `dry_run` changes nothing.  `fresh`
    forgets the present CSV.  `progress(bytes_read, bytes_to_read)` is called now and then.
    `workers`: how many processes there may be, of which two are used; 0 stands for as many as
    there are processors.
    """

    inputs: Tuple[Input, ...]
    out: Path
    prices: PriceTable
    options: ImportOptions = ImportOptions()
    rejects: Optional[Path] = None
    dry_run: bool = False
    fresh: bool = False
    progress: Progress = lambda done, total: None
    workers: int = 0


class Result(NamedTuple):
    """What an import did: `added` and `changed` rows of the CSV, and the sums of all its rows.

    `gone`: files that were read before and are not there any more; their calls are kept.
    """

    formats: Tuple[str, ...]
    out: Path
    tally: Tally
    totals: Totals
    comparison: Comparison
    added: int
    changed: int
    gone: int
    is_first: bool


def run(job: Job) -> Result:
    """Import, and return what that did.

    Raises DataError where nothing of the input could be used, or the CSV is not one of ours,
    LockError where another process is writing it, StorageError where the disk refuses.
    """
    _check_columns(job)
    try:
        job.out.parent.mkdir(parents=True, exist_ok=True)
        with writer_lock(job.out), _rejects(job) as on_rejection, temporary_index(
            job.options.recompute
        ) as index:
            FILES.remove_left(str(job.out))
            return _import(job, index, Tally(on_rejection))
    except OSError as error:
        where = error.filename or job.out
        raise StorageError(f"cannot import into {where}: {error.strerror or error}") from error


def _import(job: Job, index: CallIndex, tally: Tally) -> Result:
    is_first = job.fresh or not job.out.exists()
    state = State(job.out, _fingerprint(job), fresh=is_first, keep=not job.dry_run)
    try:
        rules = CostRules(job.prices, job.options.rates, job.options.recompute)
        for given in job.inputs:
            _read_all(given, job, index, state, rules, tally)
        _refuse_nothing(job, index, tally)
        present = None if is_first else PresentCalls(job.out)
        if present is not None and not index.is_empty():
            present.take_in(index)
        _settle(index, tally)
        totals = _write(job, index, present, state.totals())
        result = Result(
            tuple(given.format.id for given in job.inputs),
            job.out,
            tally,
            totals,
            rules.comparison,
            added=index.additions(),
            changed=index.changes() - index.additions(),
            gone=state.gone(),
            is_first=is_first,
        )
        if not job.dry_run:
            state.commit(totals)
        return result
    finally:
        state.close()


def _check_columns(job: Job) -> None:
    """Raise UsageError for a field that a format decides itself, or that no record has."""
    for given in job.inputs:
        unknown = [name for name in job.options.columns if name not in given.format.mapped]
        if unknown:
            raise UsageError(
                f"{given.format.id} takes no {', '.join(unknown)} from --map; it takes"
                f" {', '.join(given.format.mapped)}"
            )


def _fingerprint(job: Job) -> str:
    """Return what else than files decides about the rows."""
    options = job.options
    parts = [sorted(options.columns.items()), sorted(options.models.items())]
    rates = sorted((name, str(rate)) for name, rate in options.rates.items())
    times = [options.since, options.until, options.input_timezone]
    flags = [options.recompute, options.effective]
    return repr([*parts, rates, *flags, *times, _prices_mark(job.prices)])


def _prices_mark(prices: PriceTable) -> str:
    """Return what changes when any price does."""
    return digest_of(repr(prices.content))


def _read_all(
    given: Input, job: Job, index: CallIndex, state: State, rules: CostRules, tally: Tally
) -> None:
    """Read the files of a format that changed since they were read."""
    tally.files += len(given.sources)
    changed = [source for source in given.sources if not state.is_unchanged(source)]
    tally.unchanged_files += len(given.sources) - len(changed)
    if not changed:
        return
    # Only here: most imports of a tool's logs have nothing to read, and are waited for.
    from finops.importers.mapping import Mapper
    from finops.importers.providers import ModelProviders
    from finops.importers.reading import Reading

    session = Session(
        given.sources,
        tally,
        job.options,
        index.nth_of,
        provider_of=ModelProviders(job.prices).provider_of,
    )
    mapper = Mapper(given.format, job.options, rules)
    workers = job.workers or os.cpu_count() or 1
    Reading(given.format, mapper, session, index, state).read(changed, job.progress, workers)


def _refuse_nothing(job: Job, index: CallIndex, tally: Tally) -> None:
    """Raise DataError where records were rejected and none was used."""
    first = tally.first_rejection
    if first is not None and index.is_empty() and not tally.unchanged_files:
        names = ", ".join(given.format.id for given in job.inputs)
        raise DataError(
            f"{first.file} has no call of {names}: line {first.line}: {first.reason};"
            f" {tally.rejections} rejected, see --rejects"
        )


def _settle(index: CallIndex, tally: Tally) -> None:
    """Leave out the copies among the members of each family."""
    for family in index.families():
        format = find_format(family[0].source) if family else None
        if format is None:
            continue
        for call_id in format.settle(family):
            index.drop(call_id)
            tally.duplicates += 1


def _write(
    job: Job, index: CallIndex, present: Optional[PresentCalls], kept: Optional[Totals]
) -> Totals:
    """Write the CSV where it changes, and return its sums; `kept` are those of the present one.

    Raises DataError, OSError.
    """
    if present is not None and not index.changes():
        totals = kept or totals_of(job.out)
        _refuse_twice_counted(totals)
        return totals
    totals = Totals()
    if present is None:
        pieces = added(index.in_order(), totals)
    elif kept is None or job.dry_run:
        pieces = counted(present.changed(index, Totals()), totals)
    else:
        totals = kept
        pieces = present.changed(index, totals)
    if job.dry_run:
        for _ in pieces:
            pass
        _refuse_twice_counted(totals)
        return totals
    with replacing(job.out) as (aside,):
        with open(str(aside), "xb") as stream:
            write_calls(pieces, stream)
            stream.flush()
            FILES.fsync(stream.fileno())
        if totals is kept and present is not None and not present.has_exact_totals:
            totals = totals_of(Path(aside))
        _refuse_twice_counted(totals)
    return totals


def _refuse_twice_counted(totals: Totals) -> None:
    providers = sorted(totals.twice_counted())
    if providers:
        raise DataError(
            f"a bill of {', '.join(providers)} and its calls are of the same period and would be"
            " counted twice; import them into different files, and compare them with"
            " 'analyze --bill'"
        )


@contextmanager
def _rejects(job: Job) -> Iterator[Optional[Callable[[Rejection], None]]]:
    """Give what writes a rejection into the file of `--rejects`, None where there is none."""
    if job.rejects is None:
        yield None
        return
    job.rejects.parent.mkdir(parents=True, exist_ok=True)
    with open(str(job.rejects), "w", encoding="utf-8", newline="") as stream:
        writer = CsvLines(stream)
        writer.writerow(Rejection._fields)
        yield writer.writerow
