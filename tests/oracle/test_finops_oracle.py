"""FinOps analyses against SQL over the same CSV."""

from __future__ import annotations

from datetime import date
from statistics import median
from typing import Any, Dict, List, Tuple

import pytest

from finops import config
from finops.business.catalog import CATALOG
from tests.oracle.conftest import Case
from tests.oracle.database import Oracle, at_own_price, check_rows, check_same, percentile

pytestmark = pytest.mark.unmeasured

ALL = "(select sum(cost) from calls)"
LATENCY = f"""avg(wait) as avg_latency_ms, {percentile("wait", 0.5)} as p50_latency_ms,
{percentile("wait", 0.95)} as p95_latency_ms,
{percentile("wait", 0.99)} as p99_latency_ms, count(wait) as measured_calls"""
PER_CALL = "if(bool_or(unpriced), null, avg(cost)) as avg_cost_per_call"
PER_1K = "if(bool_or(unpriced), null, sum(cost) / sum(tokens) * 1000) as cost_per_1k_tokens"
RECENT = "filter (day in (select day from recent))"


def spend(oracle: Oracle, keys: str, more: str = "") -> List[Dict[str, Any]]:
    return oracle.rows(
        f"select {keys}, count(*) as call_count, sum(cost)::double as total_cost, "
        f"(sum(cost) / {ALL} * 100)::double as share_percent {more} from calls "
        f"group by {keys} order by total_cost desc, {keys}"
    )


def total(case: Case) -> Dict[str, Any]:
    return case.oracle.rows("select count(*) as total_calls, sum(cost) as total_cost from calls")[0]


def test_every_summary_has_the_totals(case: Case) -> None:
    for name, result in case.results.items():
        check_same(result["summary"], total(case), name)


@pytest.mark.parametrize(
    ("section", "keys", "more"),
    [
        (
            "by_provider",
            "provider",
            ", sum(tokens) as total_tokens, " + PER_CALL,
        ),
        (
            "by_model",
            "provider, model",
            ", sum(tokens) as total_tokens, " + PER_1K,
        ),
        ("by_feature", "feature_id", ""),
        ("by_organization", "organization_id", ""),
        ("by_product", "product_id", ""),
        ("by_task_type", "task_type", ""),
        ("by_environment", "environment", ""),
    ],
)
def test_understanding_lists(case: Case, section: str, keys: str, more: str) -> None:
    expected = spend(case.oracle, keys, more)
    names = tuple(keys.split(", "))
    check_rows(case.results["understanding"][section], expected, section, "total_cost", names)


def test_understanding_customers(case: Case) -> None:
    expected = case.oracle.rows(
        f"""select customer_id, tier as subscription_tier, calls as call_count, total_cost,
        total_cost / {ALL} * 100 as share_percent from customers
        order by total_cost desc, customer_id"""
    )
    found = case.results["understanding"]["by_customer"]
    check_rows(found, expected, "by_customer", "total_cost", ("customer_id",))


def test_understanding_summary_daily_and_forecast(case: Case) -> None:
    result = case.results["understanding"]
    daily = case.oracle.rows(
        "select day as date, count(*) as call_count, sum(cost) as total_cost "
        "from calls group by 1 order by 1"
    )
    check_same(result["daily"], daily, "daily")
    whole = case.oracle.rows(
        "select coalesce(sum(cost), 0)::double as cost, count(*) filter (unpriced) as unpriced "
        "from dates left join calls using (day) where share = 1 group by day order by day"
    )
    costs = [day["cost"] for day in whole]
    trend = (sum(costs[-7:]) / sum(costs[-14:-7]) - 1) * 100 if len(costs) >= 14 else None
    known = not any(day["unpriced"] for day in whole)
    average = case.oracle.value("select sum(cost) / (select days from about) from calls")
    expected = case.oracle.rows(
        "select sum(tokens) as total_tokens, count(distinct customer_id) as unique_customers, "
        f"{PER_CALL} from calls"
    )[0]
    ahead = result["forecast"]["projection"]
    expected.update(
        avg_daily_cost=average,
        forecast_30_days=sum(day["expected"] for day in ahead) if known else None,
        trend_percent=trend if known else None,
    )
    check_same(result["summary"], expected, "summary")
    forecast = {k: expected[k] for k in ("avg_daily_cost", "forecast_30_days", "trend_percent")}
    check_same(result["forecast"], forecast, "forecast")
    assert len(ahead) == (30 if known else 0)


