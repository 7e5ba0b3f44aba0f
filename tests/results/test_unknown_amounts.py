"""No amount of money is 0 where none of the calls that it covers has a known amount.

The figures are found by the types of the results, and the calls that a row covers by the columns
that it shares with the calls, whatever the analysis.  So a new table is checked as it is written.
"""

from __future__ import annotations

import random
from datetime import date
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple, get_type_hints

import pytest

from finops.analyzers.base import Analyzer
from finops.registry import ANALYZER_REGISTRY
from finops.results.base import DailySums, from_dict
from finops.results.shares import is_lower_bound
from finops.results.understanding import ModelEfficiency, ModelShare
from finops.timestamps import week_of
from tests.analyzers.samples import at, run_all
from tests.support.reference import call

Row = Dict[str, str]

# What calls name, by the keys of rows: columns, and times.
COLUMNS = (
    *("provider", "model", "customer_id", "organization_id", "product_id", "feature_id"),
    *("task_type", "environment", "region", "subscription_tier", "customer_archetype"),
)
NAMED_MODELS = {"current_provider": "provider", "current_model": "model"}
# Figures of what customers pay, and prices; all others are of what calls cost.
_OF_REVENUE = ("revenue", "loss", "margin", "budget")
# Money that no call stands for: rows that were left out, and credits.
_OF_NO_CALL = ("quality",)
# How many calls, or customers with theirs, a row is about.
_COUNTS = ("call_count", "calls", "customers")
# What nobody owns is spread over those who own something: its own row keeps none of it.
_SPREAD = ("alignment.fair_share.cost_with_unallocated",)
# Sums of a page by key and day say beside themselves how many calls they are of.
_PARTS = (DailySums,)


class Figure(NamedTuple):
    """One amount of money, where it stands, and the names of its row and of those around it."""

    place: str
    value: Any
    names: Mapping[str, str]
    covers: bool  # whether any call, as far as the row says how many

    @property
    def of_revenue(self) -> bool:
        """Whether it is about what customers pay."""
        return any(word in self.place.rpartition(".")[2] for word in _OF_REVENUE)


def figures_of(
    kind: Any, section: Mapping[str, Any], place: str, names: Mapping[str, str]
) -> Iterator[Figure]:
    """Yield the amounts of a section by its type."""
    if kind in _PARTS:
        return
    hints = get_type_hints(kind)
    own = {**names, **{key: value for key, value in section.items() if isinstance(value, str)}}
    counts = [section[key] for key in _COUNTS if section.get(key) is not None]
    for field, written in kind.__annotations__.items():
        key = field.rstrip("_")
        value = section.get(key)
        if key in _OF_NO_CALL:
            continue
        here = f"{place}.{key}"
        if "Usd" in getattr(written, "__forward_arg__", str(written)):
            amounts = value.values() if isinstance(value, dict) else [value]
            for amount in amounts:
                yield Figure(here, amount, own, not counts or any(counts))
            continue
        yield from _inner(hints[field], value, here, own)


def _inner(hint: Any, value: Any, place: str, names: Mapping[str, str]) -> Iterator[Figure]:
    if hasattr(hint, "_fields"):
        yield from figures_of(hint, value or {}, place, names) if value else ()
        return
    arguments = [each for each in getattr(hint, "__args__", ()) if each is not type(None)]
    if not arguments or value is None:
        return
    inner = arguments[-1]
    if isinstance(value, dict) and not hasattr(inner, "_fields"):
        return
    if isinstance(value, dict) and len(arguments) == 2:
        for name, row in value.items():
            yield from figures_of(inner, row, place, {**names, "product_id": name})
    elif isinstance(value, list):
        if hasattr(inner, "_fields"):
            column = place.rpartition(".")[2]
            for row in value:
                by = {column: row["value"]} if "value" in row and column in COLUMNS else {}
                yield from figures_of(inner, row, place, {**names, **by})
    elif hasattr(inner, "_fields"):
        yield from figures_of(inner, value, place, names)


def figures_in(results: Mapping[str, Any]) -> Iterator[Figure]:
    """Yield the amounts of all results."""
    for name, each in ANALYZER_REGISTRY.items():
        kind = get_type_hints(each.analyzer.result)["return"]
        yield from figures_of(kind, results[name], name, {})


def covered(rows: Sequence[Row], names: Mapping[str, str], unowned: bool) -> List[Row]:
    """Return the calls that agree with the names of a row, all or those that have no owner."""
    found = [
        row for row in rows if not unowned or not (row["organization_id"] and row["product_id"])
    ]
    for key, value in names.items():
        column = NAMED_MODELS.get(key, key)
        if column in COLUMNS:
            found = [row for row in found if _named(row[column], value)]
        elif key in ("date", "hour", "week", "month"):
            found = [row for row in found if _time_of(row, key) == value[: _LENGTHS[key]]]
    return found


_LENGTHS = {"date": 10, "hour": 13, "week": 8, "month": 7}


def _named(given: str, value: str) -> bool:
    return given == value or (not given and value in ("unknown", "unallocated"))


def _time_of(row: Row, key: str) -> str:
    moment = row["timestamp"]
    if key == "week":
        return week_of(date.fromisoformat(moment[:10]))
    return moment[: _LENGTHS[key]]


