"""Token economics: what a token costs where, and which tokens are wasted.

Two patterns of waste are judged, on successful calls only.  A long prompt that is hardly
answered could have been shorter: a configured share of its input's cost is waste.  A short
exchange on an expensive model could have run on the cheapest one: the difference is waste.  No
call is in both, as one needs a long input and the other few tokens.

Anybody sends a long prompt now and then; to whom it is a habit is decided in `prompt_waste`.

Beside them stand cheaper models for each customer, by the rule that all analyses share.  What
all savings come to is allocated once for all reports (see `savings`); it is
`summary.monthly_savings`.  A pattern may concern the same calls, so what its finding is worth is
the part of its waste that those savings leave.

What is wasted per month is a rate of the last 30 whole days: the period's, times the share that
these days have in the cost of the model and in that of the customer, whichever is less.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import (
    Callable,
    ClassVar,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops import config, schema
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.prompt_waste import wasteful_customers
from finops.analyzers.shared.savings import MODEL_STEPS, SAVINGS_TABLES, Savings, savings_of
from finops.analyzers.shared.switch_savings import USAGE_TABLE, switch_opportunities
from finops.analyzers.shared.tables import MODEL_DAYS
from finops.analyzers.shared.token_classes import (
    CLASS_TABLES,
    cache_days,
    cache_uses,
    cached_tokens,
    token_classes,
)
from finops.analyzers.shared.wording import caveats, counted, per_month, usd
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
from finops.rollups.expressions import (
    above,
    all_of,
    below,
    negated,
    one_of,
    plus,
    times,
)
from finops.rollups.spec import Key, Rollups, Table, Values
from finops.stats import percent, ratio

_CELL = ("calls", "cost", "input_tokens", "output_tokens")
_CALLERS = ("customer_id", "provider", "model")

MODEL_TABLE = Table(("provider", "model"), (*_CELL, "unpriced"))
CUSTOMER_DAYS = Table(("customer_id", "day"), ("cost",))
DAILY_TABLE = Table(("day",), ("input_tokens", "output_tokens", "cost"))

_SUCCEEDED = one_of("status", schema.STATUS_SUCCESS)
# The largest share of output in input, as whole numbers that decide it exactly.
_RATIO = Fraction(str(config.INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO))
# Of an aggregate nobody knows the tokens of a call.
_SINGLE = negated(above("calls", 1))
# Long input, hardly any output.
INEFFICIENT_PROMPT = all_of(
    _SINGLE,
    above("input_tokens", config.INEFFICIENT_PROMPT_MIN_INPUT_TOKENS),
    below(times("output_tokens", _RATIO.denominator), times("input_tokens", _RATIO.numerator)),
    _SUCCEEDED,
)
# Few tokens in all.
SIMPLE_TASK = all_of(
    below(plus("input_tokens", "output_tokens"), config.SIMPLE_TASK_MAX_TOKENS), _SUCCEEDED
)
_WORK = ("feature_id", "task_type")
WORK_TABLE = Table(_WORK, ("calls",), all_of(_SINGLE, _SUCCEEDED))
PROMPT_TABLE = Table((*_CALLERS, *_WORK), _CELL, INEFFICIENT_PROMPT)
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
    and the sentences are a month's.  A ratio to no money is given as 0; where the cost of a call
    is not known, there is none.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        CUSTOMER_DAYS,
        MODEL_TABLE,
        DAILY_TABLE,
        USAGE_TABLE,
        WORK_TABLE,
        PROMPT_TABLE,
        SIMPLE_TABLE,
        MODEL_DAYS,
        *SAVINGS_TABLES,
        *CLASS_TABLES,
    )

    def result(self, data: Rollups) -> TokenEconomicsResult:
        """Return the result; lists by worth descending, days ascending."""
        span = covered_days(data)
        now = _Now(data, span)
        prompts = _wastes(data, _long_prompts(data), _prompt_waste)
        simple = _wastes(data, _cells(data[SIMPLE_TABLE]), _simple_judge(data.prices))
        patterns = WastefulPatterns(_pattern(prompts), _pattern(simple))
        opportunities = switch_opportunities(data)
        efficiency = _efficiency(data)
        savings = savings_of(data, span)
        summary = _summary(data, span, patterns, savings.total)
        return TokenEconomicsResult(
            summary=summary,
            basis=basis_of(data, span, self.NEEDS),
            token_classes=token_classes(data),
            cache=cache_uses(data),
            daily_cache=cache_days(data),
            efficiency=efficiency,
            wasteful_patterns=patterns,
            prompt_wasters=_prompt_wasters(data, patterns.inefficient_prompt),
            opportunities=opportunities,
            daily_tokens=[TokenDay(day, *sums) for (day,), sums in data[DAILY_TABLE].items()],
            by_day=TokenByDay(models=by_day(data, MODEL_DAYS, "provider", "model")),
            findings=by_impact(
                _findings(
                    data,
                    now,
                    {"inefficient_prompt": prompts, "overpriced_simple_task": simple},
                    opportunities,
                    savings,
                )
                + caveats(span, data.totals)
            ),
            recommendations=_recommendations(data, now, prompts, simple, savings),
        )


class _Now:
    """What amounts of the period by caller are per month, at the rate of the last 30 whole days."""

    def __init__(self, data: Rollups, span: CoveredDays) -> None:
        self._span = span
        recent = set(span.recent)
        models: Dict[Tuple[str, ...], List[Tuple[bool, float]]] = {}
        customers: Dict[Tuple[str, ...], List[Tuple[bool, float]]] = {}
        for (day, *model), (_, cost, _) in data[MODEL_DAYS].items():
            models.setdefault(tuple(model), []).append((day in recent, cost))
        for (customer, day), (cost,) in data[CUSTOMER_DAYS].items():
            customers.setdefault((customer,), []).append((day in recent, cost))
        self._share = {key: _recent_share(parts) for key, parts in {**models, **customers}.items()}

    def monthly(self, amounts: Mapping[Caller, float]) -> Optional[float]:
        """Return {caller: USD over the period} as one rate; None under 7 covered days."""
        share = self._share
        recent = math.fsum(
            amount * min(share[customer,], share[provider, model])
            for (customer, provider, model), amount in amounts.items()
        )
        return self._span.monthly_recent(recent)


def _recent_share(parts: Sequence[Tuple[bool, float]]) -> float:
    """Return which part of a cost is recent, 0 to 1."""
    return ratio(
        math.fsum(cost for is_recent, cost in parts if is_recent),
        math.fsum(cost for _, cost in parts),
    )


def per_usd(amount: float, cost: float) -> float:
    """Return how much of `amount` one USD bought, 0 where nothing was paid."""
    return ratio(amount, cost) if cost > config.NEGLIGIBLE_USD else 0.0


def _summary(
    data: Rollups,
    span: CoveredDays,
    patterns: WastefulPatterns,
    monthly_savings: Optional[float],
) -> TokenSummary:
    totals, cached = data.totals, cached_tokens(data)
    return TokenSummary(
        total_calls=totals.calls,
        total_cost=totals.cost,
        total_input_tokens=totals.input_tokens,
        total_output_tokens=totals.output_tokens,
        cached_input_tokens=cached,
        cache_hit_percent=None if cached is None else percent(cached, totals.input_tokens),
        tokens_per_dollar=None if totals.unpriced else per_usd(totals.tokens, totals.cost),
        cost_per_1m_tokens=None if totals.unpriced else ratio(totals.cost, totals.tokens) * 1e6,
        wasted_cost=math.fsum(pattern.wasted_cost for pattern in patterns),
        monthly_savings=monthly_savings,
        monthly_cost=span.monthly(totals.cost),
        unpriced_calls=totals.unpriced,
    )


def _efficiency(data: Rollups) -> List[ModelEfficiency]:
    rows = []
    for (provider, model), (*values, unpriced) in data[MODEL_TABLE].items():
        cell = Cell(*values)
        tokens = cell.input_tokens + cell.output_tokens
        rows.append(
            ModelEfficiency(
                provider=provider,
                model=model,
                call_count=cell.calls,
                total_tokens=tokens,
                total_cost=cell.cost,
                tokens_per_dollar=None if unpriced else per_usd(tokens, cell.cost),
                cost_per_1m_tokens=None if unpriced else ratio(cell.cost, tokens) * 1e6,
                input_output_ratio=ratio(cell.output_tokens, cell.input_tokens),
            )
        )
    return sorted(rows, key=_most_tokens_first)


def _most_tokens_first(row: ModelEfficiency) -> Tuple[bool, float, str, str]:
    """Order models by tokens for a dollar, those with calls of unknown cost last."""
    unknown = row.tokens_per_dollar is None
    return unknown, -(row.tokens_per_dollar or 0.0), row.provider, row.model


# --- waste -----------------------------------------------------------------------------------

# What a group of calls on a model wasted; None where the pattern does not fit the model.
Judge = Callable[[Optional[Model], Cell], Optional[float]]


def _long_prompts(data: Rollups) -> Dict[Caller, Cell]:
    """Return the calls of inefficient prompts by caller, without work that is so by nature.

    Retrieval and agents have long inputs and short answers.  Where at least half of the calls
    for a feature and task are like that, it is no waste of single calls.
    """
    by_work: Dict[Tuple[str, str], int] = {}
    for (_, _, _, *work), (calls, *_) in data[PROMPT_TABLE].items():
        key = (work[0], work[1])
        by_work[key] = by_work.get(key, 0) + calls
    heavy = {
        work
        for work, (calls,) in data[WORK_TABLE].items()
        if calls >= config.MODEL_MIN_CALLS and 2 * by_work.get((work[0], work[1]), 0) >= calls
    }
    parts: Dict[Caller, List[Values]] = {}
    for (customer, provider, name, *work), values in data[PROMPT_TABLE].items():
        if tuple(work) not in heavy:
            parts.setdefault((customer, provider, name), []).append(values)
    return {
        caller: Cell(
            sum(calls for calls, _, _, _ in cells),
            math.fsum(cost for _, cost, _, _ in cells),
            sum(inputs for _, _, inputs, _ in cells),
            sum(outputs for _, _, _, outputs in cells),
        )
        for caller, cells in parts.items()
    }


def _cells(cells: Mapping[Key, Values]) -> Dict[Caller, Cell]:
    return {(customer, *model): Cell(*values) for (customer, *model), values in cells.items()}


def _wastes(data: Rollups, cells: Mapping[Caller, Cell], judge: Judge) -> List[Waste]:
    wastes = []
    for (customer, provider, name), cell in cells.items():
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


def _wasted_by_caller(wastes: Iterable[Waste]) -> Dict[Caller, float]:
    wasted: Dict[Caller, float] = {}
    for waste in wastes:
        wasted[waste.caller] = wasted.get(waste.caller, 0.0) + waste.wasted
    return wasted


# --- sentences -------------------------------------------------------------------------------

_DETAILS: Mapping[str, Tuple[str, str]] = {
    "inefficient_prompt": (
        "Long prompts with hardly any answer",
        f"have over {config.INEFFICIENT_PROMPT_MIN_INPUT_TOKENS:,} input tokens, "
        "unlike most calls for the same feature and task, and an answer "
        f"under {config.INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO * 100:.0f}% of that",
    ),
    "overpriced_simple_task": (
        "Simple tasks on expensive models",
        f"have under {config.SIMPLE_TASK_MAX_TOKENS} tokens in all, on a model above "
        f"{usd(config.OVERPRICED_BLENDED_PRICE_PER_1M_USD)} per 1M tokens",
    ),
}


def _worth(now: _Now, amounts: Mapping[Caller, float]) -> Tuple[Optional[float], str]:
    """Return an amount by caller as a rate, None where there is none, and in words."""
    monthly = now.monthly(amounts)
    return monthly, per_month(monthly, math.fsum(amounts.values()))


def _findings(
    data: Rollups,
    now: _Now,
    wastes: Mapping[str, Sequence[Waste]],
    opportunities: Sequence[Opportunity],
    savings: Savings,
) -> List[Finding]:
    findings = [
        _pattern_finding(now, name, of_kind, savings)
        for name, of_kind in wastes.items()
        if math.fsum(waste.wasted for waste in of_kind) > 0
    ]
    if opportunities:
        customers = {row.customer_id for row in opportunities} - {config.UNALLOCATED}
        monthly = savings.of(*MODEL_STEPS)
        notable = monthly is None or monthly >= config.NOTABLE_USD_PER_MONTH
        if customers and notable:
            findings.append(
                finding(
                    "info",
                    f"Cheaper models for {counted(len(customers), 'customer')}",
                    f"{counted(len(opportunities), 'switch', 'switches')}, within the same class "
                    f"or one below; Rate Optimization says what they are worth together.",
                )
            )
    if data.totals.calls and not findings and not data.totals.unpriced:
        findings.append(
            finding(
                "success",
                "No tokens are wasted",
                "No pattern of waste costs money and no cheaper model saves more than "
                f"{usd(config.OPPORTUNITY_MIN_SAVINGS_USD)} for any customer.",
            )
        )
    return findings


def _pattern_finding(now: _Now, name: str, wastes: Sequence[Waste], savings: Savings) -> Finding:
    """Return the finding on a pattern; it is worth what all savings leave of the waste."""
    title, detail = _DETAILS[name]
    wasted = _wasted_by_caller(wastes)
    monthly, worth = _worth(now, wasted)
    left = savings.left_share()
    remaining = now.monthly({c: usd * left.get(c[1:], 0.0) for c, usd in wasted.items()})
    after = (
        "" if remaining is None else f" {per_month(remaining, 0.0)} of it remain after all steps."
    )
    customers = {waste.caller[0] for waste in wastes}
    return finding(
        "warning" if monthly != 0 else "info",
        f"{title} waste {worth}",
        f"{counted(sum(waste.calls for waste in wastes), 'call')} of "
        f"{counted(len(customers), 'customer')} {detail}.{after}",
        remaining,
        kind="saving",
        confidence="low",
        effort="medium",
        overlaps=name,
    )


def _recommendations(
    data: Rollups,
    now: _Now,
    prompts: Sequence[Waste],
    simple: Sequence[Waste],
    savings: Savings,
) -> List[str]:
    """Return what to do, what is worth most first.

    No customer is named: what is advised for one is decided elsewhere (see `customer_advice`).
    """
    advice: List[Tuple[Optional[float], str]] = []
    switched = savings.of(*MODEL_STEPS)
    if switched is not None and switched >= config.NOTABLE_USD_PER_MONTH:
        sentence = (
            f"Test the cheaper models of Rate Optimization: saves up to {usd(switched)} per month "
            "if their answers are good enough."
        )
        advice.append((switched, sentence))
    monthly, worth = _worth(now, _wasted_by_caller(prompts))
    if math.fsum(waste.wasted for waste in prompts) > 0:
        calls = counted(sum(waste.calls for waste in prompts), "long prompt")
        customers = counted(len({waste.caller[0] for waste in prompts}), "customer")
        sentence = (
            f"Cache what long prompts repeat, then shorten them: {worth} is wasted on {calls} of "
            f"{customers} with hardly any answer."
        )
        advice.append((monthly, sentence))
    monthly, worth = _worth(now, _wasted_by_caller(simple))
    if math.fsum(waste.wasted for waste in simple) > 0:
        calls = counted(sum(waste.calls for waste in simple), "short call")
        sentence = (
            f"Route simple tasks to {data.prices.cheapest().name}: {worth} is wasted on {calls} "
            "to expensive models."
        )
        advice.append((monthly, sentence))
    worthwhile = [(rate, sentence) for rate, sentence in advice if rate != 0]
    return [sentence for _, sentence in sorted(worthwhile, key=lambda item: -(item[0] or 0.0))]
