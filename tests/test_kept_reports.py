"""Reports are left as they are where nothing changed, and made again where anything did."""

from __future__ import annotations

import calendar
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple, Union

import pytest

from finops import config, kept_reports, registry
from finops.analyzers.base import Analyzer
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.kept_reports import KEPT, FileDigest, KeptReport, keep, kept, key_of
from finops.pipeline import Job, Outcome, analyze
from finops.reader.options import ReadingOptions
from finops.registry import ANALYZER_REGISTRY
from finops.rollups import cache, merge
from finops.rollups.aggregate import aggregate
from finops.rollups.dataset import Dataset
from finops.rollups.redaction import Redactor
from finops.rollups.spec import Table
from tests.support.rows import varied_rows, write_csv

ROWS = varied_rows(60)
CALLS = Table(("model",), ("calls", "cost"))
BUDGETS = (config.Budget("total", "", 5.0),)


@pytest.fixture(autouse=True)
def small_files_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)


@pytest.fixture
def few_analyses(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: ANALYZER_REGISTRY[name] for name in ("dataset_overview", "features")}
    monkeypatch.setattr(registry, "ANALYZER_REGISTRY", few)


class Run:
    """A dataset and a folder of reports."""

    def __init__(self, folder: Path) -> None:
        self.data = write_csv(folder / "calls.csv", ROWS)
        self.source: Union[Path, List[Path]] = self.data
        self.reports = folder / "reports"
        self.finished: List[str] = []

    def __call__(self, **options: Any) -> Outcome:
        self.finished = []
        options = {"cache": True, "workers": 1, **options}
        done = self.finished
        job = Job(
            self.source, self.reports, finished=lambda m: done.append(m.analysis.id), **options
        )
        return analyze(job)

    def written(self) -> Dict[str, Tuple[int, bytes]]:
        """Return inode and content of what was written, but for the note."""
        return {
            path.name: (path.stat().st_ino, path.read_bytes())
            for path in sorted(self.reports.iterdir())
            if path.suffix in (".html", ".json") and not path.name.startswith((KEPT, "scenario"))
        }

    def makes_again(self, **options: Any) -> bool:
        """Run, and return whether every page was made anew."""
        before = self.written()
        self(**options)
        now = self.written()
        same = {name for name in now if now[name][0] == before.get(name, (0,))[0]}
        assert not same or same == set(now), f"only some are new, not {sorted(same)}"
        return not same


@pytest.mark.usefixtures("few_analyses")
def test_a_second_run_leaves_every_file_and_says_the_same(tmp_path: Path) -> None:
    run = Run(tmp_path)
    first = run()
    before = run.written()
    assert {"index.html", "manifest.json", "explore.html", "features.json"} <= set(before)
    second = run()
    assert run.written() == before
    assert json.dumps(second.results) == json.dumps(first.results)
    assert second.index_page == first.index_page
    names = [(made.analysis, made.headline, made.size_bytes) for made in first.reports]
    assert [(made.analysis, made.headline, made.size_bytes) for made in second.reports] == names
    assert run.finished == ["dataset_overview", "features"]


@pytest.mark.usefixtures("few_analyses")
def test_a_second_run_aggregates_nothing_until_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    first = run()
    aggregated: List[Table] = []

    def noted(table: Table, *cubes: Any) -> Any:
        aggregated.append(table)
        return aggregate(table, *cubes)

    monkeypatch.setattr(merge, "aggregate", noted)
    second = run()
    assert not aggregated
    assert second.rollups.totals == first.rollups.totals
    assert second.rollups.accounting == first.rollups.accounting
    assert aggregated


Change = Callable[[Run, pytest.MonkeyPatch], Any]


def _append(run: Run, _: pytest.MonkeyPatch) -> None:
    lines = run.data.read_bytes().splitlines(True)
    run.data.write_bytes(run.data.read_bytes() + lines[-1])


def _edit_in_place(run: Run, _: pytest.MonkeyPatch) -> None:
    about, content = run.data.stat(), run.data.read_bytes()
    run.data.write_bytes(content.replace(b"success", b"SUCCESS", 1))
    os.utime(str(run.data), ns=(about.st_atime_ns, about.st_mtime_ns))


def _swap_names_of_columns(run: Run, _: pytest.MonkeyPatch) -> None:
    header, rows = run.data.read_bytes().split(b"\n", 1)
    names = {b"input_tokens": b"output_tokens", b"output_tokens": b"input_tokens"}
    swapped = b",".join(names.get(name, name) for name in header.split(b","))
    assert swapped != header
    run.data.write_bytes(swapped + b"\n" + rows)


