"""FOCUS: a bill in the format of the FinOps Foundation.  It is compared with calls, never added.

Rows are charges of a period; nothing says of how many requests.  Tax is kept apart.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Iterator, Optional, Tuple

from finops import config
from finops.business.names import fold_provider
from finops.importers.base import (
    CORRECTION,
    CREDIT,
    TAX,
    USAGE,
    Charge,
    Entry,
    Format,
    Names,
    Session,
    calls_of,
    charges_of,
)
from finops.importers.call import Call, Tokens
from finops.importers.json_records import Item
from finops.importers.sources import Source
from finops.importers.table_records import table_records
from finops.importers.values import MICROSECONDS, Fields, RejectedError

_OURS = "ai and machine learning"
_TOKEN_UNIT = re.compile("([0-9]{0,12}) ?([km]?) ?tokens?", re.IGNORECASE).fullmatch
_THOUSANDS = {"": 1, "k": 10**3, "m": 10**6}
_FIGURES = ("cost", "quantity", "unitprice")


class Focus(Format):
    """Bills in the FOCUS format."""

    id = "focus"
    title = "FOCUS bills (CSV)"
    remarks = ("a bill: no request count, no latency, no customers",)

    def recognizes_columns(self, names: Names) -> bool:
        """Return whether this is a bill."""
        return "BilledCost" in names

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the charges for AI."""
        reader = _Charges(source, session)
        rows = table_records(source, session.tally)
        yield from calls_of(rows, reader.charge, source, session)
        reader.finish()

    def charges(self, source: Source, session: Session) -> Iterator[Charge]:
        """Yield the charges for AI, taxes too."""
        reader = _Charges(source, session)
        rows = table_records(source, session.tally)
        return charges_of(rows, reader.billed, source, session)


class _Charges:
    """Reads the charges of a file, and sums up what is kept apart."""

    def __init__(self, source: Source, session: Session) -> None:
        self._source = source
        self._session = session
        self._tax = Decimal(0)
        self._tokens = 0

    def charge(self, item: Item) -> Optional[Call]:
        """Return a charge for AI, None for another."""
        record = item.fields
        cost = self._cost(record)
        if cost is None:
            return None
        if record.text("ChargeCategory").lower() == "tax":
            self._session.tally.skipped["taxes"] += 1
            self._tax += cost
            return None
        call = _call(record, cost, self._id(record))
        self._tokens += call.tokens.input + call.tokens.output
        return call

    def billed(self, item: Item) -> Optional[Charge]:
        """Return a charge for AI as it is billed, None for another."""
        record = item.fields
        cost = self._cost(record)
        if cost is None:
            return None
        start, end = _period(record)
        return Charge(
            self._id(record),
            start,
            end,
            _provider(record),
            "",
            cost,
            record.text("BillingCurrency"),
            _kind(record, cost),
        )

    def _cost(self, record: Fields) -> Optional[Decimal]:
        """Return the cost of a charge, None where it is not for AI.  Raises RejectedError."""
        if record.text("ServiceCategory").lower() != _OURS:
            self._session.tally.skipped["charges of other services"] += 1
            return None
        cost = record.money("EffectiveCost" if self._session.options.effective else "BilledCost")
        if cost is None:
            raise RejectedError("no cost")
        return cost

    def finish(self) -> None:
        """Say what is kept apart, and what the bill does not have."""
        if self._tax:
            self._session.tally.note(f"tax of {self._tax:f} is not in the costs")
        if not self._tokens:
            self._session.tally.note("no token quantities in this bill")

    def _id(self, record: Fields) -> str:
        """Return an id that stays where a later bill has other figures for the same charge."""
        names = [name for name in record if not name.lower().endswith(_FIGURES)]
        dimensions = "\x1f".join(f"{name}={record.text(name)}" for name in sorted(names))
        return self._session.id_of("focus", self._source, dimensions)


def _kind(record: Fields, cost: Decimal) -> str:
    category = record.text("ChargeCategory").lower()
    if category == TAX:
        return TAX
    if record.text("ChargeClass").lower() == CORRECTION:
        return CORRECTION
    return CREDIT if category == CREDIT or cost < 0 else USAGE


def _provider(record: Fields) -> str:
    return fold_provider(record.text("ServiceProviderName", "ProviderName"))


def _period(record: Fields) -> Tuple[int, int]:
    start, end = record.time("ChargePeriodStart"), record.time("ChargePeriodEnd")
    if end <= start:
        raise RejectedError("ends before it starts")
    return start, end


def _call(record: Fields, cost: Decimal, identity: str) -> Call:
    start, end = _period(record)
    return Call(
        id=identity,
        time=start,
        provider=_provider(record),
        model="",
        tokens=_tokens(record),
        cost=cost,
        organization=record.text("SubAccountId"),
        product=record.text("ServiceName"),
        feature=record.text("SkuMeter"),
        region=record.text("RegionId"),
        calls=0,
        bucket_s=(end - start) // MICROSECONDS,
        currency=record.text("BillingCurrency") or "USD",
        bill=True,
        extra=(("task_type", CORRECTION),) if _kind(record, cost) == CORRECTION else (),
    )


def _tokens(record: Fields) -> Tokens:
    """Return the tokens of a charge that counts tokens; of which class, its meter says."""
    count = _quantity(record, "Consumed") or _quantity(record, "Pricing")
    meter = record.text("SkuMeter") if "SkuMeter" in record else record.text("ChargeDescription")
    words = meter.lower()
    if "output" in words:
        return Tokens(output=count)
    if "cache" in words:
        if "write" in words:
            return Tokens(input=count, written=count, written_1h=count if "1h" in words else 0)
        return Tokens(input=count, cached=count)
    return Tokens(input=count) if "input" in words else Tokens()


def _quantity(record: Fields, kind: str) -> int:
    unit = _TOKEN_UNIT(record.text(f"{kind}Unit"))
    quantity = record.number(f"{kind}Quantity")
    if unit is None or quantity is None or quantity < 0:
        return 0
    count = quantity * int(unit.group(1) or 1) * _THOUSANDS[unit.group(2).lower()]
    if count > config.MAX_TOKENS:
        raise RejectedError("number out of range")
    return int(count)


FORMAT = Focus()