def test_understanding_change(case: Case) -> None:
    """The parts that need no list prices; price and mix together."""
    oracle, change = case.oracle, case.results["understanding"]["change"]
    whole = oracle.value("select count(*) from dates where share = 1")
    length = next((days for days in (30, 14, 7) if whole >= 2 * days), 0)
    oracle.base.execute(
        f"""create or replace table compared as select calls.*, place <= {length} as now
        from calls join (select day, row_number() over (order by day desc) as place from dates
                         where share = 1) using (day) where place <= 2 * {length}"""
    )
    if not length or oracle.value("select bool_or(unpriced) from compared"):
        assert change is None
        return
    works = oracle.rows(
        """select coalesce(sum(cost) filter (now), 0)::double as cost,
        coalesce(sum(cost) filter (not now), 0)::double as earlier,
        sum(tokens) filter (now and not free)::double as tokens,
        sum(tokens) filter (not now and not free)::double as earlier_tokens,
        bool_or(now) and bool_or(not now) as both from compared group by feature_id, task_type"""
    )
    volume = [w["earlier"] * (w["tokens"] / w["earlier_tokens"] - 1) for w in works if w["both"]]
    expected = {
        "days": length,
        "previous_period_cost": sum(work["earlier"] for work in works),
        "cost_now": sum(work["cost"] for work in works),
        "volume_effect": sum(volume),
        "new_subjects_effect": sum(w["cost"] - w["earlier"] for w in works if not w["both"]),
    }
    check_same(change, expected, "change")
    parts = change["price_effect"] + change["mix_effect"]
    others = expected["volume_effect"] + expected["new_subjects_effect"]
    difference = expected["cost_now"] - expected["previous_period_cost"]
    assert parts + others == pytest.approx(difference, abs=1e-6)
    customers = oracle.rows(
        """select sum(sign) filter (state = 'new') as new_count, -sum(sign) filter
        (state = 'gone') as gone_count, sum(change) filter (state = 'stayed') as stayed_effect
        from (select customer_id, coalesce(sum(cost) filter (now), 0)::double
                - coalesce(sum(cost) filter (not now), 0)::double as change,
              if(bool_and(now), 'new', if(bool_and(not now), 'gone', 'stayed')) as state,
              if(bool_and(now), 1, -1) as sign from compared group by 1)"""
    )[0]
    check_same(
        change["customers"], {name: value or 0 for name, value in customers.items()}, "customers"
    )


def test_understanding_efficiency(case: Case) -> None:
    expected = case.oracle.rows(
        "select provider, model, sum(cost) as total_cost, "
        "if(bool_or(unpriced), null, nullif(sum(tokens), 0) / nullif(sum(cost), 0)) "
        "as tokens_per_dollar "
        "from calls group by 1, 2 order by tokens_per_dollar desc nulls last, 1, 2"
    )
    found = case.results["understanding"]["efficiency"]
    check_rows(found, expected, "efficiency", "tokens_per_dollar", ("provider", "model"))


def test_performance_summary(case: Case) -> None:
    limit = config.SLA_THRESHOLD_MS
    expected = case.oracle.rows(
        f"""select {LATENCY}, max(wait) as max_latency_ms, {limit} as sla_threshold_ms,
        count(*) filter (wait > {limit}) as sla_violations,
        count(*) filter (wait <= {limit}) / count(wait) * 100 as sla_compliance_percent,
        count(*) filter (failed) / count(*) * 100 as error_rate_percent from calls"""
    )[0]
    result = case.results["performance"]
    check_same(result["summary"], expected, "summary")
    short = {
        "mean": expected["avg_latency_ms"],
        "median": expected["p50_latency_ms"],
        "p95": expected["p95_latency_ms"],
        "p99": expected["p99_latency_ms"],
        "max": expected["max_latency_ms"],
        "sla_violations": expected["sla_violations"],
    }
    check_same(result["latency"], short, "latency")


