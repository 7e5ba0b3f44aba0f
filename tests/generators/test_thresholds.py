"""Every limit that an analyzer reads of the settings stands on its report, in words."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Set

import pytest

import finops
from finops import config
from finops.generators.thresholds import THRESHOLDS, limits_of, thresholds_of
from finops.registry import ANALYZER_REGISTRY

# What decides no figure: names of things, units, how much is kept for choosing dates, how many
# sentences are written; the length of per month stands in a sentence on every page.
NO_LIMITS = {
    "DAILY_SUMS_MAX_CELLS", "KEPT_ACCOUNT_DAYS", "PERCENTILE_WINDOW_STEPS",
    "PERCENTILE_WINDOWS_MAX_COUNTS",
    "PERCENTILE_WINDOWS_LESS_PER_DAY", "RECOMMENDED_SUBJECTS", "MEGABYTE", "UNKNOWN", "FEATURES",
    "PROVIDER_NAMES", "PROVIDER_ALIASES", "NEGLIGIBLE_USD", "SWITCH_MIN_SAVINGS_PERCENT",
    "LATENCY_BIN_MS", "LATENCY_BINS_END_MS", "DAYS_PER_MONTH", "UNALLOCATED",
    "CHANGE_SUBJECTS", "CHANGE_CUSTOMERS", "CHANGE_LEAST_USD", "BUDGETS",
}  # fmt: skip
# Read below the analyzers, where the calls are counted.
BELOW: Dict[str, Set[str]] = {
    "token_economics": {
        "INEFFICIENT_PROMPT_MIN_INPUT_TOKENS", "INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO",
        "SIMPLE_TASK_MAX_TOKENS", "DOWNGRADABLE_TASKS",
    },
    "optimization": {"DOWNGRADABLE_TASKS"},
    "geographic_latency": {"TOKEN_BAND_WIDTH"},
}  # fmt: skip
SOURCES = Path(finops.__file__).parent


def read_by(module: Path, seen: Set[Path]) -> Set[str]:
    """Return the settings that a module of the analyzers reads, and those that it imports."""
    seen.add(module)
    found: Set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "config":
            found.add(node.attr)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("finops.analyzers"):
            parts = (node.module or "").split(".")[1:]
            names = [SOURCES.joinpath(*parts, f"{one.name}.py") for one in node.names]
            for path in [SOURCES.joinpath(*parts).with_suffix(".py"), *names]:
                if path.is_file() and path not in seen:
                    found |= read_by(path, seen)
    return found


@pytest.mark.parametrize("name", list(ANALYZER_REGISTRY))
def test_every_limit_is_said(name: str) -> None:
    where = ANALYZER_REGISTRY[name].where.split(":")[0]
    module = SOURCES.joinpath("analyzers", *where.split(".")).with_suffix(".py")
    limits = (read_by(module, set()) | BELOW.get(name, set())) - NO_LIMITS
    assert {limit.setting for limit in limits_of(name)} == limits


# What is set elsewhere (tier prices), is a list or table of values, or a parameter of the forecast.
SET_ELSEWHERE = {
    "SUBSCRIPTION_TIERS", "TIERED_PRICES_USD", "PRICE_SENSITIVITY_FACTORS", "ABUSE_POINTS",
    "CHANGE_WINDOWS_DAYS", "FORECAST_WINDOW_DAYS", "FORECAST_BACKTEST_DAYS",
    "FORECAST_TRIED_DAYS", "FORECAST_INTERVAL", "FORECAST_SUM_TRIES",
    "FORECAST_ORIGINS", "FORECAST_SLOPE_EVIDENCE",
    "FORECAST_TREND_FAVOUR", "FORECAST_LEAST_SHARE", "FORECAST_MIN_DAYS",
}  # fmt: skip


def test_every_limit_can_be_set() -> None:
    shown = {each.setting for listed in THRESHOLDS.values() for each in listed}
    assert shown - SET_ELSEWHERE == {*config.LIMITS, *config.WORD_LISTS}


def test_values_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "SLA_THRESHOLD_MS", 1234)
    said = dict(thresholds_of("performance"))
    assert said["SLA: longest time of a call"] == "1,234 ms"
    assert said["Share of calls that should meet the SLA"] == "99%"
    pricing = dict(thresholds_of("pricing"))
    assert (
        pricing["Tiered price per month"] == "$49.00 up to 1,000 calls, $199.00 up to 10,000 calls"
    )
    assert dict(thresholds_of("realtime"))["One provider's share of cost: high risk above"] == "60%"


def test_a_report_without_limits_of_its_own_has_those_of_every_report() -> None:
    everywhere = set.intersection(*(set(limits) for limits in THRESHOLDS.values()))
    assert {limit.setting for limit in everywhere} >= {"NOTABLE_USD_PER_MONTH", "SHORT_PERIOD_DAYS"}
    assert set(limits_of("nothing like it")) == everywhere
    assert dict(thresholds_of("nothing like it"))["Covered days needed for figures per month"] == (
        f"{config.SHORT_PERIOD_DAYS} days"
    )


def test_settings_read_as_they_were_typed() -> None:
    said = {words: value for name in THRESHOLDS for words, value in thresholds_of(name)}
    assert said["… as a share of its calls, at least"] == "1.5%"
    assert said["… where chance alone would explain it in less than"] == "0.0001%"
    assert said["Commitment: a quiet hour or day is the"] == "25th percentile"
    assert (
        said["Expensive organization: cost per token, compared with average, above"] == "1.25 times"
    )
    assert said["Points of the risk score"].startswith("region changes 45, rate limits 40")
