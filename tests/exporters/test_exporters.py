"""The contract that every registered export keeps, also on the smallest data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.cli import main
from finops.errors import UsageError
from finops.exporters import all_exporters, exporter_ids, find_exporter
from finops.exporters.base import Exporter, Request, flag_of
from tests.support.reference import call
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import ROOT

EVERY = pytest.mark.parametrize("exporter", all_exporters(), ids=lambda exporter: exporter.id)
# What a format cannot do without, as text that fits the rows below.
NEEDED: Dict[str, Any] = {
    "table": "understanding.by_customer",
    "organization": "org_001",
    "month": "2025-01",
}


def words_for(exporter: Exporter, data: Path) -> List[str]:
    words = ["export", "--quiet", "--data", str(data), "--format", exporter.id]
    for name in exporter.needs:
        words += [f"--{name}", NEEDED[name]]
    return words


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "calls.csv", varied_rows(40))


def test_ids_are_those_of_the_list() -> None:
    assert tuple(exporter.id for exporter in all_exporters()) == exporter_ids()
    assert find_exporter("parchment") is None


@EVERY
def test_an_exporter_takes_fields_of_the_request(exporter: Exporter) -> None:
    assert set(exporter.options) <= set(Request._fields)
    assert set(exporter.needs) <= set(exporter.options)


@EVERY
def test_options_of_other_formats_are_refused(exporter: Exporter) -> None:
    needed: Dict[str, Any] = {name: NEEDED[name] for name in exporter.needs}
    for name in set(Request._fields) - set(exporter.options):
        with pytest.raises(UsageError, match=name.replace("_", "-")):
            exporter.check(Request(**{**needed, name: "given"}))


@EVERY
def test_what_it_needs_is_asked_for(exporter: Exporter) -> None:
    for name in exporter.needs:
        others: Dict[str, Any] = {other: NEEDED[other] for other in exporter.needs if other != name}
        with pytest.raises(UsageError, match=f"needs --{name}"):
            exporter.check(Request(**others))


@EVERY
def test_the_file_is_what_standard_output_gets(
    exporter: Exporter, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = words_for(exporter, data)
    assert main(words) == 0
    printed = capsys.readouterr().out
    out = tmp_path / "new" / "export"
    assert main([*words, "--out", str(out)]) == 0
    assert out.read_bytes().decode("utf-8") == printed
    assert capsys.readouterr().out == ""
    assert [path.name for path in out.parent.iterdir()] == ["export"]


@EVERY
def test_data_without_a_single_call_gives_a_file_or_one_line(
    exporter: Exporter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = write_csv(tmp_path / "empty.csv", [])
    status = main(words_for(exporter, empty))
    out, err = capsys.readouterr()
    if "organization" in exporter.needs:  # which nobody has
        assert (status, out, len(err.splitlines())) == (2, "", 1)
    else:
        assert status == 0
        assert out


@EVERY
def test_a_file_is_replaced_or_left(
    exporter: Exporter, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "export"
    out.write_text("old", encoding="utf-8")
    missing = tmp_path / "none.csv"
    assert main([*words_for(exporter, missing), "--out", str(out)]) == 2
    assert out.read_text(encoding="utf-8") == "old"
    assert main([*words_for(exporter, data), "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") != "old"


@EVERY
def test_a_place_that_cannot_be_written_is_one_line(
    exporter: Exporter, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (data / "export", tmp_path):
        assert main([*words_for(exporter, data), "--out", str(out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "--out" in line


def test_the_data_is_never_replaced(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = data.read_bytes()
    words = ["export", "--format", "focus", "--quiet", "--data", str(data), "--out", str(data)]
    assert main(words) == 2
    assert "--out" in capsys.readouterr().err
    assert data.read_bytes() == before


@EVERY
def test_reading_options_count(
    exporter: Exporter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = call(timestamp="2025-01-02T09:30:00.000000", cost_usd="1", call_id="a")
    late = call(timestamp="2025-01-20T09:30:00.000000", cost_usd="2", call_id="b")
    both = write_csv(tmp_path / "both.csv", [early, late])
    one = write_csv(tmp_path / "one.csv", [early])
    texts: List[str] = []
    for path, more in ((both, ["--until", "2025-01-10"]), (one, [])):
        assert main([*words_for(exporter, path), *more]) == 0
        texts.append(capsys.readouterr().out.replace(path.name, ""))
    assert texts[0] == texts[1]


@EVERY
def test_it_is_documented(exporter: Exporter) -> None:
    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    assert f"--format {exporter.id}" in text
    for name in exporter.options:
        assert flag_of(name) in text


def test_an_unknown_format_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--format", "focsu"]) == 2
    assert "did you mean 'focus'?" in capsys.readouterr().err
    assert main(["export"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for name in exporter_ids():
        assert name in line


def test_the_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "exports"]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == list(exporter_ids())
