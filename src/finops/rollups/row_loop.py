"""A loop over the rows of a batch, written as Python source from what tables declare.

What follows from a call's or a customer's key is worked out once for each key, and what follows
from one number that may be unknown once for each of its values: the loop looks them up.  All that
follows from one key is one tuple, so that a row looks once.

>>> from finops.rollups.expressions import above, all_of, one_of
>>> loop = RowLoop(RowShape(frozenset({"cost_pico", "input_tokens"})))
>>> failed = loop.inline(all_of(one_of("status", "error"), above("input_tokens", 9)))
>>> add = f"cells[{loop.of_call('model')}] += {loop.column('cost_pico')}"
>>> print(loop.source([f"if {failed}:", f"    {add}"], ["cells"]))
def fill(rows, of_call, cells):
    for call, cost_pico, input_tokens, in rows:
        call_0, call_1, = of_call[call]
        if (call_0 and (input_tokens > 9)):
            cells[call_1] += cost_pico
"""

from __future__ import annotations

from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from finops.reader.encoding import DEFAULTS, Batch, CallKey, CustomerKey, KeyEncoder
from finops.rollups.expressions import (
    NOTHING,
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
    ROW_COLUMNS,
    TIMESTAMP,
    UNKNOWN_COLUMNS,
)

if TYPE_CHECKING:
    from typing import Protocol
else:  # `typing` has it from Python 3.8 on
    Protocol = object

# So many values of a column are remembered, to bound memory; most have a few thousand.
_REMEMBERED = 65_536
_MOST_FUNCTIONS = 1024  # that are kept: compiling takes longer than a file of some hundred rows
CALL, CUSTOMER = "call", "customer"  # the codes of the keys of a row
_ROWS = "rows"

Function = Callable[..., Any]


class RowShape(NamedTuple):
    """What is the same in all rows of a batch, so that a loop need not ask for each.

    `there` are the columns of numbers that there are: all others have their defaults.  Those that
    may be without a value are in `unknown`.  `late`: rows of a batch before may be of later times.
    """

    there: FrozenSet[str]
    unknown: FrozenSet[str] = NOTHING
    late: bool = False

    @classmethod
    def of(cls, batch: Batch, late: bool) -> RowShape:
        """Return the shape of the rows of a batch."""
        numbers = batch.numbers
        unknown = [n for n in UNKNOWN_COLUMNS if n in numbers and None in numbers[n]]
        return cls(frozenset(numbers), frozenset(unknown), late)

    def remaining(self, expression: Expression) -> Optional[Expression]:
        """Return what is left to ask of each row, None where a number is unknown in all rows."""
        absent = {name: value for name, value in DEFAULTS.items() if name not in self.there}
        return with_constants(expression, absent, ROW_COLUMNS - self.unknown)


