"""When customers were seen: the first and the latest of their rows, and what these say of them.

Rows that are no calls at one moment are kept apart: an aggregate says when a customer was there
and of what tier, but not from where; a credit says that only of customers without any call.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from finops.reader.encoding import CREDIT, Batch, KeyEncoder
from finops.rollups.spec import sort_key


class Visit(NamedTuple):
    """One call of a customer: when, from which region, under which customer key."""

    time: bytes
    region: str
    key: Tuple[Any, ...]

    @property
    def place(self) -> Tuple[Any, ...]:
        """By which this call is ordered among others of its customer."""
        return (self.time, self.region, sort_key(self.key))


class Visits(NamedTuple):
    """A customer's first and latest call."""

    first: Visit
    last: Visit


VisitsByCustomer = Dict[str, Visits]


class Sightings:
    """The first and latest rows of customers that are no calls at one moment."""

    def __init__(self) -> None:
        self.aggregates: VisitsByCustomer = {}
        self.credits: VisitsByCustomer = {}

    def add(self, batch: Batch, moments: Sequence[bool], encoder: KeyEncoder) -> None:
        """Take in those rows of a batch in time order that are no moments."""
        is_credit = [bool(amount) for amount in batch.number(CREDIT)]
        ends: Dict[Tuple[int, int, bool], List[bytes]] = {}
        rows = zip(batch.times, batch.customers, batch.calls, is_credit, moments)
        for time, customer, call, credit, moment in rows:
            if not moment:
                ends.setdefault((customer, call, credit), [time, time])[1] = time
        for (customer, call, credit), times in ends.items():
            key, region = encoder.customer_keys[customer], encoder.call_keys[call].region
            visits = Visits(*(Visit(time, region, key) for time in times))
            _widen(self.credits if credit else self.aggregates, key.customer_id, visits)

    def join(self, others: Sightings) -> None:
        """Take in those of other rows, in any order."""
        for mine, theirs in ((self.aggregates, others.aggregates), (self.credits, others.credits)):
            for customer, visits in theirs.items():
                _widen(mine, customer, visits)

    def plain(self) -> List[List[Any]]:
        """Return everything as plain lists and texts."""
        return [plain_visits(self.aggregates), plain_visits(self.credits)]

    @classmethod
    def revived(cls, plain: Sequence[Iterable[Any]]) -> Sightings:
        """Return the sightings of `plain`."""
        sightings = cls()
        sightings.aggregates, sightings.credits = map(revived_visits, plain)
        return sightings


def customers_seen(calls: Mapping[str, Visits], others: Sightings) -> VisitsByCustomer:
    """Return when each customer was seen, by id ascending.

    `calls` are those at one moment.
    """
    seen: VisitsByCustomer = {}
    for customer, visits in chain(calls.items(), others.aggregates.items()):
        _widen(seen, customer, visits)
    return dict(sorted({**others.credits, **seen}.items()))


def plain_visits(visits_by_customer: Mapping[str, Visits]) -> List[Any]:
    """Return visits as plain lists and texts."""
    return [
        [customer] + [[visit.time.decode("ascii"), visit.region, visit.key] for visit in visits]
        for customer, visits in visits_by_customer.items()
    ]


def revived_visits(plain: Iterable[Any]) -> VisitsByCustomer:
    """Return the visits of `plain_visits`."""
    return {
        customer: Visits(
            *(Visit(time.encode("ascii"), region, tuple(key)) for time, region, key in visits)
        )
        for customer, *visits in plain
    }


def _widen(visits_by_customer: VisitsByCustomer, customer: str, more: Visits) -> None:
    known = visits_by_customer.get(customer)
    if known is not None:
        first = min(known.first, more.first, key=_place)
        more = Visits(first, max(known.last, more.last, key=_place))
    visits_by_customer[customer] = more


def _place(visit: Visit) -> Tuple[Any, ...]:
    return visit.place
