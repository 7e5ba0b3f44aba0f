"""Token economics: what a token costs where, and which tokens are wasted.

Two patterns of waste are judged, on successful calls only.  A long prompt that is hardly
answered could have been shorter: a configured share of its input's cost is waste.  A short
exchange on an expensive model could have run on the cheapest one: the difference is waste.  No
call is in both, as one needs a long input and the other few tokens.

Anybody sends a long prompt now and then; to whom it is a habit is decided in `prompt_waste`.

Beside them stand cheaper models for each customer, by the rule that all analyses share.  A
switch and a pattern may concern the same call, so `summary.monthly_savings` takes, for each
customer and model, the larger of the two and never their sum.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import (
    Callable,
    ClassVar,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops import config, schema
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.prompt_waste import wasteful_customers
from finops.analyzers.shared.switch_savings import USAGE_TABLE, switch_opportunities
from finops.analyzers.shared.tables import MODEL_DAYS
from finops.analyzers.shared.wording import caveats, counted, usd
from finops.business.catalog import Model, PriceTable
from finops.results.base import Finding
from finops.results.token_economics import (
    CustomerWaste,
    ModelEfficiency,
    Opportunity,
    PromptWaster,
    TokenByDay,
    TokenDay,
    TokenEconomicsResult,
    TokenSummary,
    WastefulPattern,
    WastefulPatterns,
)
from finops.rollups.expressions import above, all_of, below, one_of, plus, times
from finops.rollups.spec import Rollups, Table
from finops.stats import percent, ratio

_CELL = ("calls", "cost", "input_tokens", "output_tokens")
_CALLERS = ("customer_id", "provider", "model")

MODEL_TABLE = Table(("provider", "model"), _CELL)
DAILY_TABLE = Table(("day",), ("input_tokens", "output_tokens", "cost"))

_SUCCEEDED = one_of("status", schema.STATUS_SUCCESS)
# The largest share of output in input, as whole numbers that decide it exactly.
_RATIO = Fraction(str(config.INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO))
# Long input, hardly any output.
INEFFICIENT_PROMPT = all_of(
    above("input_tokens", config.INEFFICIENT_PROMPT_MIN_INPUT_TOKENS),
    below(times("output_tokens", _RATIO.denominator), times("input_tokens", _RATIO.numerator)),
    _SUCCEEDED,
)
# Few tokens in all.
SIMPLE_TASK = all_of(
    below(plus("input_tokens", "output_tokens"), config.SIMPLE_TASK_MAX_TOKENS), _SUCCEEDED
)
PROMPT_TABLE = Table(_CALLERS, _CELL, INEFFICIENT_PROMPT)
SIMPLE_TABLE = Table(_CALLERS, _CELL, SIMPLE_TASK)

Caller = Tuple[str, str, str]


class Cell(NamedTuple):
    """One group of calls: `cost` in USD for the period."""

    calls: int
    cost: float
    input_tokens: int
    output_tokens: int


class Waste(NamedTuple):
    """What one customer wasted on one model: USD for the period, never more than it cost."""

    caller: Caller
    calls: int
    cost: float
    wasted: float


class TokenEconomicsAnalyzer(Analyzer):
    """Efficiency by model, wasteful patterns, cheaper models by customer, tokens by day.

    Costs and savings in the sections are those of the period; only `summary.monthly_savings`
    and the sentences are a month's.  A ratio to no money is given as 0.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        MODEL_TABLE,
        DAILY_TABLE,
        USAGE_TABLE,
        PROMPT_TABLE,
        SIMPLE_TABLE,
        MODEL_DAYS,
    )

    def result(self, data: Rollups) -> TokenEconomicsResult:
        """Return the result; lists by worth descending, days ascending."""
        prompts = _wastes(data, PROMPT_TABLE, _prompt_waste)
        simple = _wastes(data, SIMPLE_TABLE, _simple_judge(data.prices))
        patterns = WastefulPatterns(_pattern(prompts), _pattern(simple))
        opportunities = switch_opportunities(data)
        efficiency = _efficiency(data)
        savings = _savings([*prompts, *simple], opportunities)
        summary = _summary(data, patterns, data.period.monthly(savings))
        return TokenEconomicsResult(
            summary=summary,
            efficiency=efficiency,
            wasteful_patterns=patterns,
            prompt_wasters=_prompt_wasters(data, patterns.inefficient_prompt),
            opportunities=opportunities,
            daily_tokens=[TokenDay(day, *sums) for (day,), sums in data[DAILY_TABLE].items()],
            by_day=TokenByDay(models=by_day(data, MODEL_DAYS, "provider", "model")),
            findings=by_impact(
                _findings(data, patterns, opportunities) + caveats(data.period, data.totals)
            ),
            recommendations=_recommendations(data, patterns, opportunities),
        )