MODELS: Tuple[Tuple[str, str], ...] = (
    ("openai", "gpt-4o"),
    ("anthropic", "claude-sonnet-4-6"),
    ("acme", "mystery-1"),
    ("acme", "mystery-2"),
)
PAYS = {"tier_price_usd": "29", "subscription_tier": "starter"}
FREE = {"tier_price_usd": "", "subscription_tier": ""}


def generated(seed: int) -> List[Row]:
    """Return few calls of random models, some of which have no known cost, of random columns."""
    draw = random.Random(seed)
    models = draw.sample(MODELS, draw.randint(1, 4))
    if seed % 4 == 0:
        models = [model for model in models if model[0] == "acme"] or [MODELS[2]]
    pays = draw.choice([PAYS, FREE])
    missing = draw.choice(
        [(), ("customer_id",), ("region", "feature_id"), ("status", "latency_ms")]
    )
    rows = []
    for number in range(draw.randint(1, 60)):
        provider, model = draw.choice(models)
        names = {
            "customer_id": f"c{draw.randrange(4)}",
            "organization_id": draw.choice(["org_a", "org_b", ""]),
            "product_id": draw.choice(["p1", "p2", ""]),
            "feature_id": draw.choice(["chat", "search"]),
            "region": draw.choice(["us-east", "eu-west"]),
            "status": draw.choice(["success", "success", "error"]),
        }
        names.update(dict.fromkeys(missing, ""))
        rows.append(
            call(
                timestamp=at(draw.randrange(draw.choice([2, 40, 70])), draw.randrange(24)),
                call_id=f"call_{number:04d}",
                provider=provider,
                model=model,
                cost_usd="" if provider == "acme" else f"{draw.uniform(0.01, 9):.4f}",
                input_tokens=draw.choice([50, 900, 5000]),
                output_tokens=draw.choice([20, 40, 300]),
                **names,
                **pays,
            )
        )
    return rows


@pytest.mark.parametrize("seed", range(24))
def test_no_unknown_amount_is_zero(seed: int) -> None:
    rows = generated(seed)
    wrong = []
    for figure in figures_in(run_all(rows)):
        if figure.value != 0 or figure.place in _SPREAD or not figure.covers:
            continue
        key, calls = "tier_price_usd", rows
        if not figure.of_revenue:
            unowned = figure.place.endswith(".unallocated_cost")
            key, calls = "cost_usd", covered(rows, figure.names, unowned)
        if calls and not any(row[key] for row in calls):
            wrong.append((figure.place, dict(figure.names)))
    assert wrong == []


def test_a_known_part_stays() -> None:
    rows = [call(timestamp=at(day), cost_usd="2.00") for day in range(10)]
    rows.append(call(timestamp=at(9, 10), provider="acme", model="mystery-1", cost_usd=""))
    results = run_all(rows)
    assert {result["summary"]["total_cost"] for result in results.values()} == {20.0}
    (known, unknown) = results["understanding"]["by_model"]
    assert (known["total_cost"], known["share_percent"]) == (20.0, 100.0)
    assert (unknown["total_cost"], unknown["share_percent"]) == (None, None)


def test_what_costs_nothing_is_known() -> None:
    rows = [call(timestamp=at(day), cost_usd="0") for day in range(10)]
    results = run_all(rows)
    assert {result["summary"]["total_cost"] for result in results.values()} == {0.0}
    assert results["understanding"]["summary"]["monthly_cost"] == 0.0


def test_figures_are_found_by_their_types() -> None:
    places = {figure.place for figure in figures_in(run_all(generated(3)))}
    assert len(places) > 60
    assert "alignment.chargeback.product_breakdown.cost" in places
    assert issubclass(ANALYZER_REGISTRY["understanding"].analyzer, Analyzer)


# --- what is no price -------------------------------------------------------------------------


def test_credits_above_the_cost_are_no_price() -> None:
    rows = [call(timestamp=at(day), cost_usd="1.00") for day in range(10)]
    rows.append(call(timestamp=at(9, 10), cost_usd="-30.00", input_tokens="0", output_tokens="0"))
    results = run_all(rows)
    (model,) = results["understanding"]["by_model"]
    assert model["total_cost"] == -20.0
    assert (model["avg_cost_per_call"], model["cost_per_1k_tokens"]) == (None, None)
    assert results["understanding"]["summary"]["avg_cost_per_call"] is None
    assert results["alignment"]["chargeback"][0]["cost_per_1k_tokens"] is None
    assert results["performance"]["model_rankings"][0]["cost_per_1k_tokens"] is None
    assert results["token_economics"]["summary"]["cost_per_1m_tokens"] is None
    assert results["features"]["features"][0]["cost_per_customer"] is None
    assert results["profitability"]["customers"][0]["break_even_price"] is None
    assert results["pricing"]["break_even_price_per_1k_calls"] is None


def test_a_cost_that_credits_exceed_is_no_lower_bound() -> None:
    rows = [call(timestamp=at(day), cost_usd="1.00") for day in range(10)]
    rows.append(call(timestamp=at(9, 10), cost_usd="-30.00"))
    (made,) = run_all(rows)["understanding"]["by_model"]
    assert not is_lower_bound(from_dict(ModelShare, made))
    free = run_all([call(timestamp=at(day), cost_usd="0") for day in range(3)])
    (made,) = free["understanding"]["efficiency"]
    assert not is_lower_bound(from_dict(ModelEfficiency, made))
