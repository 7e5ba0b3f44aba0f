"""Loops over the rows of a batch, compiled from expressions that somebody declared.

What follows from a call's or a customer's key is worked out once for each key, and what follows
from one number that may be unknown once for each of its values: the loop looks them up.  Printed,
a loop is one line of Python (`RowLoop.source`):

>>> from finops.rollups.expressions import above, all_of, one_of
>>> loop = RowLoop()
>>> loop.compile(loop.inline(all_of(one_of("status", "success"), above("input_tokens", 9))))
>>> print(loop.source)
lambda by_call_0, calls, input_tokens_: [(by_call_0[call] and (input_tokens > 9)) \
for call, input_tokens in zip(calls, input_tokens_)]
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Union

from finops.reader.encoding import DEFAULTS, Batch, CallKey, CustomerKey, KeyEncoder
from finops.rollups.expressions import (
    Expression,
    columns_of,
    guarded,
    python_of,
    with_constants,
)
from finops.rollups.measures import (
    CALL_COLUMNS,
    CUSTOMER_COLUMNS,
    NUMBER_COLUMNS,
    UNKNOWN_COLUMNS,
)

# So many values of a column are remembered, to bound memory; most have a few thousand.
_REMEMBERED = 65_536

_MOST_FUNCTIONS = 1024  # that are kept: compiling takes longer than a file of some hundred rows

Function = Callable[..., Any]  # what an expression makes of columns
Constants = Mapping[str, Optional[int]]  # of columns that are the same in every row


class RowLoop:
    """One value for each row of a batch.

    The methods that return source register what it looks up; `compile` makes the loop of it.
    `constant` is the value where it is the same in every row.
    """

    def __init__(self) -> None:
        self.source = ""
        self.constant: Optional[Expression] = None
        self._function: Function = list
        self._call_tables: Dict[str, _KeyTable] = {}
        self._customer_tables: Dict[str, _KeyTable] = {}
        self._number_tables: Dict[str, _NumberTable] = {}
        self._numbers: Dict[str, None] = {}

    def of_call(self, source: str) -> str:
        """Return the source that looks up what follows from the call's key."""
        name = f"by_call_{len(self._call_tables)}"
        self._call_tables[name] = _KeyTable(CallKey._fields, source)
        return f"{name}[call]"

    def of_customer(self, source: str) -> str:
        """Return the source that looks up what follows from the customer's key."""
        name = f"by_customer_{len(self._customer_tables)}"
        self._customer_tables[name] = _KeyTable(CustomerKey._fields, source)
        return f"{name}[customer]"

    def of_number(self, column: str, source: str) -> str:
        """Return the source that looks up what follows from one number."""
        name = f"by_{column}_{len(self._number_tables)}"
        self._number_tables[name] = _NumberTable(column, source)
        self._numbers[column] = None
        return f"{name}[{column}]"

    def inline(self, expression: Expression, other: str = "None") -> str:
        """Return the source of an expression over rows, `other` where a number is unknown."""
        self._numbers.update(dict.fromkeys(sorted(columns_of(expression) & NUMBER_COLUMNS)))
        source = python_of(expression, UNKNOWN_COLUMNS, self._looked_up)
        return guarded(source, expression, UNKNOWN_COLUMNS & NUMBER_COLUMNS, other)

    def compile(self, source: str) -> None:
        """Make the loop that gives the value of `source` for each row."""
        columns = {"call": "calls"} if self._call_tables or not self._numbers else {}
        columns.update({"customer": "customers"} if self._customer_tables else {})
        columns.update({name: name + "_" for name in self._numbers})
        tables = (*self._call_tables, *self._customer_tables, *self._number_tables)
        taken, given = ", ".join((*tables, *columns.values())), ", ".join(columns.values())
        rows = f"{', '.join(columns)} in zip({given})"
        if len(columns) == 1:
            rows = f"{min(columns)} in {given}"
        self.source = f"lambda {taken}: [{source} for {rows}]"
        self._function = _compiled(self.source)

    def __call__(self, batch: Batch, encoder: KeyEncoder) -> List[Any]:
        """Return the value of each row."""
        for table in self._call_tables.values():
            table.extend(encoder.call_keys)
        for table in self._customer_tables.values():
            table.extend(encoder.customer_keys)
        columns: List[Sequence[Optional[int]]] = []
        if self._call_tables or not self._numbers:
            columns.append(batch.calls)
        if self._customer_tables:
            columns.append(batch.customers)
        columns += [batch.numbers[name] for name in self._numbers]
        tables = [t.values for t in (*self._call_tables.values(), *self._customer_tables.values())]
        values: List[Any] = self._function(*tables, *self._number_tables.values(), *columns)
        return values

    def _looked_up(self, part: Expression) -> str:
        columns = columns_of(part)
        if columns and columns <= CALL_COLUMNS:
            return self.of_call(python_of(part, UNKNOWN_COLUMNS))
        if columns and columns <= CUSTOMER_COLUMNS:
            return self.of_customer(python_of(part, UNKNOWN_COLUMNS))
        return ""


