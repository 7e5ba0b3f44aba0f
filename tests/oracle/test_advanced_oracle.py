"""Advanced analyses against SQL over the same CSV."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Dict, List, Tuple

import pytest

from finops import config
from finops.business.catalog import DEFAULT_PRICES
from tests.oracle.conftest import Case
from tests.oracle.database import TIES, at_own_price, check_rows, check_same, percentile

pytestmark = pytest.mark.unmeasured

ALL = "(select sum(cost) from calls)"


def test_overview(case: Case) -> None:
    result = case.results["dataset_overview"]
    summary = case.oracle.rows(
        """select sum(tokens) as total_tokens, count(distinct customer_id) as unique_customers,
        count(distinct nullif(product_id, 'unknown')) as unique_products,
        count(distinct feature_id) as unique_features,
        count(distinct nullif(organization_id, 'unknown')) as unique_organizations,
        count(distinct provider) as unique_providers,
        count(distinct (provider, model)) as unique_models from calls"""
    )[0]
    check_same(result["summary"], summary, "summary")
    quality = case.oracle.rows(
        """select count(*) as total_records, count(*) filter (status = 'success') as success_count,
        count(*) filter (failed) as error_count,
        count(*) filter (status = 'success') / count(*) * 100 as success_rate_percent from calls"""
    )[0]
    check_same(result["quality"], quality, "quality")
    for section, where, column in (
        ("status_distribution", "true", "status"),
        ("error_types", "failed", "error_type"),
    ):
        counted = case.oracle.rows(
            f"select {column} as name, count(*) as n from calls where {where} group by 1"
        )
        assert result["quality"][section] == {row["name"]: row["n"] for row in counted}
    start, stop = (case.oracle.value(f"select {c} from about") for c in ("start", "stop"))
    assert result["temporal"]["start_time"] == start.isoformat(timespec="microseconds")
    assert result["temporal"]["end_time"] == stop.isoformat(timespec="microseconds")
    check_same(result["temporal"]["duration_hours"], (stop - start).total_seconds() / 3600)
    assert result["file"]["total_records"] == quality["total_records"]


def test_overview_distributions(case: Case) -> None:
    columns = {
        "provider": "provider",
        "model": "model",
        "region": "region",
        "environment": "environment",
        "subscription_tier": "tier",
        "customer_archetype": "archetype",
        "task_type": "task_type",
    }
    for name, column in columns.items():
        expected = case.oracle.rows(
            f"""select {column} as value, count(*) as call_count,
            count(*) / (select count(*) from calls) * 100 as share_percent,
            sum(cost) as total_cost from calls group by 1 order by 2 desc, 1"""
        )
        found = case.results["dataset_overview"]["distributions"][name]
        check_rows(found, expected, name, "call_count", ("value",))


def test_token_efficiency_and_daily(case: Case) -> None:
    result = case.results["token_economics"]
    efficiency = case.oracle.rows(
        """select provider, model, count(*) as call_count, sum(tokens) as total_tokens,
        sum(cost) as total_cost,
        if(bool_or(unpriced), null, nullif(sum(tokens), 0) / nullif(sum(cost), 0))
          as tokens_per_dollar,
        if(bool_or(unpriced), null, sum(cost) / sum(tokens) * 1000000) as cost_per_1m_tokens,
        sum(output_tokens) / sum(input_tokens) as input_output_ratio
        from calls group by 1, 2 order by tokens_per_dollar desc nulls last, 1, 2"""
    )
    keys = ("provider", "model")
    check_rows(result["efficiency"], efficiency, "efficiency", "tokens_per_dollar", keys)
    daily = case.oracle.rows(
        """select day as date, sum(input_tokens) as input_tokens,
        sum(output_tokens) as output_tokens from calls group by 1 order by 1"""
    )
    check_same(result["daily_tokens"], daily, "daily_tokens")
    summary = case.oracle.rows(
        """select sum(input_tokens) as total_input_tokens,
        sum(output_tokens) as total_output_tokens,
        if(bool_or(unpriced), null, sum(tokens) / sum(cost)) as tokens_per_dollar,
        if(bool_or(unpriced), null, sum(cost) / sum(tokens) * 1000000) as cost_per_1m_tokens
        from calls"""
    )[0]
    check_same(result["summary"], summary, "summary")


def waste(case: Case) -> Tuple[List[Dict[str, Any]], List[Dict[str, Any]]]:
    cheapest = DEFAULT_PRICES.cheapest()
    prompts = case.oracle.rows(
        f"""with usual as (select feature_id, task_type,
            {percentile("input_tokens", 0.5)} as median
          from calls where status = 'success' group by all),
        cells as (select customer_id, count(*) as n, sum(cost) as spent,
            least(sum(cost), coalesce(sum(input_tokens * price_in / 1000),
                  sum(cost) * sum(input_tokens) / sum(tokens)))::double as inputs
          from calls join usual using (feature_id, task_type)
          where status = 'success' and input_tokens > 1000
          and output_tokens / input_tokens < 0.1
          and if(input_tokens < 4000, input_tokens,
            if(input_tokens < 40000, input_tokens // 100 * 100, input_tokens // 1000 * 1000)
          ) > 3 * median
          group by customer_id, provider, model)
        select customer_id, sum(n) as call_count, sum(spent) as cost,
          sum(inputs) * 0.9 as wasted_cost from cells group by 1"""
    )
    cheap = f"""sum(input_tokens * {cheapest.input_price!r}::decimal(18, 9)
              + output_tokens * {cheapest.output_price!r}::decimal(18, 9)) / 1000"""
    now = "sum(input_tokens * price_in + output_tokens * price_out) / 1000"
    simple = case.oracle.rows(
        f"""with cells as (select customer_id, provider, model, count(*) as n, sum(cost) as cost,
            coalesce(sum(cost) - {at_own_price(cheap, "sum(cost)", now)}, 0) as saved
            from calls where status = 'success' and tokens < 200
            and (price_in + price_out) / 2 * 1000 > 5 group by 1, 2, 3)
        select customer_id, sum(n) as call_count, sum(cost)::double as cost,
        sum(greatest(saved, 0))::double as wasted_cost from cells group by 1"""
    )
    return prompts, simple


def test_token_classes(case: Case) -> None:
    """By list prices of input and output; data that says more of its tokens has more classes."""
    classes = {row["class"]: row for row in case.results["token_economics"]["token_classes"]}
    if set(classes) - {"input", "output", "unknown"}:
        return
    split = case.oracle.rows(
        """select sum(if(listed, cost * ins / (ins + outs), 0))::double as "input",
        sum(if(listed, cost * outs / (ins + outs), 0))::double as "output",
        sum(if(listed, 0, cost))::double as "unknown"
        from (select sum(cost)::double as cost, (sum(input_tokens) * any_value(price_in))::double
                as ins, (sum(output_tokens) * any_value(price_out))::double as outs,
                coalesce(not free and ins + outs > 0, false) as listed
              from calls group by provider, model, free)"""
    )[0]
    costs = {name: classes[name]["cost"] if name in classes else 0.0 for name in split}
    check_same(costs, split, "token_classes")
    tokens = case.oracle.rows(
        "select sum(input_tokens)::bigint as input, sum(output_tokens)::bigint as output from calls"
    )[0]
    check_same({name: classes[name]["tokens"] for name in tokens}, tokens, "tokens by class")


def test_sessions_and_retries(case: Case) -> None:
    sessions = case.results["token_economics"]["sessions"]
    by_session = (
        "(select session_id, count(*) as call_count, sum(cost) as cost from calls"
        " where session_id <> '' group by 1)"
    )
    (wanted,) = case.oracle.rows(
        f"""select count(*) as count, sum(call_count) as call_count,
        quantile_disc(cost, 0.5) as cost_p50, quantile_disc(cost, 0.95) as cost_p95,
        sum(call_count) / count(*) as calls_per_session from {by_session}"""
    )
    top = case.oracle.rows(f"select * from {by_session} order by cost desc, session_id limit 10")
    if case.results["token_economics"]["summary"]["unpriced_calls"]:
        wanted, top = {**wanted, "cost_p50": None, "cost_p95": None}, []
    check_same(sessions, wanted, "sessions")
    check_rows(sessions["top"], top, "top sessions")
    (retries,) = case.oracle.rows(
        f"""with steps as (select cost, ts, lag(failed) over w as failed_before,
          lag(ts) over w as before_ts from calls where trace_id <> ''
          window w as (partition by trace_id order by ts))
        select count(*) as calls, coalesce(sum(cost), 0) as cost from steps
        where failed_before and epoch_us(ts) - epoch_us(before_ts)
          between 1 and {config.RETRY_WINDOW_S} * 1000000"""
    )
    check_same(case.results["token_economics"]["retries"], retries, "retries")


def test_token_waste(case: Case) -> None:
    patterns = case.results["token_economics"]["wasteful_patterns"]
    for name, rows in zip(("inefficient_prompt", "overpriced_simple_task"), waste(case)):
        found = patterns[name]
        totals = {m: sum(row[m] for row in rows) for m in ("call_count", "cost", "wasted_cost")}
        check_same(found, totals, name)
        by_customer = {row["customer_id"]: row for row in found["customers"]}
        check_same(by_customer, {row["customer_id"]: row for row in rows}, name)
        assert len(by_customer) == len(rows)


def test_token_opportunities(case: Case) -> None:
    listed_now = "(i * price_in_now + o * price_out_now) / 1000"
    listed = "(i * p.price_in + o * p.price_out) / 1000"
    tolerant = ", ".join(f"'{task}'" for task in sorted(config.DOWNGRADABLE_TASKS))
    offers = case.oracle.rows(
        f"""with used as (
          select customer_id, provider, model, task_type in ({tolerant}) as downgradable,
            any_value(rank) as rank, sum(cost) as current_cost,
            any_value(price_in) as price_in_now, any_value(price_out) as price_out_now,
            sum(if(free, 0, input_tokens)) as i, sum(if(free, 0, output_tokens)) as o
          from calls where rank is not null group by 1, 2, 3, 4),
        offers as (
          select u.*, p.model as alternative_model,
            {at_own_price(listed, "current_cost", listed_now)} as alternative_cost,
            row_number() over (partition by customer_id, u.provider, u.model, downgradable
              order by (i * p.price_in + o * p.price_out), p.provider, p.model) as place
          from used u join prices p on not (p.provider = u.provider and p.model = u.model)
            and (p.rank = u.rank or (downgradable and p.rank = u.rank + 1)))
        select customer_id, model as current_model, alternative_model,
          sum(current_cost - alternative_cost)::double as savings
        from offers where place = 1 and alternative_cost < current_cost
        group by 1, 2, 3 having savings > 1"""
    )
    found = {
        (row["customer_id"], row["current_model"], row["alternative_model"]): row["savings"]
        for row in case.results["token_economics"]["opportunities"]
    }
    expected = {
        (row["customer_id"], row["current_model"], row["alternative_model"]): row["savings"]
        for row in offers
    }
    check_same(found, expected, "opportunities")
    assert len(found) == len(expected)


def test_regions(case: Case) -> None:
    result = case.results["geographic_latency"]
    limit = config.SLA_THRESHOLD_MS
    shape = f"""count(*) as call_count, avg(wait) as avg_latency_ms,
      {percentile("wait", 0.95)} as p95_latency_ms"""
    regions = case.oracle.rows(
        f"""select region, {shape}, {percentile("wait", 0.5)} as p50_latency_ms,
        {percentile("wait", 0.99)} as p99_latency_ms, sum(cost) as total_cost,
        count(wait) as measured_calls,
        count(*) filter (wait > {limit}) as sla_violations,
        count(*) filter (failed) / count(*) * 100 as error_rate_percent
        from calls group by 1 order by avg_latency_ms, 1"""
    )
    check_same(result["regions"], regions, "regions")
    pairs = case.oracle.rows(f"select provider, region, {shape} from calls group by 1, 2")
    found = {(row["provider"], row["region"]): row for row in result["provider_regions"]}
    check_same(found, {(row["provider"], row["region"]): row for row in pairs}, "provider_regions")
    summary = {
        "fastest_region": regions[0]["region"],
        "slowest_region": regions[-1]["region"],
        "sla_violations": sum(row["sla_violations"] for row in regions),
        "routing_opportunities": len(result["routing"]),
    }
    check_same(result["summary"], summary, "summary")


def test_churned(case: Case) -> None:
    result = case.results["churn_growth"]
    expected = case.oracle.rows(
        """with seen as (select customer_id, max(ts)::date as last from calls group by 1)
        select customer_id, tier as subscription_tier,
        strftime(last, '%Y-%m-%d') as last_activity_date,
        ((select stop::date from about) - last)::int as days_inactive,
        price as lost_monthly_revenue
        from seen join customers using (customer_id)
        where (select stop::date from about) - last >= 30"""
    )
    found = {row["customer_id"]: row for row in result["churned"]}
    check_same(found, {row["customer_id"]: row for row in expected}, "churned")
    total = case.oracle.value("select count(*) from customers")
    rate = case.oracle.value(
        """with seen as (select customer_id, min(ts)::date as first, max(ts)::date as last
                         from calls group by 1),
        there as (select last <= stop::date - 30 as lost from seen, about
                  where first <= stop::date - 30 and last > stop::date - 60)
        select if((select days from about) >= 60, avg(lost::int) * 100, null) from there"""
    )
    long = case.oracle.value("select count(*) from dates") > 30
    compared = case.oracle.value(
        """with whole as (select day, row_number() over (order by day desc) - 1 as age from dates
                          where share = 1),
        before as (select count(*) as calls from calls join whole using (day)
                   where age between 14 and 27 and (select count(*) from whole) >= 28
                   group by customer_id)
        select count(*) from before where calls >= 10"""
    )
    summary = {
        "total_customers": total,
        "churned_customers": len(expected) if long else None,
        "churn_rate_percent": rate,
        "at_risk_customers": len(result["at_risk"]) if compared else None,
    }
    check_same(result["summary"], summary, "summary")


def test_at_risk(case: Case) -> None:
    expected = case.oracle.rows(
        """with whole as (select day, row_number() over (order by day desc) - 1 as age from dates
                          where share = 1),
        ages as (select customer_id, age from calls left join whole using (day)),
        halves as (select customer_id, count(*) filter (age < 14) as recent_calls,
          count(*) filter (age >= 14 and age < 28) as previous_calls from ages group by 1)
        select customer_id, recent_calls, previous_calls,
          (recent_calls - previous_calls) / previous_calls * 100 as change_percent
        from halves where previous_calls > 0 and recent_calls <= previous_calls / 2"""
    )
    found = {row["customer_id"]: row for row in case.results["churn_growth"]["at_risk"]}
    if case.oracle.value("select count(*) from dates where share = 1") < 28:
        assert not found  # two windows of 14 whole days are compared
        return
    rows = {row["customer_id"]: row for row in expected}
    assert set(found) <= set(rows)
    check_same(found, {name: rows[name] for name in found}, "at_risk")
    # A configured minimum volume may leave out the smallest, and nothing else.
    assert all(row["previous_calls"] < 20 for name, row in rows.items() if name not in found)


def test_weekly_and_growth(case: Case) -> None:
    result = case.results["churn_growth"]
    weekly = case.oracle.rows(
        """select week, count(distinct customer_id) as customer_count, count(*) as call_count,
        sum(cost) as total_cost, count(*) filter (unpriced) as unpriced_calls
        from calls group by 1 order by 1"""
    )
    check_same(result["weekly"], weekly, "weekly")
    start, stop = (case.oracle.value(f"select {c}::date from about") for c in ("start", "stop"))
    full = {row["week"]: row for row in weekly if _is_full(row["week"], start, stop)}
    assert {row["week"] for row in result["weekly"] if not row["partial"]} <= set(full)
    for row in result["growth"]:
        before = full.get(_week_before(row["week"]))
        if before is None:
            continue
        now = full[row["week"]]
        for name, measure in (
            ("customer_growth_percent", "customer_count"),
            ("call_growth_percent", "call_count"),
            ("cost_growth_percent", "total_cost"),
        ):
            known = measure != "total_cost" or not (
                now["unpriced_calls"] or before["unpriced_calls"]
            )
            grown = (now[measure] / before[measure] - 1) * 100 if known else None
            check_same(row[name], grown, row["week"])


def _monday(week: str) -> date:
    fourth = date(int(week[:4]), 1, 4)  # always in week 1
    return fourth - timedelta(days=fourth.weekday()) + timedelta(weeks=int(week[6:]) - 1)


def _is_full(week: str, start: date, stop: date) -> bool:
    return _monday(week) >= start and _monday(week) + timedelta(days=6) <= stop


def _week_before(week: str) -> str:
    year, number, _ = (_monday(week) - timedelta(days=7)).isocalendar()
    return f"{year:04d}-W{number:02d}"


def test_cohorts(case: Case) -> None:
    active = case.oracle.rows("select distinct customer_id, week from calls")
    weeks: Dict[str, set[str]] = {}
    for row in active:
        weeks.setdefault(row["customer_id"], set()).add(row["week"])
    cohorts: Dict[str, List[set[str]]] = {}
    for seen in weeks.values():
        cohorts.setdefault(min(seen), []).append(seen)
    last = max(row["week"] for row in active)
    expected = []
    for first in sorted(cohorts):
        members = cohorts[first]
        retention = []
        monday = _monday(first)
        while monday <= _monday(last):
            year, number, _ = monday.isocalendar()
            name = f"{year:04d}-W{number:02d}"
            retention.append(sum(name in seen for seen in members) / len(members) * 100)
            monday += timedelta(days=7)
        expected.append({"cohort_week": first, "cohort_size": len(members), "retention": retention})
    check_same(case.results["churn_growth"]["cohorts"], expected, "cohorts")


def test_rate_limit_abuse(case: Case) -> None:
    expected = case.oracle.rows(
        """select customer_id, hour, count(*) as total_calls,
        count(*) filter (limited) as rate_limit_errors,
        count(*) filter (failed) / count(*) * 100 as error_rate_percent,
        if(rate_limit_errors > 50, 'critical', 'warning') as level
        from calls group by 1, 2 having rate_limit_errors > 10"""
    )
    found = {
        (r["customer_id"], r["hour"]): r
        for r in case.results["abuse_detection"]["rate_limit_abuse"]
    }
    assert set(found) == {(row["customer_id"], row["hour"]) for row in expected}
    for row in expected:
        one = found[row["customer_id"], row["hour"]]
        assert (one["severity"] == "critical") == (row.pop("level") == "critical")
        check_same(one, row, "rate_limit_abuse")


def test_suspicious_access(case: Case) -> None:
    changes = case.oracle.rows(
        f"""with steps as (select customer_id, ts, region,
          lag(region) over w as before_region, lag(ts) over w as before_ts from calls
          window w as (partition by customer_id order by {TIES}))
        select customer_id, strftime(ts, '%Y-%m-%d') as date, count(*) as switches,
          min(epoch(ts) - epoch(before_ts)) / 60 as shortest_gap_minutes
        from steps where before_region <> region and epoch(ts) - epoch(before_ts) < 3600
        group by 1, 2"""
    )
    counted = {(row["customer_id"], row["date"]): row for row in changes}
    found = case.results["abuse_detection"]["suspicious_access"]
    for row in found:
        expected = counted[row["customer_id"], row["date"]]
        check_same(row["switches"], expected["switches"])
        assert abs(row["shortest_gap_minutes"] - expected["shortest_gap_minutes"]) < 1e-6
    if found:
        least = min(row["switches"] for row in found)
        missed = [
            r
            for key, r in counted.items()
            if r["switches"] > least and key not in {(f["customer_id"], f["date"]) for f in found}
        ]
        assert missed == []


def test_abuse_daily_figures(case: Case) -> None:
    result = case.results["abuse_detection"]
    daily = {
        (row["customer_id"], row["day"]): row
        for row in case.oracle.rows(
            "select customer_id, day, count(*) as calls, sum(cost) as cost from calls group by 1, 2"
        )
    }
    for row in result["unusual_usage"]:
        assert row["call_count"] == daily[row["customer_id"], row["date"]]["calls"]
        assert abs(row["z_score"]) > 3
        assert row["severity"] == ("high" if abs(row["z_score"]) > 5 else row["severity"])
    for row in result["cost_spikes"]:
        cost = daily[row["customer_id"], row["date"]]["cost"]
        check_same(row["cost"], cost, "cost_spikes")
        assert row["cost"] > 3 * row["baseline_mean"]
        check_same(row["multiplier"], row["cost"] / row["baseline_mean"])
    customers = case.results["profitability"]["customers"]
    costs = {row["customer_id"]: row["monthly_cost"] for row in customers}
    for row in result["customers"]:
        assert 0 <= row["risk_score"] <= 100
        if row["customer_id"] in costs:
            check_same(row["monthly_cost"], costs[row["customer_id"]], "customers")
    judged = case.oracle.value(
        """with days as (select customer_id, count(*) as n from calls group by customer_id, day)
        select count(*) from (select 1 from days group by customer_id
                              having max(n) >= 20 and count(*) > 7)"""
    )
    flagged = len(result["customers"])
    assert result["summary"]["flagged_customers"] == (flagged if judged or flagged else None)
