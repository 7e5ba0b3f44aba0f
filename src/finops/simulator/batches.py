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
from itertools import accumulate, compress, repeat
from operator import add, itemgetter
from typing import Callable, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from finops.config import BATCH_SIZE, CACHE_BLOCK_TOKENS, RETRY_CHANCE, TRACES_PER_HOUR
from finops.simulator import sampling_tables
from finops.simulator.plan import BEHAVIOURS, ORDINARY, Day, Hour, Plan
from finops.simulator.row_text import CACHE_BITS, REQUEST_BYTES, RowText, is_abuser

# The random columns of 16 bits each, and how many bits of each are used.
_WHO, _SOURCE, _MODEL, _USE, _STATUS, _INPUT, _OUTPUT, _BASE, _JITTER, _TIME, _CACHE = range(11)
_COLUMN_BITS = (
    sampling_tables.WHO_BITS,
    *(sampling_tables.BITS,) * 5,
    sampling_tables.REACH_BITS,
    *(sampling_tables.BITS,) * 4,
)
_RETRIED = int(RETRY_CHANCE * sampling_tables.SIZE)
_MASK = int.from_bytes(
    b"".join(((1 << bits) - 1).to_bytes(2, "little") * BATCH_SIZE for bits in _COLUMN_BITS),
    "little",
)
_BLOCK_SHIFT = CACHE_BITS + CACHE_BLOCK_TOKENS.bit_length() - 1
_HOUR_MS = 3_600_000
_BLOCK_DIGITS = 4
_BLOCK = 10**_BLOCK_DIGITS  # calls that share the first digits of their ids
# Cuts the ids of a batch's requests out of one text.
_EACH_REQUEST: Callable[[str], Sequence[str]] = itemgetter(
    *(
        slice(i, i + 2 * REQUEST_BYTES)
        for i in range(0, 2 * REQUEST_BYTES * BATCH_SIZE, 2 * REQUEST_BYTES)
    )
)
# Looks up one place of a table after the other.
Lookup = Callable[[Sequence[str]], Sequence[str]]


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
    cached: List[int]  # of the input, in blocks


class _Calls(NamedTuple):
    """What each row is about, in columns: numbers of its persona, shape, model and outcome."""

    personas: List[int]
    shapes: List[int]
    models: List[int]
    status: List[int]
    traces: List[str]  # the part of the trace's id that says when it was


