"""Rate optimization: which steps save money, in the order of their ease, and how much.

A switch re-prices the very tokens of the calls; a batch price is for answers that may wait; a
commitment takes a discount off the calls of a quiet day, which are certain to come.  No dollar
is counted twice: each step takes from what the steps before it leave, see `savings`.  What is
saved per month is a rate of the last 30 whole days: a model that is no longer used saves nothing.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import ClassVar, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.commitments import MODEL_HOURS, commitments
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.known_costs import known_total
from finops.analyzers.shared.lifecycle import (
    MODEL_TOKENS,
    lifecycle_advice,
    lifecycle_findings,
    retiring_models,
)
from finops.analyzers.shared.model_switches import failing_models, rule_of
from finops.analyzers.shared.overlaps import further_key, model_key
from finops.analyzers.shared.reserved_capacity import reserved_capacity
from finops.analyzers.shared.savings import (
    BATCH,
    CACHING,
    COMMITMENT,
    MODEL_STEPS,
    SAVINGS_TABLES,
    Line,
    Savings,
    lines_of,
    savings_of,
    work_of,
)
from finops.analyzers.shared.tables import DAYS, daily
from finops.analyzers.shared.wording import (
    calls_or_unknown,
    caveats,
    counted,
    per_month,
    percent,
    usd,
)
from finops.business.usage import TokenClasses
from finops.results.base import Finding
from finops.results.optimization import (
    CombinedSavings,
    ModelCommitment,
    ModelMove,
    ModelRoute,
    ModelSwitch,
    OptimizationResult,
    OptimizationSummary,
)
from finops.rollups.spec import Rollups, Table
from finops.stats import percent as percent_of


class OptimizationAnalyzer(Analyzer):
    """What can be saved in `steps`, and what is behind them.

    `reserved_capacity` is the commitment on today's cost; `combined` says what is left of it
    once the switches are made.  `model_switches` names the best alternative only, whatever the
    step; `switches_by_model` adds them up by current and alternative model.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        *SAVINGS_TABLES,
        DAYS,
        MODEL_HOURS,
        MODEL_TOKENS,
    )

    def result(self, data: Rollups) -> OptimizationResult:
        """Return the result; costs and savings in USD over the period or, if named so, monthly."""
        span = covered_days(data)
        days = daily(data, span)
        cost = known_total(data)
        cost_now = (
            None
            if cost is None
            else span.monthly_now({day.date: day.total_cost or 0.0 for day in days})
        )
        savings = savings_of(data, span)
        switches = _model_switches(data, span, savings)
        routes = _by_route(switches)
        calls = [row.call_count for row in days]
        reserved = reserved_capacity(cost, calls, cost_now)
        combined = _combined(data, switches, savings)
        retiring, committed = retiring_models(data, span), commitments(data, span)
        return OptimizationResult(
            summary=_summary(data, span, savings, cost_now),
            basis=basis_of(data, span, self.NEEDS),
            reserved_capacity=reserved,
            model_switches=switches,
            switches_by_model=routes,
            steps=savings.steps(),
            moves=savings.moves(),
            lifecycle=retiring,
            commitments=committed,
            caching=savings.cachings(),
            batch=savings.batches(),
            combined=combined,
            daily=days,
            findings=by_impact(
                lifecycle_findings(retiring)
                + _findings(data, routes, committed, savings)
                + caveats(span, data.totals)
            ),
            recommendations=[
                *lifecycle_advice(retiring),
                *_recommendations(routes, committed, savings),
            ],
        )


def _summary(
    data: Rollups, span: CoveredDays, savings: Savings, cost_now: Optional[float]
) -> OptimizationSummary:
    total, steps = savings.total, savings.steps()
    known = total is not None and cost_now is not None and not data.totals.unpriced
    return OptimizationSummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        monthly_cost=span.monthly(known_total(data)),
        total_monthly_savings=total,
        savings_percent=percent_of(total or 0.0, cost_now or 0.0) if known else None,
        first_step=steps[0].step if steps else None,
        first_step_monthly_savings=steps[0].monthly_savings if steps else None,
        unpriced_calls=data.totals.unpriced,
    )


# --- switches --------------------------------------------------------------------------------


