"""The data tells its story on the default seed and on ten others."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import pytest

from finops import config
from finops.business.catalog import CATALOG
from finops.registry import ANALYZER_REGISTRY
from finops.rollups.dataset import open_dataset
from finops.simulator.engine import generate
from finops.simulator.plan import Plan
from finops.simulator.simulation_spec import SimulationSpec
from tests.support.tools import need

pytestmark = [pytest.mark.unmeasured, pytest.mark.long]


SEEDS = [config.DEFAULT_SEED, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


class Database:
    """A SQL engine over one simulated file: an opinion of its own."""

    def __init__(self, path: Path) -> None:
        self._connection = need("duckdb").connect()
        self._connection.execute("set threads = 2")
        self._connection.execute(
            "create table calls as select timestamp, cost_usd, customer_id, tier_price_usd, "
            "provider, model from read_csv(?, types = {'timestamp': 'TIMESTAMP'})",
            [str(path)],
        )

    def row(self, question: str) -> Tuple[Any, ...]:
        found: List[Tuple[Any, ...]] = self._connection.execute(question).fetchall()
        return found[0]


CUSTOMERS = """
    with period as (
        select epoch(max(timestamp) - min(timestamp)) / 86400 as days, max(timestamp) as last
        from calls
    ), customers as (
        select any_value(tier_price_usd) as price, sum(cost_usd) * 30 / any_value(days) as cost,
            date_diff('day', max(timestamp)::date, any_value(last)::date) as silent
        from calls, period group by customer_id
    )
    select any_value(days), 100 * avg((cost > price)::int), 100 * (1 - sum(cost) / sum(price)),
        100 * avg((silent >= 30)::int)
    from customers, period
"""
ANOMALIES = """
    with hours as (
        select unnest(generate_series(date_trunc('hour', min(timestamp)),
            date_trunc('hour', max(timestamp)), interval 1 hour)) as hour from calls
    ), costs as (
        select hour, coalesce(sum(cost_usd), 0) as cost
        from hours left join calls on date_trunc('hour', timestamp) = hour group by hour
    )
    select count(*) from costs
    where cost > (select avg(cost) + 3 * stddev_pop(cost) from costs)
"""
VARIETY = "select count(distinct provider), count(distinct model), count(*) from calls"


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_story(folder: Path, seed: int) -> None:
    path = folder / "calls.csv"
    generate(path, config.TARGET_SIZE_MB * config.MEGABYTE, seed=seed, workers=2)
    data = Database(path)
    days, unprofitable, margin, churned = data.row(CUSTOMERS)
    assert days >= 60
    assert 8 <= unprofitable <= 20
    assert 50 <= margin <= 95
    assert 2 <= churned <= 15
    assert 5 <= data.row(ANOMALIES)[0] <= 60
    assert data.row(VARIETY)[:2] == (7, len(CATALOG))
    assert_analyzers_agree(path)


def assert_analyzers_agree(path: Path) -> None:
    """What only an analyzer can count, and that each has something to say."""
    dataset = open_dataset(path)
    analyzers = [analysis.analyzer for analysis in ANALYZER_REGISTRY.values()]
    dataset.rollups(list(dict.fromkeys(table for one in analyzers for table in one.TABLES)))
    results: Dict[str, Dict[str, Any]] = {
        name: analysis.analyzer(dataset).analyze() for name, analysis in ANALYZER_REGISTRY.items()
    }
    summary = results["abuse_detection"]["summary"]
    customers = results["profitability"]["summary"]["total_customers"]
    assert 1 <= 100 * summary["flagged_customers"] / customers <= 5
    assert 5 <= results["realtime"]["summary"]["anomaly_count"] <= 60
    for name, result in results.items():
        assert result["findings"], name


def test_all_scenarios_occur(folder: Path) -> None:
    hours = sum(shape.hours for shape in config.SCENARIO_SHAPES.values())
    assert hours == 52 * 24 < 60 * 24
    plan = Plan(SimulationSpec.of())
    planted: Set[str] = set()
    for hour in plan.hours():
        if hour.number >= hours:
            break
        planted.update(i.scenario for i in plan.incidents)
    assert {"burst_traffic", "gradual_decline", "viral_spike"} <= planted


def test_price_spread() -> None:
    blended = [model.blended_price_per_1m for model in CATALOG]
    assert max(blended) / min(blended) >= 200
