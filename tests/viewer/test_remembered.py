"""The viewer reads data as the reports were made, or as its own command line says."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from finops.cli import main
from finops.reading_choices import ReadingChoices
from finops.viewer.monitor import Intervals
from finops.viewer.tasks import Commands
from tests.support.live import Live, live
from tests.support.reference import call
from tests.support.rows import write_csv

RANGE = ["--timezone=-05:00", "--since=2026-01-02", "--until=2026-01-20"]
EVERY = Intervals(interval_s=0.1, gap_s=0.0, growth_bytes=1)


def rows(day: int) -> List[Dict[str, str]]:
    times = (f"2026-01-{day:02}T{hour:02}:30:00" for hour in (1, 12))
    return [call(timestamp=time, call_id=f"c{time}", cost_usd="") for time in times]


def write_prices(path: Path, price: float) -> str:
    model = {"provider": "openai", "input_per_1k": price, "output_per_1k": price}
    models = [dict(model, model=name) for name in ("gpt-4", "gpt-4o")]
    path.write_text(json.dumps({"source": f"contract of {price}", "models": models}))
    return str(path)


@pytest.fixture
def analyzed(tmp_path: Path) -> Path:
    """A folder of the viewer whose reports were made with options."""
    (tmp_path / "data").mkdir()
    write_csv(data_of(tmp_path), [row for day in range(1, 25) for row in rows(day)])
    write_prices(tmp_path / "p.json", 7.5)
    words = ["--data", str(data_of(tmp_path)), "--reports", str(tmp_path / "reports")]
    assert main(["analyze", *words, *options(tmp_path), "--quiet"]) == 0
    return tmp_path


def data_of(folder: Path) -> Path:
    return folder / "data" / "calls.csv"


def options(folder: Path) -> List[str]:
    return [f"--prices={folder / 'p.json'}", *RANGE]


def append(folder: Path) -> None:
    """Append a day that is in the range."""
    lines = write_csv(folder / "more.csv", rows(15)).read_bytes().split(b"\n", 1)[1]
    with open(str(data_of(folder)), "ab") as file:
        file.write(lines)


def result_of(folder: Path, name: str) -> Dict[str, Any]:
    """Return a report's result without the time of its making."""
    result: Dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    result.get("file", {}).pop("analyzed_at", None)
    return result


def results(folder: Path) -> Dict[str, Any]:
    return {path.stem: result_of(folder, path.stem) for path in folder.glob("[!m]*.json")}


def made_anew(folder: Path, *words: str) -> Dict[str, Any]:
    """Return what the command line makes of the data as it is now."""
    fresh = folder / "fresh"
    given = ["--data", str(data_of(folder)), "--reports", str(fresh), "--no-cache", "--quiet"]
    assert main(["analyze", *given, *(words or options(folder))]) == 0
    return results(fresh)


@contextmanager
def served(folder: Path, **changes: Any) -> Iterator[Live]:
    with live(folder, Commands(), **changes) as running:
        yield running


def run(running: Live, target: str) -> None:
    assert running.post(target).status == 202
    running.idle()


def test_all_reports_and_one_are_made_as_before(analyzed: Path) -> None:
    before = results(analyzed / "reports")
    append(analyzed)
    wanted = made_anew(analyzed)
    assert wanted != before
    with served(analyzed) as running:
        run(running, "/api/run-analyzer?id=pricing")
        assert result_of(analyzed / "reports", "pricing") == wanted["pricing"]
        run(running, "/api/run-all")
        assert results(analyzed / "reports") == wanted
    page = (analyzed / "reports" / "pricing.html").read_text(encoding="utf-8")
    assert "contract of 7.5" in page
    assert "time zone -05:00" in page
    assert "Only calls from 2 Jan 2026, 05:00 UTC" in page


def test_the_monitor_too(analyzed: Path) -> None:
    with served(analyzed, monitor=True, pace=EVERY) as running:
        running.wait(lambda status: status["monitor"]["last_check"])
        append(analyzed)
        running.wait(lambda status: status["monitor"]["last_regeneration"])
        running.idle()
    assert results(analyzed / "reports") == made_anew(analyzed)


def test_the_command_line_of_the_viewer_comes_first(analyzed: Path) -> None:
    cheap = write_prices(analyzed / "cheap.json", 0.001)
    own = ReadingChoices(prices=(cheap,), until="2026-01-10")
    with served(analyzed, reading=own) as running:
        run(running, "/api/run-all")
    words = [f"--prices={cheap}", "--timezone=-05:00", "--since=2026-01-02", "--until=2026-01-10"]
    assert results(analyzed / "reports") == made_anew(analyzed, *words)


def test_reports_of_other_data_say_nothing(analyzed: Path) -> None:
    other = write_csv(analyzed / "data" / "other.csv", rows(3))
    with served(analyzed, data=other) as running:
        run(running, "/api/run-analyzer?id=pricing")
    page = (analyzed / "reports" / "pricing.html").read_text(encoding="utf-8")
    assert "contract of 7.5" not in page
    assert "time zone" not in page


def test_a_price_file_that_has_gone_is_one_line_and_the_report_stays(analyzed: Path) -> None:
    (analyzed / "p.json").unlink()
    page = analyzed / "reports" / "pricing.html"
    before = page.read_bytes()
    with served(analyzed) as running:
        run(running, "/api/run-analyzer?id=pricing")
        status = running.status()["analyzer_status"]["pricing"]
    assert status["status"] == "error"
    assert status["error"].startswith("cannot read the price file p.json: No such file")
    assert page.read_bytes() == before
