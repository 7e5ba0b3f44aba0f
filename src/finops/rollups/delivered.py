"""What a dataset has delivered and still holds, whatever filled its tables."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, Optional

from finops.rollups.customers import CUSTOMER_RECORDS, customers_of, with_customers
from finops.rollups.memo import Memo
from finops.rollups.spec import THE_CUSTOMERS, Customer, Key, Table, Values

Tables = Mapping[Table, Mapping[Key, Values]]


class Delivered:
    """Filled tables, the customers that are made of them, and what was worked out of both."""

    def __init__(self) -> None:
        self.tables: Dict[Table, Mapping[Key, Values]] = {}
        self.memo = Memo()
        self._customers: Optional[Mapping[str, Customer]] = None

    def customers_of(self, tables: Tables) -> Optional[Mapping[str, Customer]]:
        """Return the customers where their tables are asked for: made once for all who ask."""
        if not tables.keys() >= set(CUSTOMER_RECORDS):
            return None
        if self._customers is None:
            self._customers = customers_of(tables)
        return self._customers

    def forget(self, tables: Iterable[Table]) -> None:
        """Let go of the memory of tables, and of all that was made of them."""
        spent = with_customers(tables)
        self.memo.forget(spent)
        self.tables = {table: kept for table, kept in self.tables.items() if table not in spent}
        if THE_CUSTOMERS in spent:
            self._customers = None
