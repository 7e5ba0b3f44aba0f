"""Rows that an engine brought back, as tables are delivered: times by name, money in USD."""

from __future__ import annotations

from array import array
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from sys import intern
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

from finops import config
from finops.engines.statements import CHANGES, GROUPS, RETRIES, SESSIONS, InGroup, in_group
from finops.reader.fields import PICO
from finops.rollups.compact_table import Growing, in_order
from finops.rollups.expressions import is_condition
from finops.rollups.measures import (
    COHORT_WEEK,
    TEXT_COLUMNS,
    TIME_DIMENSIONS,
    Dimension,
    Distinct,
    Distribution,
    Seen,
    Standing,
    dimension_of,
)
from finops.rollups.planner import distributions_of
from finops.rollups.retries import RetryFigures
from finops.rollups.sessions import Session, SessionFigures
from finops.rollups.spec import Key, Table, Values, in_key_order
from finops.rollups.usual import time_place, without
from finops.stats import rank_index
from finops.timestamps import EPOCH, timestamp, week_of

Rows = Iterable[Sequence[Any]]
Decoder = Callable[[Any], Any]
_ROWS_AT_A_TIME = 50_000
# Aggregates begin at few moments: each has one text then, as long as they are no more than these.
_MOMENTS_KEPT = 50_000
_FIRST_DAY = EPOCH.date()
_MONDAY = 3  # days from the Monday of its week to the first day


def decoded(table: Table, rows: Mapping[str, Rows]) -> Mapping[Key, Values]:
    """Return a table in key order from the rows of its statements."""
    if SESSIONS in rows:
        return _sessions(rows[SESSIONS])
    if RETRIES in rows:
        return _retries(rows[RETRIES])
    if CHANGES in rows:
        return _region_changes(table, rows[CHANGES])
    keys = KeyReader(table)
    units = [_value_of(measure) for measure in in_group(table)]
    if not distributions_of(table):
        return _as_columns(keys, units, rows[GROUPS])
    groups: Dict[Key, Values] = {
        keys.of(row): tuple(unit(value) for unit, value in zip(units, row[keys.count :]))
        for row in rows[GROUPS]
    }
    for distribution in distributions_of(table):
        place = table.measure_names.index(distribution.name)
        values_of = _listed_values if distribution.usual is None else _standings
        found = values_of(table, distribution, rows[distribution.column], groups)
        groups = {key: (*v[:place], found[key], *v[place:]) for key, v in groups.items()}
    return in_key_order(groups)


def _as_columns(reader: KeyReader, units: Sequence[Decoder], rows: Rows) -> Mapping[Key, Values]:
    """Return groups with their values in arrays from the beginning, as there may be millions."""
    count, decoders = 0, [*reader.decoders, *units]
    columns = [Growing() for _ in decoders]
    coming = iter(rows)
    for some in iter(lambda: list(islice(coming, _ROWS_AT_A_TIME)), []):
        count += len(some)
        for place, decode in enumerate(decoders):
            columns[place].add(list(map(decode, map(itemgetter(place), some))))
    return in_order(count, columns[: reader.count], columns[reader.count :])


def _listed_values(
    table: Table, distribution: Distribution, rows: Rows, groups: Iterable[Key]
) -> Dict[Key, Any]:
    """Return the values of a column by group, from rows with a value and how often there is it."""
    reader = KeyReader(table)
    listed: Dict[Key, List[Tuple[int, int]]] = {key: [] for key in groups}
    for row in rows:
        pairs = listed.get(reader.of(row))
        if pairs is not None:  # else `having` has left out the group
            pairs.append((int(row[reader.count]), int(row[reader.count + 1])))
    made = _histogram if distribution.counted else _values
    return {key: made(pairs) for key, pairs in listed.items()}


def _standings(
    table: Table, distribution: Distribution, rows: Rows, groups: Iterable[Key]
) -> Dict[Key, Any]:
    """Return how groups stand to what is usual, from rows of those that know a value."""
    reader, time = KeyReader(table), time_place(table)
    found: Dict[Key, Standing] = {}
    usual: Dict[Key, float] = {}
    for row in rows:
        key = reader.of(row)
        known, percentile, twice, beyond = map(_number, row[reader.count :])
        found[key] = Standing(known, percentile, None if twice is None else twice / 2, beyond)
        if twice is not None:
            usual[without(key, time)] = twice / 2
    for key in groups:
        if key not in found:
            at = usual.get(without(key, time))
            found[key] = Standing(0, None, at, None if at is None else 0)
    return found


def hour_name(hour: int) -> str:
    """Return an hour by its number since 1970.

    >>> hour_name(1)
    '1970-01-01T01:00:00'
    """
    return (EPOCH + timedelta(hours=hour)).isoformat()


def _day_name(day: int) -> str:
    return (_FIRST_DAY + timedelta(days=day)).isoformat()


