"""What analyzers and the pipeline ask of a dataset, however it fills its tables.

`dataset.Dataset` fills them from a CSV; the reference of the tests and a database do as well.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterable, Optional, Sequence, Union

from finops.business.catalog import PriceTable
from finops.reader.event_log import Event
from finops.rollups.coarsening import CoarseGroups, Coarsening
from finops.rollups.spec import Rollups, Table

if TYPE_CHECKING:
    from typing import Protocol
else:  # `typing` has it from Python 3.8 on
    Protocol = object


class CallDataset(Protocol):
    """Calls that declared tables can be filled from."""

    prices: PriceTable

    def fill(self, tables: Iterable[Table]) -> None:
        """Prepare to deliver these tables, in one pass over the calls."""

    def rollups(self, tables: Iterable[Table]) -> Rollups:
        """Return the tables, filled; raises DataError where the calls cannot be read.

        Customers go with them where `customers.CUSTOMER_RECORDS` are among the tables.
        """

    def coarse(self, table: Table, coarsening: Coarsening, most: int) -> Optional[CoarseGroups]:
        """Return a table's groups with their keys merged, None where there are more than `most`.

        Costs are whole numbers of 10**-12 USD.
        """

    def forget(self, tables: Iterable[Table]) -> None:
        """Release the memory of tables that were delivered; they can be asked for again."""

    def truth(self) -> Optional[Dict[str, Any]]:
        """Return which incidents the simulator planted in these calls, None where none is known."""

    def events(self) -> Sequence[Event]:
        """Return what is known to have happened meanwhile, which charts mark, by date.

        Raises DataError where that cannot be read.
        """

    @property
    def processes(self) -> int:
        """How many processes work on the tables is worth."""

    @property
    def kept_bytes(self) -> int:
        """Size of what was read and is kept in memory, in bytes."""


# Where data is: the path of a table or a folder, a pattern, `-` for standard input.
Location = Union[str, "os.PathLike[str]"]
# One location or several, or a dataset that is open already.
Source = Union[Location, Sequence[Location], CallDataset]
