"""What the database is asked for: the declared tables as GROUP BYs, and a CSV like ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import List, NamedTuple, Tuple

SRC = Path(__file__).resolve().parent.parent / "src"


_DECLARED = """
import json
from finops.registry import ANALYZER_REGISTRY
tables = [t._asdict() for one in ANALYZER_REGISTRY.values() for t in one.analyzer.TABLES]
print(json.dumps(tables))
"""


class Table(NamedTuple):
    """A declared table, see `finops.dataset.rollup`."""

    by: Tuple[str, ...]
    measures: Tuple[str, ...]
    where: str


def declared() -> List[Table]:
    """Return the tables of all analyzers, each once, as the package itself tells them."""
    told = subprocess.check_output([sys.executable, "-c", _DECLARED], cwd=str(SRC))
    tables = [
        Table(tuple(one["by"]), tuple(one["measures"]), one["where"]) for one in json.loads(told)
    ]
    return list(dict.fromkeys(tables))


LOAD = """create table calls as select *,
 timestamp::timestamp as ts, strftime(timestamp, '%Y-%m-%dT%H:00:00') as hour,
 strftime(timestamp, '%Y-%m-%d') as day, strftime(timestamp, '%G-W%V') as week,
 extract(hour from timestamp) as hour_of_day, input_tokens + output_tokens as tokens,
 (input_tokens + output_tokens) // 250 * 250 as token_band,
 status = 'error' and cost_usd = 0 as free_failure, task_type <> 'reasoning' as downgradable
 from read_csv('{path}', header = true)"""
_MEASURES = {
    "calls": "count(*)",
    "cost": "sum(cost_usd)",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "tokens": "sum(tokens)",
    "latency_ms": "sum(latency_ms)",
    "errors": "count(*) filter (status = 'error')",
    "rate_limits": "count(*) filter (error_type = 'rate_limit')",
    "sla_violations": "count(*) filter (latency_ms > 2000)",
    "unpriced": "count(*) filter (cost_usd is null)",
    "latency": "histogram(latency_ms)",
    "latencies": "list(latency_ms)",
}
_FILTERS = {
    "": "true",
    "inefficient_prompt": "status = 'success' and input_tokens > 1000"
    " and output_tokens < 0.1 * input_tokens",
    "simple_task": "status = 'success' and tokens < 200",
}
WRITE = """copy (select timestamp '2025-01-01' + to_seconds(i * 25) as timestamp,
 printf('call_%08d', i) as call_id, ['openai', 'anthropic', 'google'][1 + i % 3] as provider,
 printf('model-%d', i % 24) as model, (50 + random() * 1950)::int as input_tokens,
 (50 + random() * 950)::int as output_tokens, round(random() / 50, 6) as cost_usd,
 (200 + random() * 400)::int as latency_ms,
 printf('cust_%04d', (random() * 60)::int) as customer_id,
 ['starter', 'pro', 'enterprise'][1 + i % 3] as subscription_tier,
 printf('org_%03d', i % 50) as organization_id, 'product_a' as product_id, 'chat' as feature_id,
 'chat' as task_type, 'production' as environment,
 printf('req_%016x', (random() * 1e15)::bigint) as request_id,
 printf('trace_%016x', (random() * 1e15)::bigint) as trace_id, 'web_app_v1.2' as user_agent,
 printf('sess_%012x', i // 9) as session_id, 800 as total_tokens, 'us-east' as region,
 'success' as status, '' as error_type, 'power' as customer_archetype, 199.0 as tier_price_usd
 from range({rows}) t(i)) to '{path}' (header true)"""


def group_by(table: Table) -> str:
    """Return a declared table as a query."""
    if "region_changes" in table.measures:
        return """select customer_id, day, count(*), min(gap) from (select customer_id, day, region,
 lag(region) over w as old, epoch(ts) - epoch(lag(ts) over w) as gap from calls
 window w as (partition by customer_id order by ts)) where old <> region and gap < 3600
 group by 1, 2"""
    keys = ", ".join(table.by)
    measures = ", ".join(_MEASURES[measure] for measure in table.measures)
    group = f" group by {keys}" if keys else ""
    columns = f"{keys}, {measures}" if keys else measures
    return f"select {columns} from calls where {_FILTERS[table.where]}{group}"
