"""Rate optimization: which model switches and commitments save money, and how much.

A switch re-prices the very tokens of the calls; a commitment takes a discount off the calls of
a quiet day, which are certain to come.  Both together do not count a dollar twice: switches
come first, the discount is taken off what remains.
"""

from __future__ import annotations

import math
from typing import ClassVar, Dict, List, NamedTuple, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.model_switches import DOWNGRADABLE, FREE_FAILURE, SwitchRule
from finops.analyzers.shared.tables import DAYS, daily
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import Finding
from finops.results.optimization import (
    CombinedSavings,
    ModelRoute,
    ModelSwitch,
    OptimizationResult,
    OptimizationSummary,
    ReservedCapacity,
)
from finops.rollups.spec import Rollups, Table
from finops.stats import percent as percent_of
from finops.stats import percentile, ratio

USAGE = Table(
    ("feature_id", "task_type", "provider", "model", DOWNGRADABLE, FREE_FAILURE),
    ("calls", "cost", "input_tokens", "output_tokens"),
)


class Usage(NamedTuple):
    """The calls of one (feature, task, provider, model): all of them, and what was billed."""

    calls: int = 0
    cost: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0


class OptimizationAnalyzer(Analyzer):
    """Model switches, a commitment, and what both are worth together.

    `reserved_capacity` is the commitment on today's cost; `combined` says what is left of it
    once the switches are made.  `switches_by_model` adds the switches up by current and
    alternative model.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (USAGE, DAYS)

    def result(self, data: Rollups) -> OptimizationResult:
        """Return the result; costs and savings in USD over the period or, if named so, monthly."""
        days = daily(data)
        switches = _model_switches(data)
        routes = _by_route(data, switches)
        reserved = _reserved_capacity(data, [row.call_count for row in days])
        combined = _combined(data, switches, reserved)
        return OptimizationResult(
            summary=_summary(data, combined),
            reserved_capacity=reserved,
            model_switches=switches,
            switches_by_model=routes,
            combined=combined,
            daily=days,
            findings=by_impact(
                _findings(data, routes, reserved, combined) + caveats(data.period, data.totals)
            ),
            recommendations=_recommendations(routes, reserved, combined),
        )


def _summary(data: Rollups, combined: CombinedSavings) -> OptimizationSummary:
    return OptimizationSummary(
        total_calls=data.totals.calls,
        total_cost=data.totals.cost,
        monthly_cost=data.period.monthly(data.totals.cost),
        total_monthly_savings=combined.total_monthly_savings,
        savings_percent=percent_of(combined.total_savings, data.totals.cost),
        unpriced_calls=data.totals.unpriced,
    )


# --- switches --------------------------------------------------------------------------------


def _usages(data: Rollups) -> Dict[Tuple[str, str, str, str, bool], Usage]:
    """Return the calls by everything but failure; free failures are calls without tokens."""
    usages: Dict[Tuple[str, str, str, str, bool], Usage] = {}
    for (*key, free), (calls, cost, inputs, outputs) in data[USAGE].items():
        feature, task, provider, model, downgradable = key
        before = usages.get((feature, task, provider, model, downgradable), Usage())
        usages[feature, task, provider, model, downgradable] = Usage(
            before.calls + calls,
            before.cost + cost,
            before.input_tokens + (0 if free else inputs),
            before.output_tokens + (0 if free else outputs),
        )
    return usages


def _model_switches(data: Rollups) -> List[ModelSwitch]:
    rule = SwitchRule(data.prices)
    rows = []
    for (feature, task, provider, model, downgradable), usage in _usages(data).items():
        tokens = (usage.input_tokens, usage.output_tokens)
        switch = rule(provider, model, downgradable, *tokens, usage.cost)
        if switch is not None:
            rows.append(
                ModelSwitch(
                    feature_id=feature,
                    task_type=task,
                    current_provider=provider,
                    current_model=model,
                    alternative_provider=switch.model.provider,
                    alternative_model=switch.model.name,
                    call_count=usage.calls,
                    current_cost=usage.cost,
                    alternative_cost=switch.cost,
                    estimated_savings=switch.savings,
                    savings_percent=switch.savings_percent,
                    monthly_savings=data.period.monthly(switch.savings),
                )
            )
    return sorted(
        rows,
        key=lambda r: (
            -r.estimated_savings,
            r.feature_id,
            r.task_type,
            r.current_provider,
            r.current_model,
        ),
    )


def _by_route(data: Rollups, switches: Sequence[ModelSwitch]) -> List[ModelRoute]:
    """Return the switches added up by current and alternative model, by estimated_savings."""
    routes: Dict[Tuple[str, str, str, str], List[ModelSwitch]] = {}
    for row in switches:
        route = (
            row.current_provider,
            row.current_model,
            row.alternative_provider,
            row.alternative_model,
        )
        routes.setdefault(route, []).append(row)
    rows = []
    for route, members in routes.items():
        cost = math.fsum(row.current_cost for row in members)
        savings = math.fsum(row.estimated_savings for row in members)
        rows.append(
            ModelRoute(
                *route,
                call_count=sum(row.call_count for row in members),
                current_cost=cost,
                alternative_cost=cost - savings,
                estimated_savings=savings,
                savings_percent=percent_of(savings, cost),
                monthly_savings=data.period.monthly(savings),
            )
        )
    return sorted(rows, key=_largest_first)


def _largest_first(route: ModelRoute) -> Tuple[float, str, str, str, str]:
    return (
        -route.estimated_savings,
        route.current_provider,
        route.current_model,
        route.alternative_provider,
        route.alternative_model,
    )


# --- commitment ------------------------------------------------------------------------------


def _reserved_capacity(data: Rollups, daily_calls: Sequence[int]) -> ReservedCapacity:
    """Return the commitment to the calls of a quiet day, at today's models.

    `recommended_commitment` is in calls a month, `commitment_usd_per_month` what they cost
    with the discount.
    """
    cost, discount = data.totals.cost, config.COMMITMENT_DISCOUNT_PCT
    baseline = percentile(daily_calls, config.COMMITMENT_PERCENTILE)
    # Where most days are alike, the quiet day times the days can exceed the calls there were.
    share = min(100.0, percent_of(baseline * len(daily_calls), data.totals.calls))
    savings = cost * share / 100 * discount / 100
    committed = data.period.monthly(cost * share / 100)
    return ReservedCapacity(
        baseline_daily_calls=baseline,
        committed_share_percent=share,
        discount_percent=discount,
        current_cost=cost,
        optimized_cost=cost - savings,
        savings=savings,
        savings_percent=percent_of(savings, cost),
        monthly_savings=data.period.monthly(savings),
        recommended_commitment=baseline * config.DAYS_PER_MONTH,
        commitment_usd_per_month=committed * (1 - discount / 100),
    )


def _combined(
    data: Rollups, switches: Sequence[ModelSwitch], reserved: ReservedCapacity
) -> CombinedSavings:
    """Return what switches and then the commitment on the rest save, in the period and monthly."""
    monthly = data.period.monthly
    switched = math.fsum(row.estimated_savings for row in switches)
    remaining = data.totals.cost - switched
    committed = remaining * ratio(reserved.savings_percent, 100)
    return CombinedSavings(
        switch_savings=switched,
        cost_after_switches=remaining,
        commitment_savings=committed,
        total_savings=switched + committed,
        optimized_cost=remaining - committed,
        switch_monthly_savings=monthly(switched),
        commitment_monthly_savings=monthly(committed),
        total_monthly_savings=monthly(switched + committed),
    )


# --- sentences -------------------------------------------------------------------------------


def _findings(
    data: Rollups,
    routes: Sequence[ModelRoute],
    reserved: ReservedCapacity,
    combined: CombinedSavings,
) -> List[Finding]:
    findings = [
        finding(
            "warning",
            f"{row.alternative_model} does the work of {row.current_model} for "
            f"{percent(row.savings_percent)} less",
            f"{counted(row.call_count, 'call')} cost {usd(row.current_cost)}; the same "
            f"tokens would have cost {usd(row.alternative_cost)}.",
            row.monthly_savings,
        )
        for row in routes[: config.RECOMMENDED_SUBJECTS]
    ]
    if combined.commitment_savings > 0:
        findings.append(
            finding(
                "info",
                f"A commitment to {reserved.baseline_daily_calls:,} calls a day would pay off",
                f"{100 * (1 - config.COMMITMENT_PERCENTILE):.0f}% of the days reach that many. "
                f"It covers {percent(reserved.committed_share_percent)} of the calls, at "
                f"{reserved.discount_percent}% off what remains after the "
                "switches.",
                combined.commitment_monthly_savings,
            )
        )
    if data.totals.calls and not routes:
        findings.append(
            finding(
                "success",
                "Every task runs on the cheapest model of its class",
                "No model of the same capability class, or one lower where the task tolerates "
                "it, would have cost less.",
            )
        )
    return findings


def _recommendations(
    routes: Sequence[ModelRoute], reserved: ReservedCapacity, combined: CombinedSavings
) -> List[str]:
    named = routes[: config.RECOMMENDED_SUBJECTS]
    advice = [
        f"Switch {counted(row.call_count, 'call')} from {row.current_model} to "
        f"{row.alternative_model}: saves {usd(row.monthly_savings)} a month."
        for row in named
    ]
    rest = routes[len(named) :]
    if rest:
        worth = math.fsum(row.monthly_savings for row in rest)
        advice.append(
            f"Work through {counted(len(rest), 'further model switch', 'further model switches')}: "
            f"together they save {usd(worth)} a month."
        )
    if combined.commitment_savings > 0:
        advice.append(
            f"Commit to {reserved.recommended_commitment:,} calls a month "
            f"({reserved.baseline_daily_calls:,} a day) once the switches are made: saves "
            f"{usd(combined.commitment_monthly_savings)} a month."
        )
    return advice