class RowMaker:
    """Makes the rows of batches of one plan."""

    def __init__(self, plan: Plan, seed: int, prices: Sequence[Sequence[float]]) -> None:
        self._seed = seed
        self._words = RowText(plan, prices)
        self._calendar = plan.calendar
        self._ones = sampling_tables.digits(_BLOCK_DIGITS)

    def make(self, batch: Batch) -> bytes:
        """Return the batch's rows as they stand in the CSV."""
        self._words.extend()
        bits = random.Random(f"{self._seed}:{batch.number}").getrandbits
        columns = _columns(bits(16 * BATCH_SIZE * len(_COLUMN_BITS)))
        requests = _requests(bits(8 * REQUEST_BYTES * BATCH_SIZE))
        calls = self._choose(batch, columns)
        self._retry(batch, calls, columns)
        figures = self._figures(calls, columns)
        return self._join(batch, columns[_TIME], requests, calls, figures)

    def _choose(self, batch: Batch, columns: Sequence[memoryview]) -> _Calls:
        """Return persona, shape, model and outcome of each row."""
        personas = self._callers(batch, columns)
        first_shape = self._words.first_shape
        shapes: List[int] = []
        models: List[int] = []
        for first, last, day in _days(batch):
            use_tables = self._words.use_tables(day.features)
            model_tables = self._words.model_tables(day.moves)
            uses = [
                first_shape[p] + use_tables[p][x]
                for p, x in zip(personas[first:last], columns[_USE][first:last])
            ]
            shapes += uses
            models += [model_tables[s][x] for s, x in zip(uses, columns[_MODEL][first:last])]
        self._slow_down(batch, models)
        status = self._statuses(batch, personas, columns)
        return _Calls(personas, shapes, models, status, _trace_codes(batch))

    def _callers(self, batch: Batch, columns: Sequence[memoryview]) -> List[int]:
        """Return the persona of each row: a source of calls, and one of its personas."""
        personas: List[int] = []
        words, at = self._words, 0
        for hour, first, last in batch.segments:
            tables = [*words.customer_tables(hour.day)]
            tables += [words.persona_table(persona) for persona, _ in hour.extra]
            weights = [*hour.region_weights, *(weight for _, weight in hour.extra)]
            end = at + last - first
            source = words.source_table(weights)
            personas += [
                tables[source[y]][x]
                for y, x in zip(columns[_SOURCE][at:end], columns[_WHO][at:end])
            ]
            at = end
        return personas

    def _slow_down(self, batch: Batch, models: List[int]) -> None:
        """Let the calls of providers that are slow be to the slow ones of their models."""
        at, offered = 0, self._words.models
        for hour, first, last in batch.segments:
            end = at + last - first
            if hour.slow:
                for i in range(at, end):
                    if offered[models[i]].provider in hour.slow:
                        models[i] += len(offered)
            at = end

    def _statuses(
        self, batch: Batch, personas: Sequence[int], columns: Sequence[memoryview]
    ) -> List[int]:
        words, column = self._words, columns[_STATUS]
        ordinary = words.outcomes
        status = [ordinary[x] for x in column]
        at = 0
        for hour, first, last in batch.segments:
            end = at + last - first
            if any(is_abuser(persona) for persona, _ in hour.extra):
                for i in range(at, end):
                    if is_abuser(personas[i]):
                        status[i] = words.abused_outcomes[column[i]]
            at = end
        return status

    def _retry(self, batch: Batch, calls: _Calls, columns: Sequence[memoryview]) -> None:
        """Make the call after a failed one its retry: the same call in the same trace."""
        personas, shapes, models, status, traces = calls
        chance, prompts = columns[_TIME], columns[_INPUT]
        last_of_hour = {last - 1 for last in _ends(batch)}
        for i in compress(range(BATCH_SIZE), status):
            if (
                chance[i] < _RETRIED
                and i not in last_of_hour
                and personas[i] % BEHAVIOURS == personas[i + 1] % BEHAVIOURS == ORDINARY
            ):
                personas[i + 1], shapes[i + 1] = personas[i], shapes[i]
                models[i + 1], traces[i + 1] = models[i], traces[i]
                prompts[i + 1] = prompts[i]

    def _figures(self, calls: _Calls, columns: Sequence[memoryview]) -> _Figures:
        words = self._words
        personas, shapes, models, status, _ = calls
        prompts, answers, jitter = words.prompts, words.answers, words.jitter
        input_price, output_price, speed = words.input_price, words.output_price, words.speed
        parts, caches, discount = words.cached, words.caches, words.cache_discount
        base, half, unit = words.base_latency, words.money_unit // 2, words.money_unit
        shift, round_up = words.latency_shift, 1 << (words.latency_shift - 1)
        ranks, size = columns[_INPUT].tolist(), CACHE_BLOCK_TOKENS
        input = [prompts[s][x] for s, x in zip(shapes, ranks)]
        output = [answers[s][x + y] for s, x, y in zip(shapes, ranks, columns[_OUTPUT])]
        total = list(map(add, input, output))
        blocks = [
            i * parts[s][x] >> _BLOCK_SHIFT if caches[m] else 0
            for i, s, x, m in zip(input, shapes, columns[_CACHE], models)
        ]
        cost = [
            (i * input_price[m] + o * output_price[m] - c * discount[m] + half) // unit
            for i, o, c, m in zip(input, output, blocks, models)
        ]
        latency = [
            ((t - c * size + base[x]) * jitter[p][y] * speed[m] + round_up) >> shift
            for t, c, x, p, y, m in zip(
                total, blocks, columns[_BASE], personas, columns[_JITTER], models
            )
        ]
        figures = _Figures(input, output, total, cost, latency, blocks)
        self._fail(figures, status, columns[_BASE])
        return figures

    def _fail(self, figures: _Figures, status: Sequence[int], column: memoryview) -> None:
        """Correct the figures of failed calls: refused at once, or given up by the client."""
        words = self._words
        for i in compress(range(len(status)), status):
            if status[i] in words.refusals:
                figures.output[i] = figures.cost[i] = figures.cached[i] = 0
                figures.total[i] = figures.input[i]
                figures.latency[i] = words.refusal_latency[column[i]]
            elif status[i] == words.timeout:
                figures.latency[i] = words.client_timeout

    def _join(
        self,
        batch: Batch,
        times: memoryview,
        requests: Sequence[str],
        calls: _Calls,
        figures: _Figures,
    ) -> bytes:
        personas, shapes, models, status, traces = calls
        w = self._words
        minutes, milliseconds = w.minute_second, w.millisecond
        dollars, micro_dollars = w.milli_dollars, w.micro_dollars
        offsets = _offsets(batch, times)
        thousands, ones = self._call_ids(batch.number)
        # One call that looks up a whole column is faster than a loop of look-ups.
        by_persona, by_shape, by_model = map(_of_all, (personas, shapes, models))
        columns: Sequence[Sequence[str]] = (
            _by_hour(batch, lambda hour: self._calendar.timestamp(hour.number)[:14]),
            [minutes[x // 1000] for x in offsets],
            [milliseconds[x % 1000] for x in offsets],
            thousands,
            ones,
            by_model(w.model_text),
            _of_all(figures.input)(w.tokens),
            _of_all(figures.output)(w.tokens),
            [dollars[x // 1000] for x in figures.cost],
            [micro_dollars[x % 1000] for x in figures.cost],
            _of_all(figures.latency)(w.latency_text),
            by_persona(w.customer_text),
            by_shape(w.use_text),
            requests,
            by_persona(w.trace_text),
            by_shape(w.use_code),
            traces,
            self._agents(batch, by_persona),
            _by_hour(batch, lambda hour: f"{hour.number:05x},"),
            _of_all(figures.total)(w.tokens),
            self._outcomes(personas, status),
            _of_all(figures.cached)(w.cached_text),
        )
        return "".join(_interleaved(columns)).encode("ascii")

    def _outcomes(self, personas: Sequence[int], status: Sequence[int]) -> List[str]:
        """Return the texts of region, outcome and plan: most calls succeed."""
        texts = list(_of_all(personas)(self._words.success_text))
        failures = self._words.failure_text
        for i in compress(range(BATCH_SIZE), status):
            texts[i] = failures[personas[i]][status[i] - 1]
        return texts

    def _call_ids(self, batch: int) -> Tuple[Sequence[str], Sequence[str]]:
        """Return the first and the last four digits of the calls' numbers, from 1."""
        first = batch * BATCH_SIZE + 1
        begin = first % _BLOCK
        high = first // _BLOCK
        split = min(BATCH_SIZE, _BLOCK - begin)
        thousands = [f"{high:04d}"] * split + [f"{high + 1:04d}"] * (BATCH_SIZE - split)
        return thousands, (self._ones * 2)[begin : begin + BATCH_SIZE]

    def _agents(self, batch: Batch, by_persona: Lookup) -> List[str]:
        """Return user agent and session, which change from one hour to the next."""
        turns = [by_persona(agents) for agents in self._words.agents]
        texts: List[str] = []
        for hour, first, last in batch.segments:
            at = len(texts)
            texts += turns[hour.number % len(turns)][at : at + last - first]
        return texts


def _interleaved(columns: Sequence[Sequence[str]]) -> List[str]:
    """Return the first text of each column, then the second of each, and so on."""
    count = len(columns)
    pieces = [""] * (count * BATCH_SIZE)
    for place, column in enumerate(columns):
        pieces[place::count] = column
    return pieces


def _by_hour(batch: Batch, text: Callable[[Hour], str]) -> List[str]:
    """Return the same text for all rows of an hour."""
    texts: List[str] = []
    for hour, first, last in batch.segments:
        texts += [text(hour)] * (last - first)
    return texts


def _trace_codes(batch: Batch) -> List[str]:
    """Return the part of a trace's id that says when it was, row by row."""
    codes: List[str] = []
    for hour, first, last in batch.segments:
        begin = first
        for part in range(TRACES_PER_HOUR):
            end = min(last, -(-(part + 1) * hour.calls // TRACES_PER_HOUR))
            if end > begin:
                codes += [f"{hour.number:05x}{part}"] * (end - begin)
                begin = end
    return codes


def _of_all(places: Iterable[int]) -> Lookup:
    """Return what looks all these places of a table up; they are two or more."""
    return itemgetter(*places)


def _requests(raw: int) -> Sequence[str]:
    """Return random bits as the hexadecimal ids of a batch's requests."""
    text = hexlify(raw.to_bytes(REQUEST_BYTES * BATCH_SIZE, "little")).decode("ascii")
    return _EACH_REQUEST(text)


def _columns(bits: int) -> List[memoryview]:
    """Return the batch's bits as columns of small numbers."""
    length = 2 * BATCH_SIZE * len(_COLUMN_BITS)
    raw = bytearray((bits & _MASK).to_bytes(length, "little"))
    if sys.byteorder == "big":
        raw[0::2], raw[1::2] = raw[1::2], raw[0::2]
    numbers = memoryview(raw).cast("H")
    return [numbers[i : i + BATCH_SIZE] for i in range(0, len(numbers), BATCH_SIZE)]


def _days(batch: Batch) -> Iterator[Tuple[int, int, Day]]:
    """Yield the stretches of rows of one day: first row, row after the last, day."""
    start = at = 0
    current = batch.segments[0].hour.day
    for segment in batch.segments:
        day = segment.hour.day
        if day is not current:
            yield start, at, current
            start, current = at, day
        at += segment.last - segment.first
    yield start, at, current


def _ends(batch: Batch) -> Iterator[int]:
    """Yield the row after the last of each hour."""
    return accumulate(last - first for _, first, last in batch.segments)


def _offsets(batch: Batch, times: memoryview) -> List[int]:
    """Return each row's time after its hour began, in ms: evenly spread, each a bit off.

    Call i of n lies somewhere in the i-th of n equal parts of the hour, so times ascend.
    """
    offsets: List[int] = []
    for hour, first, last in batch.segments:
        part, at = _HOUR_MS // hour.calls, len(offsets)
        offsets += [
            (x * part >> sampling_tables.BITS) + begin
            for x, begin in zip(times[at : at + last - first], _steps(first, last, part))
        ]
    return offsets


def _steps(first: int, last: int, part: int) -> Iterable[int]:
    """Return the beginnings of the parts of an hour; all are the same where they have no length."""
    return range(first * part, last * part, part) if part else repeat(0, last - first)