def _write(name: str, content: str) -> Change:
    def change(run: Run, _: pytest.MonkeyPatch) -> None:
        (run.reports / name).write_text(content, encoding="utf-8")

    return change


def _events(run: Run, _: pytest.MonkeyPatch) -> None:
    day = ROWS[0]["timestamp"][:10]
    text = f"start,end,title,subject\n{day},{day},Launch,\n"
    (run.data.parent / "calls.events.csv").write_text(text, encoding="utf-8")


def _tomorrow(_: Run, patch: pytest.MonkeyPatch) -> None:
    later = time.time() + 86_400
    patch.setattr("finops.pipeline.time.time", lambda: later)


CHANGES: Dict[str, Change] = {
    "a row is appended": _append,
    "a row is edited and size and time are set back": _edit_in_place,
    "two columns swap their names": _swap_names_of_columns,
    "a page is edited": _write("features.html", "<p>edited</p>"),
    "a result is edited": _write("features.json", "{}"),
    "the index is edited": _write("index.html", ""),
    "the manifest is edited": _write("manifest.json", "{}"),
    "the Explore page is missing": lambda run, _: (run.reports / "explore.html").unlink(),
    "a scenario page is added": _write("scenario_a.json", '{"title": "A"}'),
    "events are added": _events,
    "a constant is set": lambda _, patch: patch.setattr(config, "SLA_THRESHOLD_MS", 1),
    "a budget is set": lambda _, patch: patch.setattr(config, "BUDGETS", BUDGETS),
    "the code is another": lambda _, patch: patch.setattr(
        kept_reports, "_code_digest", lambda: "another"
    ),
    "the code cannot be read": lambda _, patch: patch.setattr(
        kept_reports, "_code_digest", lambda: ""
    ),
    "it is the next day": _tomorrow,
}


