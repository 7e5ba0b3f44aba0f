"""Write the calls of very many customers over years, and see what an engine makes of them.

    PYTHONPATH=src .venv/bin/python scripts/many_calls.py --folder DIR      minutes, 1 GB of disk
    … --customers 50000 --days 365 --rows 2000000 --max-rows 500000

Customers are as active as a lognormal variate (sigma 1.5) says.  A row stands for all calls of a
customer, a model and a feature in a day, as usage exports are aggregated, so that few gigabytes
stand for a year of a large team.  DuckDB makes them, since Python would take an hour.

Prints how many rows each declared table has, which of them are above `--max-rows`, and what
`finops analyze` took.  Returns 1 where it failed, or took more memory than `--limit` MB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, Tuple

from finops.business.catalog import DEFAULT_PRICES
from finops.context import RunContext
from finops.engines import ENGINES
from finops.engines.dataset import MOST_ROWS, EngineDataset
from finops.engines.engine import EngineOptions
from finops.engines.sources import Opening
from finops.engines.statements import statements
from finops.pipeline import declared_tables
from finops.reader.options import ReadingOptions

ROOT = Path(__file__).resolve().parents[1]
MB = 1 << 20

# A whole number below `{below}` that depends on the row and on `{what}`.
_DRAWN = "(hash(c, k, '{what}') % {below})::bigint"
_CALLS = """
with customers as (
    select c, exp(1.5 * sqrt(-2 * ln((1 + hash(c, 'u') % 999983) / 1e6))
        * cos(2 * pi() * (hash(c, 'v') % 1000003) / 1e6)) as activity
    from range({customers}) t(c)
),
shares as (select c, activity / (sum(activity) over ()) as share from customers),
counted as (
    select c, greatest(1, round(share * {rows}))::bigint as n,
        hash(c, 'first') % {days} // 2 as first
    from shares
),
listed as (select c, first, unnest(range(n)) as k from counted),
drawn as (
    select c, k, first + {day} as day, {model} as model, 1 + {calls} as calls, {feature} as feature
    from listed
)
select strftime(timestamp '2024-01-01' + to_days(least(day, {days} - 1)::int), '%Y-%m-%dT00:00:00')
        as timestamp,
    ['openai', 'openai', 'anthropic', 'google', 'mistral'][model + 1] as provider,
    ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-5', 'gemini-2.5-flash', 'mistral-large-latest']
        [model + 1] as model,
    calls * (200 + {size}) as input_tokens, calls * (50 + {size} // 4) as output_tokens,
    printf('%.6f', calls * (1 + {price}) / 1e4) as cost_usd,
    printf('cust_%07d', c) as customer_id, ['starter', 'pro', 'enterprise'][1 + c % 3]
        as subscription_tier,
    printf('org_%05d', c // 40) as organization_id,
    'product_' || chr((97 + c % 4)::int) as product_id,
    ['chat', 'search', 'summary', 'code'][feature + 1] as feature_id, 'generation' as task_type,
    'production' as environment, ['us-east', 'eu-west', 'ap-south'][1 + c % 3] as region,
    'success' as status, calls, 86400 as bucket_s
from drawn order by 1, customer_id
"""


def write_calls(path: Path, customers: int, days: int, rows: int) -> Tuple[int, int]:
    """Write the calls; return how many rows and calls they are."""
    import duckdb

    drawn = {
        "day": _DRAWN.format(what="day", below=f"greatest(1, {days} - first)"),
        "model": _DRAWN.format(what="model", below=5),
        "calls": _DRAWN.format(what="calls", below=800),
        "feature": _DRAWN.format(what="feature", below=4),
        "size": _DRAWN.format(what="size", below=900),
        "price": _DRAWN.format(what="price", below=200),
    }
    sql = _CALLS.format(customers=customers, days=days, rows=rows, **drawn)
    how = "header" if path.suffix == ".csv" else "format parquet"
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"set memory_limit = '2GB'; set temp_directory = '{path.parent}'")
        connection.execute(f"copy ({sql}) to '{path}' ({how})")
        found = connection.execute(f"select count(*), sum(calls) from '{path}'").fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def rows_of_tables(path: Path, options: EngineOptions) -> Dict[str, int]:
    """Return how many rows each declared table has, by its dimensions, the most of each."""
    engine = ENGINES["duckdb"].open(options)
    opening = Opening(DEFAULT_PRICES, ReadingOptions(), RunContext.current())
    EngineDataset(engine, "duckdb", [str(path)], opening).fill(())
    counted: Dict[str, int] = {}
    for table in declared_tables():
        for kind, sql in statements(engine.dialect, table).items():
            name = " x ".join(table.dimension_names) or "all calls"
            name += f" [{kind}]" if kind != "groups" else " [having]" if table.having else ""
            ((count,),) = engine.rows(f"select count(*) from ({sql}) t")
            counted[name] = max(counted.get(name, 0), int(count))
    return dict(sorted(counted.items(), key=lambda item: -item[1]))


def analyzed(path: Path, options: List[str]) -> Tuple[int, float, int, List[str]]:
    """Run all reports; return the status, seconds of processors, MB, and what was said."""
    code = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "sys.stderr.buffer.write(done.stderr)\n"
        "print(done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)"
    )
    words = ["analyze", "--engine", "duckdb", "--data", str(path), "--quiet", *options]
    words += ["--reports", str(path.parent / "reports")]
    command = [sys.executable, "-c", code, sys.executable, "-m", "finops", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    status, seconds, megabytes = done.stdout.split()
    return int(status), float(seconds), int(megabytes), done.stderr.decode().splitlines()


def main() -> int:
    """Write the calls, count the rows of tables, run the reports."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, help="where the calls and reports are put")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=1096)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--max-rows", type=int, default=MOST_ROWS)
    parser.add_argument("--memory", default="1GB", help="what DuckDB may take of the limit")
    parser.add_argument("--limit", type=int, default=2048, help="MB that the program may take")
    args = parser.parse_args()
    folder = Path(args.folder)
    path = folder / f"calls.{args.format}"
    begun = time.monotonic()
    rows, calls = write_calls(path, args.customers, args.days, args.rows)
    print(
        f"{rows:,} rows for {calls:,} calls of {args.customers:,} customers in {args.days} days,"
        f" {path.stat().st_size // MB:,} MB, written in {time.monotonic() - begun:.0f} s",
        flush=True,
    )
    for name, count in rows_of_tables(path, EngineOptions(None, args.memory, str(folder))).items():
        above = "  above --max-rows" if count > args.max_rows else ""
        print(f"{count:>12,}  {name}{above}", flush=True)
    options = ["--memory", args.memory, "--temp", str(folder), "--max-rows", str(args.max_rows)]
    status, seconds, megabytes, said = analyzed(path, options)
    print(f"status {status}, {seconds:.0f} s of processors, {megabytes:,} MB of memory")
    for line in said:
        print(f"  {line}")
    for page in sorted((folder / "reports").glob("*.json")):
        print(f"  {page.name}: {page.stat().st_size / MB:.1f} MB")
    return int(status not in (0, 1) or megabytes > args.limit)


if __name__ == "__main__":
    sys.exit(main())
