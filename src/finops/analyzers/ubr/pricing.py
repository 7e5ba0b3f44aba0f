"""Pricing strategy: what four pricing models would earn on the usage that there was.

Every model is applied to each customer's calls per month.  Nobody is assumed to leave or to
change its usage, so the figures are an upper bound of what a change of model brings.  Only
active customers with a known price and enough days of their own take part: the comparison
starts from what they pay today.  Where some of the cost is not known, no model is called best.
"""

from __future__ import annotations

import math
from typing import Callable, ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.covered_days import covered_days
from finops.analyzers.shared.known_costs import known_cost, known_total, unit_cost
from finops.analyzers.shared.revenue import (
    CUSTOMER_TABLE,
    Account,
    Book,
    margin_percent,
    open_book,
    price_advice,
    price_caveats,
)
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import Finding
from finops.results.pricing import (
    CustomerBills,
    PriceStep,
    PricingModel,
    PricingParameters,
    PricingResult,
    PricingSummary,
    TriedPrice,
    UsageSegment,
)
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.spec import Rollups, Table
from finops.stats import growth_percent, percentile
from finops.stats import percent as share_of

CURRENT_MODEL = "flat_rate"
SEGMENTS: Tuple[str, ...] = ("light", "medium", "heavy")


def flat_rate(account: Account) -> float:
    """Return the subscription, USD per month: what the customer pays today."""
    return account.price


def usage_based(account: Account) -> float:
    """Return calls per month / 1,000 × the configured price, USD per month."""
    return account.monthly_calls / 1000 * config.USAGE_PRICE_PER_1K_CALLS_USD


def tiered(account: Account) -> float:
    """Return the price of the first step that holds the calls per month, USD per month."""
    for limit, price in config.TIERED_PRICES_USD:
        if account.monthly_calls <= limit:
            return price
    return config.TIERED_TOP_PRICE_USD


def hybrid(account: Account) -> float:
    """Return the base price plus a price per call above the included ones, USD per month."""
    above = max(0.0, account.monthly_calls - config.HYBRID_INCLUDED_CALLS)
    return config.HYBRID_BASE_PRICE_USD + above / 1000 * config.HYBRID_PRICE_PER_1K_CALLS_USD


PRICING_MODELS: Mapping[str, Callable[[Account], float]] = {
    "flat_rate": flat_rate,
    "usage_based": usage_based,
    "tiered": tiered,
    "hybrid": hybrid,
}


class PricingAnalyzer(Analyzer):
    """Four pricing models on each customer's monthly calls; USD per month throughout."""

    TABLES: ClassVar[Tuple[Table, ...]] = (*BASIS_TABLES, *CUSTOMER_RECORDS, CUSTOMER_TABLE)
    NEEDS: ClassVar[Tuple[str, ...]] = ("customer_id", "tier_price_usd")

    def result(self, data: Rollups) -> PricingResult:
        """Return the result; `summary.monthly_cost` is that of the customers compared."""
        span = covered_days(data)
        book = open_book(data, span)
        models = [_model_row(name, book) for name in PRICING_MODELS]
        best = _best(models)
        segments = _segments(book)
        summary = _summary(data, book, best)
        return PricingResult(
            summary=summary,
            basis=basis_of(data, span, self.NEEDS),
            models=models,
            segments=segments,
            sensitivity=_sensitivity(book),
            break_even_price_per_1k_calls=summary.break_even_price_per_1k_calls,
            customers=_customers(book),
            without_price=book.without_price,
            findings=by_impact(
                _findings(book, summary, best, segments)
                + price_caveats(book)
                + caveats(span, data.totals)
            ),
            recommendations=_recommendations(summary, best, book) + price_advice(book),
        )


def _parameters(model: str, book: Book) -> PricingParameters:
    if model == "usage_based":
        return PricingParameters(price_per_1k_calls=config.USAGE_PRICE_PER_1K_CALLS_USD)
    if model == "tiered":
        steps = [
            PriceStep(up_to_calls=limit, price=price) for limit, price in config.TIERED_PRICES_USD
        ]
        return PricingParameters(steps=steps, price_above=config.TIERED_TOP_PRICE_USD)
    if model == "hybrid":
        return PricingParameters(
            base_price=config.HYBRID_BASE_PRICE_USD,
            included_calls=config.HYBRID_INCLUDED_CALLS,
            price_per_1k_calls=config.HYBRID_PRICE_PER_1K_CALLS_USD,
        )
    return PricingParameters(prices=sorted({account.price for account in book.paying}))


