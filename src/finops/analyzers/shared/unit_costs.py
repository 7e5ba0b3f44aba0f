"""What a call of a feature costs now against the beginning, and which model gave way to another.

The last whole days stand against the first ones, so that a change which is over still shows.
Both are brought to as many calls; the rest of the difference is split as in `cost_change`: other
prices, other models for the same work, and other numbers of tokens.
"""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from finops import config
from finops.analyzers.base import finding
from finops.analyzers.shared.cost_change import ModelKey, Spend, Window, Work, effects_of, window
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.wording import counted, percent, usd
from finops.results.base import Finding
from finops.rollups.spec import Rollups
from finops.stats import growth_percent
from finops.stats import percent as percent_of

# A rise of a share is no chance from so many standard errors on.
_STANDARD_ERRORS = 2.0
_NO_FEATURE = frozenset({config.UNALLOCATED, config.UNKNOWN})


class UnitCost(NamedTuple):
    """One feature at the two ends of the data: calls and cost in USD of all its work.

    `price`, `mix` and `tokens` are the parts of the change in USD per call, without work that is
    new or gone.
    """

    feature_id: str
    calls_before: int
    cost_before: float
    calls_now: int
    cost_now: float
    price: float
    mix: float
    tokens: float

    @property
    def before(self) -> float:
        """USD per call in the first days."""
        return self.cost_before / self.calls_before

    @property
    def now(self) -> float:
        """USD per call in the last days."""
        return self.cost_now / self.calls_now

    @property
    def change_percent(self) -> float:
        """How much more a call costs now."""
        return growth_percent(self.now, self.before)


class Move(NamedTuple):
    """Of the calls of a feature, the shares in percent of a model that gave way to another."""

    provider: str
    old: str
    new: str
    old_cost_share: float
    old_shares: Tuple[float, float]
    new_shares: Tuple[float, float]


def unit_cost_findings(data: Rollups, span: CoveredDays) -> List[Finding]:
    """Return what changed for good in the features' cost per call; needs `CHANGE_TABLES`.

    At most `config.CHANGE_SUBJECTS`, those of most cost first.  None where the data is shorter
    than three times `config.UNIT_COST_DAYS` whole days, or a call in them has no known cost.
    """
    days = config.UNIT_COST_DAYS
    if len(span.whole) < 3 * days:
        return []
    before, now = window(data, span.whole[:days]), window(data, span.whole[-days:])
    if before is None or now is None:
        return []
    rows: List[Tuple[UnitCost, Optional[Move]]] = []
    for row in _unit_costs(before, now):
        move = _move(_models(before, row.feature_id), _models(now, row.feature_id))
        if move or abs(row.change_percent) >= config.UNIT_COST_NOTABLE_PCT:
            rows.append((row, move))
    rows.sort(key=lambda pair: (-pair[0].cost_now, pair[0].feature_id))
    return [_finding(row, move) for row, move in rows[: config.CHANGE_SUBJECTS]]


def _unit_costs(before: Window, now: Window) -> List[UnitCost]:
    """Return the features that have enough calls and some cost at both ends."""
    rows = []
    for feature in sorted({feature for feature, _ in before} - _NO_FEATURE):
        calls_before, cost_before = _sums(_models(before, feature))
        calls_now, cost_now = _sums(_models(now, feature))
        if min(calls_before, calls_now) < config.UNIT_COST_MIN_CALLS:
            continue
        if min(cost_before, cost_now) <= config.NEGLIGIBLE_USD:
            continue
        scale = calls_before / calls_now
        parts = [
            effects_of(before[work], _scaled(now[work], scale))
            for work in before
            if work[0] == feature and work in now
        ]
        price, mix, tokens = (
            math.fsum(amounts) / calls_before
            for amounts in (
                [amount for part in parts for amount in part.price.values()],
                [part.mix for part in parts],
                [part.volume for part in parts],
            )
        )
        sums = (calls_before, cost_before, calls_now, cost_now)
        rows.append(UnitCost(feature, *sums, price, mix, tokens))
    return rows


def _models(spends: Window, feature: str) -> Dict[ModelKey, Tuple[int, float]]:
    """Return calls and cost of each model of a feature."""
    works: List[Work] = [work for work in spends if work[0] == feature]
    keys = {key for work in works for key in spends[work]}
    return {
        key: (
            sum(spends[work][key].calls for work in works if key in spends[work]),
            math.fsum(spends[work][key].cost for work in works if key in spends[work]),
        )
        for key in keys
    }


def _sums(models: Mapping[ModelKey, Tuple[int, float]]) -> Tuple[int, float]:
    return (
        sum(calls for calls, _ in models.values()),
        math.fsum(cost for _, cost in models.values()),
    )


