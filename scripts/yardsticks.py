"""What other programs are asked for: the declared tables as GROUP BYs, and a CSV like ours.

DuckDB is of the development environment.  chdb and polars have one of their own, since they are
large: `.venv-yardsticks`, made by `scripts/setup_dev.py yardsticks`; without it they are left out.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import List, Mapping, NamedTuple, Tuple

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"


_DECLARED = """
import json
from finops.pipeline import declared_tables
from finops.rollups.expressions import sql_of
from finops.rollups.measures import UNKNOWN_COLUMNS, Distribution

def sql(given):
    if isinstance(given, Distribution):  # what is worked out of values is not asked of SQL
        return "latencies"
    return given if isinstance(given, str) else given.sql

tables = [
    {
        "by": list(map(sql, table.by)),
        "measures": list(map(sql, table.measures)),
        "where": sql_of(table.where, UNKNOWN_COLUMNS) if table.where else "true",
    }
    for table in declared_tables()
]
print(json.dumps(tables))
"""


class Table(NamedTuple):
    """A declared table, see `finops.rollups.spec`; what analyzers declare by value is SQL."""

    by: Tuple[str, ...]
    measures: Tuple[str, ...]
    where: str


def declared() -> List[Table]:
    """Return the tables of all reports, each once, as the package itself tells them."""
    declared_tables = subprocess.check_output([sys.executable, "-c", _DECLARED], cwd=str(SRC))
    tables = [
        Table(tuple(table["by"]), tuple(table["measures"]), table["where"])
        for table in json.loads(declared_tables)
    ]
    return list(dict.fromkeys(tables))


class Dialect(NamedTuple):
    """How a program says what is asked.

    `load` makes the table `calls` of the file `{path}`: its columns, and what follows from them.
    `measures` are those that SQL has no common word for.
    """

    load: str
    measures: Mapping[str, str]


# Columns that declared tables ask for and a simulated file does not have.
_ABSENT = """1 as calls, cast(null as integer) as bucket_s, 0 as credit_pico, '' as service_tier,
 '' as source, cast(round(cost_usd * 1000000) as bigint) as cost_pico,
 case when cost_usd = 0 then 'free' else 'paid' end as cost_kind"""
_MEASURES = {
    "calls": "count(*)",
    "records": "count(*)",
    "cost": "sum(cost_usd)",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "tokens": "sum(input_tokens + output_tokens)",
    "latency_ms": "sum(latency_ms)",
    "errors": "sum(case when status = 'error' then 1 else 0 end)",
    "rate_limits": "sum(case when error_type = 'rate_limit' then 1 else 0 end)",
    "latency_known": "count(latency_ms)",
    "status_known": "count(status)",
    "calls_unknown": "count(*) - count(calls)",
    "unpriced": "sum(case when cost_usd is null then 1 else 0 end)",
    "credits": "sum(credit_pico)",
    "credit_rows": "sum(case when credit_pico > 0 then 1 else 0 end)",
    "cached_input_tokens": "sum(cached_input_tokens)",
    "cache_write_tokens": "sum(credit_pico)",
    "cache_write_1h_tokens": "sum(credit_pico)",
    "reasoning_tokens": "sum(credit_pico)",
    "customers": "count(distinct customer_id)",
    "first_seen": "min(timestamp)",
    "last_seen": "max(timestamp)",
}
DUCKDB = Dialect(
    f"""create table calls as select *, epoch(timestamp::timestamp) as seconds,
 strftime(timestamp, '%Y-%m-%dT%H:00:00') as hour, strftime(timestamp, '%Y-%m-%d') as day,
 strftime(timestamp, '%G-W%V') as week, extract(hour from timestamp) as hour_of_day, {_ABSENT}
 from read_csv('{{path}}', header = true)""",
    {
        "latency": "histogram(latency_ms)",
        "latencies": "list(latency_ms)",
        "input_sizes": "histogram(input_tokens)",
    },
)
CHDB = Dialect(
    f"""create table calls engine = Memory as select *, toFloat64(timestamp) as seconds,
 formatDateTime(timestamp, '%Y-%m-%dT%H:00:00') as hour, formatDateTime(timestamp, '%Y-%m-%d')
 as day, formatDateTime(timestamp, '%G-W%V') as week, toHour(timestamp) as hour_of_day, {_ABSENT}
 from file('{{path}}', 'CSVWithNames')""".replace("as integer", "as Nullable(Int32)"),
    {
        "latency": "sumMap(map(assumeNotNull(latency_ms), 1))",
        "latencies": "groupArray(latency_ms)",
        "input_sizes": "sumMap(map(assumeNotNull(input_tokens), 1))",
    },
)
# Polars counts the values of a list only outside of SQL, so that it gives the lists.
POLARS = Dialect(
    f"""select *, cast(timestamp as bigint) / 1000000 as seconds,
 strftime(timestamp, '%Y-%m-%dT%H:00:00') as hour,
 strftime(timestamp, '%Y-%m-%d') as day, strftime(timestamp, '%G-W%V') as week,
 extract(hour from timestamp) as hour_of_day, {_ABSENT} from read_csv('{{path}}')""",
    {
        **dict.fromkeys(("latency", "latencies"), "array_agg(latency_ms)"),
        "input_sizes": "array_agg(input_tokens)",
    },
)
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


# Measures that no sum of a group gives, each with the query of its table.
_QUERIES = {
    "region_changes": """select customer_id, day, count(*) as m0, min(seconds - before) as m1 from (
 select customer_id, day, region, seconds,
 lag(region) over (partition by customer_id order by seconds) as old,
 lag(seconds) over (partition by customer_id order by seconds) as before from calls) as steps
 where old <> region and seconds - before < 3600 group by customer_id, day""",
    "sessions": """select count(*) as m0, sum(calls_of) as m1, max(cost_of) as m2 from (
 select session_id, count(*) as calls_of, sum(cost_usd) as cost_of from calls
 group by session_id) as sums""",
    "retries": """select count(*) as m0, sum(cost_usd) as m1 from (
 select cost_usd, seconds, lag(status) over (partition by trace_id order by seconds) as old,
 lag(seconds) over (partition by trace_id order by seconds) as before from calls) as steps
 where old = 'error' and seconds - before <= 900""",
}
_COHORTS = """(select customer_id, min(week) as cohort_week from calls group by customer_id)
 as cohorts"""


def queries(dialect: Dialect) -> List[str]:
    """Return every declared table as a query."""
    return [_query(table, dialect) for table in declared()]


def _query(table: Table, dialect: Dialect) -> str:
    for measure in table.measures:
        if measure in _QUERIES:
            return _QUERIES[measure]
    keys = [f"{by} as k{place}" for place, by in enumerate(table.by)]
    words = {**_MEASURES, **dialect.measures}
    measures = [words.get(measure, measure) for measure in table.measures]
    columns = [*keys, *(f"{each} as m{place}" for place, each in enumerate(measures))]
    group = f" group by {', '.join(f'k{place}' for place in range(len(keys)))}" if keys else ""
    source = "calls"
    if "cohort_week" in table.by:
        source += f" join {_COHORTS} on calls.customer_id = cohorts.customer_id"
        columns = [each.replace("customer_id", "calls.customer_id") for each in columns]
    return f"select {', '.join(columns)} from {source} where {table.where}{group}"


# --- programs that answer them ---------------------------------------------------------------

_DUCKDB_PROGRAM = """
import json, sys, duckdb
base = duckdb.connect(config={"threads": int(sys.argv[1])})
for statement in json.load(sys.stdin):
    base.execute(statement).fetchall()
