"""The first screen of the index and of the live dashboard: what it costs and where it is going.

Both show what this makes of the same results, so that they cannot differ from each other nor
from the reports.
"""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from finops import config
from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, cut_short, of_known_costs
from finops.generators.components import Card, Data, Part, cards, combine
from finops.generators.partial_days import known_by_day, stacked_days
from finops.results.alignment import BudgetUse
from finops.results.base import DailyCost, DailySums, from_dict
from finops.results.profitability import ProfitabilitySummary
from finops.results.understanding import CostChange, Forecast, UnderstandingSummary

# Series of the chart; the others are put together.
_STACKED = 6

_Rows = Dict[str, List[float]]


def first_screen(results: Mapping[str, Data], context: Data) -> Part:
    """Return the figures and the daily cost, from results by id and the pages' `_context`."""
    understanding = results.get("understanding") or {}
    figures = [
        *_cost(understanding, context),
        *_change(understanding),
        *_forecast(understanding),
        *_margin(results.get("profitability") or {}),
        *_budget(results.get("alignment") or {}),
    ]
    return combine([*([cards(figures)] if figures else []), *_daily(understanding, context)])


def _cost(understanding: Data, context: Data) -> List[Card]:
    summary = from_dict(UnderstandingSummary, understanding.get("summary") or {})
    cost = context.get("cost") if context.get("cost") is not None else summary.total_cost
    unpriced = int(context.get("unpriced_calls") or summary.unpriced_calls or 0)
    if unpriced and (not cost or unpriced == summary.total_calls):
        return [Card("Cost", None, "money", "no call has a known cost")]
    if cost is None:
        return []
    words = "of the whole period"
    if summary.monthly_cost is not None:
        least = "at least " if unpriced else ""
        words = f"{least}{formatting.money(summary.monthly_cost)} per month"
    if unpriced:
        verb = "has" if unpriced == 1 else "have"
        words += f"; {formatting.counted(unpriced, 'call')} {verb} no known cost"
    return [Card("Cost", cost, "money", words, at_least=bool(unpriced))]


def _change(understanding: Data) -> List[Card]:
    if not understanding.get("change"):
        return []
    change = from_dict(CostChange, understanding["change"])
    before, now = change.previous_period_cost, change.cost_now
    words = (
        f"{formatting.money(now)} now, {formatting.money(before)} in the {change.days} days before"
    )
    if not before:
        return [
            Card(
                f"Last {change.days} days",
                now,
                "money",
                "no cost in the same number of days before",
            )
        ]
    percent = (now - before) / abs(before) * 100
    sign = "+" if percent > 0 else ""
    return [
        Card(f"Change, last {change.days} days", sign + formatting.percent(percent), "text", words)
    ]


def _forecast(understanding: Data) -> List[Card]:
    forecast = from_dict(Forecast, understanding.get("forecast") or {})
    if forecast.forecast_30_days is None:
        return []
    low, high = forecast.low_30_days, forecast.high_30_days
    if low is None or high is None:
        words = "expected; no tested range"
        return [Card("Forecast for 30 days", forecast.forecast_30_days, "money", words)]
    span = formatting.money_range(low, high)
    words = f"{formatting.money(forecast.forecast_30_days)} expected"
    return [Card("Forecast for 30 days", span, "text", words)]


def _margin(profitability: Data) -> List[Card]:
    summary = from_dict(ProfitabilitySummary, profitability.get("summary") or {})
    if summary.monthly_margin is None:
        return []
    words = "per month"
    if summary.margin_percent is not None:
        words = f"per month, {formatting.percent(summary.margin_percent)} of revenue"
    return [Card("Margin after AI cost", summary.monthly_margin, "money", words)]


def _budget(alignment: Data) -> List[Card]:
    """Return the pace of the budget that is used up fastest."""
    budgets = [from_dict(BudgetUse, row) for row in alignment.get("budgets") or ()]
    paced = [budget for budget in budgets if budget.pace_percent is not None]
    if not paced:
        return []
    fastest = max(paced, key=lambda budget: budget.pace_percent or 0.0)
    whose = f"{fastest.scope} {fastest.subject}".strip()
    words = (
        f"{formatting.money(fastest.spent)} of {formatting.money(fastest.monthly_budget)}, {whose}"
    )
    if fastest.breach_date:
        words += f"; used up on {formatting.day(fastest.breach_date)}"
    return [Card("Budget pace", fastest.pace_percent, "percent", words)]