def test_performance_lists(case: Case) -> None:
    result = case.results["performance"]
    models = case.oracle.rows(
        f"""select provider, model, count(*) as call_count, {LATENCY},
        sum(output_tokens) filter (wait is not null) / (sum(wait) / 1000) as tokens_per_second,
        count(*) filter (failed) / count(*) * 100 as error_rate_percent,
        {PER_1K}
        from calls group by 1, 2 order by tokens_per_second desc, 1, 2"""
    )
    check_same(result["model_rankings"], models, "model_rankings")
    limit = config.SLA_THRESHOLD_MS
    providers = case.oracle.rows(
        f"""select provider, count(*) as total_calls,
        count(*) filter (wait <= {limit}) as compliant_calls,
        count(*) filter (wait <= {limit}) / count(wait) * 100 as compliance_rate,
        count(*) filter (wait > {limit}) as violations, count(wait) as measured_calls
        from calls group by 1 order by compliance_rate desc, 1"""
    )
    check_same(result["sla_compliance"], providers, "sla_compliance")
    hours = case.oracle.rows(
        f"""select h as hour, count(c.latency_ms) as call_count,
        avg(wait) as avg_latency_ms, p as p95_latency_ms from range(24) t(h)
        left join calls c on c.hour_of_day = h
        left join (select hour_of_day, {percentile("wait", 0.95)} as p
                   from calls group by 1) q
        on q.hour_of_day = h group by h, p order by h"""
    )
    check_same(result["hourly_profile"], hours, "hourly_profile")
    tasks = case.oracle.rows(
        f"""select task_type, count(*) as call_count, avg(wait) as avg_latency_ms,
        {percentile("wait", 0.95)} as p95_latency_ms from calls group by 1"""
    )
    found = {row["task_type"]: row for row in result["by_task_type"]}
    check_same(found, {row["task_type"]: row for row in tasks}, "by_task_type")
    bars = result["latency_histogram"]
    for bar in bars:
        counted = case.oracle.value(
            f"select count(*) from calls where wait >= {bar['from_ms']} and wait < {bar['to_ms']}"
        )
        assert bar["call_count"] == counted
    measured = case.oracle.value("select count(wait) from calls")
    assert sum(bar["call_count"] for bar in bars) == measured


def hourly(case: Case) -> List[Dict[str, Any]]:
    """Return every hour of the period with its cost, empty ones included."""
    return case.oracle.rows(
        """select strftime(h, '%Y-%m-%dT%H:00:00') as hour, coalesce(c.cost, 0) as cost
        from (select unnest(range(date_trunc('hour', start),
              date_trunc('hour', stop) + interval 1 second, interval 1 hour)) as h from about)
        left join (select date_trunc('hour', ts) as t, sum(cost)::double as cost
                   from calls group by 1) c on c.t = h order by h"""
    )


def like_hours(case: Case) -> Dict[str, float]:
    """Return for each hour with a call the highest cost that the hours like it explain."""
    active = {
        row["hour"]: row["cost"]
        for row in case.oracle.rows("select hour, sum(cost)::double as cost from calls group by 1")
    }
    clocks: Dict[str, List[str]] = {}
    for hour in sorted(active):
        clocks.setdefault(hour[11:13], []).append(hour)
    limits = {}
    for hour in active:
        same = clocks[hour[11:13]]
        at, weekday = same.index(hour), date.fromisoformat(hour[:10]).weekday()
        groups = [
            ([h for h in same if date.fromisoformat(h[:10]).weekday() == weekday and h != hour], 1),
            ([h for h in same if h != hour], 1),
            (same[max(0, at - 7) : at], 3),
            (same[at + 1 : at + 8], 3),
        ]
        known = [explained([active[h] for h in g]) for g, fewest in groups if len(g) >= fewest]
        by_month = [active[h] for h in same if h[8:10] == hour[8:10] and h != hour]
        if len(by_month) >= 2:
            known.append(explained([median(by_month)]))
        limits[hour] = max(known or [explained([active[h] for h in active if h != hour])])
    return limits