def _week_name(week: int) -> str:
    return week_of(_FIRST_DAY + timedelta(days=7 * week - _MONDAY))


_TIMES: Dict[str, Callable[[int], Any]] = {
    "hour": hour_name,
    "day": _day_name,
    "week": _week_name,
    "hour_of_day": int,
}
assert set(_TIMES) == set(TIME_DIMENSIONS)


class _Remembered(Dict[Any, Any]):
    """The names of numbers, each made once."""

    def __init__(self, name: Callable[[int], Any]) -> None:
        super().__init__()
        self._name = name

    def __missing__(self, number: Any) -> Any:
        self[number] = name = self._name(int(number))
        return name


class KeyReader:
    """Reads the keys of a table, which are the first columns of its rows."""

    def __init__(self, table: Table) -> None:
        self.count = len(table.by)
        self.decoders = [_decoder(dimension_of(given)) for given in table.by]

    def of(self, row: Sequence[Any]) -> Key:
        """Return the key of a row."""
        return tuple(decode(value) for decode, value in zip(self.decoders, row))

    def part(self, values: Sequence[Any], first: int) -> Key:
        """Return a part of a key, of values from the place `first` on."""
        return tuple(decode(value) for decode, value in zip(self.decoders[first:], values))


def _decoder(dimension: Dimension) -> Decoder:
    if dimension.name in _TIMES:
        return _Remembered(_TIMES[dimension.name]).__getitem__
    if dimension.name == COHORT_WEEK:
        return _Remembered(_week_name).__getitem__
    if dimension.name == "tier_price_usd":
        return usd
    if is_condition(dimension.value):
        return truth
    texts = dimension.value.operator == "column" and dimension.columns <= TEXT_COLUMNS
    return _text if texts else _number


def _text(value: Any) -> str:
    """Return a text such that equal ones, of which an engine makes many, are one object."""
    return intern(str(value))


def truth(value: Any) -> bool:
    """Return what an engine, or a CSV, says for true or false."""
    return value is True or str(value).strip().lower() in ("true", "t", "1")


def usd(pico: Any) -> Any:
    """Return pico-dollars in USD; None where there are none."""
    return None if pico in (None, "") else int(pico) / PICO


def _number(value: Any) -> Any:
    return None if value in (None, "") else int(value)


def moment(us: Any) -> str:
    """Return microseconds since 1970 as a timestamp.

    >>> moment(1_500_000)
    '1970-01-01T00:00:01.500000'
    """
    return timestamp(EPOCH + timedelta(microseconds=int(us)))


def _value_of(measure: InGroup) -> Decoder:
    if isinstance(measure, Seen):
        return lru_cache(maxsize=_MOMENTS_KEPT)(moment)
    if isinstance(measure, Distinct) or measure.unit == 1:
        return int
    unit = measure.unit
    return lambda value: int(value) / unit


def _histogram(pairs: List[Tuple[int, int]]) -> Dict[int, int]:
    return dict(sorted(pairs))


def _values(pairs: List[Tuple[int, int]]) -> Any:
    values = array("I")
    for value, times in sorted(pairs):
        values.extend([value] * times)
    return values


def _region_changes(table: Table, rows: Rows) -> Dict[Key, Values]:
    days: Dict[Tuple[str, str], List[Any]] = {}
    for customer, day, one, other, times, shortest in rows:
        key = (str(customer), _day_name(int(day)))
        known = days.setdefault(key, [0, set(), int(shortest)])
        known[0] += int(times)
        known[1] |= {str(one), str(other)}
        known[2] = min(known[2], int(shortest))
    named: Dict[str, Callable[[List[Any]], Any]] = {
        "region_changes": lambda known: known[0],
        "changed_regions": lambda known: tuple(sorted(known[1])),
        "shortest_change_s": lambda known: known[2] / 10**6,
    }
    readers = [named[name] for name in table.measure_names]
    return in_key_order({key: tuple(r(known) for r in readers) for key, known in days.items()})


def _sessions(rows: Rows) -> Dict[Key, Values]:
    """Return the sessions from those at some places of their order by cost."""
    by_place = {int(row[3]): row for row in rows}
    if not by_place:
        return {}
    count, calls = (int(number) for number in next(iter(by_place.values()))[4:])
    if count > config.MOST_SESSIONS:
        return {(): (SessionFigures(),)}
    middle, upper = (usd(by_place[rank_index(count, share) + 1][2]) for share in (0.5, 0.95))
    highest = sorted(by_place, reverse=True)[: min(count, config.TOP_SESSIONS)]
    top = (by_place[place] for place in highest)
    sessions = tuple(Session(str(name), int(n), usd(cost)) for name, n, cost, *_ in top)
    return {(): (SessionFigures(count, calls, middle, upper, sessions),)}


def _retries(rows: Rows) -> Dict[Key, Values]:
    ((instants, calls, cost),) = rows
    return {(): (RetryFigures(int(calls), usd(cost)),)} if int(instants) else {}
