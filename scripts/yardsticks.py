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
from finops.rollups.expressions import sql_of
from finops.rollups.measures import UNKNOWN_COLUMNS

def sql(given):
    return given if isinstance(given, str) else given.sql

tables = [
    {
        "by": list(map(sql, table.by)),
        "measures": list(map(sql, table.measures)),
        "where": sql_of(table.where, UNKNOWN_COLUMNS) if table.where else "true",
    }
    for analysis in ANALYZER_REGISTRY.values()
    for table in analysis.analyzer.TABLES
]
print(json.dumps(tables))
"""


class Table(NamedTuple):
    """A declared table, see `finops.rollups.spec`; what analyzers declare by value is SQL."""

    by: Tuple[str, ...]
    measures: Tuple[str, ...]
    where: str


def declared() -> List[Table]:
    """Return the tables of all analyzers, each once, as the package itself tells them."""
    declared_tables = subprocess.check_output([sys.executable, "-c", _DECLARED], cwd=str(SRC))
    tables = [
        Table(tuple(table["by"]), tuple(table["measures"]), table["where"])
        for table in json.loads(declared_tables)
    ]
    return list(dict.fromkeys(tables))


LOAD = """create table calls as select *,
 timestamp::timestamp as ts, strftime(timestamp, '%Y-%m-%dT%H:00:00') as hour,
 strftime(timestamp, '%Y-%m-%d') as day, strftime(timestamp, '%G-W%V') as week,
 extract(hour from timestamp) as hour_of_day,
 case when cost_usd = 0 then 'free' else 'paid' end as cost_kind
 from read_csv('{path}', header = true)"""
_MEASURES = {
    "calls": "count(*)",
    "cost": "sum(cost_usd)",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "tokens": "sum(input_tokens + output_tokens)",
    "latency_ms": "sum(latency_ms)",
    "errors": "count(*) filter (status = 'error')",
    "rate_limits": "count(*) filter (error_type = 'rate_limit')",
    "latency_known": "count(latency_ms)",
    "status_known": "count(status)",
    "unpriced": "count(*) filter (cost_usd is null)",
    "latency": "histogram(latency_ms)",
    "latencies": "list(latency_ms)",
}
# As many rows of the same columns, drawn and put together as the simulator does it: weighted
# choices, tokens and latency spread, a cost that follows from tokens and price, failures that
# change other columns, attributes that follow from the customer.
WRITE = """copy (with drawn as (
 select i, random() as who, random() as which, random() as use, random() as fate,
 (50 + 1950 * random() * random())::int as input, (50 + 950 * random() * random())::int as output,
 random() + random() + random() - 1.5 as spread, random() as place, random() as moment
 from range({rows}) t(i)),
chosen as (select *, (who * who * 62)::int as customer, (which * which * 24)::int as m,
 case when fate < 0.98 then '' when fate < 0.99 then 'rate_limit' when fate < 0.995 then 'timeout'
 else 'server_error' end as error from drawn),
priced as (select *, (m * 7 % 60 + 1) / 1000 as price_in, (m * 13 % 70 + 2) / 1000 as price_out,
 if(error = '' or error = 'timeout', output, 0) as out from chosen)
select timestamp '2025-01-01' + to_milliseconds(i * 25000 + (moment * 20000)::bigint) as timestamp,
 printf('call_%08d', i) as call_id,
 ['openai', 'anthropic', 'google', 'mistral', 'cohere', 'bedrock', 'azure'][1 + m % 7] as provider,
 'model-' || m as model, input as input_tokens, out as output_tokens,
 round((input * price_in + out * price_out) / 1000, 6)::decimal(12, 6) as cost_usd,
 greatest(1, ((200 + (input + out) * (1 + m % 5) / 4) * (1 + spread / 2))::int) as latency_ms,
 printf('cust_%04d', customer) as customer_id,
 ['starter', 'pro', 'enterprise'][1 + customer % 3] as subscription_tier,
 printf('org_%03d', customer % 50) as organization_id,
 ['product_a', 'product_b', 'product_c'][1 + customer % 3] as product_id,
 ['chat', 'search', 'code', 'summary', 'translate'][1 + (use * 5)::int % 5] as feature_id,
 ['chat', 'qa', 'code', 'summarization', 'reasoning'][1 + (use * 15)::int % 5] as task_type,
 ['production', 'staging', 'development'][1 + (use * use * use * 3)::int % 3] as environment,
 printf('req_%012x', (moment * 281474976710656)::bigint) as request_id,
 printf('trace_%04x%05x', customer, i // 148) as trace_id,
 ['web_app_v1.2', 'ios_v3.4', 'batch_v2'][1 + customer % 3] as user_agent,
 printf('sess_%04x%05x', customer, i // 148) as session_id, input + out as total_tokens,
 ['us-east', 'us-west', 'eu-west', 'ap-south'][1 + (place * place * 4)::int % 4] as region,
 if(error = '', 'success', 'error') as status, error as error_type,
 ['power', 'light', 'steady'][1 + customer % 3] as customer_archetype,
 [49.0, 199.0, 999.0][1 + customer % 3] as tier_price_usd
 from priced order by i) to '{path}' (header true)"""


def group_by(table: Table) -> str:
    """Return a declared table as a query."""
    if "region_changes" in table.measures:
        return """select customer_id, day, count(*), min(gap) from (select customer_id, day, region,
 lag(region) over w as old, epoch(ts) - epoch(lag(ts) over w) as gap from calls
 window w as (partition by customer_id order by ts)) where old <> region and gap < 3600
 group by 1, 2"""
    keys = ", ".join(table.by)
    measures = ", ".join(_MEASURES.get(measure, measure) for measure in table.measures)
    group = f" group by {keys}" if keys else ""
    columns = f"{keys}, {measures}" if keys else measures
    return f"select {columns} from calls where {table.where}{group}"