class BatchLoop:
    """One value for each row of a batch, by a loop for each set of columns that batches have.

    `make` returns the loop for batches in which some columns have their defaults in every row:
    what follows from these is worked out once, when the loop is compiled.
    """

    def __init__(self, make: Callable[[Constants], RowLoop]) -> None:
        self._make = make
        self._loops: Dict[FrozenSet[str], RowLoop] = {}

    def __call__(self, batch: Batch, encoder: KeyEncoder) -> List[Any]:
        """Return the value of each row."""
        return self._loop_for(batch)(batch, encoder)

    def constant(self, batch: Batch) -> Optional[Expression]:
        """Return the value where it is the same in every batch of these columns, else None."""
        return self._loop_for(batch).constant

    def _loop_for(self, batch: Batch) -> RowLoop:
        there = frozenset(batch.numbers)
        if there not in self._loops:
            absent = {name: value for name, value in DEFAULTS.items() if name not in there}
            self._loops[there] = self._make(absent)
        return self._loops[there]


def loop_of(expression: Expression) -> BatchLoop:
    """Return the loop that gives what an expression is in each row, None where it is unknown."""

    def made(constants: Constants) -> RowLoop:
        loop = RowLoop()
        remaining = with_constants(expression, constants)
        if remaining is not None and remaining.operator == "number":
            loop.constant = remaining
        loop.compile("None" if remaining is None else loop.inline(remaining))
        return loop

    return BatchLoop(made)


def key_function(expression: Expression) -> Callable[[CallKey], Any]:
    """Return what an expression over the columns of a call's key makes of one."""
    function = _of_columns(CallKey._fields, python_of(expression, UNKNOWN_COLUMNS))
    return lambda key: function(*key)


class _KeyTable:
    """What follows from each key, by its code; extended as keys are met."""

    def __init__(self, fields: Sequence[str], source: str) -> None:
        self.values: List[Any] = []
        self._function = _of_columns(fields, source)

    def extend(self, keys: Sequence[Union[CallKey, CustomerKey]]) -> None:
        """Make room for keys not seen yet."""
        if len(keys) > len(self.values):
            self.values.extend(self._function(*key) for key in keys[len(self.values) :])


class _NumberTable(Dict[Optional[int], Any]):
    """What follows from each value of a column; forgotten when there are too many."""

    def __init__(self, column: str, source: str) -> None:
        super().__init__()
        self._function = _of_columns((column,), source)

    def __missing__(self, value: Optional[int]) -> Any:
        if len(self) > _REMEMBERED:
            self.clear()
        result = self[value] = self._function(value)
        return result


def _of_columns(columns: Sequence[str], source: str) -> Function:
    return _compiled(f"lambda {', '.join(columns)}: {source}")


@lru_cache(maxsize=_MOST_FUNCTIONS)
def _compiled(source: str) -> Function:
    """Return a function from source.

    Expressions are checked against the declared columns and operators, and texts are written
    by `repr`, so that source holds nothing else.
    """
    function: Function = eval(source, {"__builtins__": {"zip": zip}})
    return function
