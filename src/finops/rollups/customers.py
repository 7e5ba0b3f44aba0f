"""Who the customers are: what the latest row of each says of it, and when it was seen.

Both tables are by all that a customer's rows may say of it, and each group knows its first and its
last time; the latest group of a customer is who it is now.  Credits say so of customers only that
have no other row.
"""

from __future__ import annotations

from typing import Dict, Hashable, Iterable, Mapping, Set, Tuple

from finops.rollups.expressions import negated
from finops.rollups.measures import CUSTOMER_DIMENSIONS, IS_CREDIT
from finops.rollups.spec import THE_CUSTOMERS, Customer, Key, Table, Values

_SEEN = ("first_seen", "last_seen")
CUSTOMERS = Table(CUSTOMER_DIMENSIONS, _SEEN, negated(IS_CREDIT))
CREDITED = Table(CUSTOMER_DIMENSIONS, _SEEN, IS_CREDIT)
CUSTOMER_RECORDS: Tuple[Table, ...] = (CUSTOMERS, CREDITED)

Groups = Mapping[Key, Values]


def customers_of(tables: Mapping[Table, Groups]) -> Dict[str, Customer]:
    """Return the customers by id ascending; `tables` has `CUSTOMER_RECORDS`, filled.

    Of several groups that were seen last at the same instant the one with the greatest key counts.
    """
    others, credited = _latest(tables[CUSTOMERS]), _latest(tables[CREDITED])
    return dict(sorted({**credited, **others}.items())) if credited else others


def with_customers(tables: Iterable[Table]) -> Set[Hashable]:
    """Return the tables, and `THE_CUSTOMERS` where these are made of any of them."""
    given: Set[Hashable] = set(tables)
    return given | {THE_CUSTOMERS} if given & set(CUSTOMER_RECORDS) else given


def _latest(groups: Groups) -> Dict[str, Customer]:
    """Return who each customer is by its groups, which come in the order of their keys."""
    customers: Dict[str, Customer] = {}
    for (name, tier, organization, product, archetype, price), (first, last) in groups.items():
        known = customers.get(name)
        if known is not None:
            first = min(first, known.first_seen)
            if known.last_seen > last:
                customers[name] = known._replace(first_seen=first)
                continue
        customers[name] = Customer(tier, price, organization, product, archetype, first, last)
    return customers
