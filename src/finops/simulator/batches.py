"""Random bits in, rows out: one batch at a time, column by column.

A batch draws all its bits at once from a generator of its own, each column looks its values
up in small tables, and all columns are joined into one text in the end.  That is several
times as fast as making rows one by one, and any process can make any batch.  Numbers are
whole (nano-dollars, fixed-point factors), so the bytes are the same on every Python version.
"""

from __future__ import annotations

import random
import sys
from binascii import hexlify
from itertools import chain, compress, repeat
from operator import add
from typing import Callable, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from finops.config import BATCH_SIZE, TRACES_PER_HOUR
from finops.simulator import sampling_tables
from finops.simulator.plan import Hour, Plan
from finops.simulator.row_text import REQUEST_BYTES, RowText

# The random columns of 16 bits each, and how many bits of each are used.
_WHO, _MODEL, _USE, _STATUS, _INPUT, _OUTPUT, _BASE, _JITTER, _TIME = range(9)
_COLUMN_BITS = (
    sampling_tables.WHO_BITS,
    *(sampling_tables.BITS,) * 4,
    sampling_tables.REACH_BITS,
    *(sampling_tables.BITS,) * 3,
)
_MASK = int.from_bytes(
    b"".join(((1 << bits) - 1).to_bytes(2, "little") * BATCH_SIZE for bits in _COLUMN_BITS),
    "little",
)
_HOUR_MS = 3_600_000
_BLOCK = 10_000  # calls that share the first digits of their ids


class Segment(NamedTuple):
    """The calls `first` to `last` (excluded) of an hour."""

    hour: Hour
    first: int
    last: int


class Batch(NamedTuple):
    """`BATCH_SIZE` rows that follow each other; `number` counts from 0."""

    number: int
    segments: Sequence[Segment]


def batches(hours: Iterable[Hour]) -> Iterator[Batch]:
    """Cut the hours' calls into batches."""
    segments: List[Segment] = []
    number, room = 0, BATCH_SIZE
    for hour in hours:
        first = 0
        while first < hour.calls:
            last = min(hour.calls, first + room)
            segments.append(Segment(hour, first, last))
            room -= last - first
            first = last
            if not room:
                yield Batch(number, segments)
                number, room, segments = number + 1, BATCH_SIZE, []


class _Figures(NamedTuple):
    """Numbers of each row, in columns."""

    input: List[int]
    output: List[int]
    total: List[int]
    cost: List[int]  # millionths of a dollar
    latency: List[int]  # ms


