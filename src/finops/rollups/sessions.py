"""What the calls of each session cost together, in bounded memory.

Ids of sessions are too many for a dimension: a quarter as many as calls.  They are followed by
themselves, as two sums for each, and only what is known of all of them leaves here.  Where they
are more than `config.MOST_SESSIONS` nothing is: the parts of a file come to the same, however it
is cut, since no part has more sessions than the whole.

Only calls at one moment have a session; an aggregate is of many.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from typing import (
    Any,
    DefaultDict,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)
from typing import Counter as CounterType

from finops import config, schema
from finops.reader.encoding import COST, Batch
from finops.reader.identity import id_of
from finops.rollups.row_kinds import moments
from finops.rollups.spec import Key, Values
from finops.stats import rank_index

SESSION_ID = "session_id"
_LINE = "\n"  # stands in no id


class Session(NamedTuple):
    """One session: its calls and their cost in USD."""

    session_id: str
    calls: int
    cost: float


class SessionFigures(NamedTuple):
    """All sessions: how many, their calls, the median and the 95th percentile of their costs in
    USD, and the most expensive ones.  `sessions` is None where they are too many: nothing is known.
    """

    sessions: Optional[int] = None
    calls: int = 0
    cost_p50: float = 0.0
    cost_p95: float = 0.0
    top: Tuple[Session, ...] = ()


class SessionSums:
    """Calls and cost of each session, of which some part of the calls is added at a time."""

    def __init__(self) -> None:
        self.too_many = False
        self._calls: CounterType[bytes] = Counter()
        self._costs: DefaultDict[bytes, int] = defaultdict(int)

    def add(self, batch: Batch) -> None:
        """Add the calls of a batch, whose cells have the ids."""
        if self.too_many:
            return
        at_moments = moments(batch)
        if at_moments is not None:
            batch = batch.selected(at_moments)
        ids = ids_of(batch, SESSION_ID)
        if "calls" in batch.numbers:
            self._add(zip(ids, batch.numbers["calls"], batch.numbers[COST]))
        else:
            self._calls.update(ids)
            costs = self._costs
            for name, cost in zip(ids, batch.numbers[COST]):
                costs[name] += cost  # type: ignore[operator]
        self._check()

    def join(self, other: SessionSums) -> None:
        """Add the calls of another part."""
        self.too_many = self.too_many or other.too_many
        if not self.too_many:
            costs = other._costs
            self._add((name, calls, costs[name]) for name, calls in other._calls.items())
        self._check()

    def _add(self, rows: Iterable[Tuple[bytes, Any, Any]]) -> None:
        calls, costs = self._calls, self._costs
        for name, count, cost in rows:
            calls[name] += count
            costs[name] += cost

    def _check(self) -> None:
        if self.too_many or len(self._calls) > config.MOST_SESSIONS + 1:
            self._drop_no_ids()
            self.too_many = self.too_many or len(self._calls) > config.MOST_SESSIONS
        if self.too_many:
            self._calls.clear()
            self._costs.clear()

    def _drop_no_ids(self) -> None:
        for name in [name for name in self._calls if not id_of(name)]:
            del self._calls[name], self._costs[name]

    def plain(self) -> Dict[str, Any]:
        """Return everything as texts and arrays (see `serialization`)."""
        self._drop_no_ids()
        return {
            "too_many": self.too_many,
            "ids": _LINE.join(name.decode("latin-1") for name in self._calls),
            "calls": array("Q", self._calls.values()),
            "costs": _array_or_list([self._costs[name] for name in self._calls]),
        }

    @classmethod
    def revived(cls, plain: Mapping[str, Any]) -> SessionSums:
        """Return the sums of `plain`."""
        sums = cls()
        sums.too_many = bool(plain["too_many"])
        ids = plain["ids"].encode("latin-1").split(b"\n") if plain["ids"] else []
        if not len(ids) == len(plain["calls"]) == len(plain["costs"]):
            raise ValueError("not the sums of sessions")
        sums._calls = Counter(dict(zip(ids, plain["calls"])))
        sums._costs = defaultdict(int, zip(ids, plain["costs"]))
        return sums

    def table(self) -> Dict[Key, Values]:
        """Return the figures as the one row of a table, which has none without any session."""
        if self.too_many:
            return {(): (SessionFigures(),)}
        self._drop_no_ids()
        return table_of(
            (name.decode("utf-8", "replace"), calls, self._costs[name])
            for name, calls in self._calls.items()
        )


def table_of(sessions: Iterable[Tuple[str, int, int]]) -> Dict[Key, Values]:
    """Return the figures of sessions as a table: id, calls, and cost in pico-dollars of each."""
    rows = list(sessions)
    if not rows:
        return {}
    if len(rows) > config.MOST_SESSIONS:
        return {(): (SessionFigures(),)}
    costs = sorted(cost for _, _, cost in rows)
    top = sorted(rows, key=lambda row: (-row[2], row[0]))[: config.TOP_SESSIONS]
    figures = SessionFigures(
        len(rows),
        sum(calls for _, calls, _ in rows),
        costs[rank_index(len(costs), 0.5)] / schema.PICO_PER_USD,
        costs[rank_index(len(costs), 0.95)] / schema.PICO_PER_USD,
        tuple(Session(name, calls, cost / schema.PICO_PER_USD) for name, calls, cost in top),
    )
    return {(): (figures,)}


def ids_of(batch: Batch, column: str) -> List[bytes]:
    """Return the ids of a column without the blanks around them."""
    cells = batch.cells[column]
    return [cell.strip() for cell in cells] if b" " in b"".join(cells) else cells


def _array_or_list(numbers: List[int]) -> Any:
    """Return whole numbers in an array where they fit into one."""
    try:
        return array("Q", numbers)
    except OverflowError:
        return numbers
