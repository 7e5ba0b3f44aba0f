"""The figures of a statement, rounded so that all statements of a month add up.

Amounts in cents cannot all be rounded on their own: three thirds of a dollar would be 99 cents.
So the total is rounded, and its cents are given to those with the largest rests.
"""

from __future__ import annotations

from calendar import monthrange
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, TypeVar

from finops import schema
from finops.errors import UsageError
from finops.reader.encoding import COST, CREDIT
from finops.rollups.expressions import column, one_of
from finops.rollups.measures import Measure
from finops.rollups.spec import Period, Rollups, Table

PICO_PER_CENT = schema.PICO_PER_USD // 100
_NAMED = 5  # organizations that an error names
_COST = Measure("cost_pico", column(COST), schema.MAX_COST_PICO)
_CREDIT = Measure("credit_pico", column(CREDIT), schema.MAX_COST_PICO)
# What all organizations cost, by day: of which months and how much in all.
ALL = Table(("organization_id", "day"), (_COST, _CREDIT))
_CREDITED = None  # stands for the credits among the lines
_K = TypeVar("_K")
Names = Tuple[str, str, str]  # product, provider, model


def of_organization(organization: str) -> Table:
    """Return the table of one organization's usage."""
    return Table(
        ("day", "product_id", "provider", "model"),
        (_COST, _CREDIT, "calls", "calls_unknown", "input_tokens", "output_tokens", "unpriced"),
        one_of("organization_id", organization),
    )


class Usage(NamedTuple):
    """What a product used of a model; `cost` in pico-dollars, credits not taken off."""

    cost: int = 0
    credit: int = 0
    calls: int = 0
    calls_unknown: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unpriced: int = 0

    def plus(self, other: Usage) -> Usage:
        """Return the sums of both."""
        return Usage(*map(sum, zip(self, other)))


class Line(NamedTuple):
    """A line of a statement; `cents` are its part of the statement's charges."""

    product: str
    provider: str
    model: str
    usage: Usage
    cents: int


class Statement(NamedTuple):
    """What an organization used in a calendar month of the reporting time zone.

    `cents` are what the lines have less the `credits`, in cents too.  `lines` by falling cost,
    `days` {date: cents less credits}, all days of the month.  `covered`: the first and the last
    day of the month that the data covers, both "" where it covers none.
    """

    organization: str
    month: str
    timezone: str
    lines: Tuple[Line, ...]
    total: Usage
    credits: int
    cents: int
    days: Mapping[str, int]
    covered: Tuple[str, str]


def statement_of(data: Rollups, organization: str, month: str) -> Statement:
    """Return an organization's statement.

    Raises UsageError where the data has no such organization.
    """
    net: Dict[str, int] = {}
    for (name, day), (cost, credit) in data[ALL].items():
        net.setdefault(name, 0)
        if day[:7] == month:
            net[name] += cost - credit
    if organization not in net:
        raise UsageError(_unknown(organization, list(net)))
    cents = apportioned(net)[organization]
    by_day: Dict[str, Usage] = {day: Usage() for day in _days_of(month)}
    by_line: Dict[Names, Usage] = {}
    for (day, product, provider, model), sums in data[of_organization(organization)].items():
        if day in by_day:
            usage, key = Usage(*sums), (product, provider, model)
            by_day[day] = by_day[day].plus(usage)
            by_line[key] = by_line.get(key, Usage()).plus(usage)
    total = Usage()
    for usage in by_line.values():
        total = total.plus(usage)
    parts: Dict[Optional[Names], int] = {key: usage.cost for key, usage in by_line.items()}
    shares = apportioned({**parts, _CREDITED: -total.credit}, cents)
    return Statement(
        organization,
        month,
        data.period.timezone,
        tuple(_line(key, by_line[key], shares[key]) for key in _by_cost(by_line)),
        total,
        -shares[_CREDITED],
        cents,
        apportioned({day: usage.cost - usage.credit for day, usage in by_day.items()}, cents),
        _covered(data.period, list(by_day)),
    )


def _days_of(month: str) -> List[str]:
    _, count = monthrange(int(month[:4]), int(month[5:]))
    return [f"{month}-{day:02d}" for day in range(1, count + 1)]


def _unknown(organization: str, known: Sequence[str]) -> str:
    names = ", ".join(known[:_NAMED]) + (", …" if len(known) > _NAMED else "")
    has = f"it has {names}" if known else "it has none"
    return f"--organization {organization!r}: the data has no such organization; {has}"


def _by_cost(usages: Mapping[Names, Usage]) -> List[Names]:
    return sorted(usages, key=lambda key: (-usages[key].cost, key))


def _line(key: Names, usage: Usage, cents: int) -> Line:
    product, provider, model = key
    return Line(product, provider, model, usage, cents)


def _covered(period: Period, days: Sequence[str]) -> Tuple[str, str]:
    first, last = (end[:10] for end in period.ends)
    covered = [day for day in days if first and first <= day <= last]
    return (covered[0], covered[-1]) if covered else ("", "")


def apportioned(amounts: Mapping[_K, int], total: Optional[int] = None) -> Dict[_K, int]:
    """Return amounts of pico-dollars in cents that add up to `total`.

    That is by default the sum rounded to cents, halves up.  Each amount is rounded down or up:
    those with the largest rests up (the method of the largest remainder).

    >>> apportioned(dict.fromkeys("abc", 333_333_333_333))
    {'a': 34, 'b': 33, 'c': 33}
    """
    if total is None:
        total = (2 * sum(amounts.values()) + PICO_PER_CENT) // (2 * PICO_PER_CENT)
    cents = {key: amount // PICO_PER_CENT for key, amount in amounts.items()}
    by_rest = sorted(amounts, key=lambda key: -(amounts[key] % PICO_PER_CENT))
    for key in by_rest[: total - sum(cents.values())]:
        cents[key] += 1
    return cents
