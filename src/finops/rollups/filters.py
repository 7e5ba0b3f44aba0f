"""Filters of tables, as conditions of their measures and as dimensions of lists.

A cube of its own for each filter would be filled call by call.  Most filters need none:

- A sum over the calls that pass is the sum, over all calls, of a measure that is 0 where a call
  does not pass.  So a filtered table is aggregated from the cube of an unfiltered one, and the
  rows that pass are counted beside it, since groups without any are not delivered.
- Of listed values, whether a call passes by its key is one more dimension of the cube.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

from finops.rollups.expressions import (
    Expression,
    all_of,
    columns_of,
    conjuncts_of,
    known,
    number,
)
from finops.rollups.measures import CALL_COLUMNS, Dimension, Measure, MeasureLike, measure_of
from finops.rollups.spec import Having, Key, Table, Values

# No table can declare a measure of this name.
_PRESENCE = "rows that pass"
_PRESENT = Having(_PRESENCE)
_PASSES = "passes"


class ListFilter(NamedTuple):
    """A filter on the values of a column: a dimension that is true where a call's key passes, and
    a condition on rows; None where there is no such part.
    """

    by_key: Optional[Dimension]
    by_row: Optional[Expression]


def with_conditional_measures(table: Table) -> Table:
    """Return a table without a filter that has the sums of a filtered one.

    Its last measure counts the rows that pass, unless a `having` of its own leaves no group
    without any (see `deliverable`).
    """
    if table.where is None:
        return table
    measures = tuple(_conditional(given, table.where) for given in table.measures)
    presence = Measure(_PRESENCE, number(1), where=table.where)
    if table.having:
        return table._replace(measures=measures, where=None)
    return table._replace(measures=(*measures, presence), where=None, having=_PRESENT)


def deliverable(filled: Table, groups: Dict[Key, Values]) -> Dict[Key, Values]:
    """Return the groups of a table that `with_conditional_measures` made, as it was declared."""
    if filled.having != _PRESENT:
        return groups
    return {key: values[:-1] for key, values in groups.items()}


def list_filter(where: Optional[Expression], column: str) -> ListFilter:
    """Return a table's filter as one on the values of a column, which are known."""
    parts = [] if where is None else [part for part in conjuncts_of(where) if part != known(column)]
    by_key = [part for part in parts if columns_of(part) <= CALL_COLUMNS]
    by_row = [part for part in parts if part not in by_key]
    return ListFilter(
        Dimension(_PASSES, all_of(*by_key)) if by_key else None,
        all_of(*by_row) if by_row else None,
    )


def is_filter(dimension: Dimension) -> bool:
    """Return whether a dimension of a cube of listed values is the filter of a table."""
    return dimension.name == _PASSES


def _conditional(given: MeasureLike, where: Expression) -> MeasureLike:
    measure = measure_of(given)
    if not isinstance(measure, Measure):
        return given
    both = where if measure.where is None else all_of(where, measure.where)
    return measure._replace(where=both)
