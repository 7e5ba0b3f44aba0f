"""Cheaper models for each customer: what a switch would save, by the rule all analyses share."""

from __future__ import annotations

from itertools import groupby
from typing import Dict, Iterable, List, Tuple

from finops import config
from finops.analyzers.base import Row, ordered
from finops.analyzers.shared.model_switches import SwitchRule
from finops.rollups.spec import Key, Rollups, Table, Values
from finops.stats import ratio

USAGE_TABLE = Table(
    ("customer_id", "provider", "model", "downgradable", "free_failure"),
    ("calls", "cost", "input_tokens", "output_tokens"),
)


def switch_opportunities(data: Rollups) -> List[Row]:
    """Return a row for each customer, model and alternative that saves enough in the period."""
    rule = SwitchRule(data.prices)
    # The cells of a customer stand together: only what is worth it outlives its customer.
    rows = [
        row
        for _, cells in groupby(data[USAGE_TABLE].items(), lambda cell: cell[0][0])
        for row in _switches(rule, cells)
        if row["savings"] > config.OPPORTUNITY_MIN_SAVINGS_USD
    ]
    return ordered(
        rows,
        "savings",
        (
            "customer_id",
            "current_provider",
            "current_model",
            "alternative_provider",
            "alternative_model",
        ),
    )


def _switches(rule: SwitchRule, cells: Iterable[Tuple[Key, Values]]) -> List[Row]:
    """Return a row for each model and alternative in the cells of one customer."""
    found: Dict[Tuple[str, ...], List[float]] = {}
    for (customer, provider, name, downgradable, free), (calls, cost, inputs, outputs) in cells:
        switch = None if free else rule(provider, name, downgradable, inputs, outputs, cost)
        if switch is not None:
            key = (customer, provider, name, switch.model.provider, switch.model.name)
            sums = found.setdefault(key, [0, 0.0, 0.0])
            sums[0] += calls
            sums[1] += cost
            sums[2] += switch.cost
    return [_opportunity(key, *sums) for key, sums in found.items()]


def _opportunity(key: Tuple[str, ...], calls: float, current: float, alternative: float) -> Row:
    customer, provider, name, other_provider, other_name = key
    return {
        "customer_id": customer,
        "current_provider": provider,
        "current_model": name,
        "alternative_provider": other_provider,
        "alternative_model": other_name,
        "call_count": calls,
        "current_cost": current,
        "alternative_cost": alternative,
        "savings": current - alternative,
        "savings_percent": ratio(current - alternative, current) * 100,
    }
