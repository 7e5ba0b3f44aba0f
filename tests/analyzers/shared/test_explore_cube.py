"""The cube of the Explore page: nothing is lost by grouping, and what was grouped is said."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Dict, List, Optional

import pytest

from finops.analyzers.shared import explore_cube
from finops.analyzers.shared.explore_cube import buckets_of, explore_cubes
from finops.results.explore import CELL_MEASURES, ExploreCube
from finops.rollups.coarsening import CoarseGroups
from finops.timestamps import days_between
from tests.support.reference import ReferenceDataset, call, distinct_calls
from tests.support.rows import varied_rows

ROWS = varied_rows(700, seed=5)
COST = CELL_MEASURES.index("cost")


def totals(cube: ExploreCube) -> List[int]:
    return [sum(column) for column in cube.sums]


def cost_by_organization(cube: ExploreCube) -> Dict[object, int]:
    below = len(cube.work) * len(cube.environments) * len(cube.models) * len(cube.buckets)
    sums: Dict[object, int] = defaultdict(int)
    for key, cost in zip(cube.keys, cube.sums[COST]):
        sums[cube.accounts[key // below].organization] += cost
    return sums


def test_every_step_holds_all_calls_and_says_what_it_grouped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(explore_cube, "RECENT_DAYS", 3)
    steps = [("", None, None), ("recent", None, None), ("recent", 5, None), ("recent", 5, 2),
             ("all", 5, 2)]  # fmt: skip
    monkeypatch.setattr(explore_cube, "_STEPS", [explore_cube._Step(*step) for step in steps])
    cubes = list(explore_cubes(ReferenceDataset(ROWS)))
    assert len(cubes) == len(steps)
    assert [len(cube.keys) for cube in cubes] == sorted(
        (len(cube.keys) for cube in cubes), reverse=True
    )
    micros = sum(round(float(row["cost_usd"]) * 10**6) for row in ROWS)
    tokens = sum(int(row["input_tokens"]) for row in ROWS)
    for cube in cubes:
        assert (cube.decimals, cube.rounded) == (6, False)
        sums = dict(zip(CELL_MEASURES, totals(cube)))
        assert (sums["cost"], sums["calls"], sums["input"]) == (micros, len(ROWS), tokens)
        assert list(cube.keys) == sorted(set(cube.keys))
        assert sum(bucket.days for bucket in cube.buckets) == len(cubes[0].buckets)
    assert cubes[0].grouped == []
    assert any("by month" in sentence for sentence in cubes[1].grouped)
    assert any("5 customers" in sentence for sentence in cubes[2].grouped)
    assert sum(account.customer is None for account in cubes[2].accounts) >= 1
    # An organization that keeps its name keeps all of its calls.
    whole = cost_by_organization(cubes[0])
    for organization, cost in cost_by_organization(cubes[3]).items():
        assert organization is None or cost == whole[organization]


def test_a_step_that_groups_nothing_more_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are fewer days than are kept, and far fewer than 1,000 customers."""
    source, asked = ReferenceDataset(ROWS), []
    coarse = source.coarse

    def counted(*args: Any) -> Optional[CoarseGroups]:
        asked.append(args)
        return coarse(*args)

    monkeypatch.setattr(source, "coarse", counted)
    cubes = list(explore_cubes(source))
    assert len(asked) == len(cubes)
    assert len({tuple(cube.keys) for cube in cubes}) == len(cubes)
    assert len(cubes) < len(explore_cube._STEPS)


def named_costs(cube: ExploreCube) -> List[Dict[Optional[str], int]]:
    """Return the cost of each name, a dict for each dimension in the order of a key's digits."""
    sums: List[Dict[Optional[str], int]] = [defaultdict(int) for _ in range(7)]
    for key, cost in zip(cube.keys, cube.sums[COST]):
        key //= len(cube.buckets)
        key, model = divmod(key, len(cube.models))
        key, environment = divmod(key, len(cube.environments))
        account, work = divmod(key, len(cube.work))
        names = (*cube.accounts[account], *cube.models[model][:2], cube.work[work].feature)
        for place, name in enumerate((*names, cube.environments[environment])):
            sums[place][name] += cost
    return sums


@pytest.mark.parametrize(
    ("most", "days"), [(60, "Days are grouped by year."), (6, "All days are grouped.")]
)
def test_any_calls_fit_at_last_and_a_name_keeps_all_that_it_costs(most: int, days: str) -> None:
    source = ReferenceDataset(distinct_calls(110))
    whole, last = (next(explore_cubes(source, cells)) for cells in (110, most))
    assert whole.grouped == []
    assert len(last.keys) <= most
    assert totals(last)[COST] == totals(whole)[COST]
    for named, costs in zip(named_costs(whole), named_costs(last)):
        assert None in costs
        assert len(costs) > 3
        assert all(name is None or cost == named[name] for name, cost in costs.items())
    said = " ".join(last.grouped)
    for what in ("models", "providers", "products", "features", "environments"):
        assert f" {what} are named; all others are grouped." in said
    assert days in last.grouped


def test_a_provider_that_keeps_its_name_keeps_all_of_its_calls() -> None:
    rows = [{**row, "provider": "one"} for row in distinct_calls(110)]
    last = next(explore_cubes(ReferenceDataset(rows), 6))
    costs = named_costs(last)[3]
    assert list(costs) == ["one"]
    assert costs["one"] == totals(last)[COST]
    assert ("one", None) in [model[:2] for model in last.models]


def test_the_last_step_has_a_bound_that_fits() -> None:
    step = explore_cube._STEPS[-1]
    assert (step.days, step.customers, step.organizations, step.others) == ("whole", 5, 5, 4)
    assert explore_cube.MOST_CELLS >= 6 * 6 * 5 * (4 + 4 + 1) * 5 * 5


def test_only_cubes_within_the_bound_are_yielded() -> None:
    whole = next(explore_cubes(ReferenceDataset(ROWS)))
    fewer = list(explore_cubes(ReferenceDataset(ROWS), len(whole.keys) - 1))
    assert all(len(cube.keys) < len(whole.keys) for cube in fewer)


def test_costs_finer_than_a_millionth_stay_whole() -> None:
    rows = [call(cost_usd="0.00000125"), call(cost_usd="0.5")]
    cube = next(explore_cubes(ReferenceDataset(rows)))
    assert (cube.decimals, totals(cube)[COST]) == (8, 50_000_125)
    assert explore_cube._decimals_of([10**31, 1]) == (-4, True)


def test_free_failures_are_counted_and_told_apart() -> None:
    rows = [call(status="error", error_type="timeout", cost_usd="0", input_tokens=7),
            call(status="success", cost_usd="1", input_tokens=5),
            call(status="error", cost_usd="0", input_tokens=3, feature_id="chat")]  # fmt: skip
    cube = next(explore_cubes(ReferenceDataset(rows)))
    sums = dict(zip(CELL_MEASURES, totals(cube)))
    assert (sums["calls"], sums["errors"], sums["input"], sums["free_input"]) == (3, 2, 15, 10)


def test_buckets_are_whole_months_before_the_last_days() -> None:
    days = days_between("2024-01-15", "2024-06-30")
    buckets = buckets_of(days, "recent")
    # The last 92 days begin on the last of March, whose other days are single ones, too.
    assert [tuple(bucket) for bucket in buckets[:3]] == [
        ("2024-01-15", 17),
        ("2024-02-01", 29),
        ("2024-03-01", 1),
    ]
    assert sum(bucket.days for bucket in buckets) == len(days)
    assert buckets_of([]) == []
