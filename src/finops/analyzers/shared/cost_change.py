"""Why the cost changed: the last whole days against as many before, split without a rest.

Work is what calls are made for, a feature and a type of task.  The cost of work that is done in
one of the two windows only is that of new or gone work.  The change of all other work is

- price: what the tokens of now cost above what they would have cost at the model's former level
  of prices.  The level is cost by list price, so that other classes of tokens do not pass for
  another price.  A model without a list price has no level, and so no such change;
- volume: the former cost times the growth of the tokens;
- mix: the rest, which other models and other classes of tokens for the same work make.

Beside it the same difference is split by customer: those who came, those who went, all others.
"""

from __future__ import annotations

import math
from operator import attrgetter
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.tables import RECENT_ACCOUNT_DAYS
from finops.analyzers.shared.token_prices import (
    FREE_FAILURE,
    TOKEN_MEASURES,
    ListPrices,
    classes_of,
)
from finops.results.understanding import (
    ChangedCustomer,
    ChangedCustomers,
    ChangedSubject,
    ChangeSubjects,
    CostChange,
)
from finops.rollups.spec import Rollups, Table

WORK_DAYS = Table(
    ("day", "feature_id", "task_type", "provider", "model", FREE_FAILURE),
    ("calls", "cost", "unpriced", *TOKEN_MEASURES),
)
CHANGE_TABLES: Tuple[Table, ...] = (WORK_DAYS, RECENT_ACCOUNT_DAYS)
NEW, GONE, STAYED = "new", "gone", "stayed"

Work = Tuple[str, str]
ModelKey = Tuple[str, str]
_WORK_NAMES = ("feature_id", "task_type")
_MODEL_NAMES = ("provider", "model")


class Spend(NamedTuple):
    """What one kind of work used of one model in a window.

    `list_cost` is what the tokens cost by list, None where that is not known; costs in USD.
    """

    calls: int = 0
    cost: float = 0.0
    tokens: int = 0
    list_cost: Optional[float] = None


Window = Mapping[Work, Mapping[ModelKey, Spend]]


class Effects(NamedTuple):
    """The parts of the change of one kind of work, in USD; `price` by model."""

    price: Mapping[ModelKey, float]
    mix: float
    volume: float


def windows(span: CoveredDays) -> Tuple[Sequence[str], Sequence[str]]:
    """Return the dates before and the dates now, as many; none where there are too few.

    They are the longest of `config.CHANGE_WINDOWS_DAYS` that the whole days hold twice.
    """
    for days in config.CHANGE_WINDOWS_DAYS:
        if len(span.whole) >= 2 * days:
            return span.whole[-2 * days : -days], span.whole[-days:]
    return (), ()


def cost_change(data: Rollups, span: CoveredDays) -> Optional[CostChange]:
    """Return the change of cost and its parts; needs `CHANGE_TABLES`.

    None under twice the shortest window of whole days, or where a call in them has no known cost.
    """
    dates_before, dates_now = windows(span)
    before, now = window(data, dates_before), window(data, dates_now)
    if not dates_now or before is None or now is None:
        return None
    effects = {work: effects_of(before[work], now[work]) for work in before if work in now}
    fresh = [_subject(NEW, _WORK_NAMES, work, _cost(now[work])) for work in now]
    fresh = [row for row, work in zip(fresh, now) if work not in before]
    gone = [
        _subject(GONE, _WORK_NAMES, work, -_cost(before[work]))
        for work in before
        if work not in now
    ]
    prices = _by_model(each.price for each in effects.values())
    return CostChange(
        days=len(dates_now),
        previous_start=dates_before[0],
        start=dates_now[0],
        end=dates_now[-1],
        previous_period_cost=math.fsum(map(_cost, before.values())),
        cost_now=math.fsum(map(_cost, now.values())),
        price_effect=math.fsum(prices.values()),
        mix_effect=math.fsum(each.mix for each in effects.values()),
        volume_effect=math.fsum(each.volume for each in effects.values()),
        new_subjects_effect=math.fsum(row.effect for row in fresh + gone),
        subjects=ChangeSubjects(
            price=_largest(_subject("price", _MODEL_NAMES, m, usd) for m, usd in prices.items()),
            mix=_largest(_subject("mix", _WORK_NAMES, w, e.mix) for w, e in effects.items()),
            volume=_largest(
                _subject("volume", _WORK_NAMES, w, e.volume) for w, e in effects.items()
            ),
            new_or_gone=_largest(fresh + gone),
        ),
        customers=_customers(data, dates_before, dates_now),
    )