def _model_row(model: str, book: Book) -> PricingModel:
    bills = [(PRICING_MODELS[model](account), account.price) for account in book.paying]
    revenue, cost = math.fsum(bill for bill, _ in bills), book.monthly_cost or 0.0
    known = book.margin is not None
    return PricingModel(
        model=model,
        monthly_revenue=revenue if book.is_known else None,
        monthly_margin=revenue - cost if known else None,
        margin_percent=margin_percent(revenue, cost) if known else None,
        avg_revenue_per_customer=revenue / len(bills) if bills else None,
        customers_paying_more=sum(bill > today for bill, today in bills),
        customers_paying_less=sum(bill < today for bill, today in bills),
        parameters=_parameters(model, book),
    )


def _best(models: Sequence[PricingModel]) -> Optional[PricingModel]:
    """Return the model with the highest margin, None where margins are not known."""
    known = [row for row in models if row.monthly_margin is not None]
    return min(known, key=lambda row: (-(row.monthly_margin or 0.0), row.model), default=None)


def _summary(data: Rollups, book: Book, best: Optional[PricingModel]) -> PricingSummary:
    calls = math.fsum(account.monthly_calls for account in book.paying)
    revenue = book.revenue
    uplift = None
    if best is not None and revenue is not None and revenue > config.NEGLIGIBLE_USD:
        uplift = growth_percent(best.monthly_revenue or 0.0, revenue)
    return PricingSummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        monthly_cost=book.known_cost,
        monthly_calls=calls if book.is_known else None,
        customers=len(book.paying),
        customers_without_price=len(book.without_price),
        current_model=CURRENT_MODEL,
        current_monthly_revenue=revenue,
        best_model=best.model if best else None,
        best_monthly_revenue=best.monthly_revenue if best else None,
        uplift_percent=uplift,
        break_even_price_per_1k_calls=_break_even(book, calls),
        unpriced_calls=data.totals.unpriced,
    )


def _break_even(book: Book, calls: float) -> Optional[float]:
    """Return the price of 1,000 calls at which nothing is lost, None where it is not known."""
    if book.margin is None or not calls:
        return None
    return unit_cost((book.monthly_cost or 0.0) * 1000, calls, 0)


def _segments(book: Book) -> List[UsageSegment]:
    """Return light, medium and heavy customers: terciles of calls, equal calls kept together.

    Nothing where no customer can be compared.
    """
    if not book.paying:
        return []
    calls = [account.calls for account in book.paying]
    light, medium = percentile(calls, 1 / 3), percentile(calls, 2 / 3)
    members: Dict[str, List[Account]] = {name: [] for name in SEGMENTS}
    for account in book.paying:
        heavier = (account.calls > light) + (account.calls > medium)
        members[SEGMENTS[heavier]].append(account)
    return [_segment_row(name, members[name]) for name in SEGMENTS]


def _segment_row(name: str, members: Sequence[Account]) -> UsageSegment:
    return UsageSegment(
        segment=name,
        customers=len(members),
        monthly_calls=math.fsum(a.monthly_calls for a in members),
        monthly_cost=known_cost(
            math.fsum(a.monthly_cost for a in members), sum(a.unpriced for a in members)
        ),
        revenue={
            model: math.fsum(bill(a) for a in members) for model, bill in PRICING_MODELS.items()
        },
        unpriced_calls=sum(a.unpriced for a in members),
    )


def _sensitivity(book: Book) -> List[TriedPrice]:
    calls = math.fsum(account.monthly_calls for account in book.paying)
    cost, known = book.monthly_cost or 0.0, book.margin is not None
    rows = []
    for factor in config.PRICE_SENSITIVITY_FACTORS:
        price = config.USAGE_PRICE_PER_1K_CALLS_USD * factor
        revenue = calls / 1000 * price
        rows.append(
            TriedPrice(
                price_per_1k_calls=price,
                monthly_revenue=revenue if book.is_known else None,
                monthly_margin=revenue - cost if known else None,
                margin_percent=margin_percent(revenue, cost) if known else None,
            )
        )
    return rows


def _customers(book: Book) -> List[CustomerBills]:
    """Return each customer's bill under every model, most calls first."""
    rows = [
        CustomerBills(
            customer_id=account.customer_id,
            subscription_tier=account.tier,
            monthly_calls=account.monthly_calls,
            monthly_cost=known_cost(account.monthly_cost, account.unpriced),
            flat_rate=flat_rate(account),
            usage_based=usage_based(account),
            tiered=tiered(account),
            hybrid=hybrid(account),
            unpriced_calls=account.unpriced,
        )
        for account in book.paying
    ]
    return sorted(rows, key=lambda r: (-r.monthly_calls, r.customer_id))


