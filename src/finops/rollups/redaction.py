"""Names of customers and organizations replaced, for reports that are shared.

The one place where it happens is where tables leave a dataset: what goes on from there, to
analyzers, pages, exports and alerts, has never seen a name.  A name becomes a keyed hash of
itself, so that it is the same on every page and in every run with the same key, and cannot be
found by trying names without the key.

What may contain a name in the middle of other text is left out: the text of rows that were
skipped, events, and which incidents the simulator planted.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Sized,
    Tuple,
)

from finops import config
from finops.business.catalog import PriceTable
from finops.errors import DataError
from finops.reader.event_log import Event
from finops.rollups.coarsening import CoarseGroups, Coarsening
from finops.rollups.columns import CUSTOMER_POSITION
from finops.rollups.customers import CUSTOMER_RECORDS, with_customers
from finops.rollups.measures import DimensionLike, dimension_of, name_of
from finops.rollups.memo import Memo
from finops.rollups.protocol import CallDataset
from finops.rollups.sessions import Session, SessionFigures
from finops.rollups.spec import (
    Accounting,
    Customer,
    FileInfo,
    Key,
    Place,
    Rollups,
    Table,
    Values,
    in_key_order,
)

# What stands before the hash, by the column that holds the name.
COLUMNS: Mapping[str, str] = {"customer_id": "customer", "organization_id": "organization"}
# What stands for no name.
_NO_NAMES = frozenset({"", config.UNKNOWN, config.UNALLOCATED})
_DIGITS = 12
_SHORTEST = 3  # of a name that is replaced within other text

Part = Tuple[Any, ...]


class Redactor:
    """Replaces names, the same name always by the same text."""

    def __init__(self, key: str) -> None:
        self._key = key.encode("utf-8")
        self._known: Dict[str, str] = {}

    def customer(self, name: str) -> str:
        """Return what stands for a customer."""
        return self.name("customer_id", name)

    def organization(self, name: str) -> str:
        """Return what stands for an organization."""
        return self.name("organization_id", name)

    def session(self, session: Session) -> Session:
        """Return a session under another id, which may be made of the name of its customer."""
        return session._replace(session_id=f"session-{self._digits(session.session_id)}")

    def name(self, column: str, name: str) -> str:
        """Return what stands for the name in a column of `COLUMNS`; no name stays none."""
        return name if name in _NO_NAMES else f"{COLUMNS[column]}-{self._digits(name)}"

    def _digits(self, name: str) -> str:
        digits = self._known.get(name)
        if digits is None:
            digest = hmac.new(self._key, name.encode("utf-8"), hashlib.sha256)
            digits = self._known[name] = digest.hexdigest()[:_DIGITS]
        return digits


class _Facts(NamedTuple):
    """What is delivered beside the tables, without names; `of` is what it was made from."""

    of: Accounting
    customers: Mapping[str, Customer]
    accounting: Accounting
    file: FileInfo
    memo: Memo


class RedactedDataset:
    """A dataset whose tables have no names."""

    def __init__(self, dataset: CallDataset, redactor: Redactor) -> None:
        self._dataset = dataset
        self._redactor = redactor
        self._made: Optional[_Facts] = None
        self.prices: PriceTable = dataset.prices

    def fill(self, tables: Iterable[Table]) -> None:
        """Prepare to deliver these tables."""
        self._dataset.fill((*tables, *CUSTOMER_RECORDS))

    def rollups(self, tables: Iterable[Table]) -> Rollups:
        """Return the tables, filled.  Raises DataError where they cannot be read, or where two
        names have become one.
        """
        wanted = tuple(tables)
        data = self._dataset.rollups(wanted)
        facts = self._facts(data)
        return Rollups(
            {table: self._table(table, data[table]) for table in wanted},
            data.period,
            data.totals,
            facts.customers if set(CUSTOMER_RECORDS) <= set(wanted) else None,
            facts.accounting,
            facts.file,
            data.prices,
            data.context,
            facts.memo,
        )

    def coarse(self, table: Table, coarsening: Coarsening, most: int) -> Optional[CoarseGroups]:
        """Return a table's groups with their keys merged, of names that are replaced before."""
        places = [d for d in map(name_of, table.by[1:]) if d in CUSTOMER_POSITION]
        replace = self._of_key(places)
        return self._dataset.coarse(
            table,
            coarsening._replace(customer=lambda part: coarsening.customer(replace(part))),
            most,
        )

    def forget(self, tables: Iterable[Table]) -> None:
        """Release the memory of tables that were delivered."""
        spent = list(tables)
        self._dataset.forget(spent)
        if self._made is not None:
            self._made.memo.forget(with_customers(spent))

    def truth(self) -> Optional[Dict[str, Any]]:
        """Return None: what was planted names whom it befell."""
        return None

    def events(self) -> Sequence[Event]:
        """Return nothing: what somebody wrote of an event may name whom it concerned."""
        return ()

    @property
    def processes(self) -> int:
        """How many processes work on the tables is worth."""
        return self._dataset.processes

    @property
    def kept_bytes(self) -> int:
        """Size of what was read and is kept in memory, in bytes."""
        return self._dataset.kept_bytes

    def _table(self, table: Table, cells: Mapping[Key, Values]) -> Mapping[Key, Values]:
        if "sessions" in table.measure_names:
            return {key: tuple(map(self._sessions, values)) for key, values in cells.items()}
        columns = [_column_of(dimension) for dimension in table.by]
        if not any(columns):
            return cells
        replace = self._of_key(columns)
        replaced = {replace(key): values for key, values in cells.items()}
        _check_as_many(replaced, cells)
        return in_key_order(replaced)

    def _sessions(self, figures: SessionFigures) -> SessionFigures:
        return figures._replace(top=tuple(self._redactor.session(each) for each in figures.top))

    def _of_key(self, columns: Sequence[str]) -> Callable[[Part], Part]:
        """Return what replaces the names in a key whose parts are of these columns."""
        places = [(place, name) for place, name in enumerate(columns) if name in COLUMNS]

        def replace(key: Part) -> Part:
            parts = list(key)
            for place, column in places:
                if isinstance(parts[place], str):
                    parts[place] = self._redactor.name(column, parts[place])
            return tuple(parts)

        return replace

    def _customers(self, customers: Mapping[str, Customer]) -> Mapping[str, Customer]:
        named = {
            self._redactor.customer(name): customer._replace(
                organization=self._redactor.organization(customer.organization)
            )
            for name, customer in customers.items()
        }
        _check_as_many(named, customers)
        return {name: named[name] for name in sorted(named)}

    def _facts(self, data: Rollups) -> _Facts:
        """Return what is delivered beside the tables; the same as long as that is the same."""
        if self._made is None or self._made.of is not data.accounting:
            customers = self._dataset.rollups(CUSTOMER_RECORDS).customers
            within = self._within(customers)
            self._made = _Facts(
                data.accounting,
                self._customers(customers),
                _accounting(data.accounting, within),
                data.file._replace(name=within(data.file.name)),
                Memo(),
            )
        return self._made

    def _within(self, customers: Mapping[str, Customer]) -> Callable[[str], str]:
        """Return what replaces names of customers and of their organizations within a text."""
        names = {name: "customer_id" for name in customers}
        names.update((c.organization, "organization_id") for c in customers.values())
        longest_first = sorted(names, key=lambda name: (-len(name), name))

        def replace(text: str) -> str:
            for name in longest_first:
                if len(name) >= _SHORTEST and name in text:
                    text = text.replace(name, self._redactor.name(names[name], name))
            return text

        return replace


def _accounting(accounting: Accounting, within: Callable[[str], str]) -> Accounting:
    """Return the accounting without names, and without the text of any row."""

    def plain(places: Sequence[Place]) -> Tuple[Place, ...]:
        return tuple(place._replace(file=within(place.file), text="") for place in places)

    return accounting._replace(
        skipped=tuple(s._replace(places=plain(s.places)) for s in accounting.skipped),
        blanked=tuple(b._replace(places=plain(b.places)) for b in accounting.blanked),
        notes=tuple(map(within, accounting.notes)),
    )


def _column_of(dimension: DimensionLike) -> str:
    """Return the column of which a dimension has the value as it is, "" where it has not."""
    value = dimension_of(dimension).value
    return str(value.operands[0]) if value.operator == "column" else ""


def _check_as_many(replaced: Sized, before: Sized) -> None:
    """Raise DataError where two names have become one."""
    if len(replaced) != len(before):
        raise DataError("two names have the same replacement; choose another key")
