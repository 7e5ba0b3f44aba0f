"""Cheaper models for each customer: what a switch would save, by the rule all analyses share."""

from __future__ import annotations

from itertools import groupby
from typing import Container, Dict, Iterable, List, Tuple

from finops import config
from finops.analyzers.shared.model_switches import DOWNGRADABLE, SwitchRule, rule_of
from finops.analyzers.shared.token_prices import FREE_FAILURE
from finops.results.token_economics import Opportunity
from finops.rollups.spec import Key, Rollups, Table, Values
from finops.stats import ratio

USAGE_TABLE = Table(
    ("customer_id", "provider", "model", DOWNGRADABLE, FREE_FAILURE),
    ("calls", "cost", "input_tokens", "output_tokens"),
)


def switch_opportunities(
    data: Rollups, customers: Container[str], models: Container[Tuple[str, str]]
) -> List[Opportunity]:
    """Return a row for each customer, model and alternative that saves enough in the period.

    It is of some customers and of some models (provider, name).  `data` holds `USAGE_TABLE` and
    the table of `rule_of`.
    """
    rule = rule_of(data)
    # The cells of a customer stand together: only what is worth it outlives its customer.
    rows = [
        row
        for name, cells in groupby(data[USAGE_TABLE].items(), lambda cell: str(cell[0][0]))
        if name in customers
        for row in _switches(rule, cells)
        if row.savings > config.OPPORTUNITY_MIN_SAVINGS_USD
        and (row.current_provider, row.current_model) in models
    ]
    return sorted(
        rows,
        key=lambda r: (
            -r.savings,
            r.customer_id,
            r.current_provider,
            r.current_model,
            r.alternative_provider,
            r.alternative_model,
        ),
    )


def _switches(rule: SwitchRule, cells: Iterable[Tuple[Key, Values]]) -> List[Opportunity]:
    """Return a row for each model and alternative in the cells of one customer."""
    groups: Dict[Tuple[str, ...], Tuple[int, float, float]] = {}
    for (customer, provider, name, downgradable, free), (calls, cost, inputs, outputs) in cells:
        switch = None if free else rule(provider, name, downgradable, inputs, outputs, cost)
        if switch is not None:
            key = (customer, provider, name, switch.model.provider, switch.model.name)
            all_calls, current, alternative = groups.get(key, (0, 0.0, 0.0))
            groups[key] = (all_calls + calls, current + cost, alternative + switch.cost)
    return [_opportunity(key, *sums) for key, sums in groups.items()]


def _opportunity(
    key: Tuple[str, ...], calls: int, current: float, alternative: float
) -> Opportunity:
    customer, provider, name, other_provider, other_name = key
    return Opportunity(
        customer_id=customer,
        current_provider=provider,
        current_model=name,
        alternative_provider=other_provider,
        alternative_model=other_name,
        call_count=calls,
        current_cost=current,
        alternative_cost=alternative,
        savings=current - alternative,
        savings_percent=ratio(current - alternative, current) * 100,
    )
