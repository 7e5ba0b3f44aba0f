"""Datasets made from others: longer, dirty, with repeats, of many customers, models or years."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Callable, Deque, Dict, List

_OF_CUSTOMERS = (
    "subscription_tier",
    "organization_id",
    "product_id",
    "customer_archetype",
    "tier_price_usd",
)


def append(source: Path, target: Path, count: int) -> None:
    """Append the next whole lines of `source`, of which `target` is the beginning."""
    with open(str(source), "rb") as lines, open(str(target), "ab") as out:
        lines.seek(target.stat().st_size)
        out.write(lines.read(count) + lines.readline())


def spoil(source: Path, target: Path) -> None:
    """Copy a file with every hundredth row broken: a letter in a number, in turn a field less."""
    with open(str(source), "rb") as lines, open(str(target), "wb") as out:
        for number, line in enumerate(lines):
            if number % 100 == 50:
                fields = line.split(b",")
                fields[4] = b"x"
                line = b",".join(fields if number % 200 == 50 else fields[1:])
            out.write(line)


def unordered_ids(source: Path, target: Path, repeated_every: int = 0) -> None:
    """Copy a file with ids in no order; with `repeated_every` each such row is an earlier one."""
    recent: Deque[List[bytes]] = deque(maxlen=10_000)

    def renamed(number: int, fields: List[bytes]) -> None:
        if repeated_every and number % repeated_every == repeated_every - 1:
            fields[:] = recent[0]
            return
        fields[1] = blake2b(b"%d" % number, digest_size=16).hexdigest().encode("ascii")
        recent.append(fields[:])

    _rewritten(source, target, renamed)


def many_customers(source: Path, target: Path, count: int = 50_000) -> None:
    """Copy a file with its calls dealt in turn to so many customers, a prime not dividing them.

    Each has what the customer of its first call had: organization, product, tier, price.
    """
    with open(str(source), "rb") as lines:
        names = lines.readline().decode("ascii").strip().split(",")
    owner = names.index("customer_id")
    columns = [names.index(name) for name in _OF_CUSTOMERS]
    known: Dict[bytes, List[bytes]] = {}

    def dealt(number: int, fields: List[bytes]) -> None:
        fields[owner] = b"cust_%05d" % (number * 7919 % count)
        kept = known.setdefault(fields[owner], [fields[place] for place in columns])
        for place, value in zip(columns, kept):
            fields[place] = value

    _rewritten(source, target, dealt)


def ten_years(source: Path, target: Path) -> None:
    """Copy a file with its calls spread over ten years, all hours of them."""
    with open(str(source), "rb") as lines:
        rows = sum(1 for _ in lines)
    begun, span = datetime(2016, 1, 1), timedelta(days=3652)

    def spread(number: int, fields: List[bytes]) -> None:
        moment = begun + span * (number / rows)
        fields[0] = moment.strftime("%Y-%m-%dT%H:%M:%S.%f").encode("ascii")

    _rewritten(source, target, spread)


def a_model_each(source: Path, target: Path) -> None:
    """Copy a file with each call made to a model of its own."""

    def renamed(number: int, fields: List[bytes]) -> None:
        fields[3] = b"model-%07d" % number

    _rewritten(source, target, renamed)


def a_day_each(source: Path, target: Path) -> None:
    """Copy a file with each call made on a day of its own, from 1900 on."""
    begun = datetime(1900, 1, 1)

    def moved(number: int, fields: List[bytes]) -> None:
        moment = begun + timedelta(days=number)
        fields[0] = moment.strftime("%Y-%m-%dT%H:%M:%S.%f").encode("ascii")

    _rewritten(source, target, moved)


def _rewritten(source: Path, target: Path, change: Callable[[int, List[bytes]], None]) -> None:
    with open(str(source), "rb") as lines, open(str(target), "wb") as out:
        out.write(lines.readline())
        for number, line in enumerate(lines):
            fields = line.split(b",")
            change(number, fields)
            out.write(b",".join(fields))