def explained(costs: List[float]) -> float:
    centre = median(costs)
    spread = max(1.4826 * median(abs(cost - centre) for cost in costs), centre * 0.3)
    return centre + max(config.ANOMALY_MULTIPLIER * spread, config.ANOMALY_MIN_USD)


def test_realtime_baseline_and_anomalies(case: Case) -> None:
    result = case.results["realtime"]
    costs = [row["cost"] for row in hourly(case)]
    mean = sum(costs) / len(costs)
    deviation = (sum((c - mean) ** 2 for c in costs) / len(costs)) ** 0.5
    threshold = mean + config.ANOMALY_MULTIPLIER * deviation
    baseline = {"mean": mean, "std_dev": deviation, "threshold": threshold}
    check_same(result["hourly_baseline"], baseline, "hourly_baseline")
    expected = []
    usual = like_hours(case)
    for row in hourly(case):
        if row["cost"] > max(threshold, usual.get(row["hour"], 0.0)):
            tops = case.oracle.rows(
                f"""select arg_max(customer_id, cost) as top_customer from (select customer_id,
                sum(cost) as cost from calls where hour = '{row["hour"]}' group by 1)"""
            )[0]
            expected.append({**row, **tops, "deviation": (row["cost"] - mean) / deviation})
    expected.sort(key=lambda row: (-row["deviation"], row["hour"]))
    check_same(result["anomalies"], expected, "anomalies")
    assert result["summary"]["anomaly_count"] == len(expected)


def test_realtime_alerts(case: Case) -> None:
    """Days that follow each other are one alert: gaps and islands."""
    runs = case.oracle.rows(
        f"""with days as (select day::date as d, sum(cost)::double as cost,
                      count(*) filter (failed) / count(*) * 100 as errors,
                      count(*) filter (failed) as failures from calls group by 1),
        bad as (select 'high_daily_cost' as type, d, cost as value from days
                where cost > {config.HIGH_COST_THRESHOLD_USD}
                union all select 'high_error_rate', d, errors from days
                where errors > 10 and failures >= {config.HIGH_ERROR_RATE_MIN_ERRORS})
        select type, strftime(min(d), '%Y-%m-%d') as time, strftime(max(d), '%Y-%m-%d') as end,
               max(value) as value, count(*) as length
        from (select *, d - row_number() over (partition by type order by d)::int as island
              from bad) group by type, island order by type, time"""
    )
    alerts = case.results["realtime"]["alerts"]
    by_day = [alert for alert in alerts if alert["type"] != "provider_degraded"]
    check_same(by_day, runs, "alerts")
    # Few calls in each hour say nothing of a provider, and no alert is then not known to be none.
    busy = case.oracle.value(
        """select count(*) from (select 1 from calls group by provider, hour
                                having count(*) >= 10)"""
    )
    expected = len(alerts) if busy or alerts else None
    assert case.results["realtime"]["summary"]["alert_count"] == expected