def _daily(understanding: Data, context: Data) -> List[Part]:
    days, rows, kind = _stacked(understanding)
    if not days or not known_by_day(
        understanding
    ):  # what months cost would stand on their first days
        return []
    # The result knows which days are partial, whatever the records of the source stand for.
    daily = [from_dict(DailyCost, row) for row in understanding.get("daily") or ()]
    partial = {row.date for row in daily if row.partial}
    remark = cut_short({"_context": context}) if partial else ""
    return [
        bar_chart(
            "daily-cost",
            f"Daily cost{f' by {kind}' if kind else ''}{remark}"
            f"{of_known_costs({'_context': context})}",
            Axis("Day (UTC)", "date"),
            Axis("Cost (USD)", "money"),
            days,
            stacked_days(
                [
                    Series(formatting.name(kind, name), values, _colour(kind, name))
                    for name, values in rows.items()
                ],
                days,
                partial,
            ),
            stacked=True,
        )
    ]


def _colour(kind: str, name: str) -> Colour:
    if not kind:
        return "accent"
    return "muted" if name == _OTHERS else (kind, name)


_OTHERS = "others"


def _stacked(
    understanding: Data,
) -> Tuple[Sequence[str], Mapping[str, Sequence[Optional[float]]], str]:
    """Return days, {name: daily cost} and what the names are: providers, or else features."""
    by_day = understanding.get("by_day") or {}
    for name, kind in (("models", "provider"), ("features", "feature")):
        sums = from_dict(DailySums, by_day[name]) if by_day.get(name) else None
        rows = _rows_by(sums) if sums else {}
        named = rows.keys() - {config.UNKNOWN}
        if sums and (len(rows) > 1 or (named and kind == "feature")):
            return sums.days, _largest(rows), kind
    daily = [from_dict(DailyCost, row) for row in understanding.get("daily") or ()]
    return [row.date for row in daily], {"Cost": [row.total_cost for row in daily]}, ""


def _rows_by(sums: DailySums) -> _Rows:
    """Return the daily cost by the first of the dimensions."""
    rows: _Rows = {}
    for key, costs in zip(sums.keys, sums.sums["cost"]):
        before = rows.get(str(key[0]))
        rows[str(key[0])] = [a + b for a, b in zip(before, costs)] if before else list(costs)
    return rows


def _largest(rows: _Rows) -> _Rows:
    ranked = sorted(rows, key=lambda name: (-math.fsum(rows[name]), name))
    stacked = {name: rows[name] for name in ranked[:_STACKED]}
    rest = [rows[name] for name in ranked[_STACKED:]]
    if len(rest) == 1:
        stacked[ranked[_STACKED]] = rest[0]
    elif rest:
        stacked[_OTHERS] = [math.fsum(costs) for costs in zip(*rest)]
    return stacked


def unknown_sentences(context: Data) -> List[str]:
    """Return what the data does not say, in sentences."""
    said = []
    unpriced = int(context.get("unpriced_calls") or 0)
    if unpriced:
        verb = "has" if unpriced == 1 else "have"
        said.append(
            f"{formatting.counted(unpriced, 'call')} {verb} no known cost, so all costs are lower "
            "bounds."
        )
    coverage: Mapping[str, Optional[float]] = context.get("coverage") or {}
    return said + _unnamed(coverage) + _unmeasured(coverage.get("latency_ms"))


_NAMED = {
    "customer_id": "customer",
    "organization_id": "organization",
    "product_id": "product",
    "feature_id": "feature",
    "region": "region",
}


def _unnamed(coverage: Mapping[str, Optional[float]]) -> List[str]:
    """Return what calls do not name; what none of them does, in one sentence."""
    shares = {noun: coverage.get(column) for column, noun in _NAMED.items()}
    absent = [
        f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
        for noun, share in shares.items()
        if share == 0
    ]
    said = []
    if absent:
        *others, last = absent
        said.append(f"No call names {', '.join(others) + ' or ' if others else ''}{last}.")
    return said + [
        f"{formatting.percent(100 - share)} of the calls name no {noun}."
        for noun, share in shares.items()
        if share is not None and 0 < share < 100
    ]


def _unmeasured(share: Optional[float]) -> List[str]:
    if share is None or share == 100:
        return []
    calls = f"{formatting.percent(100 - share)} of the calls have no" if share else "No call has a"
    return [f"{calls} latency."]
