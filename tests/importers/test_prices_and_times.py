"""Prices of caches and of spellings of models, and the options of reading, in imports."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from finops import config
from finops.cli import main
from tests.support.imports import Row, json_lines, rows_of

HEAD = "timestamp,provider,model,input_tokens,output_tokens,cached_input_tokens"


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "DATA_CSV_PATH", tmp_path / "data" / "simulated_calls.csv")
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)


def imported(tmp_path: Path, words: List[str], prices: Dict[str, Any]) -> List[Row]:
    """Import with prices, and return the rows."""
    path, out = tmp_path / "prices.json", tmp_path / "out.csv"
    path.write_text(json.dumps(prices), encoding="utf-8")
    assert main(["import", *words, "--prices", str(path), "--out", str(out)]) == 0
    return rows_of(out)


def table(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "calls.csv"
    path.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    return str(path)


# --- what is free, and what has no price ---------------------------------------------------------

PER_TOKEN = {"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06}
READ = "cache_read_input_token_cost"
# 10,000 plain and 40,000 cached tokens of input, 100 of output: 0.01 + 0.04 × share + 0.0004.
# 10,000 plain and 40,000 cached tokens of input, 100 of output: 0.01 + 0.04 × share + 0.0004.
CACHE_PRICES: Dict[str, Tuple[Dict[str, Any], str]] = {
    "an explicit 0 is a price": ({**PER_TOKEN, READ: 0}, "0.0104"),
    "no price of reading is the input price": (PER_TOKEN, "0.0504"),
    "null is absent": ({**PER_TOKEN, READ: None}, "0.0504"),
    "numbers as text are numbers": (
        {**{k: str(v) for k, v in PER_TOKEN.items()}, READ: "0.0000001"},
        "0.0144",
    ),
}


def fifty_thousand(tmp_path: Path, *entries: Dict[str, Any]) -> List[Row]:
    """Import a call of each model; the first is m1."""
    models = [f"m{number}" for number in range(1, len(entries) + 1)]
    lines = [
        f"2026-10-0{n}T10:00:00Z,x,{model},50000,100,40000" for n, model in enumerate(models, 1)
    ]
    return imported(tmp_path, ["csv", table(tmp_path, *lines)], dict(zip(models, entries)))


@pytest.mark.parametrize("rule", list(CACHE_PRICES))
def test_what_a_cached_token_costs(tmp_path: Path, rule: str) -> None:
    entry, cost = CACHE_PRICES[rule]
    (row,) = fifty_thousand(tmp_path, entry)
    assert (row["cost_usd"], row["list_cost_usd"], row["cost_source"]) == (cost, cost, "list")


def test_a_free_model_is_priced_and_costs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    free = {"input_cost_per_token": 0, "output_cost_per_token": 0}
    (row,) = fifty_thousand(tmp_path, free)
    assert (row["cost_usd"], row["list_cost_usd"], row["cost_source"]) == ("0", "0", "list")
    assert "0 unpriced" in capsys.readouterr().out


def test_a_model_without_a_price_is_unpriced_and_not_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, row = fifty_thousand(tmp_path, PER_TOKEN, {"mode": "chat"})
    assert (row["cost_usd"], row["list_cost_usd"], row["cost_source"]) == ("", "", "none")
    assert "1 unpriced" in capsys.readouterr().out


def test_a_total_with_an_unpriced_call_is_a_bound_and_its_model_is_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fifty_thousand(tmp_path, *(entry for entry, _ in CACHE_PRICES.values()), {"mode": "chat"})
    printed = capsys.readouterr()
    # 0.0104 + 0.0504 + 0.0504 + 0.0144: not 0.0456 (absent as 0), not 0.1656 (0 as absent)
    assert "≥ $0.1256" in printed.out
    assert "1 unpriced" in printed.out
    assert printed.err.count("no price for m5") == 1


# --- spellings of models -------------------------------------------------------------------------

MODELS = {
    "claude-big-4-1": {"litellm_provider": "anthropic", **PER_TOKEN},
    "claude-small-4-1": {
        "litellm_provider": "anthropic",
        "input_cost_per_token": 1e-07,
        "output_cost_per_token": 1e-06,
        "input_cost_per_token_above_200k_tokens": 1e-05,
    },
}


def answers(tmp_path: Path, *models: str, tokens: int = 3000) -> List[str]:
    """Write a session with an answer of each model, and return how it is given."""
    lines = [
        {
            "type": "assistant",
            "sessionId": "s",
            "timestamp": f"2026-10-01T10:00:{number:02d}.000Z",
            "requestId": f"r{number}",
            "message": {
                "id": f"m{number}",
                "model": model,
                "usage": {"input_tokens": tokens, "output_tokens": 200},
            },
        }
        for number, model in enumerate(models)
    ]
    path = tmp_path / "s.jsonl"
    path.write_text(json_lines(lines), encoding="utf-8")
    return ["claude-code", str(path)]


SUFFIXES = {
    "of a long context": ("claude-big-4-1[1m]", "0.0038"),
    "of a day": ("claude-small-4-1@20260101", "0.0005"),
    "of the default": ("claude-small-4-1@default", "0.0005"),
}


@pytest.mark.parametrize("suffix", list(SUFFIXES))
def test_a_suffix_leads_to_the_price_of_its_model_and_stays_in_the_row(
    tmp_path: Path, suffix: str
) -> None:
    model, cost = SUFFIXES[suffix]
    (row,) = imported(tmp_path, answers(tmp_path, model), MODELS)
    # 3,000 × 1e-06 + 200 × 4e-06, and 3,000 × 1e-07 + 200 × 1e-06
    assert (row["model"], row["cost_usd"], row["cost_source"]) == (model, cost, "list")


def test_a_version_that_is_not_listed_never_has_the_price_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = {**MODELS, "claude-big-4": MODELS["claude-big-4-1"]}
    rows = imported(tmp_path, answers(tmp_path, "claude-big-4-1", "claude-big-4-2[1m]"), prices)
    assert [row["cost_usd"] for row in rows] == ["0.0038", ""]
    printed = capsys.readouterr()
    assert "≥ $0.0038" in printed.out
    assert "1 unpriced" in printed.out
    assert printed.err.count("claude-big-4-2[1m]") == 1


@pytest.mark.parametrize(
    ("tokens", "cost"), [(3000, "0.0005"), (250_000, "2.5002")], ids=["short", "long"]
)
def test_a_suffix_sets_no_long_context_and_the_input_does(
    tmp_path: Path, tokens: int, cost: str
) -> None:
    given = answers(tmp_path, "claude-small-4-1[1m]", tokens=tokens)
    # 3,000 × 1e-07, and 250,000 × 1e-05 above 200,000; 200 × 1e-06
    assert [row["cost_usd"] for row in imported(tmp_path, given, MODELS)] == [cost]


def test_a_key_that_is_spelled_with_the_suffix_wins(tmp_path: Path) -> None:
    special = {
        "litellm_provider": "anthropic",
        "input_cost_per_token": 1,
        "output_cost_per_token": 0,
    }
    prices = {**MODELS, "claude-small-4-1@20260101": special}
    models = ["claude-small-4-1@20260101", "claude-small-4-1@default"]
    rows = imported(tmp_path, answers(tmp_path, *models), prices)
    assert [Decimal(row["cost_usd"]) for row in rows] == [3000, Decimal("0.0005")]


# --- the options of reading ----------------------------------------------------------------------

LINES = [
    f"2026-10-0{day}T{hour}:30:00,openai,m,10,1,0" for day in (1, 2, 3) for hour in ("00", "23")
]


def times_of(tmp_path: Path, *words: str) -> List[str]:
    rows = imported(tmp_path, ["csv", table(tmp_path, *LINES), *words], {"m": PER_TOKEN})
    return [row["timestamp"][5:16] for row in rows]


def test_only_calls_of_the_time_that_is_wanted_are_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--since", "2026-10-02", "--until", "2026-10-02"]
    assert times_of(tmp_path, *words) == ["10-02T00:30", "10-02T23:30"]
    assert "4 outside --since and --until" in capsys.readouterr().err


def test_days_of_since_and_until_are_those_of_the_time_zone(tmp_path: Path) -> None:
    words = ["--since", "2026-10-02", "--until", "2026-10-02", "--timezone", "+02:00"]
    assert times_of(tmp_path, *words) == ["10-01T23:30", "10-02T00:30"]


def test_times_that_name_no_zone_are_of_the_one_that_is_given(tmp_path: Path) -> None:
    assert times_of(tmp_path, "--input-timezone", "+01:00")[:2] == ["09-30T23:30", "10-01T22:30"]


def test_another_time_that_is_wanted_reads_the_file_again(tmp_path: Path) -> None:
    assert len(times_of(tmp_path, "--since", "2026-10-03")) == 2
    assert len(times_of(tmp_path, "--since", "2026-10-02")) == 4
    assert len(times_of(tmp_path)) == 6


@pytest.mark.parametrize(
    "words", [["--since", "yesterday"], ["--timezone", "Mars/Base"], ["--input-timezone", "x"]]
)
def test_options_that_are_none_are_refused(
    tmp_path: Path, words: List[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "csv", table(tmp_path, *LINES), *words]) == 2
    assert capsys.readouterr().err.startswith("finops: ")