def test_realtime_risk(case: Case) -> None:
    result = case.results["realtime"]
    shares = case.oracle.rows(
        f"select provider, (sum(cost) / {ALL})::double as share "
        "from calls group by 1 order by 2 desc"
    )
    highest = shares[0]["share"]
    expected = {
        "max_provider_concentration": highest,
        "top_provider": shares[0]["provider"],
        "diversity_score": 1 - sum(row["share"] ** 2 for row in shares),
        "provider_count": len(shares),
        "risk_level": "high" if highest > 0.6 else "medium" if highest > 0.4 else "low",
    }
    check_same(result["portfolio_risk"], expected, "portfolio_risk")
    summary = case.oracle.rows(
        "select count(*) filter (failed) / count(*) * 100 as error_rate_percent from calls"
    )[0]
    check_same(result["summary"], {**summary, "risk_level": expected["risk_level"]}, "summary")
    customers = case.oracle.rows(
        """select customer_id, tier as subscription_tier, price as monthly_revenue,
        monthly_cost::double as monthly_cost, (monthly_cost / price * 100)::double as burn_percent,
        case when burn_percent >= 150 then 'critical' when burn_percent >= 100 then 'high'
        else 'medium' end as risk
        from customers where paying and unknown = 0 and price > 0
        and monthly_cost / price * 100 >= 80"""
    )
    found = {row["customer_id"]: row for row in result["at_risk_customers"]}
    check_same(found, {row["customer_id"]: row for row in customers}, "at_risk_customers")
    assert len(found) == len(customers)


MIN_PERCENT = config.SWITCH_MIN_SAVINGS_PERCENT


def listed(prices: str, when: str = "") -> str:
    """Return SQL for what the tokens of some work cost by the list, in USD."""
    i, c, o = (name + when for name in "ico")
    sums = f"{i} * {prices}.price_in + {c} * {prices}.price_cached + {o} * {prices}.price_out"
    return f"(({sums}) / 1000)"


def best_switches(oracle: Oracle, more: str = "") -> List[Dict[str, Any]]:
    """Return the best alternative of each (feature, task type, model), by brute force.

    It is that of the whole period; `more` columns may name the one of the last 30 whole days.
    """
    tolerant = ", ".join(f"'{task}'" for task in sorted(config.DOWNGRADABLE_TASKS))
    return oracle.rows(
        f"""with used as (
          select feature_id, task_type, provider, model, any_value(rank) as rank,
            task_type in ({tolerant}) as downgradable, count(*) as call_count,
            sum(cost) as current_cost,
            sum(if(free, 0, input_tokens - cached_tokens)) as i,
            sum(if(free, 0, cached_tokens)) as c, sum(if(free, 0, output_tokens)) as o,
            coalesce(sum(cost) {RECENT}, 0) as cost_now,
            coalesce(sum(if(free, 0, input_tokens - cached_tokens)) {RECENT}, 0) as i_now,
            coalesce(sum(if(free, 0, cached_tokens)) {RECENT}, 0) as c_now,
            coalesce(sum(if(free, 0, output_tokens)) {RECENT}, 0) as o_now
          from calls where rank is not null group by 1, 2, 3, 4),
        offers as (
          select u.*, p.provider as alternative_provider, p.model as alternative_model,
            {at_own_price(listed("p"), "current_cost", listed("own"))} as alternative_cost,
            min({at_own_price(listed("p", "_now"), "cost_now", listed("own", "_now"))}) over (
              partition by feature_id, task_type, u.provider, u.model) as alternative_now,
            first_value(p.provider) over now as now_provider,
            first_value(p.model) over now as now_model,
            row_number() over (partition by feature_id, task_type, u.provider, u.model
              order by {listed("p")}, p.provider, p.model) as place
          from used u join prices own on own.provider = u.provider and own.model = u.model
          join prices p on not (p.provider = u.provider and p.model = u.model)
            and (p.rank = u.rank or (downgradable and p.rank = u.rank + 1))
            and p.retired > (select max(day) from dates)
          window now as (partition by feature_id, task_type, u.provider, u.model
            order by {listed("p", "_now")}, p.provider, p.model))
        select feature_id, task_type, provider as current_provider, model as current_model,
          alternative_provider, alternative_model, call_count,
          current_cost::double as current_cost, alternative_cost::double as alternative_cost,
          (current_cost - alternative_cost)::double as estimated_savings,
          ((current_cost - alternative_cost) / current_cost * 100)::double as savings_percent,
          (greatest(0, cost_now - alternative_now) * 30
           / (select count(*) from recent))::double as monthly_savings {more}
        from offers where place = 1
          and (current_cost - alternative_cost) * 100 > current_cost * {MIN_PERCENT}
        order by estimated_savings desc, feature_id, task_type, provider, model"""
    )