@pytest.mark.usefixtures("few_analyses")
@pytest.mark.parametrize("change", list(CHANGES.values()), ids=list(CHANGES))
def test_any_change_makes_all_of_it_again(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    run()
    if change is CHANGES["a scenario page is added"]:
        (run.reports / "scenario_a.html").write_text("", encoding="utf-8")
    change(run, monkeypatch)
    assert run.makes_again()


def _touch(run: Run) -> None:
    os.utime(str(run.data))


def _replace_by_a_copy(run: Run) -> None:
    aside = run.data.with_name("copy.csv")
    shutil.copyfile(str(run.data), str(aside))
    aside.replace(run.data)


@pytest.mark.usefixtures("few_analyses")
@pytest.mark.parametrize("change", [_touch, _replace_by_a_copy])
def test_another_time_or_place_of_the_same_bytes_makes_nothing_again(
    change: Callable[[Run], None], tmp_path: Path
) -> None:
    run = Run(tmp_path)
    run()
    change(run)
    assert not run.makes_again()


def _cut_the_last_line_end(run: Run) -> None:
    os.truncate(str(run.data), run.data.stat().st_size - 1)


def _complete_the_last_line(content: bytes) -> bytes:
    return content + b"\n"


def _edit_the_last_line(content: bytes) -> bytes:
    """Change a letter behind the last line end, size and all else as before."""
    start = content.rindex(b"\n") + 1
    place = content.index(b"cust_", start)
    return content[:place] + b"CUST_" + content[place + len(b"cust_") :]


def _continue_the_last_line(content: bytes) -> bytes:
    return content + b"x"


def _append_another_line(content: bytes) -> bytes:
    return content + b"\n" + content.rsplit(b"\n", 2)[-2]


def _open_a_record_of_several_lines(content: bytes) -> bytes:
    return content + b'\n"open'


def results(run: Run) -> Dict[str, Any]:
    """Return the results as they are written, without what a run says of itself."""
    return {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(run.reports.glob("*.json"))
        if path.name not in (KEPT, "manifest.json")
    }


def set_clock(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be this moment, in UTC, from now on."""
    seconds = float(calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%S")))
    monkeypatch.setattr("finops.context.time.time", lambda: seconds)


@pytest.mark.usefixtures("few_analyses")
def test_a_file_without_a_last_line_end_makes_nothing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    _cut_the_last_line_end(run)
    set_clock("2026-01-02T10:00:00", monkeypatch)
    run()
    set_clock("2026-01-02T12:00:00", monkeypatch)
    assert not run.makes_again()


@pytest.mark.usefixtures("few_analyses")
@pytest.mark.parametrize(
    "change",
    [
        _complete_the_last_line,
        _edit_the_last_line,
        _continue_the_last_line,
        _append_another_line,
        _open_a_record_of_several_lines,
    ],
)
def test_any_change_behind_the_last_line_end_is_noticed(
    change: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock("2026-01-02T10:00:00", monkeypatch)  # results say when they were made
    run = Run(tmp_path)
    _cut_the_last_line_end(run)
    run()
    before = results(run)
    about = run.data.stat()
    content = change(run.data.read_bytes())
    run.data.write_bytes(content)
    os.utime(str(run.data), ns=(about.st_atime_ns, about.st_mtime_ns))
    assert run.makes_again()
    warm = results(run)
    assert not run.makes_again()
    (run.reports / KEPT).unlink()
    run(cache=False)
    assert warm == results(run)
    assert warm != before


@pytest.mark.usefixtures("few_analyses")
def test_records_that_repeat_before_an_open_end_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    _append(run, monkeypatch)
    _cut_the_last_line_end(run)
    first = run()
    assert first.rollups.accounting.repeated_records == 1
    assert not run.makes_again()


@pytest.mark.usefixtures("few_analyses")
def test_several_files_make_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    run.data = write_csv(tmp_path / "later.csv", varied_rows(80)[60:])
    run.source = [tmp_path / "calls.csv", run.data]
    set_clock("2026-01-02T10:00:00", monkeypatch)
    run()
    set_clock("2026-01-02T12:00:00", monkeypatch)
    assert not run.makes_again()
    _cut_the_last_line_end(run)
    assert run.makes_again()
    set_clock("2026-01-02T14:00:00", monkeypatch)
    assert not run.makes_again()


@pytest.mark.usefixtures("few_analyses")
def test_a_time_ahead_is_judged_by_the_clock_of_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several files, one of which has a row of tomorrow that is plausible an hour later."""
    run = Run(tmp_path)
    ahead = dict(ROWS[-1], timestamp="2026-01-03T00:30:00.000000", call_id="call_ahead")
    run.data = write_csv(tmp_path / "later.csv", [*varied_rows(160)[60:], ahead])
    run.source = [tmp_path / "calls.csv", run.data]
    used = []
    for moment in ("2026-01-02T00:00:00", "2026-01-02T01:00:00", "2026-01-02T00:00:00"):
        set_clock(moment, monkeypatch)
        used.append(run().rollups.accounting.used)
    assert used == [160, 161, 160]


@pytest.mark.usefixtures("few_analyses")
def test_other_options_make_all_of_it_again(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run()
    assert run.makes_again(options=ReadingOptions(timezone="+05:30"))
    assert run.makes_again(prices=PriceTable([*DEFAULT_PRICES][:-1]))
    assert run.makes_again(cache=False)
    assert run.makes_again(redactor=Redactor("a key that is long enough"))
    assert run.makes_again()


@pytest.mark.usefixtures("few_analyses")
def test_what_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    run()
    shutil.rmtree(str(run.reports))
    analyzer = ANALYZER_REGISTRY["features"].analyzer
    with monkeypatch.context() as patch:
        patch.setattr(analyzer, "result", lambda self, data: 1 // 0)
        assert run().failed
    assert not (run.reports / KEPT).exists()
    assert not run().failed


def test_analyses_of_somebody_else_are_never_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Foreign(Analyzer):
        """Its code is no part of the package, so nobody knows whether it changed."""

    class Registered(registry.Analysis):
        @property
        def analyzer(self) -> Any:
            return Foreign

    few = {"mine": Registered("mine", "Mine", registry.FINOPS, "None.", "none:None")}
    monkeypatch.setattr(registry, "ANALYZER_REGISTRY", few)
    monkeypatch.setattr(Foreign, "compute", lambda self, data: {"findings": []})
    run = Run(tmp_path)
    run()
    assert not (run.reports / KEPT).exists()


# --- the key of what was read ----------------------------------------------------------------


def key(path: Path, **options: Any) -> str:
    dataset = Dataset(path, workers=1, cache=True, **options)
    dataset.fill((CALLS,))
    return dataset.content_key


def test_the_key_of_data_is_that_of_its_bytes_and_how_they_were_read(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "calls.csv", ROWS)
    first = key(path)
    assert first
    assert key(path) == first
    assert key(path, options=ReadingOptions(timezone="+05:30")) not in ("", first)
    write_csv(path, ROWS[:-1])
    assert key(path) not in ("", first)


def test_the_key_tells_apart_what_stands_before_the_header(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "calls.csv", ROWS)
    rows = path.read_bytes()
    keys = set()
    for before in (b"#abcd\n", b"#a\n#b\n", b"#abc\n\n"):
        path.write_bytes(before + rows)
        keys.add(key(path))
    assert len(keys - {""}) == 3


def test_a_budget_leaves_what_was_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "calls.csv", ROWS)
    first = key(path)
    monkeypatch.setattr(config, "BUDGETS", BUDGETS)
    assert key(path) == first


def test_what_is_never_kept_has_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "calls.csv", ROWS)
    dataset = Dataset(path)
    dataset.fill((CALLS,))
    assert dataset.content_key == ""
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", path.stat().st_size + 1)
    assert key(path) == ""
    assert key_of("", {"any": "thing"}) == ""


# --- the note is foreign input ---------------------------------------------------------------


def noted(folder: Path) -> List[KeptReport]:
    """Write a folder of one report, and its note under the key "k"."""
    for name, content in (("a.html", "<p>a</p>"), ("a.json", "{}"), ("index.html", "i")):
        (folder / name).write_text(content, encoding="utf-8")
    page, result, index = (
        FileDigest.of(folder / name, name) for name in ("a.html", "a.json", "index.html")
    )
    reports = [KeptReport("a", 0.5, 8, "fine", page.digest, result.digest)]
    keep(folder, "k", reports, [index])
    return reports


def test_what_was_noted_is_kept_for_the_same_key_and_names(tmp_path: Path) -> None:
    reports = noted(tmp_path)
    run = kept(tmp_path, "k", ["a"], ["index.html"])
    assert run is not None
    assert (list(run.reports), run.results) == (reports, {"a": {}})
    for question in (
        ("other", ["a"], ["index.html"]),
        ("", ["a"], ["index.html"]),
        ("k", ["a", "b"], ["index.html"]),
        ("k", ["a"], []),
    ):
        assert kept(tmp_path, *question) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"key": "k"}',
        b'{"key": "k", "reports": 1, "files": []}',
        b'{"key": "k", "reports": [{"id": "../a"}], "files": []}',
        b'{"key": NaN, "reports": [], "files": []}',
        b" " * (1 << 21),
    ],
)
def test_a_note_of_any_bytes_keeps_nothing(content: bytes, tmp_path: Path) -> None:
    noted(tmp_path)
    (tmp_path / KEPT).write_bytes(content)
    assert kept(tmp_path, "k", ["a"], ["index.html"]) is None