def _model_switches(data: Rollups, span: CoveredDays, savings: Savings) -> List[ModelSwitch]:
    """Return the best alternative for each kind of work, and what it saves now."""
    rule = rule_of(data, span.dates[-1] if span.dates else "")
    now = savings.switched()
    rows = []
    for work, lines in groupby(lines_of(data, set(span.dates)), work_of):
        usage = _added(list(lines))
        switch = rule.best(
            usage.provider, usage.model, usage.downgradable, usage.tokens, usage.cost
        )
        if switch is not None:
            rows.append(
                ModelSwitch(
                    feature_id=usage.feature_id,
                    task_type=usage.task_type,
                    current_provider=usage.provider,
                    current_model=usage.model,
                    alternative_provider=switch.model.provider,
                    alternative_model=switch.model.name,
                    call_count=usage.calls,
                    current_cost=usage.cost,
                    alternative_cost=switch.cost,
                    estimated_savings=switch.savings,
                    savings_percent=switch.savings_percent,
                    monthly_savings=span.monthly_recent(now.get(work, 0.0)),
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


def _added(lines: Sequence[Line]) -> Line:
    """Return lines of one kind of work as one."""
    return lines[0]._replace(
        calls=sum(line.calls for line in lines),
        cost=math.fsum(line.cost for line in lines),
        tokens=TokenClasses(*(sum(counts) for counts in zip(*(line.tokens for line in lines)))),
    )


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


# --- together ------------------------------------------------------------------------------


def _combined(data: Rollups, switches: Sequence[ModelSwitch], savings: Savings) -> CombinedSavings:
    """Return what switches and then the commitment on the rest save, in the period and monthly.

    What is saved per month is that of the steps, `total_monthly_savings` of all of them; the
    commitment takes the same part off the period as off the last 30 whole days.
    """
    switched = math.fsum(row.estimated_savings for row in switches)
    if known_total(data) is None:
        return CombinedSavings(*[None] * len(CombinedSavings._fields))
    remaining = data.totals.cost - switched
    committed = remaining * savings.share_of(COMMITMENT)
    return CombinedSavings(
        switch_savings=switched,
        cost_after_switches=remaining,
        commitment_savings=committed,
        total_savings=switched + committed,
        optimized_cost=remaining - committed,
        switch_monthly_savings=savings.of(*MODEL_STEPS),
        commitment_monthly_savings=savings.of(COMMITMENT),
        total_monthly_savings=savings.total,
    )


# --- sentences -------------------------------------------------------------------------------


class _Offer(NamedTuple):
    """One model in place of another: `monthly_savings` is None where the data is too short."""

    move: Union[ModelMove, ModelRoute]
    further: bool  # whether an easier step for the same calls comes before it
    confidence: str
    effort: str

    @property
    def monthly_savings(self) -> Optional[float]:
        """What it saves in USD per month, after the steps before it."""
        return self.move.monthly_savings


def _offers(routes: Sequence[ModelRoute], savings: Savings) -> List[_Offer]:
    """Return the changes of models: the first for each model, then what goes further.

    Each by savings descending.  Where the data is too short for steps, they are the routes.
    """
    if not savings.span.has_rates:
        return [_Offer(route, False, "low", "medium") for route in routes]
    grades = {stage.step.name: stage.step for stage in savings.stages}
    offers = []
    seen = set()
    for move in savings.moves():
        model = (move.current_provider, move.current_model)
        step = grades[move.step]
        offers.append(_Offer(move, model in seen, step.confidence, step.effort))
        seen.add(model)
    return sorted(offers, key=lambda offer: (offer.further, -(offer.monthly_savings or 0.0)))


def _is_notable(monthly: Optional[float]) -> bool:
    """Return whether an amount per month is known and more than a trifle."""
    return monthly is not None and monthly >= config.NOTABLE_USD_PER_MONTH


def _findings(
    data: Rollups,
    routes: Sequence[ModelRoute],
    rows: Sequence[ModelCommitment],
    savings: Savings,
) -> List[Finding]:
    offers = _offers(routes, savings)
    findings = [_offer_finding(offer) for offer in _named(offers)]
    if _is_notable(savings.of(CACHING)):
        findings.append(_caching_finding(savings))
    if _is_notable(savings.of(BATCH)):
        findings.append(_batch_finding(savings))
    saving = savings.of(COMMITMENT)
    if _is_notable(saving):
        findings.append(
            finding(
                "info",
                f"Commitments to {counted(len(_advised(rows)), 'model')} would pay off",
                _commitment_words(_advised(rows)[0])
                + " The savings apply to what the earlier steps leave.",
                saving,
                kind="saving",
                confidence="medium",
                overlaps=COMMITMENT,
            )
        )
    if not routes and not data.totals.unpriced and _is_paid(data, savings):
        findings.append(
            finding(
                "success",
                "Every task runs on the cheapest model of its class",
                "No model of the same capability class, or one lower where the task tolerates "
                "it, would have cost less.",
            )
        )
    return findings


def _is_paid(data: Rollups, savings: Savings) -> bool:
    """Return whether what calls cost says whether they could cost less.

    Free calls and those that credits outweigh do not, nor do models of which every call failed.
    """
    costs = [line.cost for line in lines_of(data, set(savings.span.dates))]
    return any(c > 0 for c in costs) and min(costs) >= 0 and not failing_models(data)


def _advised(rows: Sequence[ModelCommitment]) -> List[ModelCommitment]:
    return [row for row in rows if row.advised]


def _commitment_words(row: ModelCommitment) -> str:
    return (
        f"The first: {row.baseline_tokens_per_hour:,.0f} tokens per hour of {row.model}, "
        f"{percent(row.utilization_percent)} used; at {row.discount_percent:g}% off, it pays "
        f"above {percent(row.break_even_utilization_percent)} use."
    )


def _named(offers: Sequence[_Offer]) -> List[_Offer]:
    """Return the offers that have a sentence of their own: of each kind the first ones."""
    most = config.RECOMMENDED_SUBJECTS
    first = [offer for offer in offers if not offer.further]
    further = [offer for offer in offers if offer.further and _is_notable(offer.monthly_savings)]
    return first[:most] + further[:most]


def _offer_finding(offer: _Offer) -> Finding:
    move, monthly = offer.move, offer.monthly_savings
    if offer.further:
        title = (
            f"{move.alternative_model} would save a further {usd(monthly or 0.0)} per month on "
            f"calls to {move.current_model}"
        )
    else:
        title = (
            f"The same tokens on {move.alternative_model} would cost "
            f"{percent(move.savings_percent)} less than on {move.current_model}"
        )
    key = further_key if offer.further else model_key
    loud = _is_notable(monthly) and offer.confidence != "low"
    return finding(
        "warning" if loud else "info",
        title,
        f"{calls_or_unknown(move.call_count)} cost {_costs(move)}. Test the answers first.",
        monthly,
        kind="saving",
        confidence=offer.confidence,
        effort=offer.effort,
        subject={"provider": move.current_provider, "model": move.current_model},
        overlaps=key(move.current_provider, move.current_model),
    )


def _costs(move: Union[ModelMove, ModelRoute]) -> str:
    """Return what calls cost, and would cost on the other model, for a sentence."""
    if isinstance(move, ModelRoute):
        return (
            f"{usd(move.current_cost)}; the same tokens would have cost "
            f"{usd(move.alternative_cost)}"
        )
    left = move.monthly_cost - move.monthly_savings
    return f"{usd(move.monthly_cost)} per month; the same tokens would cost {usd(left)}"


def _caching_finding(savings: Savings) -> Finding:
    rows = savings.cachings()
    first = rows[0]
    return finding(
        "info",
        f"Caching as much as elsewhere would save {usd(savings.of(CACHING) or 0.0)} per month",
        f"{first.feature_id} reads {percent(first.hit_percent)} of its input to {first.model} from "
        f"a cache, all calls to it {percent(first.reached_percent)}; "
        f"{counted(len(rows), 'feature and model', 'features and models')} could save.",
        savings.of(CACHING),
        kind="saving",
        confidence="low",
        effort="medium",
        subject={"feature_id": first.feature_id},
        overlaps=CACHING,
    )


def _batch_finding(savings: Savings) -> Finding:
    rows = savings.batches()
    calls = sum(row.call_count for row in rows)
    return finding(
        "info",
        f"Batch prices would save {usd(savings.of(BATCH) or 0.0)} per month",
        f"{calls_or_unknown(calls)} in the last 30 whole days were for tasks whose answers may "
        f"wait ({', '.join(sorted({row.task_type for row in rows}))}), at "
        f"{config.BATCH_DISCOUNT_PCT}% off what remains after the changes of models.",
        savings.of(BATCH),
        kind="saving",
        confidence="medium",
        effort="medium",
        overlaps=BATCH,
    )


def _recommendations(
    routes: Sequence[ModelRoute], rows: Sequence[ModelCommitment], savings: Savings
) -> List[str]:
    offers = [o for o in _offers(routes, savings) if o.monthly_savings != 0]
    named = [o for o in offers if not o.further][: config.RECOMMENDED_SUBJECTS]
    advice = [
        f"Test {o.move.alternative_model} in place of {o.move.current_model}: saves up to "
        f"{_worth([o])} if its answers are good enough."
        for o in named
    ]
    rest = [offer for offer in offers if offer not in named]
    if rest:
        advice.append(
            f"Work through {counted(len(rest), 'further model switch', 'further model switches')}: "
            f"{'it saves' if len(rest) == 1 else 'together they save'} up to {_worth(rest)}."
        )
    if _is_notable(savings.of(CACHING)):
        features = list(dict.fromkeys(row.feature_id for row in savings.cachings()))
        advice.append(
            f"Cache more of the input of {', '.join(features[: config.RECOMMENDED_SUBJECTS])}: "
            f"saves up to {usd(savings.of(CACHING) or 0.0)} per month."
        )
    if _is_notable(savings.of(BATCH)):
        tasks = sorted({row.task_type for row in savings.batches()})
        advice.append(
            f"Send {' and '.join(tasks)} calls whose answers can wait through the batch API: "
            f"saves up to {usd(savings.of(BATCH) or 0.0)} per month."
        )
    saving = savings.of(COMMITMENT)
    if saving is not None and _is_notable(saving):
        first = _advised(rows)[0]
        advice.append(
            f"Commit to the quiet hours of {counted(len(_advised(rows)), 'model')}, "
            f"beginning with {first.baseline_tokens_per_hour:,.0f} tokens per hour of "
            f"{first.model}, once the switches are made: saves {usd(saving)} per month."
        )
    return advice


def _worth(offers: Sequence[_Offer]) -> str:
    """Return what offers save together, for a sentence."""
    rates = [offer.monthly_savings for offer in offers]
    known = [rate for rate in rates if rate is not None]
    period = [
        offer.move.estimated_savings for offer in offers if isinstance(offer.move, ModelRoute)
    ]
    monthly = math.fsum(known) if len(known) == len(rates) else None
    return per_month(monthly, math.fsum(period))
