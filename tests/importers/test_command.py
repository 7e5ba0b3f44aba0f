"""`finops import`, and usage logs as the data of other commands."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import finops
from finops import config
from finops.cli import main
from finops.importers import format_ids
from tests.support.imports import PRICE_MAP, import_files, rows_of, write_all
from tests.support.vendor_logs import VENDORS, Use

USES = [Use(100, 20, 3, 40, 5), Use(7, 0, 0, 3, 0)]


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is imported without a place, and what is looked for at home, in the test's own."""
    monkeypatch.setattr(config, "DATA_CSV_PATH", tmp_path / "data" / "simulated_calls.csv")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "OPENCODE_DATA_DIR", "FINOPS_DATA"):
        monkeypatch.delenv(name, raising=False)


def logs(tmp_path: Path, format_id: str = "litellm") -> Path:
    return write_all(tmp_path / "logs", VENDORS[format_id].write(USES, "x"))[0]


def price_file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(PRICE_MAP), encoding="utf-8")
    return path


def test_a_file_is_imported_to_where_it_was_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, rejects = tmp_path / "out.csv", tmp_path / "rejects.csv"
    words = ["import", str(logs(tmp_path)), "--out", str(out), "--rejects", str(rejects)]
    assert main([*words, "--prices", str(price_file(tmp_path))]) == 0
    line = capsys.readouterr().out.strip()
    assert line.startswith("litellm: 1 file, 2 calls (2 rows, 2 new)")
    assert line.endswith(f"-> {out}")
    assert len(rows_of(out)) == 2
    assert rejects.read_text(encoding="utf-8") == "file,line,reason\n"


def test_without_a_place_an_import_has_one_that_the_next_extends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = logs(tmp_path)
    for _ in range(2):
        assert main(["import", "litellm", str(path)]) == 0
    (out,) = (tmp_path / "data" / "imports").glob("*.csv")
    assert out.name.startswith("litellm-")
    assert "0 new" in capsys.readouterr().out.splitlines()[-1]


def test_standard_input_is_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = logs(tmp_path).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
    assert main(["import", "-", "--out", str(tmp_path / "out.csv")]) == 0
    assert len(rows_of(tmp_path / "out.csv")) == 2


def test_a_tool_is_found_by_its_name(tmp_path: Path) -> None:
    write_all(tmp_path / "home" / ".claude", VENDORS["claude-code"].write(USES, "x"))
    assert main(["import", "claude-code", "--out", str(tmp_path / "out.csv")]) == 0
    assert len(rows_of(tmp_path / "out.csv")) == 2


def test_columns_rates_and_a_dry_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "when,model,in,out,price,currency\n2026-03-01,m,5,1,2,EUR\n"
    (path,) = write_all(tmp_path, {"a.csv": text})
    columns = "timestamp=when,input_tokens=in,output_tokens=out,cost_usd=price"
    words = ["import", "csv", str(path), "--map", columns, "--rate", "EUR=1.5"]
    assert main([*words, "--out", str(tmp_path / "out.csv"), "--dry-run"]) == 0
    assert not (tmp_path / "out.csv").exists()
    assert "$3.00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["import"], "nothing to import"),
        (["import", "local"], "looked in"),
        (["import", "nowhere.jsonl"], "does not exist"),
        (["import", "x", "--map", "model"], "NAME=VALUE"),
        (["import", "x", "--rate", "EUR=much"], "EUR=1.08"),
    ],
)
def test_trouble_is_one_line_and_status_two(
    words: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "x" in words:
        words = [str(logs(tmp_path)) if word == "x" else word for word in words]
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_a_field_that_a_format_decides_itself_cannot_be_mapped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["import", "litellm", str(logs(tmp_path)), "--map", "cost_usd=spend"]
    assert main([*words, "--out", str(tmp_path / "out.csv")]) == 2
    assert "cost_usd" in capsys.readouterr().err


def test_all_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "formats"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed == list(format_ids())


def test_logs_are_data_for_analyze_and_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = logs(tmp_path)
    words = ["analyze", "--data", str(path), "--reports", str(tmp_path / "reports"), "--json", "-"]
    assert main([*words, "--only", "features", "--quiet"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["features"]["summary"]["total_calls"] == 2
    assert main(["verify", str(path), "--quiet"]) == 0
    assert "2 used" in capsys.readouterr().out


@pytest.mark.parametrize("format_id", format_ids())
def test_what_is_imported_of_any_format_can_be_verified(format_id: str, tmp_path: Path) -> None:
    paths = write_all(tmp_path / "logs", VENDORS[format_id].write(USES, "x"))
    out = tmp_path / "out.csv"
    import_files(format_id, paths, out)
    assert main(["verify", str(out), "--quiet"]) == 0


def test_what_map_says_is_about_the_logs(tmp_path: Path) -> None:
    words = ["verify", str(logs(tmp_path)), "--map", "product_id=session_id", "--quiet"]
    assert main(words) == 0
    (out,) = (tmp_path / "data" / "imports").glob("*.csv")
    assert {row["product_id"] for row in rows_of(out)} == {"s"}


def test_the_library_imports_too(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    result = finops.import_usage(str(logs(tmp_path)), out)
    assert (result.added, result.totals.calls) == (2, 2)
    again = finops.import_usage([str(logs(tmp_path))], out, format="litellm")
    assert again.added == 0


def test_an_imported_csv_is_data_itself(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    import_files("litellm", [logs(tmp_path)], out)
    assert main(["verify", str(out), "--quiet"]) == 0
    assert not (tmp_path / "data").exists()
