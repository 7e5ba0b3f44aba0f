"""Who the customers are: what the latest row of each says of it, and when it was seen.

Both tables are by all that a customer's rows may say of it, and each group knows its first and its
last time; the latest group of a customer is who it is now.  Credits say so of customers only that
have no other row.
"""

from __future__ import annotations

from itertools import chain, groupby, islice
from typing import (
    Any,
    Hashable,
    ItemsView,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Set,
    Tuple,
    ValuesView,
)

from finops.rollups.compact_table import CompactTable, WalkedItems, WalkedValues
from finops.rollups.expressions import negated
from finops.rollups.measures import CUSTOMER_DIMENSIONS, IS_CREDIT
from finops.rollups.spec import THE_CUSTOMERS, Customer, Key, Table, Values

_SEEN = ("first_seen", "last_seen")
CUSTOMERS = Table(CUSTOMER_DIMENSIONS, _SEEN, negated(IS_CREDIT))
CREDITED = Table(CUSTOMER_DIMENSIONS, _SEEN, IS_CREDIT)
CUSTOMER_RECORDS: Tuple[Table, ...] = (CUSTOMERS, CREDITED)

# So many customers take a few megabytes as objects, which are faster to look up.
FEW = 20_000

Groups = Mapping[Key, Values]


class Customers(Mapping[str, Customer]):
    """Customers by id ascending, what is known of them being columns.

    A `Customer` is made when it is asked for: a million of them would take hundreds of megabytes.
    """

    def __init__(self, customers: Iterable[Tuple[str, Customer]]) -> None:
        """`customers` come by id ascending."""
        names: List[str] = []
        columns: List[List[Any]] = [[] for _ in Customer._fields]
        for name, customer in customers:
            names.append(name)
            for column, value in zip(columns, customer):
                column.append(value)
        self._table = CompactTable.of_columns(len(names), [names], columns)

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[str]:
        return (name for (name,) in self._table)

    def __getitem__(self, name: str) -> Customer:
        return Customer._make(self._table[(name,)])

    def __contains__(self, name: object) -> bool:
        return (name,) in self._table

    def items(self) -> ItemsView[str, Customer]:
        """Return the customers by id, which can be walked any number of times."""
        return WalkedItems(self, self._made)

    def values(self) -> ValuesView[Customer]:
        """Return the customers in the order of their ids."""
        return WalkedValues(self, self._made)

    def _made(self) -> Iterator[Customer]:
        return map(Customer._make, self._table.rows_of_values())


def held(customers: Iterable[Tuple[str, Customer]]) -> Mapping[str, Customer]:
    """Return customers, which come by id ascending: as columns where they are many."""
    coming = iter(customers)
    few = dict(islice(coming, FEW))
    return Customers(chain(few.items(), coming)) if len(few) == FEW else few


def customers_of(tables: Mapping[Table, Groups]) -> Mapping[str, Customer]:
    """Return the customers by id ascending; `tables` has `CUSTOMER_RECORDS`, filled.

    Of several groups that were seen last at the same instant the one with the greatest key counts.
    """
    others, credited = _latest(tables[CUSTOMERS]), dict(_latest(tables[CREDITED]))
    if credited:
        credited.update(others)
        others = iter(sorted(credited.items()))
    return held(others)


def with_customers(tables: Iterable[Table]) -> Set[Hashable]:
    """Return the tables, and `THE_CUSTOMERS` where these are made of any of them."""
    given: Set[Hashable] = set(tables)
    return given | {THE_CUSTOMERS} if given & set(CUSTOMER_RECORDS) else given


def _latest(groups: Groups) -> Iterator[Tuple[str, Customer]]:
    """Yield who each customer is by its groups, which stand together as keys are in order."""
    for name, cells in groupby(groups.items(), lambda cell: str(cell[0][0])):
        latest: Optional[Customer] = None
        for (_, tier, organization, product, archetype, price), (first, last) in cells:
            if latest is not None:
                first = min(first, latest.first_seen)
                if latest.last_seen > last:
                    latest = latest._replace(first_seen=first)
                    continue
            latest = Customer(tier, price, organization, product, archetype, first, last)
        if latest is not None:
            yield name, latest