def _title(model: str) -> str:
    return model.replace("_", "-")


def _findings(
    book: Book,
    summary: PricingSummary,
    best: Optional[PricingModel],
    segments: Sequence[UsageSegment],
) -> List[Finding]:
    if not book.paying or best is None:
        return []
    gain = _gain(summary, best)
    findings = [_subsidy(segments, summary)] if _subsidised(segments, summary) else []
    if best.model == CURRENT_MODEL:
        findings.append(
            finding(
                "success",
                "The flat rate already earns most",
                "None of the other models brings more than "
                f"{usd(summary.best_monthly_revenue or 0.0)} per month on this usage.",
            )
        )
        return findings
    findings.append(
        finding(
            "info",
            f"{_title(best.model).capitalize()} pricing would earn {usd(gain)} per month more",
            f"{counted(best.customers_paying_more, 'customer')} would pay more and "
            f"{best.customers_paying_less:,} less than today, if everybody stayed and used "
            "as much.",
            gain,
            confidence="low",
            effort="high",
        )
    )
    return findings


def _gain(summary: PricingSummary, best: PricingModel) -> float:
    """Return what a model brings above today's revenue, in USD per month."""
    return (best.monthly_revenue or 0.0) - (summary.current_monthly_revenue or 0.0)


def _subsidised(segments: Sequence[UsageSegment], summary: PricingSummary) -> bool:
    cost, revenue = _heavy_shares(segments, summary)
    return cost - revenue >= config.CROSS_SUBSIDY_POINTS


def _heavy_shares(segments: Sequence[UsageSegment], summary: PricingSummary) -> Tuple[float, float]:
    heavy = segments[-1]
    return (
        share_of(heavy.monthly_cost or 0.0, summary.monthly_cost or 0.0),
        share_of(heavy.revenue[CURRENT_MODEL], summary.current_monthly_revenue or 0.0),
    )


def _subsidy(segments: Sequence[UsageSegment], summary: PricingSummary) -> Finding:
    cost, revenue = _heavy_shares(segments, summary)
    return finding(
        "warning",
        "Light users pay for heavy ones",
        f"The third of the customers with the most calls causes {percent(cost)} of the cost "
        f"and pays {percent(revenue)} of the flat rates.",
        effort="high",
    )


def _recommendations(
    summary: PricingSummary, best: Optional[PricingModel], book: Book
) -> List[str]:
    if best is None or not book.paying:
        return []
    advice: List[str] = []
    model = best.model
    if model != CURRENT_MODEL:
        gain = _gain(summary, best)
        advice.append(
            f"Introduce {_title(model)} pricing, new customers first: on this usage it is worth "
            f"{usd(gain)} per month more than the flat rate."
        )
        advice += _warn_first(model, book.paying)
    losing = [account for account in book.paying if (account.margin or 0.0) < 0]
    if losing and model == CURRENT_MODEL:
        loss = -math.fsum(account.margin or 0.0 for account in losing)
        each, them = ("", "it") if len(losing) == 1 else (" for each", "them")
        advice.append(
            f"Keep the flat rate and act on {counted(len(losing), 'customer')} as Customer "
            f"Profitability advises{each}: {usd(loss)} per month is lost on {them}."
        )
    break_even = summary.break_even_price_per_1k_calls or 0.0
    if break_even > config.USAGE_PRICE_PER_1K_CALLS_USD:
        advice.append(
            f"Charge at least {usd(break_even)} per 1,000 calls "
            f"if usage is billed: {usd(config.USAGE_PRICE_PER_1K_CALLS_USD)} would not cover "
            "the cost."
        )
    return advice


def _warn_first(model: str, accounts: Sequence[Account]) -> List[str]:
    """Return the advice to talk before the change to those who would pay more, if there are any.

    None of them is named: what is advised for one customer is decided elsewhere.
    """
    bill = PRICING_MODELS[model]
    rising = [account for account in accounts if bill(account) > flat_rate(account)]
    if not rising:
        return []
    first = min(rising, key=lambda a: (flat_rate(a) - bill(a), a.customer_id))
    return [
        f"Talk to {counted(len(rising), 'customer')} before the change: the largest rise is from "
        f"{usd(flat_rate(first))} to {usd(bill(first))} per month."
    ]