def _scaled(models: Mapping[ModelKey, Spend], scale: float) -> Dict[ModelKey, Spend]:
    """Return what so many times the calls would have used."""
    return {
        key: Spend(
            calls=round(spend.calls * scale),
            cost=spend.cost * scale,
            tokens=round(spend.tokens * scale),
            list_cost=None if spend.list_cost is None else spend.list_cost * scale,
        )
        for key, spend in models.items()
    }


def _move(
    before: Mapping[ModelKey, Tuple[int, float]], now: Mapping[ModelKey, Tuple[int, float]]
) -> Optional[Move]:
    """Return the model that gave way to another of its provider, the one of most cost.

    It lost more than half of its share of the calls; the other gained about as much, in calls as
    well, and more than chance makes.
    """
    (calls_before, cost_before), (calls_now, _) = _sums(before), _sums(now)
    if not calls_before or not calls_now or cost_before <= config.NEGLIGIBLE_USD:
        return None
    shares = {
        key: (before.get(key, (0, 0.0))[0] / calls_before, now.get(key, (0, 0.0))[0] / calls_now)
        for key in {**before, **now}
    }
    for old in sorted(before, key=lambda key: (-before[key][1], key)):
        calls, cost = before[old]
        fell = shares[old][0] - shares[old][1]
        is_notable = percent_of(cost, cost_before) >= config.MOVED_COST_SHARE_PCT
        if not is_notable or calls < config.MOVED_MIN_CALLS or 2 * fell <= shares[old][0]:
            continue
        others = [key for key in sorted(shares) if key[0] == old[0] and key != old]
        new = max(others, key=lambda key: shares[key][1] - shares[key][0], default=None)
        lost = calls - now.get(old, (0, 0.0))[0]
        gained = now.get(new, (0, 0.0))[0] - before.get(new, (0, 0.0))[0] if new else 0
        if new and 2 * gained >= lost and _took_over(fell, *shares[new], calls_now):
            return Move(
                provider=old[0],
                old=old[1],
                new=new[1],
                old_cost_share=percent_of(cost, cost_before),
                old_shares=(100 * shares[old][0], 100 * shares[old][1]),
                new_shares=(100 * shares[new][0], 100 * shares[new][1]),
            )
    return None


def _took_over(fell: float, share_before: float, share_now: float, calls: int) -> bool:
    """Return whether a model's share of the calls rose by about what another's fell.

    The rise is more than two standard errors of a share of so many calls.
    """
    rose = share_now - share_before
    error = math.sqrt(share_now * (1 - share_now) / calls)
    return fell / 2 <= rose <= 2 * fell and rose > _STANDARD_ERRORS * error


def _finding(row: UnitCost, move: Optional[Move]) -> Finding:
    name = config.FEATURES.get(row.feature_id, row.feature_id)
    change = row.change_percent
    direction = "less" if change < 0 else "more"
    days = config.UNIT_COST_DAYS
    against = (
        f"the last {days} whole days against the first {days}: {_per_1k(row.now)} per 1,000 "
        f"calls, before {_per_1k(row.before)}.{_parts(row)}"
    )
    if move is None:
        title = f"A call of {name} costs {percent(abs(change))} {direction} than at first"
        detail = f"{against[0].upper()}{against[1:]}"
    else:
        title = f"Spend on {name} moved from {move.old} to {move.new}"
        detail = (
            f"{move.old} took {percent(move.old_cost_share)} of its cost at first; its share of "
            f"the calls went from {percent(move.old_shares[0])} to {percent(move.old_shares[1])}, "
            f"that of {move.new} from {percent(move.new_shares[0])} to "
            f"{percent(move.new_shares[1])}. A call costs {percent(abs(change))} {direction}, "
            f"{against}"
        )
    return finding(
        "info",
        title,
        f"{detail} {counted(row.calls_now, 'call')} were compared.",
        confidence="medium",
        subject={"feature_id": row.feature_id},
    )


def _parts(row: UnitCost) -> str:
    """Return the parts of the change as words, those that round to nothing left out."""
    parts = (
        ("model and token mix", row.mix),
        ("tokens per call", row.tokens),
        ("prices", row.price),
    )
    words = [f"{what} {_signed(made)}" for what, made in parts if round(1000 * made, 2)]
    return f" The change by cause: {', '.join(words)}." if words else ""


def _signed(amount: float) -> str:
    return f"{'+' if amount > 0 else ''}{_per_1k(amount)}"


def _per_1k(amount: float) -> str:
    return usd(round(1000 * amount, 2))
