"""The oracle: a SQL engine over the same CSV, with the definitions written a second time.

Shares nothing with the product but the price catalogue and the configured thresholds.
"""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest

from finops import config
from finops.business.catalog import CATALOG
from tests.support.tools import STRICT

# Where the machine must be complete, its absence is an error.
duckdb = import_module("duckdb") if STRICT else pytest.importorskip("duckdb")

_VIEW = """
create table calls as
select timestamp::timestamp as ts,
       strftime(timestamp::timestamp, '%Y-%m-%d') as day,
       strftime(timestamp::timestamp, '%Y-%m-%dT%H:00:00') as hour,
       extract(hour from timestamp::timestamp)::int as hour_of_day,
       strftime(timestamp::timestamp, '%G-W%V') as week,
       if(provider = 'bedrock', 'aws-bedrock', provider) as provider, model,
       input_tokens::bigint as input_tokens, output_tokens::bigint as output_tokens,
       input_tokens::bigint + output_tokens::bigint as tokens,
       coalesce(nullif(cached_input_tokens, ''), '0')::bigint as cached_tokens,
       cost_usd::decimal(38, 12) as given_cost,
       coalesce(latency_ms::bigint, 0) as latency_ms, customer_id,
       coalesce(nullif(subscription_tier, ''), 'unknown') as tier,
       coalesce(nullif(organization_id, ''), 'unknown') as organization_id,
       coalesce(nullif(product_id, ''), 'unknown') as product_id,
       coalesce(nullif(feature_id, ''), 'unknown') as feature_id,
       coalesce(nullif(task_type, ''), 'unknown') as task_type,
       coalesce(nullif(environment, ''), 'unknown') as environment,
       coalesce(nullif(region, ''), 'unknown') as region,
       coalesce(nullif(status, ''), 'success') as status,
       coalesce(error_type, '') as error_type,
       coalesce(nullif(customer_archetype, ''), 'unknown') as archetype,
       tier_price_usd::double as price, session_id, trace_id
from raw
"""
# The covered share of every date.
_DATES = """
create table dates as
with ends as (select min(ts)::date as first, max(ts)::date as last,
                extract(hour from min(ts)) as first_hour, extract(hour from max(ts)) as last_hour
              from calls),
typical as (select h, count(ts) filter (ts::date > first and ts::date < last) as n
            from range(24) t(h) cross join ends left join calls on hour_of_day = h group by h),
weights as (select h, if(last - first < 3 or (select sum(n) from typical) = 0, 1, n) as w
            from typical cross join ends)
select strftime(d, '%Y-%m-%d') as day,
  coalesce(sum(w) filter ((d > first or h >= first_hour) and (d < last or h <= last_hour)), 0)
  / sum(w) as share
from (select unnest(range(first, last + 1, interval 1 day))::date as d, * from ends), weights
group by d order by d
"""
# The days of a customer, and whether it has left.
_OWN_DAYS = """
create table own_days as
with ends as (select min(day) as first, max(day) as last from dates),
seen as (select customer_id, min(day) as first_day, max(day) as last_day from calls group by 1),
spans as (select customer_id, last_day, last::date - last_day::date >= 30 as gone,
            if(first_day::date < first::date + 7, first, first_day) as since,
            if(last::date - last_day::date >= 30, last_day, last) as until from seen, ends)
select customer_id, last_day, gone, sum(share) as own_days
from spans join dates on day between since and until group by all
"""
# Calls of one customer at one instant follow each other by region; what the customer is, is said by
# the greatest of its columns.
_COLUMNS = ("tier", "organization_id", "product_id", "archetype", "price")
TIES = ", ".join(("ts", "region"))
LATEST = ", ".join(f"{column} desc" for column in ("ts", *_COLUMNS))