def per_usd(amount: float, cost: float) -> float:
    """Return how much of `amount` one USD bought, 0 where nothing was paid."""
    return ratio(amount, cost) if cost > config.NEGLIGIBLE_USD else 0.0


def _summary(data: Rollups, patterns: WastefulPatterns, monthly_savings: float) -> TokenSummary:
    totals = data.totals
    return TokenSummary(
        total_calls=totals.calls,
        total_cost=totals.cost,
        total_input_tokens=totals.input_tokens,
        total_output_tokens=totals.output_tokens,
        tokens_per_dollar=per_usd(totals.tokens, totals.cost),
        cost_per_1m_tokens=ratio(totals.cost, totals.tokens) * 1e6,
        wasted_cost=math.fsum(pattern.wasted_cost for pattern in patterns),
        monthly_savings=monthly_savings,
        monthly_cost=data.period.monthly(totals.cost),
        unpriced_calls=totals.unpriced,
    )


def _efficiency(data: Rollups) -> List[ModelEfficiency]:
    rows = []
    for (provider, model), values in data[MODEL_TABLE].items():
        cell = Cell(*values)
        tokens = cell.input_tokens + cell.output_tokens
        rows.append(
            ModelEfficiency(
                provider=provider,
                model=model,
                call_count=cell.calls,
                total_tokens=tokens,
                total_cost=cell.cost,
                tokens_per_dollar=per_usd(tokens, cell.cost),
                cost_per_1m_tokens=ratio(cell.cost, tokens) * 1e6,
                input_output_ratio=ratio(cell.output_tokens, cell.input_tokens),
            )
        )
    return sorted(rows, key=lambda r: (-r.tokens_per_dollar, r.provider, r.model))


# --- waste -----------------------------------------------------------------------------------

# What a group of calls on a model wasted; None where the pattern does not fit the model.
Judge = Callable[[Optional[Model], Cell], Optional[float]]


def _wastes(data: Rollups, table: Table, judge: Judge) -> List[Waste]:
    wastes = []
    for (customer, provider, name), values in data[table].items():
        cell = Cell(*values)
        wasted = judge(data.prices.find(provider, name), cell)
        if wasted is not None:
            wastes.append(Waste((customer, provider, name), cell.calls, cell.cost, wasted))
    return wastes


def _prompt_waste(model: Optional[Model], cell: Cell) -> float:
    """Return the configured share of the input's cost.

    The input is priced from the table, at most at what the calls cost; without a known price
    it has the same part in the cost as in the tokens.
    """
    if model is None:
        inputs = cell.cost * ratio(cell.input_tokens, cell.input_tokens + cell.output_tokens)
    else:
        inputs = min(cell.cost, model.cost(cell.input_tokens, 0))
    return inputs * config.INEFFICIENT_PROMPT_WASTED_PERCENT / 100


def _simple_judge(prices: PriceTable) -> Judge:
    """Return the judge by the difference to the cheapest model, for expensive models only."""
    expensive = {model for model in prices if overpriced(model)}
    cheapest = prices.cheapest() if expensive else None

    def judge(model: Optional[Model], cell: Cell) -> Optional[float]:
        if cheapest is None or model not in expensive:
            return None
        return max(0.0, cell.cost - cheapest.cost(cell.input_tokens, cell.output_tokens))

    return judge


def overpriced(model: Model) -> bool:
    """Return whether a model is too expensive for a simple task.

    Rounded first, as the mean of two decimal prices is not always exact in binary.
    """
    return round(model.blended_price_per_1m, 9) > config.OVERPRICED_BLENDED_PRICE_PER_1M_USD


def _pattern(wastes: Sequence[Waste]) -> WastefulPattern:
    by_customer: Dict[str, List[Waste]] = {}
    for waste in wastes:
        by_customer.setdefault(waste.caller[0], []).append(waste)
    customers = [CustomerWaste(name, *_sums(wasted)) for name, wasted in by_customer.items()]
    return WastefulPattern(
        *_sums(wastes),
        customers=sorted(customers, key=lambda r: (-r.wasted_cost, r.customer_id)),
    )


def _sums(wastes: Sequence[Waste]) -> Tuple[int, float, float]:
    """Return calls, cost and wasted cost."""
    return (
        sum(w.calls for w in wastes),
        math.fsum(w.cost for w in wastes),
        math.fsum(w.wasted for w in wastes),
    )


