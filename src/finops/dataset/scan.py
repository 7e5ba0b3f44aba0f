"""A CSV as a dataset: one pass over the file, on all cores, that fills every declared table.

The file is cut at line ends into one part a process.  This process reads the first part, the
others are started as fresh interpreters (never forked: a fork would keep the locks of its
parent).  Sums are whole numbers, so the result does not depend on how the file was cut.
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from finops import config
from finops.catalog import DEFAULT_PRICES, PriceTable
from finops.dataset.batch import Encoder
from finops.dataset.fields import canonical_time
from finops.dataset.fold import fold, fold_changes
from finops.dataset.header import Header, open_csv, read_header
from finops.dataset.journeys import Journeys, UnorderedJourneys, joined
from finops.dataset.mark import read_mark, readable_end
from finops.dataset.part import batches, filled_cubes, journeys_in, scan_part
from finops.dataset.pieces import PieceReader
from finops.dataset.plan import Plan, has_sums
from finops.dataset.rollup import (
    LATENCY_HISTOGRAM,
    REGION_CHANGE_MEASURES,
    Accounting,
    Customer,
    FileInfo,
    Period,
    Rollups,
    Skipped,
    Table,
    Totals,
)
from finops.dataset.workers import PartWorkers
from finops.errors import DataError

# Below this many bytes a process of its own costs more than it saves.
MIN_PART_BYTES = 4 * config.MEGABYTE
_TOTALS = Table((), ("calls", "cost", "input_tokens", "output_tokens", "errors", "unpriced"))

Progress = Callable[[int, int], None]


def open_dataset(
    source: Any,
    workers: Optional[int] = None,
    prices: PriceTable = DEFAULT_PRICES,
    progress: Optional[Progress] = None,
) -> Any:
    """Return a `Dataset` for a path; anything that already gives rollups is returned as it is."""
    return source if hasattr(source, "rollups") else Dataset(source, workers, prices, progress)


class Dataset:
    """The calls of one CSV.

    `workers`: processes to read with, by default as many as there are cores and work for.
    `progress(bytes done, bytes in all)` is called now and then while reading.
    """

    def __init__(
        self,
        path: Any,
        workers: Optional[int] = None,
        prices: PriceTable = DEFAULT_PRICES,
        progress: Optional[Progress] = None,
    ) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self.prices = prices
        self._workers = workers
        self._progress = progress
        self._filled: Dict[Table, Any] = {}
        self._around: Dict[str, Any] = {}

    def rollups(self, tables: Iterable[Table]) -> Rollups:
        """Return the declared tables, reading the file if any of them is not there yet.

        Raises DataError where the file as a whole cannot be read.
        """
        wanted = tuple(tables)
        if not self._around or any(table not in self._filled for table in wanted):
            self.fill(wanted)
        return Rollups({t: self._filled[t] for t in wanted}, prices=self.prices, **self._around)

    def fill(self, tables: Iterable[Table]) -> None:
        """Fill the declared tables in one pass; what was filled before is forgotten."""
        plan = Plan((*tables, _TOTALS))
        with open_csv(self.path) as stream:
            header = read_header(stream, os.path.basename(self.path))
            end = max(header.data_start, readable_end(self.path))
            latest = self._latest()
            spans = _spans(stream, header.data_start, end, self._count(end))
            parts = self._parts(stream, spans, header, plan, latest)
            journeys = joined([journeys_in(part) for part in parts])
            if journeys is None:
                journeys = self._sorted_journeys(stream, (header.data_start, end), header, latest)
        accounting = _accounting([part["accounts"] for part in parts], header)
        self._refuse_if_nothing_is_usable(accounting)
        self._filled = _fold_all(plan, parts, journeys)
        totals = self._filled[_TOTALS].get((), (0, 0.0, 0, 0, 0, 0))
        self._around = {
            "period": _period(journeys),
            "totals": Totals(*totals),
            "customers": _customers(journeys),
            "accounting": accounting,
            "file": FileInfo(os.path.basename(self.path), end),
        }

    def _count(self, size: int) -> int:
        wanted = self._workers or os.cpu_count() or 1
        return max(1, min(wanted, size // MIN_PART_BYTES if self._workers is None else wanted))

    def _latest(self) -> bytes:
        """Return the time after which a row lies in the future.

        A simulated dataset's own clock may run ahead of the wall's; its mark says how far.
        """
        now = datetime(1970, 1, 1) + timedelta(seconds=int(time.time()))
        latest = canonical_time(now + timedelta(hours=config.FUTURE_TOLERANCE_HOURS))
        mark = read_mark(self.path)
        clock = mark.clock.encode("ascii") if mark is not None else b""
        return max(latest, clock)

    def _parts(
        self,
        stream: Any,
        spans: Sequence[Tuple[int, int]],
        header: Header,
        plan: Plan,
        latest: bytes,
    ) -> List[Dict[str, Any]]:
        total = spans[-1][1] - spans[0][0]
        share = len(spans)

        def report(done: int) -> None:
            if self._progress is not None:
                self._progress(min(total, done * share), total)

        with PartWorkers(self.path, spans[1:], plan.tables, self.prices, latest) as others:
            first = scan_part(stream, spans[0], header, plan, self.prices, latest, report)
            return [first, *others.results()]

    def _sorted_journeys(
        self, stream: Any, span: Tuple[int, int], header: Header, latest: bytes
    ) -> Journeys:
        """Return the journeys of an unordered file, in a pass of its own."""
        encoder = Encoder()
        collected = UnorderedJourneys()
        reader = PieceReader(header, encoder, self.prices, latest)
        for batch in batches(stream, span, reader):
            collected.add(batch, encoder)
        return collected.finish()

    def _refuse_if_nothing_is_usable(self, accounting: Accounting) -> None:
        if accounting.used or not accounting.skipped_rows:
            return
        worst = sorted(accounting.skipped, key=lambda s: -s.rows)[:3]
        reasons = ", ".join(f"{s.reason} ({s.rows} rows, first line {s.lines[0]})" for s in worst)
        raise DataError(f"{os.path.basename(self.path)}: no usable row; {reasons}")


def _spans(stream: Any, start: int, end: int, count: int) -> List[Tuple[int, int]]:
    """Cut [start, end) at line ends into at most `count` parts of about the same size."""
    cuts = [start]
    for k in range(1, count):
        cut = _next_line(stream, start + (end - start) * k // count, end)
        if cuts[-1] < cut < end:
            cuts.append(cut)
    return list(zip(cuts, [*cuts[1:], end]))


def _next_line(stream: Any, offset: int, end: int) -> int:
    """Return the offset of the first line that starts after `offset`, at most `end`."""
    stream.seek(offset)
    while offset < end:
        chunk = stream.read(config.MAX_LINE_BYTES)
        if not chunk:
            break
        found: int = chunk.find(b"\n")
        if found >= 0:
            return min(end, offset + found + 1)
        offset += len(chunk)
    return end


def _fold_all(
    plan: Plan, parts: List[Dict[str, Any]], journeys: Journeys
) -> Dict[Table, Dict[Any, Any]]:
    cubes = {spec: filled_cubes(parts, plan, k) for k, spec in enumerate(plan.specs)}
    filled: Dict[Table, Dict[Any, Any]] = {}
    for table in plan.tables:
        if set(table.measures) & set(REGION_CHANGE_MEASURES):
            filled[table] = fold_changes(table, journeys)
            continue
        latency = LATENCY_HISTOGRAM in table.measures
        filled[table] = fold(
            table,
            cubes[plan.spec_for(table, latency=False)] if has_sums(table) else [],
            cubes[plan.spec_for(table, latency=True)] if latency else [],
        )
    return filled


def _accounting(parts: Sequence[Dict[str, Any]], header: Header) -> Accounting:
    """Add up the accounts of all parts; line numbers become those of the whole file."""
    rows: Dict[str, int] = {}
    lines: Dict[str, List[int]] = {}
    before = 1  # the header
    for part in parts:
        for reason, count in part["skipped"].items():
            rows[reason] = rows.get(reason, 0) + count
            lines.setdefault(reason, []).extend(n + before for n in part["first_lines"][reason])
        before += part["lines"]
    skipped = tuple(
        Skipped(reason, rows[reason], tuple(sorted(lines[reason])[: config.SKIPPED_LINES_KEPT]))
        for reason in sorted(rows, key=lambda r: (-rows[r], r))
    )
    return Accounting(
        lines=before,
        header=1,
        used=sum(part["used"] for part in parts),
        skipped=skipped,
        repeated_headers=sum(part["repeated_headers"] for part in parts),
        blank=sum(part["blank"] for part in parts),
        incomplete_tail=sum(part["incomplete_tail"] for part in parts),
        notes=header.notes,
    )


def _period(journeys: Journeys) -> Period:
    return Period(journeys.first_time.decode("ascii"), journeys.last_time.decode("ascii"))


def _customers(journeys: Journeys) -> Dict[str, Customer]:
    found: Dict[str, Customer] = {}
    for customer, journey in sorted(journeys.journeys.items()):
        _, tier, organization, product, archetype, price = journey.last.key
        found[customer] = Customer(
            tier,
            price,
            organization,
            product,
            archetype,
            journey.first.time.decode("ascii"),
            journey.last.time.decode("ascii"),
        )
    return found
