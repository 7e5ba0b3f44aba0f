"""Rate optimization: which model switches and commitments save money, and how much.

A switch re-prices the very tokens of the calls; a commitment takes a discount off the calls of
a quiet day, which are certain to come.  Both together do not count a dollar twice: switches
come first, the discount is taken off what remains.  What is saved per month is a rate of the
last 30 whole days: a model that is no longer used saves nothing.
"""

from __future__ import annotations

import math
from typing import ClassVar, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.model_switches import DOWNGRADABLE, FREE_FAILURE, SwitchRule
from finops.analyzers.shared.tables import DAYS, daily
from finops.analyzers.shared.wording import caveats, counted, per_month, percent, usd
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
    ("day", "feature_id", "task_type", "provider", "model", DOWNGRADABLE, FREE_FAILURE),
    ("calls", "cost", "input_tokens", "output_tokens"),
)


class Usage(NamedTuple):
    """Some calls of one (feature, task, provider, model): all of them, and what was billed."""

    calls: int = 0
    cost: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0


# The calls of the period and of the last 30 whole days by (feature, task, provider, model,
# whether the task tolerates a model one class lower).
UsageKey = Tuple[str, str, str, str, bool]


class OptimizationAnalyzer(Analyzer):
    """Model switches, a commitment, and what both are worth together.

    `reserved_capacity` is the commitment on today's cost; `combined` says what is left of it
    once the switches are made.  `switches_by_model` adds the switches up by current and
    alternative model.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (*BASIS_TABLES, USAGE, DAYS)

    def result(self, data: Rollups) -> OptimizationResult:
        """Return the result; costs and savings in USD over the period or, if named so, monthly."""
        span = covered_days(data)
        days = daily(data, span)
        cost_now = span.monthly_now({day.date: day.total_cost for day in days})
        switches = _model_switches(data, span)
        routes = _by_route(switches)
        reserved = _reserved_capacity(data, [row.call_count for row in days], cost_now)
        combined = _combined(data, switches, reserved, cost_now)
        return OptimizationResult(
            summary=_summary(data, span, combined, cost_now),
            basis=basis_of(data, span, self.NEEDS),
            reserved_capacity=reserved,
            model_switches=switches,
            switches_by_model=routes,
            combined=combined,
            daily=days,
            findings=by_impact(
                _findings(data, routes, reserved, combined) + caveats(span, data.totals)
            ),
            recommendations=_recommendations(routes, reserved, combined),
        )


def _summary(
    data: Rollups, span: CoveredDays, combined: CombinedSavings, cost_now: Optional[float]
) -> OptimizationSummary:
    savings = combined.total_monthly_savings
    known = savings is not None and cost_now is not None and not data.totals.unpriced
    return OptimizationSummary(
        total_calls=data.totals.calls,
        total_cost=data.totals.cost,
        monthly_cost=span.monthly(data.totals.cost),
        total_monthly_savings=savings,
        savings_percent=percent_of(savings or 0.0, cost_now or 0.0) if known else None,
        unpriced_calls=data.totals.unpriced,
    )


# --- switches --------------------------------------------------------------------------------


def _usages(data: Rollups, span: CoveredDays) -> Dict[UsageKey, Tuple[Usage, Usage]]:
    """Return the calls of the period and those of its last 30 whole days.

    Free failures are calls without tokens.
    """
    recent = set(span.recent)
    parts: Dict[UsageKey, List[Tuple[bool, Usage]]] = {}
    for (day, *key, free), (calls, cost, inputs, outputs) in data[USAGE].items():
        feature, task, provider, model, downgradable = key
        billed = (0, 0) if free else (inputs, outputs)
        part = (day in recent, Usage(calls, cost, *billed))
        parts.setdefault((feature, task, provider, model, downgradable), []).append(part)
    return {
        key: (
            _added(usage for _, usage in parts[key]),
            _added(usage for is_recent, usage in parts[key] if is_recent),
        )
        for key in sorted(parts)
    }


def _added(usages: Iterable[Usage]) -> Usage:
    parts = list(usages)
    return Usage(
        sum(part.calls for part in parts),
        math.fsum(part.cost for part in parts),
        sum(part.input_tokens for part in parts),
        sum(part.output_tokens for part in parts),
    )


def _model_switches(data: Rollups, span: CoveredDays) -> List[ModelSwitch]:
    rule = SwitchRule(data.prices)
    rows = []
    for (feature, task, provider, model, downgradable), usages in _usages(data, span).items():
        usage, recent = usages
        tokens = (usage.input_tokens, usage.output_tokens)
        switch = rule(provider, model, downgradable, *tokens, usage.cost)
        if switch is not None:
            alternative = switch.model.cost(recent.input_tokens, recent.output_tokens)
            now = max(0.0, recent.cost - alternative)
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
                    monthly_savings=_per_30_days(span, now),
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


def _per_30_days(span: CoveredDays, recent: float) -> Optional[float]:
    """Return a sum over the last 30 whole days, or over fewer, as a rate per month."""
    return span.monthly_now(dict.fromkeys(span.recent[:1], recent))


def _monthly(switches: Iterable[ModelSwitch]) -> Optional[float]:
    """Return what switches save per month together, None where that is not known."""
    rates = [row.monthly_savings for row in switches]
    known = [rate for rate in rates if rate is not None]
    return math.fsum(known) if len(known) == len(rates) else None


def _by_route(switches: Sequence[ModelSwitch]) -> List[ModelRoute]:
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
                monthly_savings=_monthly(members),
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


def _reserved_capacity(
    data: Rollups, daily_calls: Sequence[int], cost_now: Optional[float]
) -> ReservedCapacity:
    """Return the commitment to the calls of a quiet day, at today's models.

    `recommended_commitment` is in calls per month, `commitment_usd_per_month` what they cost
    with the discount; neither is given, nor what is saved per month, without `cost_now`, the
    cost per month of the last 30 whole days.
    """
    cost, discount = data.totals.cost, config.COMMITMENT_DISCOUNT_PCT
    baseline = percentile(daily_calls, config.COMMITMENT_PERCENTILE)
    # Where most days are alike, the quiet day times the days can exceed the calls there were.
    share = min(100.0, percent_of(baseline * len(daily_calls), data.totals.calls))
    savings = cost * share / 100 * discount / 100
    committed = None if cost_now is None else cost_now * share / 100
    return ReservedCapacity(
        baseline_daily_calls=baseline,
        committed_share_percent=share,
        discount_percent=discount,
        current_cost=cost,
        optimized_cost=cost - savings,
        savings=savings,
        savings_percent=percent_of(savings, cost),
        monthly_savings=None if committed is None else committed * discount / 100,
        recommended_commitment=None if committed is None else baseline * config.DAYS_PER_MONTH,
        commitment_usd_per_month=None if committed is None else committed * (1 - discount / 100),
    )


def _combined(
    data: Rollups,
    switches: Sequence[ModelSwitch],
    reserved: ReservedCapacity,
    cost_now: Optional[float],
) -> CombinedSavings:
    """Return what switches and then the commitment on the rest save, in the period and monthly."""
    switched = math.fsum(row.estimated_savings for row in switches)
    remaining = data.totals.cost - switched
    share = ratio(reserved.savings_percent, 100)
    committed = remaining * share
    switched_now = None if cost_now is None else _monthly(switches) or 0.0
    committed_now = None
    if cost_now is not None and switched_now is not None:
        committed_now = (cost_now - switched_now) * share
    return CombinedSavings(
        switch_savings=switched,
        cost_after_switches=remaining,
        commitment_savings=committed,
        total_savings=switched + committed,
        optimized_cost=remaining - committed,
        switch_monthly_savings=switched_now,
        commitment_monthly_savings=committed_now,
        total_monthly_savings=None
        if switched_now is None or committed_now is None
        else switched_now + committed_now,
    )


# --- sentences -------------------------------------------------------------------------------


def _worth_it(routes: Sequence[ModelRoute]) -> List[ModelRoute]:
    """Return the routes that save something now, the most first; all where the data is short."""
    if any(row.monthly_savings is None for row in routes):
        return list(routes)
    saving = [row for row in routes if row.monthly_savings]
    return sorted(saving, key=lambda row: -(row.monthly_savings or 0.0))


def _is_notable(monthly: Optional[float]) -> bool:
    """Return whether an amount per month is known and more than a trifle."""
    return monthly is not None and monthly >= config.NOTABLE_USD_PER_MONTH


def _findings(
    data: Rollups,
    routes: Sequence[ModelRoute],
    reserved: ReservedCapacity,
    combined: CombinedSavings,
) -> List[Finding]:
    findings = [
        finding(
            "warning" if _is_notable(row.monthly_savings) else "info",
            f"The same tokens on {row.alternative_model} would cost "
            f"{percent(row.savings_percent)} less than on {row.current_model}",
            f"{counted(row.call_count, 'call')} cost {usd(row.current_cost)}; the same "
            f"tokens would have cost {usd(row.alternative_cost)}. Whether the answers are good "
            "enough is to be tested.",
            row.monthly_savings,
        )
        for row in _worth_it(routes)[: config.RECOMMENDED_SUBJECTS]
    ]
    if _is_notable(combined.commitment_monthly_savings):
        findings.append(
            finding(
                "info",
                f"A commitment to {counted(int(reserved.baseline_daily_calls), 'call')} per day "
                "would pay off",
                f"{100 * (1 - config.COMMITMENT_PERCENTILE):.0f}% of the days reach that many. "
                f"It covers {percent(reserved.committed_share_percent)} of the calls, at "
                f"{reserved.discount_percent}% off what remains after the "
                "switches.",
                combined.commitment_monthly_savings,
            )
        )
    if data.totals.calls and not routes and not data.totals.unpriced:
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
    worth_it = _worth_it(routes)
    named = worth_it[: config.RECOMMENDED_SUBJECTS]
    advice = [
        f"Test {row.alternative_model} in place of {row.current_model}: saves up to "
        f"{per_month(row.monthly_savings, row.estimated_savings)} if its answers are good enough."
        for row in named
    ]
    rest = worth_it[len(named) :]
    if rest:
        rates = [row.monthly_savings for row in rest]
        known = [rate for rate in rates if rate is not None]
        monthly = math.fsum(known) if len(known) == len(rates) else None
        worth = per_month(monthly, math.fsum(row.estimated_savings for row in rest))
        advice.append(
            f"Work through {counted(len(rest), 'further model switch', 'further model switches')}: "
            f"together they save up to {worth}."
        )
    worth_committing = combined.commitment_monthly_savings
    if worth_committing is not None and _is_notable(worth_committing):
        advice.append(
            f"Commit to {reserved.recommended_commitment:,} calls per month "
            f"({reserved.baseline_daily_calls:,} per day) once the switches are made: saves "
            f"{usd(worth_committing)} per month."
        )
    return advice