"""
_CHDB_PROGRAM = """
import json, sys
from chdb import session
base = session.Session()
load, *asked = json.load(sys.stdin)
base.query(load)
for query in asked:
    base.query(f"{query} settings max_threads = {sys.argv[1]}", "Arrow")
"""
_POLARS_PROGRAM = """
import json, os, sys
os.environ["POLARS_MAX_THREADS"] = sys.argv[1]
import polars
load, *asked = json.load(sys.stdin)
columns, _, path = load.partition(" from read_csv(")
base = polars.SQLContext(eager=True)
base.register("file", polars.read_csv(path.strip("')"), try_parse_dates=True))
base.register("calls", base.execute(f"{columns} from file"))
for query in asked:
    base.execute(query)
"""
OTHERS = ROOT / ".venv-yardsticks" / "bin" / "python"


class Program(NamedTuple):
    """A program that loads a file and fills every declared table, with two threads."""

    name: str
    python: str
    source: str
    dialect: Dialect

    def is_here(self) -> bool:
        """Return whether it can be run."""
        asked = [self.python, "-c", f"import {self.name.lower()}"]
        there = Path(self.python).exists()
        return (
            there and not subprocess.run(asked, stderr=subprocess.DEVNULL, check=False).returncode
        )

    def command(self, path: Path, statements: Path, threads: int) -> List[str]:
        """Return its command; what it is to do is written into a file beside the data."""
        load = self.dialect.load.replace("{path}", str(path))
        statements.write_text(json.dumps([load, *queries(self.dialect)]), encoding="utf-8")
        script = f"{self.python} -c {shlex.quote(self.source)} {threads}"
        return ["sh", "-c", f"exec {script} < {shlex.quote(str(statements))}"]


DUCKDB_PROGRAM = Program("DuckDB", sys.executable, _DUCKDB_PROGRAM, DUCKDB)
_PROGRAMS = (
    Program("chdb", str(OTHERS), _CHDB_PROGRAM, CHDB),
    Program("polars", str(OTHERS), _POLARS_PROGRAM, POLARS),
)


def other_programs() -> List[Program]:
    """Return the programs beside DuckDB that are installed."""
    return [program for program in _PROGRAMS if program.is_here()]