def _prompt_wasters(data: Rollups, pattern: WastefulPattern) -> List[PromptWaster]:
    """Return the customers of the pattern who make a habit of it, by wasted_cost descending.

    Rows are those of the pattern and `share_percent`, the share of all calls of the customer.
    """
    calls: Dict[str, int] = {}
    for (customer, *_), values in data[USAGE_TABLE].items():
        calls[customer] = calls.get(customer, 0) + values[0]
    habitual = wasteful_customers(
        {row.customer_id: row.call_count for row in pattern.customers}, calls
    )
    return [
        PromptWaster(*row, share_percent=percent(row.call_count, calls[row.customer_id]))
        for row in pattern.customers
        if row.customer_id in habitual
    ]


# --- savings ---------------------------------------------------------------------------------


def _savings(wastes: Sequence[Waste], opportunities: Sequence[Opportunity]) -> float:
    """Return what acting on everything saves in the period, no dollar counted twice."""
    wasted: Dict[Caller, float] = {}
    switched: Dict[Caller, float] = {}
    for waste in wastes:
        wasted[waste.caller] = wasted.get(waste.caller, 0.0) + waste.wasted
    for row in opportunities:
        caller = (row.customer_id, row.current_provider, row.current_model)
        switched[caller] = switched.get(caller, 0.0) + row.savings
    callers = sorted({*wasted, *switched})
    return math.fsum(max(wasted.get(c, 0.0), switched.get(c, 0.0)) for c in callers)


# --- sentences -------------------------------------------------------------------------------

_DETAILS: Mapping[str, Tuple[str, str]] = {
    "inefficient_prompt": (
        "Long prompts that are hardly answered",
        f"have over {config.INEFFICIENT_PROMPT_MIN_INPUT_TOKENS:,} input tokens and an answer "
        f"under {config.INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO * 100:.0f}% of that",
    ),
    "overpriced_simple_task": (
        "Simple tasks on dear models",
        f"have under {config.SIMPLE_TASK_MAX_TOKENS} tokens in all, on a model above "
        f"{usd(config.OVERPRICED_BLENDED_PRICE_PER_1M_USD)} per 1M tokens",
    ),
}


def _findings(
    data: Rollups, patterns: WastefulPatterns, opportunities: Sequence[Opportunity]
) -> List[Finding]:
    findings = [
        _pattern_finding(data, name, pattern)
        for name, pattern in zip(patterns._fields, patterns)
        if pattern.wasted_cost > 0
    ]
    if opportunities:
        worth = data.period.monthly(math.fsum(row.savings for row in opportunities))
        customers = {row.customer_id for row in opportunities}
        findings.append(
            finding(
                "info",
                f"Cheaper models would save {usd(worth)} a month",
                f"{counted(len(opportunities), 'switch', 'switches')} for "
                f"{counted(len(customers), 'customer')}, within the same class or one below.",
                worth,
            )
        )
    if data.totals.calls and not findings:
        findings.append(
            finding(
                "success",
                "No tokens are wasted",
                "No pattern of waste costs money and no cheaper model saves more than "
                f"{usd(config.OPPORTUNITY_MIN_SAVINGS_USD)} for any customer.",
            )
        )
    return findings


def _pattern_finding(data: Rollups, name: str, pattern: WastefulPattern) -> Finding:
    title, detail = _DETAILS[name]
    worth = data.period.monthly(pattern.wasted_cost)
    return finding(
        "warning",
        f"{title} waste {usd(worth)} a month",
        f"{counted(pattern.call_count, 'call')} of "
        f"{counted(len(pattern.customers), 'customer')} {detail}.",
        worth,
    )


def _recommendations(
    data: Rollups, patterns: WastefulPatterns, opportunities: Sequence[Opportunity]
) -> List[str]:
    """Return what to do, what is worth most first."""
    monthly = data.period.monthly
    most = config.RECOMMENDED_SUBJECTS
    advice = [
        (
            monthly(row.savings),
            f"Switch {row.customer_id} from {row.current_model} to "
            f"{row.alternative_model}: saves {usd(monthly(row.savings))} a month.",
        )
        for row in opportunities[:most]
    ]
    advice += [
        (
            monthly(row.wasted_cost),
            f"Shorten the prompts of {row.customer_id}: {usd(monthly(row.wasted_cost))} "
            f"a month is wasted on {counted(row.call_count, 'long prompt')} with hardly an "
            "answer.",
        )
        for row in patterns.inefficient_prompt.customers[:most]
        if row.wasted_cost > 0
    ]
    simple = patterns.overpriced_simple_task
    if simple.wasted_cost > 0:
        worth = monthly(simple.wasted_cost)
        advice.append(
            (
                worth,
                f"Route simple tasks to {data.prices.cheapest().name}: {usd(worth)} a month is "
                f"wasted on {counted(simple.call_count, 'short call')} to dear models.",
            )
        )
    return [sentence for _, sentence in sorted(advice, key=lambda item: -item[0])]