def test_optimization_switches(case: Case) -> None:
    check_rows(
        case.results["optimization"]["model_switches"],
        best_switches(case.oracle),
        "model_switches",
        "estimated_savings",
        ("feature_id", "task_type", "current_provider", "current_model"),
    )


def committed_parts(oracle: Oracle) -> Dict[Any, float]:
    """Return which part of the cost of a model its commitment saves, where it is advised."""
    rows = oracle.rows(
        f"""with hours as (select provider, model, hour, sum(tokens) as t, sum(cost)::double as c,
                         bool_or(unpriced) as unknown
                       from calls join recent using (day) group by all),
        quiet as (select provider, model, {percentile("t", 0.25)} as line from hours where t > 0
                  group by all)
        select provider, model, sum(least(t, line)) as used, any_value(line) * 24
          * (select count(*) from recent) as committed, sum(t) as tokens
        from hours join quiet using (provider, model) group by all
        having not bool_or(unknown) and sum(c) > 0"""
    )
    return {
        (row["provider"], row["model"]): (row["used"] - 0.6 * row["committed"]) / row["tokens"]
        for row in rows
        if row["used"] > 0.6 * row["committed"]
    }


def left_after_all_steps(oracle: Oracle) -> float:
    """Return what a month costs after switches, caching, batches and commitments, line by line."""
    lines = oracle.rows(
        """select feature_id, task_type, provider, model, count(*) as calls,
        (sum(cost) * 30 / (select count(*) from recent))::double as cost,
        sum(if(free, 0, input_tokens))::bigint as i, sum(if(free, 0, cached_tokens))::bigint as c,
        sum(if(free, 0, output_tokens))::bigint as o
        from calls join recent using (day) group by 1, 2, 3, 4"""
    )
    key = ("feature_id", "task_type", "current_provider", "current_model")
    more = ", now_provider, now_model"
    switches = {tuple(row[name] for name in key): row for row in best_switches(oracle, more)}
    hits: Dict[Any, List[int]] = {}
    for line in lines:
        sums = hits.setdefault((line["provider"], line["model"]), [0, 0])
        sums[0] += line["c"]
        sums[1] += line["i"]
    committed, left = committed_parts(oracle), 0.0
    for line in lines:
        switch = switches.get(
            (line["feature_id"], line["task_type"], line["provider"], line["model"]), {}
        )
        saved = switch.get("monthly_savings", 0.0)
        runs_on = line["provider"], line["model"]
        if saved:
            runs_on = switch["now_provider"], switch["now_model"]
        waits = line["task_type"] in config.BATCH_TASKS and runs_on[0] in config.BATCH_PROVIDERS
        part = 0.5 if waits else committed.get((line["provider"], line["model"]), 0.0)
        read, inputs = hits[line["provider"], line["model"]]
        kept = after_caching(line, runs_on, read / inputs if inputs else 0.0)
        left += (line["cost"] - saved) * kept * (1 - part)
    return left


def after_caching(line: Dict[str, Any], runs_on: Tuple[str, str], share: float) -> float:
    """Return which part of a line's cost is left when `share` of its input comes from a cache."""
    models = [model for model in CATALOG if (model.provider, model.name) == runs_on]
    more = int(share * line["i"]) - line["c"]
    if more <= 0 or line["calls"] < config.MODEL_MIN_CALLS or not models:
        return 1.0
    (model,) = models
    if model.cache_read_price is None:
        return 1.0
    plain, rest = line["i"] - line["c"], line["o"] * model.output_price
    before = plain * model.input_price + line["c"] * model.cache_read_price + rest
    saved = more * (model.input_price - model.cache_read_price)
    kept: float = (before - saved) / before
    return kept