@pytest.mark.parametrize("name", [KEPT, "a.html", "a.json", "index.html"])
def test_links_and_folders_in_the_place_of_a_file_keep_nothing(name: str, tmp_path: Path) -> None:
    noted(tmp_path)
    real = tmp_path / "real"
    (tmp_path / name).rename(real)
    (tmp_path / name).symlink_to(real)
    assert kept(tmp_path, "k", ["a"], ["index.html"]) is None
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    assert kept(tmp_path, "k", ["a"], ["index.html"]) is None


def test_a_result_that_is_no_object_keeps_nothing(tmp_path: Path) -> None:
    (report,) = noted(tmp_path)
    for text in ("[]", '{"a": NaN}', "{"):
        (tmp_path / "a.json").write_text(text, encoding="utf-8")
        result = FileDigest.of(tmp_path / "a.json", "a.json").digest
        index = FileDigest.of(tmp_path / "index.html", "index.html")
        keep(tmp_path, "k", [report._replace(result=result)], [index])
        assert kept(tmp_path, "k", ["a"], ["index.html"]) is None


def test_where_no_note_can_be_written_the_run_goes_on(tmp_path: Path) -> None:
    noted(tmp_path)
    (tmp_path / KEPT).unlink()
    (tmp_path / KEPT).mkdir()
    keep(tmp_path, "k", [], [])
    assert kept(tmp_path, "k", [], []) is None


def test_the_code_is_that_of_every_file_of_the_package() -> None:
    root = Path(kept_reports.__file__).parent
    names = {path.relative_to(root).as_posix() for path in kept_reports._package_files(root)}
    assert {"pipeline.py", "generators/assets/report.css", "analyzers/shared/coverage.py"} <= names
    assert not [name for name in names if "__pycache__" in name]
    assert len(kept_reports._code_digest()) == 64
