"""Which cubes a plan has: tables share them, and what leaves out names has few cells to walk."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.rollups.cells import CubeSpec
from finops.rollups.dataset import Dataset
from finops.rollups.expressions import one_of
from finops.rollups.measures import DIMENSIONS
from finops.rollups.planner import Plan
from finops.rollups.spec import Table
from tests.support.reference import ReferenceDataset
from tests.support.rows import varied_rows, write_csv

PROVIDER, MODEL, FEATURE = (DIMENSIONS[name] for name in ("provider", "model", "feature_id"))
FINEST = Table(("day", "customer_id", "provider", "model", "feature_id"), ("calls",))
NAMES = ("customer_id", "organization_id", "tier_price_usd", "provider", "feature_id", "task_type")
ROWS = varied_rows(250, seed=11)


@pytest.mark.parametrize(
    ("by", "cube"),
    [
        (("day", "customer_id"), CubeSpec("day", True, ())),
        (("day", "organization_id", "tier_price_usd"), CubeSpec("day", True, ())),
        (("day", "provider"), CubeSpec("day", False, (PROVIDER,))),
        (("day", "customer_id", "provider"), CubeSpec("day", True, (PROVIDER, MODEL, FEATURE))),
    ],
)
def test_a_table_that_leaves_out_customers_or_calls_has_fewer_cells_to_walk(
    by: List[str], cube: CubeSpec
) -> None:
    table = Table(tuple(by), ("cost",))
    plan = Plan([FINEST, table])
    assert plan.spec_for(table, "") == cube
    assert plan.spec_for(FINEST, "") == CubeSpec("day", True, (PROVIDER, MODEL, FEATURE))


def test_condensed_cubes_are_shared() -> None:
    alike = [
        Table(("day", "provider"), ("cost",)),
        Table(("day", "provider", "model"), ("calls",)),
        Table(("day",), ("calls",)),
    ]
    plan = Plan([FINEST, *alike])
    assert {plan.spec_for(table, "") for table in alike} == {
        CubeSpec("day", False, (PROVIDER, MODEL))
    }


def test_a_cube_without_customers_needs_no_condensed_one() -> None:
    tables = [Table(("day", "provider", "model"), ("calls",)), Table(("day", "model"), ("cost",))]
    assert len(Plan(tables).specs) == 1


def tables() -> st.SearchStrategy[Table]:
    return st.builds(
        lambda time, names, measures, succeeded: Table(
            (*([time] if time else []), *(name for name in NAMES if name in names)),
            tuple(sorted(measures)),
            one_of("status", "success") if succeeded else None,
        ),
        st.sampled_from(["", "hour", "hour_of_day", "day", "week"]),
        st.sets(st.sampled_from(NAMES)),
        st.sets(st.sampled_from(["calls", "cost", "errors", "tokens"]), min_size=1),
        st.sampled_from([False, False, True]),
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(tables(), min_size=1, max_size=8),
    in_order=st.booleans(),
    workers=st.sampled_from([1, 2]),
)
def test_any_tables_together_are_those_of_the_rows(
    asked: List[Table], in_order: bool, workers: int, tmp_path: Path
) -> None:
    # Every other row first: days come back, and their cells are met twice.
    rows = ROWS if in_order else [*ROWS[::2], *ROWS[1::2]]
    asked = list(dict.fromkeys(asked))
    found = Dataset(write_csv(tmp_path / "calls.csv", rows), workers=workers).rollups(asked)
    wanted = ReferenceDataset(rows).rollups(asked)
    for table in asked:
        assert dict(found[table]) == dict(wanted[table])
