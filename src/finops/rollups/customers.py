"""Who the customers are: what the latest row of each says of it, and when it was seen.

Both tables are by all that a customer's rows may say of it, and each group knows its first and its
last time; the latest group of a customer is who it is now.  Credits say so of customers only that
have no other row.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, Tuple

from finops.rollups.expressions import negated
from finops.rollups.measures import CUSTOMER_DIMENSIONS, IS_CREDIT
from finops.rollups.spec import Customer, Key, Table, Values, sort_key

_SEEN = ("first_seen", "last_seen")
CUSTOMERS = Table(CUSTOMER_DIMENSIONS, _SEEN, negated(IS_CREDIT))
CREDITED = Table(CUSTOMER_DIMENSIONS, _SEEN, IS_CREDIT)
CUSTOMER_RECORDS: Tuple[Table, ...] = (CUSTOMERS, CREDITED)

Groups = Mapping[Key, Values]


def customers_of(tables: Mapping[Table, Groups]) -> Dict[str, Customer]:
    """Return the customers by id ascending; `tables` has `CUSTOMER_RECORDS`, filled.

    Of several groups that were seen last at the same instant the one with the greatest key counts.
    """
    credited, others = _latest(tables[CREDITED]), _latest(tables[CUSTOMERS])
    return dict(sorted({**credited, **others}.items()))


def _latest(groups: Groups) -> Dict[str, Customer]:
    by_id: Dict[str, List[Tuple[Key, Values]]] = {}
    for key, seen in groups.items():
        by_id.setdefault(key[0], []).append((key, seen))
    return {name: _customer(of_one) for name, of_one in by_id.items()}


def _customer(groups: List[Tuple[Key, Values]]) -> Customer:
    """Return who a customer is by all of its groups."""
    key, (first, last) = groups[0]
    if len(groups) > 1:
        key, (_, last) = max(groups, key=lambda group: (group[1][1], sort_key(group[0])))
        first = min(seen[0] for _, seen in groups)
    _, tier, organization, product, archetype, price = key
    return Customer(tier, price, organization, product, archetype, first, last)