def effects_of(before: Mapping[ModelKey, Spend], now: Mapping[ModelKey, Spend]) -> Effects:
    """Return the parts of the change of one kind of work, which add up to it.

    >>> m = ("openai", "gpt-4o")
    >>> effects_of({m: Spend(1, 10.0, 100, 10.0)}, {m: Spend(1, 24.0, 200, 20.0)})
    Effects(price={('openai', 'gpt-4o'): 4.0}, mix=0.0, volume=10.0)
    """
    price = {
        model: spend.cost - _at_level(before[model], spend)
        for model, spend in now.items()
        if model in before
    }
    cost_before, tokens_before = _cost(before), sum(spend.tokens for spend in before.values())
    difference = math.fsum([_cost(now), -cost_before, *(-usd for usd in price.values())])
    if not tokens_before:
        return Effects(price, 0.0, difference)
    tokens = sum(spend.tokens for spend in now.values())
    volume = cost_before * (tokens - tokens_before) / tokens_before
    return Effects(price, difference - volume, volume)


def _at_level(before: Spend, now: Spend) -> float:
    """Return what calls would have cost at the level of prices before, if there was one."""
    if not before.list_cost or now.list_cost is None or before.cost < 0:
        return now.cost
    return now.list_cost * before.cost / before.list_cost


def _cost(models: Mapping[ModelKey, Spend]) -> float:
    return math.fsum(spend.cost for spend in models.values())


def window(data: Rollups, dates: Sequence[str]) -> Optional[Window]:
    """Return what was spent on some dates; None where a call of them has no known cost.

    Failed calls that cost nothing are calls without tokens.
    """
    wanted, prices = set(dates), ListPrices(data.prices)
    parts: Dict[Work, Dict[ModelKey, List[Tuple[int, ...]]]] = {}
    costs: Dict[Tuple[Work, ModelKey], List[float]] = {}
    for (day, *names, free), (calls, cost, unpriced, *tokens) in data[WORK_DAYS].items():
        if day not in wanted:
            continue
        if unpriced:
            return None
        feature, task, provider, model = names
        work, key = (feature, task), (provider, model)
        billed = [0] * len(tokens) if free else tokens
        parts.setdefault(work, {}).setdefault(key, []).append((calls, *billed))
        costs.setdefault((work, key), []).append(cost)
    return {
        work: {key: _spend(prices, key, rows, costs[work, key]) for key, rows in models.items()}
        for work, models in parts.items()
    }


def _spend(
    prices: ListPrices, key: ModelKey, rows: Sequence[Tuple[int, ...]], costs: Sequence[float]
) -> Spend:
    calls, *tokens = (sum(column) for column in zip(*rows))
    by_class = prices.costs(*key, classes_of(tokens))
    return Spend(
        calls=calls,
        cost=math.fsum(costs),
        tokens=tokens[0] + tokens[1],
        list_cost=None if by_class is None else math.fsum(by_class),
    )


def _by_model(parts: Iterable[Mapping[ModelKey, float]]) -> Dict[ModelKey, float]:
    effects: Dict[ModelKey, List[float]] = {}
    for part in parts:
        for model, usd in part.items():
            effects.setdefault(model, []).append(usd)
    return {model: math.fsum(amounts) for model, amounts in effects.items()}


def _subject(kind: str, names: Sequence[str], key: Sequence[str], usd: float) -> ChangedSubject:
    return ChangedSubject(kind=kind, subject=dict(zip(names, key)), effect=usd)


def _largest(rows: Iterable[ChangedSubject]) -> List[ChangedSubject]:
    """Return the rows of most effect, up or down, that are more than rounding."""
    worth = [row for row in rows if abs(row.effect) > config.CHANGE_LEAST_USD]
    ordered = sorted(worth, key=lambda row: (-abs(row.effect), list(row.subject.values())))
    return ordered[: config.CHANGE_SUBJECTS]


# --- by customer -----------------------------------------------------------------------------


def _customers(
    data: Rollups, dates_before: Sequence[str], dates_now: Sequence[str]
) -> ChangedCustomers:
    """Return the same difference by customer; those who name none are one of them."""
    before, now = _by_customer(data, dates_before), _by_customer(data, dates_now)
    rows = [
        ChangedCustomer(
            customer_id=name,
            state=NEW if name not in before else GONE if name not in now else STAYED,
            previous_cost=before.get(name, 0.0),
            cost_now=now.get(name, 0.0),
            change=now.get(name, 0.0) - before.get(name, 0.0),
        )
        for name in {**before, **now}
    ]
    rows.sort(key=attrgetter("customer_id"))
    rows.sort(key=lambda row: -abs(row.change))
    effect = {
        state: math.fsum(row.change for row in rows if row.state == state)
        for state in (NEW, GONE, STAYED)
    }
    return ChangedCustomers(
        new_count=sum(row.state == NEW for row in rows),
        gone_count=sum(row.state == GONE for row in rows),
        new_effect=effect[NEW],
        gone_effect=effect[GONE],
        stayed_effect=effect[STAYED],
        largest=rows[: config.CHANGE_CUSTOMERS],
    )


def _by_customer(data: Rollups, dates: Sequence[str]) -> Dict[str, float]:
    wanted = set(dates)
    costs: Dict[str, List[float]] = {}
    for (day, customer, _, _), (_, cost, _) in data[RECENT_ACCOUNT_DAYS].items():
        if day in wanted:
            costs.setdefault(customer, []).append(cost)
    return {name: math.fsum(amounts) for name, amounts in costs.items()}
