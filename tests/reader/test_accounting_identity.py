"""Every physical line is in one class, and every dollar is used or said to be unused.

A thousand files are put together at random from lines of which the class is known, and the
counts and the money are held against a tally kept while they were put together.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Tuple

import pytest

from finops.reader.options import ReadingOptions
from finops.rollups.dataset import open_dataset

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

NAMES = (
    *("timestamp", "call_id", "provider", "model", "input_tokens", "output_tokens", "cost_usd"),
    *("latency_ms", "customer_id", "status", "prompt"),
)
HEADER = ",".join(NAMES)
SINCE = "2026-03-05T00:00:00.000000"


class Tally:
    """What a file is known to hold, kept while it is put together."""

    def __init__(self) -> None:
        self.lines: List[str] = [HEADER]
        self.counts: Counter[str] = Counter(header=1)
        self.used_cost = Decimal(0)
        self.unused_cost = Decimal(0)
        self.blanked = 0

    def add(self, text: str, kind: str) -> None:
        """Add one record of a class; its further physical lines are continuation lines."""
        lines = text.split("\n")
        self.lines += lines
        self.counts[kind] += 1
        self.counts["continuation"] += len(lines) - 1


class Maker:
    """Makes one file; each method adds a record of one kind."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.tally = Tally()
        self.ids = 0
        self.last = ""
        self.last_blanked = 0

    def _row(self, **changes: str) -> Tuple[Dict[str, str], Decimal]:
        self.ids += 1
        cost = Decimal(self.rng.randrange(1, 10_000_000)).scaleb(-6)
        day = self.rng.randrange(6, 28)
        row = {
            "timestamp": f"2026-03-{day:02}T{self.rng.randrange(24):02}:00:00Z",
            "call_id": f"id-{self.rng.randrange(10**6)}-{self.ids}",
            "provider": "openai",
            "model": "gpt-4o",
            "input_tokens": str(self.rng.randrange(1, 3000)),
            "output_tokens": str(self.rng.randrange(1, 900)),
            "cost_usd": str(cost),
            "latency_ms": str(self.rng.randrange(1, 4000)),
            "customer_id": f"c{self.rng.randrange(9)}",
            "status": "success",
            "prompt": "",
        }
        row.update(changes)
        return row, cost

    @staticmethod
    def _text(row: Dict[str, str]) -> str:
        return ",".join(row[name] for name in NAMES)

    def _use(self, **changes: str) -> None:
        row, cost = self._row(**changes)
        self.last, self.last_blanked = self._text(row), 0
        self.tally.add(self.last, "used")
        self.tally.used_cost += cost

    def _skip(self, **changes: str) -> None:
        row, cost = self._row(**changes)
        self.tally.add(self._text(row), "skipped")
        self.tally.unused_cost += cost

    def good(self) -> None:
        """Add a good record."""
        self._use()

    def of_several_lines(self) -> None:
        """Add a record with a quoted text over several lines."""
        self._use(prompt='"' + "\n".join(["a", '""b"",', ""][: self.rng.randrange(2, 4)]) + '"')

    def blanked(self) -> None:
        """Add a record with a bad optional value."""
        self._use(latency_ms=self.rng.choice(["fast", "1_0", "0x10", "-4"]))
        self.tally.blanked += 1
        self.last_blanked = 1

    def without_customer(self) -> None:
        """Add a record of no customer."""
        self._use(customer_id="")

    def bad_time(self) -> None:
        """Add a record whose time is none."""
        self._skip(timestamp=self.rng.choice(["yesterday", "2026-02-30T00:00:00Z", "08/10/2026"]))

    def bad_tokens(self) -> None:
        """Add a record whose tokens are no number."""
        self._skip(output_tokens=self.rng.choice(["x", "-1", "1e400", "0x1"]))

    def no_model(self) -> None:
        """Add a record of no model."""
        self._skip(model="")

    def short(self) -> None:
        """Add a record with fields missing; nobody knows which."""
        self.tally.add("2026-03-06T00:00:00Z,gpt-4o,1", "skipped")

    def outside(self) -> None:
        """Add a record before the range."""
        row, _ = self._row(timestamp="2026-03-04T23:59:59.999999Z")
        self.tally.add(self._text(row), "outside")

    def repeated(self) -> None:
        """Add a record again; what of it cannot be read is met again, too."""
        if self.last:
            self.tally.add(self.last, "repeated_records")
            self.tally.blanked += self.last_blanked

    def blank(self) -> None:
        """Add a blank line."""
        self.tally.add(self.rng.choice(["", "  "]), "blank")

    def header(self) -> None:
        """Add the header again."""
        self.tally.add(HEADER, "repeated_headers")


KINDS: Tuple[Callable[[Maker], None], ...] = (
    *(Maker.good, Maker.good, Maker.good, Maker.of_several_lines, Maker.blanked),
    *(Maker.without_customer, Maker.bad_time, Maker.bad_tokens, Maker.no_model, Maker.short),
    *(Maker.outside, Maker.repeated, Maker.blank, Maker.header),
)


class Counts(NamedTuple):
    """The classes of the lines of a file."""

    header: int
    used: int
    skipped: int
    repeated_records: int
    outside: int
    repeated_headers: int
    blank: int
    continuation: int


def _made(seed: int) -> Tally:
    maker = Maker(seed)
    maker.good()
    kinds = maker.rng.sample(KINDS, maker.rng.randrange(1, len(KINDS)))
    for _ in range(maker.rng.randrange(1, 60)):
        maker.rng.choice(kinds)(maker)
    return maker.tally


@pytest.mark.parametrize("hundred", range(10))
def test_every_line_and_every_dollar_is_accounted_for(hundred: int, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    for seed in range(hundred * 100, hundred * 100 + 100):
        tally = _made(seed)
        path.write_bytes(("\n".join(tally.lines) + "\n").encode("utf-8"))
        data = open_dataset(path, workers=1, options=ReadingOptions(since=SINCE)).rollups(())
        account = data.accounting
        counted = Counts(
            account.header,
            account.used,
            account.skipped_rows,
            account.repeated_records,
            account.outside,
            account.repeated_headers,
            account.blank,
            account.continuation,
        )
        assert counted == Counts(*(tally.counts[name] for name in Counts._fields)), seed
        assert account.balanced, seed
        assert account.lines == len(tally.lines), seed
        assert sum(blanked.values for blanked in account.blanked) == tally.blanked, seed
        assert data.totals.cost == pytest.approx(float(tally.used_cost), abs=1e-9), seed
        assert account.unused_cost == pytest.approx(float(tally.unused_cost), abs=1e-9), seed