class RowLoop:
    """The source of a loop over rows of one shape, and the tables that it looks things up in.

    The methods that return source register what it needs.
    """

    def __init__(self, shape: RowShape) -> None:
        self.shape = shape
        self._by_key: Dict[str, _KeyTables] = {key: _KeyTables(key) for key in (CALL, CUSTOMER)}
        self._by_number: Dict[str, _NumberTable] = {}
        self._columns: Set[str] = set()

    def column(self, name: str) -> str:
        """Return the source of a column: a number that is there, a key's code, or the time."""
        self._columns.add(name)
        return name

    def of_call(self, source: str) -> str:
        """Return the source of what follows from the call's key."""
        self._columns.add(CALL)
        return self._by_key[CALL].name_of(source, lambda: KeyTable(CallKey._fields, source))

    def of_customer(self, source: str) -> str:
        """Return the source of what follows from the customer's key."""
        self._columns.add(CUSTOMER)
        tables = self._by_key[CUSTOMER]
        return tables.name_of(source, lambda: KeyTable(CustomerKey._fields, source))

    def from_table(self, table: KeyCodes) -> str:
        """Return the source of what a given table has by the call's code."""
        self._columns.add(CALL)
        return self._by_key[CALL].name_of(table, lambda: table)

    def of_number(self, name: str, source: str) -> str:
        """Return the source of what follows from one number."""
        table = f"by_{name}_{len(self._by_number)}"
        self._by_number[table] = _NumberTable(name, source)
        return f"{table}[{self.column(name)}]"

    def inline(self, expression: Optional[Expression], other: str = "None") -> str:
        """Return the source of what remains of an expression, `other` where a number is unknown."""
        if expression is None:
            return other
        self._columns |= columns_of(expression) & NUMBER_COLUMNS
        unknown = self.shape.unknown
        return guarded(python_of(expression, unknown, self._looked_up), expression, unknown, other)

    def _looked_up(self, part: Expression) -> str:
        columns = columns_of(part)
        if columns and columns <= CALL_COLUMNS:
            return self.of_call(python_of(part))
        if columns and columns <= CUSTOMER_COLUMNS:
            return self.of_customer(python_of(part, UNKNOWN_COLUMNS))
        return ""

    def source(self, statements: Sequence[str], arguments: Sequence[str]) -> str:
        """Return the function that runs statements for each row; `arguments` are what they use."""
        tables = [tables for tables in self._by_key.values() if tables.names]
        names = [tables.parameter for tables in tables]
        looks = [f"{', '.join(tables.names)}, = {tables.look}" for tables in tables]
        each = ", ".join(self._names_of_columns())
        return "\n".join(
            [
                f"def fill({', '.join([_ROWS, *names, *self._by_number, *arguments])}):",
                f"    for {each}, in {_ROWS}:",
                *(f"        {line}" for line in (*looks, *statements)),
            ]
        )

    def tables(self, encoder: KeyEncoder) -> List[object]:
        """Return the tables in the order in which the function takes them, with all keys."""
        keys: Dict[str, Sequence[Any]] = {
            CALL: encoder.call_keys,
            CUSTOMER: encoder.customer_keys,
        }
        of_keys = [t.extended(keys[key]) for key, t in self._by_key.items() if t.names]
        return [*of_keys, *self._by_number.values()]

    def rows(self, batch: Batch) -> Iterator[Tuple[Any, ...]]:
        """Return the rows as the function takes them."""
        whole = {CALL: batch.calls, CUSTOMER: batch.customers, TIMESTAMP: batch.times}
        columns = [whole[n] if n in whole else batch.numbers[n] for n in self._names_of_columns()]
        return zip(*columns)

    def _names_of_columns(self) -> List[str]:
        """Return the columns that are used in a stable order, at least one."""
        return sorted(self._columns or {CALL})


class KeyCodes(Protocol):
    """What follows from each key, by its code; extended as keys are met."""

    by_code: List[Any]

    def extend(self, keys: Sequence[Any]) -> None:
        """Make room for keys not seen yet."""


class KeyTable:
    """What an expression over the columns of a key is, worked out once for the columns it reads."""

    def __init__(self, fields: Sequence[str], source: str) -> None:
        self.by_code: List[Any] = []
        self._function = _of_columns(fields, source)
        # Most keys have one of a few values: one object for each stays in the processor's cache.
        self._values: Dict[Any, Any] = {}

    def extend(self, keys: Sequence[Any]) -> None:
        """Make room for keys not seen yet."""
        values = [self._function(*key) for key in keys[len(self.by_code) :]]
        self.by_code.extend(self._values.setdefault(value, value) for value in values)


class _KeyTables:
    """All that follows from one kind of key: a tuple for each code, and names for its parts."""

    def __init__(self, key: str) -> None:
        self.names: List[str] = []
        self.parameter = f"of_{key}"
        self.look = f"of_{key}[{key}]"
        self._key = key
        self._tables: Dict[object, KeyCodes] = {}
        self._entries: List[Tuple[Any, ...]] = []

    def name_of(self, what: object, made: Callable[[], KeyCodes]) -> str:
        """Return the name of one part, which is `made` if it is new."""
        if what not in self._tables:
            self._tables[what] = made()
            self.names.append(f"{self._key}_{len(self.names)}")
        return self.names[list(self._tables).index(what)]

    def extended(self, keys: Sequence[Any]) -> List[Tuple[Any, ...]]:
        """Return the tuples by code, those of keys not seen yet among them."""
        start = len(self._entries)
        if len(keys) > start:
            tables = self._tables.values()
            for table in tables:
                table.extend(keys)
            self._entries.extend(zip(*(table.by_code[start:] for table in tables)))
        return self._entries


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


def key_function(expression: Expression) -> Callable[[CallKey], Any]:
    """Return what an expression over the columns of a call's key makes of one."""
    function = _of_columns(CallKey._fields, python_of(expression))
    return lambda key: function(*key)


def _of_columns(columns: Sequence[str], source: str) -> Function:
    return compiled(f"def value({', '.join(columns)}): return {source}")


@lru_cache(maxsize=_MOST_FUNCTIONS)
def compiled(source: str) -> Function:
    """Return the function that source defines.

    Expressions are checked against the declared columns and operators, and texts are written
    by `repr`, so that source holds nothing else.
    """
    names: Dict[str, Any] = {"__builtins__": {}}
    exec(source, names)
    function: Function = names.popitem()[1]
    return function