class Oracle:
    """One CSV in a database: `rows(sql)` gives dicts, `value(sql)` a single value.

    Tables: `calls` (with `cost`, `unpriced`, `failed`, `free`, `wait`: the latency of successful
    ones), `customers` (attributes of the latest call, own days), `prices` (the catalogue), `dates`
    (covered share), `recent` (the last 30 whole dates), `about` (start, stop, days, monthly).
    """

    def __init__(self, path: Path) -> None:
        self.base = duckdb.connect()
        self.base.execute(
            "create table raw as select * from read_csv("
            f"'{path}', header = true, all_varchar = true, quote = '\"', delim = ',')"
        )
        self.base.execute("alter table raw add column if not exists cached_input_tokens varchar")
        self.base.execute(_VIEW)
        self._add_prices()
        self._add_facts()

    def rows(self, sql: str) -> List[Dict[str, Any]]:
        """Return the rows of a query as dicts; decimals as floats."""
        found = self.base.execute(sql)
        names = [column[0] for column in found.description]
        return [dict(zip(names, map(_plain, row))) for row in found.fetchall()]

    def value(self, sql: str) -> Any:
        """Return the one value of a query."""
        return _plain(self.base.execute(sql).fetchone()[0])

    def _add_prices(self) -> None:
        self.base.execute(
            "create table prices (provider varchar, model varchar, price_in decimal(18, 9), "
            "price_out decimal(18, 9), price_cached decimal(18, 9), class varchar, rank int, "
            "retired varchar)"
        )
        ranks = {"frontier": 0, "standard": 1, "economy": 2}
        self.base.executemany(
            "insert into prices values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    m.provider,
                    m.name,
                    repr(m.input_price),
                    repr(m.output_price),
                    repr(m.input_price if m.cache_read_price is None else m.cache_read_price),
                    m.capability,
                    ranks[m.capability],
                    m.retired or "9999-12-31",
                )
                for m in CATALOG
            ],
        )

    def _add_facts(self) -> None:
        run = self.base.execute
        run("alter table calls rename to bare")
        run(
            """create table calls as
            select b.*, coalesce(given_cost,
                   (b.input_tokens * price_in + b.output_tokens * price_out) / 1000, 0) as cost,
                   given_cost is null and price_in is null as unpriced,
                   status = 'error' as failed,
                   status = 'error' and error_type = 'rate_limit' as limited,
                   price_in, price_out, class, rank
            from bare b left join prices p on p.provider = b.provider and p.model = b.model"""
        )
        run("alter table calls add column free boolean")
        run("update calls set free = failed and cost = 0 and not unpriced")
        run("alter table calls add column wait bigint")
        run("update calls set wait = latency_ms where status = 'success'")
        run(_DATES)
        run(
            """create table about as select min(ts) as start, max(ts) as stop,
            (select sum(share) from dates) as days,
            (select 30 / sum(share) from dates having sum(share) >= 7) as monthly from calls"""
        )
        run("create table recent as select day from dates where share = 1 order by 1 desc limit 30")
        run(_OWN_DAYS)
        tiers = " ".join(f"when '{t}' then {p}" for t, p in config.SUBSCRIPTION_TIERS.items())
        run(
            f"""create table customers as
            select customer_id, tier, organization_id, archetype,
                   coalesce(price, case tier {tiers} end) as price,
                   total_cost, calls, unknown, gone, own_days, last_day,
                   if(own_days >= 7, total_cost * 30 / own_days, null) as monthly_cost,
                   if(own_days >= 7, calls * 30 / own_days, null) as monthly_calls,
                   coalesce(price, case tier {tiers} end) is not null and not gone
                   and own_days >= 7 as paying
            from (select *, row_number() over (partition by customer_id
                                               order by {LATEST}) as place,
                         sum(cost) over (partition by customer_id) as total_cost,
                         count(*) over (partition by customer_id) as calls,
                         count(*) filter (unpriced) over (partition by customer_id) as unknown
                  from calls) join own_days using (customer_id)
            where place = 1"""
        )


def percentile(column: str, share: float) -> str:
    """Return SQL for the nearest-rank percentile: the value at index ceil(n × p) − 1."""
    known = f"list({column}) filter ({column} is not null)"
    return f"list_sort({known})[greatest(1, ceil(round(count({column}) * {share}, 9)))::int]"


def _plain(value: Any) -> Any:
    return float(value) if type(value).__name__ == "Decimal" else value


OVER = 1 + config.LIST_PRICE_TOLERANCE_PCT / 100


def at_own_price(listed: str, paid: str, listed_now: str) -> str:
    """Return SQL for what tokens would cost elsewhere for who paid so much for them here."""
    return (
        f"({listed})::double * if({paid} <= {listed_now} * {OVER}, 1,"
        f" {paid}::double / nullif({listed_now}, 0)::double)"
    )


def check_same(found: Any, expected: Any, where: str = "") -> None:
    """Assert equality; numbers to a relative difference of 1e-9."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert name in found, f"{where}: no {name}"
            check_same(found[name], value, f"{where}.{name}")
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), f"{where}: {len(found)} rows, not {len(expected)}"
        for place, (one, other) in enumerate(zip(found, expected)):
            check_same(one, other, f"{where}[{place}]")
    elif isinstance(expected, bool) or not isinstance(expected, (int, float)):
        assert found == expected, f"{where}: {found!r}, not {expected!r}"
    elif found is None:
        raise AssertionError(f"{where}: nothing, not {expected!r}")
    else:
        close = math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
        assert close, f"{where}: {found!r}, not {expected!r}"


def check_rows(
    found: Sequence[Dict[str, Any]],
    expected: Sequence[Dict[str, Any]],
    where: str,
    by: str = "",
    keys: Tuple[str, ...] = (),
) -> None:
    """Assert that lists hold the same rows in the same order.

    Where sums tie to the last binary digit the two engines may round the ordering figure `by`
    apart; rows whose figures agree to 1e-12 may therefore stand in the order of either.
    """
    found, expected = list(found), list(expected)
    if by:
        found, expected = (_in_stable_order(rows, by, keys) for rows in (found, expected))
    check_same(found, expected, where)


def _alike(figure: Any, other: Any) -> bool:
    if figure is None or other is None:
        return figure is other
    return math.isclose(figure, other, rel_tol=1e-12, abs_tol=1e-12)


def _in_stable_order(
    rows: List[Dict[str, Any]], by: str, keys: Tuple[str, ...]
) -> List[Dict[str, Any]]:
    """Return rows with runs of (nearly) equal figures put in the order of their keys."""
    ordered: List[Dict[str, Any]] = []
    run: List[Dict[str, Any]] = []
    for row in rows:
        if run and not _alike(run[-1][by], row[by]):
            ordered += sorted(run, key=lambda r: tuple(str(r[k]) for k in keys))
            run = []
        run.append(row)
    return ordered + sorted(run, key=lambda r: tuple(str(r[k]) for k in keys))
