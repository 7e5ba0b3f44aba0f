"""What the calls of each session cost together, in bounded memory.

Ids of sessions are too many for a dimension: a quarter as many as calls.  They are followed by
themselves, as two sums for each, and only what is known of all of them leaves here.  Where they
are more than `config.MOST_SESSIONS` nothing is: the parts of a file come to the same, however it
is cut, since no part has more sessions than the whole.

Only calls at one moment have a session; an aggregate is of many.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from heapq import nsmallest
from typing import (
    Any,
    DefaultDict,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    cast,
)

from finops import config, schema
from finops.reader.encoding import COST, Batch
from finops.reader.identity import LONGEST_EMPTY, id_of
from finops.rollups.row_kinds import moments
from finops.rollups.spec import Key, Values
from finops.stats import rank_index

SESSION_ID = "session_id"
_LINE = b"\n"  # stands in no id
# Of a sum: the lower bits are calls, of which no table has so many.
_CALLS_BITS = 40
_CALLS_MASK = (1 << _CALLS_BITS) - 1


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
    """Cost and calls of each session, to which some calls are added at a time."""

    def __init__(self) -> None:
        self.too_many = False
        # By id, as it is written: both sums as one number, since each more takes time.
        self._sums: DefaultDict[bytes, int] = defaultdict(int)

    def add(self, batch: Batch) -> None:
        """Add the calls of a batch, whose cells have the ids."""
        if self.too_many:
            return
        at_moments = moments(batch)
        if at_moments is not None:
            batch = batch.selected(at_moments)
        sums, ids = self._sums, batch.cells[SESSION_ID]
        costs = cast(List[int], batch.numbers[COST])  # each row has one
        if "calls" in batch.numbers:
            for name, cost, calls in zip(ids, costs, batch.numbers["calls"]):
                sums[name] += (cost << _CALLS_BITS) + (calls or 0)
        else:
            for name, cost in zip(ids, costs):
                sums[name] += (cost << _CALLS_BITS) + 1
        self._check()

    def join(self, sessions: Iterable[Tuple[bytes, int, int]], too_many: bool) -> None:
        """Add the sessions of a part: id, calls, and cost in pico-dollars."""
        self.too_many = self.too_many or too_many
        sums = self._sums
        for name, calls, cost in sessions:
            sums[name] += (cost << _CALLS_BITS) + calls
        self._check()

    def _check(self) -> None:
        """Let go of all sessions where they are too many; "" stands for none."""
        if len(self._sums) > config.MOST_SESSIONS + 1:
            self._settle()
        if self.too_many or len(self._sums) > config.MOST_SESSIONS + 1:
            self.too_many = True
            self._sums.clear()

    def _settle(self) -> None:
        """Take ids without the blanks around them, and what is no id as ""."""
        odd = [n for n in self._sums if len(n) <= LONGEST_EMPTY or b" " in n or b"\t" in n]
        for name in odd:
            both = self._sums.pop(name)
            self._sums[id_of(name)] += both

    def plain(self) -> Dict[str, Any]:
        """Return everything as texts and arrays (see `serialization`)."""
        self._settle()
        sums = self._sums.values()
        return {
            "too_many": self.too_many,
            "ids": _LINE.join(self._sums).decode("latin-1"),
            "calls": array("Q", [both & _CALLS_MASK for both in sums]),
            "costs": _array_or_list([both >> _CALLS_BITS for both in sums]),
        }


def joined(parts: Sequence[Mapping[str, Any]]) -> Dict[Key, Values]:
    """Return the table of the sessions of some parts, given as plain data: one row, or none where
    there is no session.
    """
    whole = parts[0] if len(parts) == 1 else _sum_of(parts).plain()
    if whole["too_many"]:
        return {(): (SessionFigures(),)}
    ids, calls, costs = _columns(whole)
    if b"" in ids:
        place = ids.index(b"")
        ids, calls, costs = (c[:place] + c[place + 1 :] for c in (ids, calls, costs))
    return table_of(ids, calls, costs)


def _sum_of(parts: Sequence[Mapping[str, Any]]) -> SessionSums:
    whole = SessionSums()
    for part in parts:
        whole.join(zip(*_columns(part)), part["too_many"] is True)
    return whole


def _columns(plain: Mapping[str, Any]) -> Tuple[Any, Any, Any]:
    """Return ids, calls and costs; raises ValueError where they are not of equal length."""
    calls, costs = plain["calls"], plain["costs"]
    ids = plain["ids"].encode("latin-1").split(_LINE) if len(calls) else []
    if not len(ids) == len(calls) == len(costs):
        raise ValueError("not the sums of sessions")
    return ids, calls, costs


def table_of(ids: Sequence[bytes], calls: Sequence[int], costs: Sequence[int]) -> Dict[Key, Values]:
    """Return the figures of sessions, each once, as a table; `costs` in pico-dollars."""
    if not ids:
        return {}
    if len(ids) > config.MOST_SESSIONS:
        return {(): (SessionFigures(),)}
    in_order = sorted(costs)
    least = in_order[-config.TOP_SESSIONS :][0]
    high = [k for k, cost in enumerate(costs) if cost >= least]
    first = nsmallest(config.TOP_SESSIONS, high, key=lambda k: (-costs[k], ids[k]))
    figures = SessionFigures(
        len(ids),
        sum(calls),
        in_order[rank_index(len(ids), 0.5)] / schema.PICO_PER_USD,
        in_order[rank_index(len(ids), 0.95)] / schema.PICO_PER_USD,
        tuple(
            Session(ids[k].decode("utf-8", "replace"), calls[k], costs[k] / schema.PICO_PER_USD)
            for k in first
        ),
    )
    return {(): (figures,)}


def _array_or_list(numbers: List[int]) -> Any:
    """Return whole numbers in an array where they fit into one."""
    try:
        return array("Q", numbers)
    except OverflowError:
        return numbers
