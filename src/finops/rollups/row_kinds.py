"""What a row stands for: calls at one moment, an aggregate of many, or a credit.

- A credit has a negative cost.  It is no call and has no tokens, no latency and no error; its
  amount is a column of its own, `CREDIT`, so that all numbers that are summed stay positive.
- An aggregate says how much time it covers, or stands for more calls than one moment has, or
  does not say for how many.  Its latency is a mean of calls that are not known one by one, so it
  takes no part in latency, and its region is none that a customer was seen in at a moment.
"""

from __future__ import annotations

from typing import List, Optional, Sequence, cast

from finops import config, schema
from finops.reader.encoding import COST, CREDIT, Batch, Numbers

_CALLS, _BUCKET, _LATENCY = "calls", "bucket_s", "latency_ms"


def as_counted(batch: Batch) -> Batch:
    """Return the rows with the numbers that count: those of credits and aggregates differ.

    Costs may be negative in what is given, not in what is returned.
    """
    return _without_latency_of_aggregates(_with_credits(batch))


def moments(batch: Batch) -> Optional[Sequence[bool]]:
    """Return which rows are calls at one moment, None where all are.

    Of a batch that `as_counted` returned.
    """
    if not batch.numbers.keys() & {_CALLS, _BUCKET}:
        return None
    kinds = _are_moments(batch)
    return None if all(kinds) else kinds


def _with_credits(batch: Batch) -> Batch:
    costs = cast(List[int], batch.numbers[COST])  # each row has one
    if min(costs, default=0) >= 0:
        return batch
    credit = [cost < 0 for cost in costs]
    numbers = {c.name: _cleared(batch, c, credit) for c in _to_clear(batch)}
    numbers[COST] = [max(cost, 0) for cost in costs]
    numbers[CREDIT] = [max(-cost, 0) for cost in costs]
    return batch._replace(numbers=numbers)


def _to_clear(batch: Batch) -> List[schema.Column]:
    """Return the columns of numbers that are there, and that of calls in any case."""
    return [c for c in schema.NUMBERS if c.name in batch.numbers or c.name == _CALLS]


def _cleared(batch: Batch, column: schema.Column, credit: Sequence[bool]) -> Numbers:
    """Return a column with nothing in it where a row is a credit: 0, or what is not known.

    The time that it covers stays, which says of what day a credit is.
    """
    if column.name == _BUCKET:
        return batch.number(_BUCKET)
    known = column.required or column.default is not None
    nothing = 0 if known else None
    values = batch.number(column.name)
    return [nothing if is_credit else value for value, is_credit in zip(values, credit)]


def _without_latency_of_aggregates(batch: Batch) -> Batch:
    if _LATENCY not in batch.numbers:
        return batch
    kinds = moments(batch)
    if kinds is None:
        return batch
    latencies = [ms if kind else None for ms, kind in zip(batch.numbers[_LATENCY], kinds)]
    return batch._replace(numbers={**batch.numbers, _LATENCY: latencies})


def _are_moments(batch: Batch) -> List[bool]:
    return [
        bucket is None and 0 < (calls or 0) <= config.MAX_CALLS_OF_A_MOMENT
        for bucket, calls in zip(batch.number(_BUCKET), batch.number(_CALLS))
    ]
