"""`finops summary`: what it prints at each width, and that its sums are those of the reports."""

from __future__ import annotations

import csv
import io
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List

import pytest

import finops
from finops import config
from finops.cli import build_parser, main
from finops.commands import summary
from finops.commands.base import Console
from finops.errors import DataError, UsageError
from finops.summary.display import width_of
from tests.support.imports import PRICE_MAP, write_all
from tests.support.reference import call
from tests.support.rows import write_csv
from tests.support.vendor_logs import VENDORS, Use, cost_of_use

SNAPSHOTS = Path(__file__).with_name("snapshots")
RENEW = bool(os.environ.get("UPDATE_SNAPSHOTS"))
WOMAN_AT_WORK = "\U0001f469\u200d\U0001f4bb"
USES = [Use(1000, 200, 30, 400, 50), Use(70, 0, 0, 30, 0), Use(9, 5, 0, 3, 0)]
TOOLS = ["claude-code", "codex", "gemini-cli", "opencode"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is imported, and what is looked for at home, in the test's own folder."""
    monkeypatch.setattr(config, "DATA_CSV_PATH", tmp_path / "data" / "simulated_calls.csv")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "OPENCODE_DATA_DIR", "FINOPS_DATA", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Some calls of 18 days, names of all widths among them."""
    models = ["gpt-5-with-a-rather-long-deployment-name-eu-1", "claude-haiku-4-5", "my-own-model"]
    customers = ["株式会社さくら", f"Ann {WOMAN_AT_WORK} Lee", "a\u202eb"]
    rows: List[Dict[str, str]] = []
    for day in range(1, 19):
        for number, (model, customer) in enumerate(zip(models, customers)):
            rows.append(
                call(
                    timestamp=f"2026-10-{day:02d}T{0 if number == 0 else 23:02d}:00:00.000000",
                    call_id=f"c{day}-{number}",
                    provider="openai",
                    model=model,
                    customer_id=customer,
                    product_id=f"p{day % 2}",
                    input_tokens=500_000 * day,
                    output_tokens=1234 + day,
                    cached_input_tokens=100_000 * number,
                    cache_write_tokens=10 * number,
                    reasoning_tokens=7 * number,
                    cost_usd="" if model == "my-own-model" else f"{1000 * day / (1 + number)}",
                    session_id=f"s{day // 6}",
                )
            )
    return write_csv(tmp_path / "calls.csv", rows)


def printed(*words: str, width: int = 0, colour: bool = False) -> str:
    """Return what the command prints on a terminal of a width."""
    lines: List[str] = []
    args = build_parser("summary").parse_args(["summary", "--quiet", *words])
    console = Console(lines.append, lambda text: None, None, colour, width)
    assert summary.run(args, console) == 0
    return "\n".join(lines) + "\n"


def compared(text: str, name: str) -> None:
    """Hold a text against the one that is kept under a name, or keep it."""
    path = SNAPSHOTS / f"{name}.txt"
    if RENEW:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["model", "day,model", "customer"])
@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("colour", [False, True])
def test_snapshot_of_the_table_on_a_terminal(
    calls: Path, by: str, width: int, colour: bool
) -> None:
    text = printed("--data", str(calls), "--by", by, width=width, colour=colour)
    if colour:
        plain = text.replace("\033[1m", "").replace("\033[0m", "")
        assert "\033" not in plain
        assert plain == printed("--data", str(calls), "--by", by, width=width)
        assert text.count("\033[1m") == 2  # the heading and the total
    assert all(
        width_of(line) <= width
        for line in text.replace("\033[1m", "").replace("\033[0m", "").splitlines()
    )
    compared(text, f"{by.replace(',', '-')}-{width}{'-colour' if colour else ''}")


def test_snapshot_of_the_whole_table_in_a_pipe(
    calls: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", "--data", str(calls), "--by", "model", "--quiet"]) == 0
    text = capsys.readouterr().out
    compared(text, "model-piped")
    assert "gpt-5-with-a-rather-long-deployment-name-eu-1" in text
    assert "…" not in text
    assert "\033" not in text


@pytest.mark.parametrize("width", [20, 28, 40, 60, 100])
def test_columns_narrow_a_pipe_and_no_figure_is_cut(
    calls: Path, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["summary", "--data", str(calls), "--by", "customer", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(width_of(line) <= width for line in lines)
    total = next(line for line in lines if line.startswith("total"))
    assert "256,500.00" in total  # 1,000 + 500 dollars for each day, of days 1 to 18
    assert {width_of(line) for line in lines[:5]} == {width_of(total)}
    missing = " ".join(lines).partition("not shown at this width: ")[2].partition("≥")[0]
    assert ("54" in total.split()) != ("calls" in missing)


def test_names_are_harmless(calls: Path) -> None:
    text = printed("--data", str(calls), "--by", "customer")
    assert "\u202e" not in text
    assert "a\\u202eb" in text
    assert WOMAN_AT_WORK in text


# --- sums ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["day", "model", "product,week", "session", "session,model"])
def test_the_sums_are_those_of_the_rows_whatever_they_are_grouped_by(calls: Path, by: str) -> None:
    shown = json.loads(printed("--data", str(calls), "--by", by, "--json"))
    assert shown["by"] == by.split(",")
    assert shown["total"]["cost_usd"] == 256_500
    assert sum(row["cost_usd"] or 0 for row in shown["rows"]) == pytest.approx(256_500)
    for name in ("calls", "tokens", "input_tokens", "output_tokens", "cached_input_tokens"):
        assert sum(row[name] for row in shown["rows"]) == shown["total"][name]
    assert shown["total"]["unpriced_calls"] == 18
    assert shown["unpriced_models"] == ["my-own-model"]
    lines = list(csv.DictReader(io.StringIO(printed("--data", str(calls), "--by", by, "--csv"))))
    assert [line["tokens"] for line in lines] == [str(row["tokens"]) for row in shown["rows"]]


def test_sessions_are_those_of_their_column(tmp_path: Path) -> None:
    rows = [call(call_id=f"c{k}", cost_usd="1", session_id=f"s{k % 2}") for k in range(3)]
    rows.append(call(call_id="other", cost_usd="4", session_id=""))
    path = write_csv(tmp_path / "calls.csv", rows)
    shown = json.loads(printed("--data", str(path), "--by", "session", "--json"))
    costs = {row["session"]: row["cost_usd"] for row in shown["rows"]}
    assert costs == {"unknown": 4, "s0": 2, "s1": 1}


def test_sessions_have_other_names_too(tmp_path: Path) -> None:
    head = "timestamp,model,input_tokens,output_tokens,cost_usd"
    row = "2026-10-01T10:00:00Z,gpt-4o,10,1,0.5"
    path = tmp_path / "calls.csv"
    path.write_text(f"{head},conversation_id,thread\n{row},c1,t1\n", encoding="utf-8")
    assert "c1" in printed("--data", str(path), "--by", "session")
    assert "t1" in printed("--data", str(path), "--by", "session", "--map", "session_id=thread")
    path.write_text(f"{head}\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column has the sessions"):
        printed("--data", str(path), "--by", "session")
    with pytest.raises(DataError, match="there is no such column"):
        printed("--data", str(path), "--map", "customer_id=nobody")


@pytest.mark.parametrize("tool", TOOLS)
def test_a_coding_agent_has_the_figures_of_its_logs_and_of_its_reports(
    tool: str, tmp_path: Path
) -> None:
    vendor = VENDORS[tool]
    write_all(tmp_path / "logs", vendor.write(USES, "x"))
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps(PRICE_MAP), encoding="utf-8")
    given = ["--data", str(tmp_path / "logs"), "--prices", str(prices)]
    total: Dict[str, Any] = json.loads(printed(*given, "--json"))["total"]
    assert total["calls"] == len(USES)
    assert total["input_tokens"] == sum(use.input for use in USES)
    assert total["output_tokens"] == sum(use.outputs for use in USES)
    assert total["cached_input_tokens"] == sum(use.cached for use in USES)
    cost = sum(cost_of_use(use, vendor.model) for use in USES)
    assert Decimal(repr(total["cost_usd"])) == Decimal(cost.numerator) / Decimal(cost.denominator)
    (imported,) = (tmp_path / "data" / "imports").glob("*.csv")
    reported = finops.analyze(imported, only="dataset_overview")["dataset_overview"]["summary"]
    assert reported["total_calls"] == total["calls"]
    assert reported["total_cost"] == pytest.approx(total["cost_usd"], abs=1e-9)


def test_options_of_reading_count(calls: Path) -> None:
    words = ["--data", str(calls), "--since", "2026-10-03", "--until", "2026-10-03"]
    assert json.loads(printed(*words, "--json"))["total"]["cost_usd"] == 4500
    words = ["--data", str(calls), "--by", "day", "--timezone", "+02:00"]
    shown = json.loads(printed(*words, "--json"))
    assert shown["period"]["timezone"] == "+02:00"
    assert shown["rows"][-1]["day"] == "2026-10-19"


# --- what it does not understand -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--by", "modle"], "no such dimension"),
        (["--by", ""], "no such dimension"),
        (["--by", "day,month"], "one of day, week and month"),
        (["--by", "day,model,customer"], "one dimension or two"),
        (["--json", "--csv"], "give one of them"),
    ],
)
def test_wrong_words_are_refused(words: List[str], message: str, calls: Path) -> None:
    with pytest.raises(UsageError, match=message):
        printed("--data", str(calls), *words)


def test_the_nearest_dimension_is_named(calls: Path) -> None:
    with pytest.raises(UsageError, match="model"):
        printed("--data", str(calls), "--by", "modle")