def test_optimization_commitment_and_total(case: Case) -> None:
    result = case.results["optimization"]
    facts = case.oracle.rows(
        f"""select {percentile("n", 0.25)} as baseline, count(*) as days, sum(n) as calls,
        sum(cost) as cost from (select day, count(*) as n, sum(cost)::double as cost
        from calls group by 1)"""
    )[0]
    monthly = case.oracle.value("select monthly from about")
    now = case.oracle.value(
        f"select (sum(cost) {RECENT} * 30 / (select count(*) from recent))::double from calls"
    )
    share = facts["baseline"] * facts["days"] / facts["calls"]
    savings = facts["cost"] * share * 0.4
    expected = {
        "baseline_daily_calls": facts["baseline"],
        "committed_share_percent": share * 100,
        "discount_percent": 40,
        "current_cost": facts["cost"],
        "optimized_cost": facts["cost"] - savings,
        "savings": savings,
        "savings_percent": savings / facts["cost"] * 100,
        "monthly_savings": now * share * 0.4,
    }
    check_same(result["reserved_capacity"], expected, "reserved_capacity")
    both = now - left_after_all_steps(case.oracle)
    unpriced = case.oracle.value("select count(*) filter (unpriced) from calls")
    summary = {
        "monthly_cost": facts["cost"] * monthly,
        "total_monthly_savings": both,
        "savings_percent": None if unpriced else both / now * 100,
    }
    check_same(result["summary"], summary, "summary")


def test_alignment(case: Case) -> None:
    result = case.results["alignment"]
    breakdown: Dict[str, Any] = {}
    for row in case.oracle.rows(
        """select organization_id, product_id, sum(cost) as cost, count(*) as call_count
        from calls group by 1, 2"""
    ):
        organization, product = row.pop("organization_id"), row.pop("product_id")
        breakdown.setdefault(organization, {})[product] = row
    chargeback = case.oracle.rows(
        f"""select organization_id, sum(cost)::double as total_cost,
        (sum(cost) * (select monthly from about))::double as monthly_cost, count(*) as call_count,
        count(distinct customer_id) as customer_count,
        (sum(cost) / {ALL} * 100)::double as share_percent,
        {PER_1K}
        from calls group by 1 order by total_cost desc, 1"""
    )
    for row in chargeback:
        row["product_breakdown"] = breakdown[row["organization_id"]]
    check_rows(result["chargeback"], chargeback, "chargeback", "total_cost", ("organization_id",))
    shares = [
        {
            "organization_id": row["organization_id"],
            "cost": row["total_cost"],
            "share_percent": row["share_percent"],
            "call_count": row["call_count"],
        }
        for row in chargeback
    ]
    check_rows(result["fair_share"], shares, "fair_share", "cost", ("organization_id",))
    summary = case.oracle.rows(
        """select count(distinct nullif(organization_id, 'unknown')) as organization_count,
        coalesce(sum(cost) filter (organization_id in ('', 'unknown')
                          or product_id in ('', 'unknown')), 0) as unallocated_cost from calls"""
    )[0]
    summary["top_organization"] = chargeback[0]["organization_id"]
    summary["top_organization_share_percent"] = chargeback[0]["share_percent"]
    check_same(result["summary"], summary, "summary")
    for section, key in (
        ("by_product", "product_id"),
        ("by_feature", "feature_id"),
        ("by_environment", "environment"),
    ):
        check_rows(result[section], spend(case.oracle, key), section, "total_cost", (key,))
    named = [
        row
        for row in chargeback
        if row["organization_id"] != config.UNKNOWN and row["cost_per_1k_tokens"] is not None
    ]
    efficient = sorted(named, key=lambda r: (r["cost_per_1k_tokens"], r["organization_id"]))
    wasteful = sorted(named, key=lambda r: (-r["cost_per_1k_tokens"], r["organization_id"]))
    for name, rows in (("most", efficient), ("least", wasteful)):
        expected = [
            {k: row[k] for k in ("organization_id", "cost_per_1k_tokens")} for row in rows[:5]
        ]
        check_same(result["efficiency"][name], expected, name)
