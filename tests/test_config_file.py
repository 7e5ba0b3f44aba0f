"""The configuration file: what it may say, what is refused, and that what it says counts."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.commands.config_file import ConfigFile, beside, read_config
from finops.commands.reading import add_reading, reading_of
from finops.errors import UsageError
from finops.reading_choices import ReadingChoices
from tests.support.reference import call
from tests.support.rows import write_csv
from tests.support.tools import ROOT, run_finops

NEWER = pytest.mark.skipif(sys.version_info < (3, 11), reason="reads no TOML")
TOML = """
timezone = "+02:00"
since = 2026-01-01
prices = "p.json"
billing_account = "acme-ai"
sla_ms = 1500

[map]
cost_usd = "Cost"

[rate]
EUR = 1.08

[tier_prices]
pro = 149

[thresholds]
HIGH_COST_THRESHOLD_USD = 250.5

[budgets]
total = 5000

[budgets.organization]
org_001 = 900.5
"""
AS_JSON = {
    "timezone": "+02:00",
    "since": "2026-01-01",
    "prices": ["p.json"],
    "billing_account": "acme-ai",
    "sla_ms": 1500,
    "map": {"cost_usd": "Cost"},
    "rate": {"EUR": 1.08},
    "tier_prices": {"pro": 149},
    "thresholds": {"HIGH_COST_THRESHOLD_USD": 250.5},
    "budgets": {"organization": {"org_001": 900.5}, "total": 5000},
}


def wanted(folder: Path) -> ConfigFile:
    return ConfigFile(
        ReadingChoices(
            columns=("cost_usd=Cost",),
            prices=(str(folder / "p.json"),),
            timezone="+02:00",
            since="2026-01-01",
            rates=("EUR=1.08",),
        ),
        {"HIGH_COST_THRESHOLD_USD": 250.5, "SLA_THRESHOLD_MS": 1500},
        {"pro": 149.0},
        (config.Budget("total", "", 5000.0), config.Budget("organization", "org_001", 900.5)),
        "acme-ai",
    )


def written(folder: Path, content: Any) -> str:
    path = folder / "finops.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def test_json_says_everything(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, AS_JSON)) == wanted(tmp_path)


@NEWER
def test_toml_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "finops.toml"
    path.write_text(TOML)
    assert read_config(str(path)) == wanted(tmp_path)


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="reads TOML")
def test_an_older_python_says_that_json_works(tmp_path: Path) -> None:
    path = tmp_path / "finops.toml"
    path.write_text(TOML)
    with pytest.raises(UsageError, match=r"write finops\.json, which works everywhere"):
        read_config(str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "an object is expected"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"sla_ms": NaN}', "not JSON"),
        ({"timezon": "UTC"}, "unknown key 'timezon'; did you mean 'timezone'?"),
        ({"budget": {"total": 5}}, "unknown key 'budget'; did you mean 'budgets'?"),
        ({"budgets": {"totals": 5}}, "unknown budget 'totals'; did you mean 'total'?"),
        ({"budgets": {"total": 0}}, "budgets.total must be an amount in USD a month above 0"),
        ({"budgets": {"customer": 5}}, "budgets.customer must be a table"),
        ({"budgets": {"customer": {"a": "5"}}}, "budgets.customer.a must be an amount"),
        ({"budgets": {"customer": {"": 5}}}, "budgets.customer. must be an amount"),
        ({"thresholds": {"SLA_MS": 5}}, "unknown threshold 'SLA_MS'"),
        ({"thresholds": {"MIN_FEATURE_CALL": 5}}, "did you mean 'MIN_FEATURE_CALLS'?"),
        ({"thresholds": {"SLA_THRESHOLD_MS": "fast"}}, "must be a number of ms from 1 to"),
        ({"sla_ms": 0}, "must be a number of ms from 1 to"),
        ({"sla_ms": True}, "must be a number of ms from 1 to"),
        ({"sla_ms": 1, "thresholds": {"SLA_THRESHOLD_MS": 1}}, "are the same; give one"),
        ({"thresholds": {"MEDIUM_MARGIN_THRESHOLD_PCT": 60}}, "the margins must fall"),
        ({"thresholds": {"BURN_MEDIUM_PCT": 120}}, "these must not fall: BURN_MEDIUM_PCT, BURN"),
        ({"thresholds": {"LEGACY_DAYS": 1.5}}, "must be a whole number of days"),
        ({"thresholds": {"CLIENT_ERRORS": "timeout"}}, "must be a list of words"),
        ({"thresholds": {"CLIENT_ERRORS": [""]}}, "must be a list of words"),
        ({"commitment_discount_percent": 101}, "must be a number of % from 0 to 100"),
        ({"tier_prices": {"pro": -1}}, "tier_prices.pro must be a price"),
        ({"tier_prices": 5}, "tier_prices must be a table"),
        ({"since": 2026}, "since must be text"),
        ({"billing_account": 42}, "billing_account must be text"),
        ({"prices": [1]}, "prices must be text or a list"),
    ],
)
def test_what_does_not_fit_names_file_and_key(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_config(written(tmp_path, content))
    assert str(refused.value).startswith("finops.json: ")
    assert said in str(refused.value)


KEYS = [*AS_JSON, "input_timezone", "until", "commitment_discount_percent", "pro", "total"]
KEYS += [*config.LIMITS, *config.WORD_LISTS]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5))
def test_any_json_is_taken_or_refused_in_one_line(content: Dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        path = written(Path(folder), content)
        try:
            read = read_config(path)
        except UsageError as error:
            said = str(error)
        else:
            said = "taken"
            assert set(read.limits) <= {*config.LIMITS, *config.WORD_LISTS}
            unlike = {"pro", "total", *config.LIMITS, *config.WORD_LISTS}
            assert set(content) <= set(KEYS) - unlike
    assert len(said.splitlines()) == 1


def test_it_is_found_beside_the_data(tmp_path: Path) -> None:
    assert beside(str(tmp_path / "calls.csv")) == ""
    path = written(tmp_path, {})
    for data in (tmp_path / "calls.csv", tmp_path, tmp_path / "*.csv", tmp_path / "20*" / "a.csv"):
        assert beside(str(data)) == path
    (tmp_path / "finops.toml").write_text("")
    with pytest.raises(UsageError, match=r"finops\.toml and finops\.json both lie beside the data"):
        beside(str(tmp_path / "calls.csv"))


def test_limits_have_the_defaults_of_their_constants() -> None:
    for name, limit in config.LIMITS.items():
        assert getattr(config, name) == limit.default
        assert limit.least <= limit.default <= limit.most
        assert limit.label
        assert limit.unit


def test_an_unknown_limit_is_a_defect() -> None:
    with pytest.raises(ValueError, match="no such limit: SLA"):
        config.configure({"SLA": 5}, {})


def result(folder: Path, name: str, *words: str) -> Dict[str, Any]:
    done = run_finops(
        *("analyze", "--data", folder / "calls.csv", "--reports", folder / "r"),
        *("--only", name, "--json", "-", "--quiet", *words),
    )
    assert done.returncode == 0, done.stderr
    read: Dict[str, Any] = json.loads(done.stdout)[name]
    return read


def test_what_it_says_counts_and_flags_beat_it(tmp_path: Path) -> None:
    rows = [call(timestamp=f"2026-01-{day:02}T12:00:00", latency_ms=1600) for day in range(1, 11)]
    write_csv(tmp_path / "calls.csv", rows)
    assert result(tmp_path, "performance")["summary"]["sla_compliance_percent"] == 100.0
    written(tmp_path, {"sla_ms": 1500, "since": "2026-01-04"})
    read = result(tmp_path, "performance")
    assert read["summary"]["sla_compliance_percent"] == 0.0
    page = (tmp_path / "r" / "performance.html").read_text(encoding="utf-8")
    assert "1,500 ms" in page
    stored = json.loads((tmp_path / "r" / "manifest.json").read_text())
    assert stored["options"]["reading"]["config"] == str(tmp_path / "finops.json")
    assert stored["options"]["reading"]["since"] == ""


def test_words_and_days_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    given = {"CLIENT_ERRORS": ["timeout", "rate_limit"], "LEGACY_DAYS": 90.0}
    limits = read_config(written(tmp_path, {"thresholds": given})).limits
    assert limits == {"CLIENT_ERRORS": frozenset({"timeout", "rate_limit"}), "LEGACY_DAYS": 90}
    assert isinstance(limits["LEGACY_DAYS"], int)


def test_models_that_are_legacy_and_errors_of_clients_are_a_setting(tmp_path: Path) -> None:
    rows = [
        call(timestamp=f"2026-01-{day:02}T{hour:02}:00:00", model="gpt-4", provider="openai")
        for day in range(1, 11)
        for hour in range(0, 24, 6)
    ]
    write_csv(tmp_path / "calls.csv", rows)
    assert [row["model"] for row in result(tmp_path, "optimization")["lifecycle"]] == ["gpt-4"]
    written(tmp_path, {"thresholds": {"LEGACY_DAYS": 0, "CLIENT_ERRORS": ["timeout"]}})
    assert result(tmp_path, "optimization")["lifecycle"] == []
    result(tmp_path, "realtime")
    page = (tmp_path / "r" / "realtime.html").read_text(encoding="utf-8")
    assert "timeout" in page.split("Errors caused by clients")[1][:100]


def test_tier_prices_count_in_every_process(tmp_path: Path) -> None:
    rows = [
        call(
            timestamp=f"2026-01-{day:02}T12:00:00",
            call_id=f"{name}{day}",
            customer_id=name,
            subscription_tier="gold",
            tier_price_usd="",
        )
        for day in range(1, 31)
        for name in ("a", "b")
    ]
    write_csv(tmp_path / "calls.csv", rows)
    other = tmp_path / "other"
    other.mkdir()
    path = written(other, {"tier_prices": {"gold": 250}})
    read = result(tmp_path, "profitability", "--config", path, "--workers", "2")
    assert read["summary"]["monthly_revenue"] == 500.0
    assert os.path.dirname(path) != str(tmp_path)


def test_budgets_of_the_file_are_those_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "BUDGETS", ())
    parser = argparse.ArgumentParser()
    add_reading(parser)
    path = written(tmp_path, {"budgets": {"feature": {"chat": 1000}}})
    reading_of(parser.parse_args(["--config", path])).configure()
    assert (config.Budget("feature", "chat", 1000.0),) == config.BUDGETS


def test_the_documented_file_is_read_and_names_every_limit(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for name, limit in config.LIMITS.items():
        assert f"| `{name}` | {limit.unit} | {limit.default:g} | {limit.label} |" in text
    for name, words in config.WORD_LISTS.items():
        assert f"| `{name}` | {', '.join(sorted(getattr(config, name)))} | {words} |" in text
    if sys.version_info >= (3, 11):
        path = tmp_path / "finops.toml"
        path.write_text(text.split("```toml\n")[1].split("```")[0])
        assert read_config(str(path)).tier_prices == {"pro": 149.0}


def test_flags_add_to_the_columns_and_rates_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, {"map": {"model": "M", "provider": "P"}, "rate": {"EUR": 1.1}})
    parser = argparse.ArgumentParser()
    add_reading(parser)
    words = ["--config", path, "--map", "MODEL=Model", "--rate", "GBP=1.3"]
    options = reading_of(parser.parse_args(words)).options
    assert options.columns == (("provider", "P"), ("model", "Model"))
    assert options.rates == (("EUR", "1.1"), ("GBP", "1.3"))
