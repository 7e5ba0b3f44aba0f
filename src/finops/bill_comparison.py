"""What vendors billed against what the calls say: the differences, and how they come about.

A bill is never added to calls: it is the same money seen from the other side.  It is compared as
finely as it goes: by day where its charges are of days, by model where all of them name one.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from finops.bill_zones import hours_ahead
from finops.business.names import spellings
from finops.importers.base import CORRECTION, CREDIT, TAX, USAGE, Charge
from finops.importers.call import time_text
from finops.rollups.protocol import CallDataset
from finops.rollups.spec import Table

ALL_MODELS = "all models"
CREDITS, CORRECTIONS, TAXES = "credits", "corrections of earlier bills", "tax"
UNPRICED = "calls without a price"
OTHER_ZONE = "days of another time zone"
NO_CALLS = "no such calls in the data"
NOT_BILLED = "not on the bill"
OUTSIDE = "not in the period of the bill"
UNEXPLAINED = "not explained"

_TABLE = Table(("day", "provider", "model"), ("cost", "credits", "unpriced", "records"))
_HOURS = Table(("hour", "provider", "model"), ("charges",))
_DAY_US = 86_400 * 10**6
_CENT = Decimal("0.005")
_ROUNDING = Decimal("0.000001")
_SHARE = Decimal("0.001")
_NONE = Decimal(0)


class Reason(NamedTuple):
    """A part of a difference in USD, and how it comes about."""

    kind: str
    amount: Decimal


class Line(NamedTuple):
    """One comparison: `billed` without tax, `tax` and `recorded` in USD, and the parts of their
    difference.  `period` is a day in UTC, or the first and the last one.
    """

    period: str
    provider: str
    model: str
    billed: Decimal
    recorded: Decimal
    reasons: Tuple[Reason, ...]
    tax: Decimal = _NONE

    @property
    def difference(self) -> Decimal:
        """How much more was billed, with tax, than the calls say."""
        return self.billed + self.tax - self.recorded


class Comparison(NamedTuple):
    """Lines by provider, model and period; by provider, how many hours ahead of UTC its days are
    where they are not those of UTC, as far as that follows from the calls.
    """

    lines: Tuple[Line, ...]
    zones: Mapping[str, int] = {}

    @property
    def tax(self) -> Decimal:
        """The taxes on the bill."""
        return sum((line.tax for line in self.lines), _NONE)

    @property
    def difference(self) -> Decimal:
        """How much more was billed, with tax, than the calls say."""
        return sum((line.difference for line in self.lines), _NONE)

    @property
    def billed(self) -> Decimal:
        """What was billed in all, without taxes."""
        return sum((line.billed for line in self.lines), _NONE)

    @property
    def recorded(self) -> Decimal:
        """What the calls of these providers cost."""
        return sum((line.recorded for line in self.lines), _NONE)

    def reasons(self) -> List[Reason]:
        """Return the sums of the reasons by kind, the largest first."""
        sums: Dict[str, Decimal] = defaultdict(Decimal)
        for line in self.lines:
            for reason in line.reasons:
                sums[reason.kind] += reason.amount
        return sorted((Reason(*pair) for pair in sums.items()), key=lambda r: -abs(r.amount))


class _Group:
    """What is compared: sums of charges and of calls."""

    def __init__(self) -> None:
        self.billed: Dict[str, Decimal] = defaultdict(Decimal)
        self.recorded = _NONE
        self.credits = _NONE
        self.unpriced = 0
        self.records = 0
        self.in_period = True

    @property
    def tax(self) -> Decimal:
        """The taxes."""
        return self.billed.get(TAX, _NONE)

    @property
    def total(self) -> Decimal:
        """What was billed without tax."""
        return sum(self.billed.values(), _NONE) - self.tax

    @property
    def is_whole(self) -> bool:
        """Whether it is in the period of the bill, and the cost of all of its calls is known."""
        return self.in_period and not self.unpriced

    @property
    def rest(self) -> Decimal:
        """The difference without credits and corrections."""
        return self.total - self.recorded - self.of_credits - self.billed.get(CORRECTION, _NONE)

    @property
    def of_credits(self) -> Decimal:
        """How much of the difference is credits that only one of both sides has."""
        return self.billed.get(CREDIT, _NONE) + self.credits


Place = Tuple[str, str, str]  # provider, model, period


def compare(charges: Sequence[Charge], dataset: CallDataset) -> Comparison:
    """Return the comparison of charges in USD with the calls of their providers.

    The days of the dataset have to be those of UTC.  Raises DataError where it cannot be read.
    """
    data = dataset.rollups([_TABLE, _HOURS])
    cells = data[_TABLE]
    scales = {
        provider: _Scale([charge for charge in charges if charge.provider == provider])
        for provider in sorted({charge.provider for charge in charges})
    }
    groups: Dict[Place, _Group] = defaultdict(_Group)
    for charge in charges:
        scale = scales[charge.provider]
        place = (charge.provider, scale.model(charge.model), scale.period(_day(charge.start)))
        groups[place].billed[charge.kind] += charge.amount
    for (day, provider, model), (cost, credits, unpriced, records) in cells.items():
        if provider not in scales:
            continue
        scale = scales[provider]
        group = groups[provider, scale.model(model), scale.period(day)]
        group.recorded += Decimal(repr(cost))
        group.credits += Decimal(repr(credits))
        group.unpriced += unpriced
        group.records += records
        group.in_period = scale.covers(day)
    zones = _zones(groups, scales, data[_HOURS])
    shifted = _shifted(groups) | {p for p in groups if p[0] in zones and groups[p].is_whole}
    names = {key: scales[key[0]].shown(key[1]) for key in groups}
    lines = [
        Line(
            place[2],
            place[0],
            names[place],
            groups[place].total,
            groups[place].recorded,
            tuple(_reasons(groups[place], place in shifted)),
            groups[place].tax,
        )
        for place in sorted(groups)
    ]
    return Comparison(tuple(lines), zones)


def _zones(
    groups: Mapping[Place, _Group],
    scales: Mapping[str, _Scale],
    hourly: Mapping[Place, Sequence[float]],
) -> Dict[str, int]:
    """Return by provider how many hours ahead of UTC its days are, where that explains them."""
    zones: Dict[str, int] = {}
    for provider, scale in scales.items():
        own = {place: group for place, group in groups.items() if place[0] == provider}
        whole = {place: group for place, group in own.items() if group.is_whole}
        if not scale.is_daily or all(abs(group.rest) <= _CENT for group in whole.values()):
            continue
        billed = {(m, day): group.billed.get(USAGE, _NONE) for (_, m, day), group in whole.items()}
        recorded: Dict[Tuple[str, str], Decimal] = defaultdict(Decimal)
        for (hour, of, model), (cost,) in hourly.items():
            if of == provider:
                recorded[scale.model(model), hour] += Decimal(repr(cost))
        hours = hours_ahead(billed, recorded)
        if hours is not None:
            zones[provider] = hours
    return zones


class _Scale:
    """How finely the bill of a provider goes."""

    def __init__(self, charges: Sequence[Charge]) -> None:
        # A tax of a month says nothing of the days of what it is on.
        charges = [charge for charge in charges if charge.kind != TAX] or charges
        self._first = _day(min(charge.start for charge in charges))
        self._last = _day(max(charge.end for charge in charges) - 1)
        self.is_daily = all(charge.end - charge.start <= _DAY_US for charge in charges)
        usage = [charge for charge in charges if charge.kind == USAGE]
        self._by_model = bool(usage) and all(charge.model for charge in usage)
        self._names: Dict[str, str] = {}

    def covers(self, day: str) -> bool:
        """Return whether a day is in the period of the bill."""
        return self._first <= day <= self._last

    def period(self, day: str) -> str:
        """Return the period of a day that is compared as one."""
        if self.is_daily or not self.covers(day):
            return day
        return f"{self._first} to {self._last}"

    def model(self, name: str) -> str:
        """Return what stands for all spellings of a model, "" for all models together."""
        if not self._by_model or not name:
            return ""
        plain = list(spellings(name))[-1]
        self._names.setdefault(plain, name)
        return plain

    def shown(self, plain: str) -> str:
        """Return the name of a model as it was met first."""
        return self._names.get(plain, ALL_MODELS)


def _day(instant: int) -> str:
    return time_text(instant)[:10]


def _shifted(groups: Mapping[Place, _Group]) -> Set[Place]:
    """Return the days whose differences cancel out with those of the days beside them.

    A bill whose days begin at another hour has calls of one day on the next: what it has too
    much on one day is missing on another, and nothing of all days together.
    """
    shifted: Set[Place] = set()
    runs: Dict[Tuple[str, str], List[Place]] = defaultdict(list)
    for place in sorted(groups):
        if groups[place].is_whole:
            runs[place[:2]].append(place)
    for places in runs.values():
        run: List[Place] = []
        carried = size = _NONE
        for place in places:
            rest = groups[place].rest
            if not run and abs(rest) <= _CENT:
                continue
            run.append(place)
            carried += rest
            size += abs(groups[place].recorded)
            if abs(carried) <= max(_ROUNDING, _SHARE * size):
                shifted.update(run if len(run) > 1 else ())
                run = []
                carried = size = _NONE
    return shifted


def _reasons(group: _Group, is_shifted: bool) -> List[Reason]:
    reasons = [
        Reason(CREDITS, group.of_credits),
        Reason(CORRECTIONS, group.billed.get(CORRECTION, _NONE)),
        Reason(TAXES, group.tax),
        Reason(_kind_of_rest(group, is_shifted), group.rest),
    ]
    return [reason for reason in reasons if abs(reason.amount) > _ROUNDING]


def _kind_of_rest(group: _Group, is_shifted: bool) -> str:
    if not group.in_period:
        return OUTSIDE
    if is_shifted:
        return OTHER_ZONE
    if not group.records:
        return NO_CALLS
    if USAGE not in group.billed:
        return NOT_BILLED
    return UNPRICED if group.unpriced and group.rest > 0 else UNEXPLAINED