class RowMaker:
    """Makes the rows of batches of one plan."""

    def __init__(self, plan: Plan, seed: int, prices: Sequence[Sequence[float]]) -> None:
        self._seed = seed
        self._words = RowText(plan, prices)
        self._calendar = plan.calendar
        self._ones = [f"{i:04d}" for i in range(_BLOCK)]

    def make(self, batch: Batch) -> bytes:
        """Return the batch's rows as they stand in the CSV."""
        bits = random.Random(f"{self._seed}:{batch.number}").getrandbits
        columns = _columns(bits(16 * BATCH_SIZE * len(_COLUMN_BITS)))
        requests = _requests(bits(8 * REQUEST_BYTES * BATCH_SIZE))
        personas, models, uses = self._choose(batch, columns)
        status = self._statuses(personas, columns[_STATUS])
        figures = self._figures(personas, models, status, columns)
        return self._join(batch, columns[_TIME], requests, personas, models, uses, status, figures)

    def _choose(
        self, batch: Batch, columns: Sequence[memoryview]
    ) -> Tuple[List[int], List[int], List[int]]:
        """Return persona, model and use of each row."""
        personas: List[int] = []
        models: List[int] = []
        uses: List[int] = []
        for first, last, hour in _runs(batch):
            customer_table = self._words.customer_table(hour.customer_choice)
            model_tables = self._words.model_tables(hour.models)
            use_tables = self._words.use_tables(hour.feature)
            callers = [customer_table[x] for x in columns[_WHO][first:last]]
            personas += callers
            models += [model_tables[p][x] for p, x in zip(callers, columns[_MODEL][first:last])]
            uses += [use_tables[p][x] for p, x in zip(callers, columns[_USE][first:last])]
        return personas, models, uses

    def _statuses(self, personas: Sequence[int], column: memoryview) -> List[int]:
        words = self._words
        ordinary = words.outcomes
        status = [ordinary[x] for x in column]
        if max(personas) >= words.first_abuser:
            for i in compress(range(len(personas)), [p in words.abusers for p in personas]):
                status[i] = words.abused_outcomes[column[i]]
        return status

    def _figures(
        self,
        personas: Sequence[int],
        models: Sequence[int],
        status: Sequence[int],
        columns: Sequence[memoryview],
    ) -> _Figures:
        words = self._words
        prompts, answers, jitter = words.prompts, words.answers, words.jitter
        input_price, output_price, speed = words.input_price, words.output_price, words.speed
        base, half, unit = words.base_latency, words.money_unit // 2, words.money_unit
        shift, round_up = words.latency_shift, 1 << (words.latency_shift - 1)
        ranks = columns[_INPUT]
        input = [prompts[p][x] for p, x in zip(personas, ranks)]
        output = [answers[p][x] for p, x in zip(personas, map(add, ranks, columns[_OUTPUT]))]
        total = list(map(add, input, output))
        cost = [
            (i * input_price[m] + o * output_price[m] + half) // unit
            for i, o, m in zip(input, output, models)
        ]
        latency = [
            ((t + base[x]) * jitter[p][y] * speed[m] + round_up) >> shift
            for t, x, p, y, m in zip(total, columns[_BASE], personas, columns[_JITTER], models)
        ]
        figures = _Figures(input, output, total, cost, latency)
        self._fail(figures, status, columns[_BASE])
        return figures

    def _fail(self, figures: _Figures, status: Sequence[int], column: memoryview) -> None:
        """Correct the figures of failed calls: refused at once, or given up by the client."""
        words = self._words
        for i in compress(range(len(status)), status):
            if status[i] in words.refusals:
                figures.output[i] = figures.cost[i] = 0
                figures.total[i] = figures.input[i]
                figures.latency[i] = words.refusal_latency[column[i]]
            elif status[i] == words.timeout:
                figures.latency[i] = words.client_timeout

    def _join(
        self,
        batch: Batch,
        times: memoryview,
        requests: Iterable[str],
        personas: Sequence[int],
        models: Sequence[int],
        uses: Sequence[int],
        status: Sequence[int],
        figures: _Figures,
    ) -> bytes:
        w = self._words
        offsets = _offsets(batch, times)
        outcome = w.outcome_text
        call_thousands, call_ones = self._call_ids(batch.number)
        pieces = zip(
            _by_hour(batch, lambda hour: self._calendar.timestamp(hour.number)[:14]),
            [w.minute_second[x // 1000] for x in offsets],
            [w.millisecond[x % 1000] for x in offsets],
            call_thousands,
            call_ones,
            [w.model_text[m] for m in models],
            [w.tokens[x] for x in figures.input],
            [w.tokens[x] for x in figures.output],
            [w.milli_dollars[x // 1000] for x in figures.cost],
            [w.micro_dollars[x % 1000] for x in figures.cost],
            [w.latency_text[x] for x in figures.latency],
            [w.customer_text[p] for p in personas],
            [w.use_text[u] for u in uses],
            requests,
            [w.trace_text[p] for p in personas],
            [w.use_code[u] for u in uses],
            _trace_codes(batch),
            self._agents(batch, personas),
            _by_hour(batch, lambda hour: f"{hour.number:05x},"),
            [w.total_text[x] for x in figures.total],
            [outcome[p][s] for p, s in zip(personas, status)],
            [w.plan_text[p] for p in personas],
        )
        return "".join(chain.from_iterable(pieces)).encode("ascii")

    def _call_ids(self, batch: int) -> Tuple[Iterable[str], Iterable[str]]:
        """Return the first and the last four digits of the calls' numbers, from 1."""
        first = batch * BATCH_SIZE + 1
        begin = first % _BLOCK
        high = first // _BLOCK
        split = min(BATCH_SIZE, _BLOCK - begin)
        thousands = chain(
            repeat(f"{high:04d}", split), repeat(f"{high + 1:04d}", BATCH_SIZE - split)
        )
        return thousands, (self._ones * 2)[begin : begin + BATCH_SIZE]

    def _agents(self, batch: Batch, personas: Sequence[int]) -> List[str]:
        texts: List[str] = []
        for hour, first, last in batch.segments:
            agents = self._words.agents(hour.number)
            at = len(texts)
            texts += [agents[p] for p in personas[at : at + last - first]]
        return texts


def _by_hour(batch: Batch, text: Callable[[Hour], str]) -> Iterator[str]:
    """Return the same text for all rows of an hour."""
    return chain.from_iterable(
        repeat(text(hour), last - first) for hour, first, last in batch.segments
    )


def _trace_codes(batch: Batch) -> Iterator[str]:
    """Return the part of a trace's id that says when it was, row by row."""
    for hour, first, last in batch.segments:
        for part in range(TRACES_PER_HOUR):
            begin = -(-part * hour.calls // TRACES_PER_HOUR)
            end = -(-(part + 1) * hour.calls // TRACES_PER_HOUR)
            yield from repeat(
                f"{hour.number:05x}{part}", max(0, min(end, last) - max(begin, first))
            )


def _requests(raw: int) -> List[str]:
    """Return random bits as the hexadecimal ids of a batch's requests."""
    text = hexlify(raw.to_bytes(REQUEST_BYTES * BATCH_SIZE, "little")).decode("ascii")
    width = 2 * REQUEST_BYTES
    return [text[i : i + width] for i in range(0, len(text), width)]


def _columns(bits: int) -> List[memoryview]:
    """Return the batch's bits as columns of small numbers."""
    length = 2 * BATCH_SIZE * len(_COLUMN_BITS)
    raw = bytearray((bits & _MASK).to_bytes(length, "little"))
    if sys.byteorder == "big":
        raw[0::2], raw[1::2] = raw[1::2], raw[0::2]
    numbers = memoryview(raw).cast("H")
    return [numbers[i : i + BATCH_SIZE] for i in range(0, len(numbers), BATCH_SIZE)]


def _runs(batch: Batch) -> Iterator[Tuple[int, int, Hour]]:
    """Yield stretches of rows whose hours choose alike: first row, row after the last, hour."""
    start = at = 0
    current = batch.segments[0].hour
    for segment in batch.segments:
        hour = segment.hour
        if not (
            hour.customer_choice is current.customer_choice
            and hour.models is current.models
            and hour.feature == current.feature
        ):
            yield start, at, current
            start, current = at, hour
        at += segment.last - segment.first
    yield start, at, current


def _offsets(batch: Batch, times: memoryview) -> List[int]:
    """Return each row's time after its hour began, in ms: evenly spread, each a bit off.

    Call i of n lies somewhere in the i-th of n equal parts of the hour, so times ascend.
    """
    offsets: List[int] = []
    for hour, first, last in batch.segments:
        part = (_HOUR_MS << sampling_tables.BITS) // hour.calls
        jitter = part >> sampling_tables.BITS
        at = len(offsets)
        offsets += [
            (x * jitter + begin) >> sampling_tables.BITS
            for x, begin in zip(
                times[at : at + last - first], range(first * part, last * part, part)
            )
        ]
    return offsets
