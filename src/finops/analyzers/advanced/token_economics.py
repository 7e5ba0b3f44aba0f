"""Token economics: what tokens cost on each model, and which tokens are wasted.

Two patterns of waste are judged, on successful calls only.  A prompt that is long, for its
feature and task too, and hardly answered could have been shorter: a configured share of its
input's cost is waste.  A short exchange on an expensive model could have run on the cheapest
one: the difference is waste.  No call is in both, as one needs a long input and the other few
tokens.

Everyone sends a long prompt now and then; `prompt_waste` decides who does so as a habit.

Beside them stand cheaper models for each customer, by the rule that all analyses share.  What
all savings come to is allocated once for all reports (see `savings`); it is
`summary.monthly_savings`.  A pattern may concern the same calls, so what its finding is worth is
the part of its waste that those savings leave.

What is wasted per month is a rate: that of the calls of the last 30 whole days.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import groupby, islice
from typing import (
    Callable,
    ClassVar,
    Collection,
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
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.known_costs import known_cost, known_total
from finops.analyzers.shared.linked_calls import LINKED_TABLES, retries_of, sessions_of
from finops.analyzers.shared.model_switches import at_own_price
from finops.analyzers.shared.prompt_waste import habitual_wasters
from finops.analyzers.shared.revenue import is_gone
from finops.analyzers.shared.savings import MODEL_STEPS, SAVINGS_TABLES, Savings, savings_of
from finops.analyzers.shared.switch_savings import USAGE_TABLE, switch_opportunities
from finops.analyzers.shared.tables import MODEL_DAYS
from finops.analyzers.shared.token_classes import (
    CLASS_TABLES,
    cache_days,
    cache_uses,
    cached_input,
    token_classes,
)
from finops.analyzers.shared.wording import (
    caveats,
    counted,
    nothing_known_to_cost,
    per_month,
    usd,
)
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
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.expressions import (
    above,
    all_of,
    band_of,
    below,
    equal,
    negated,
    one_of,
    plus,
    times,
    when,
)
from finops.rollups.measures import INPUT_SIZES, Dimension, Measure
from finops.rollups.spec import Having, Key, Rollups, Table, Values
from finops.stats import histogram_percentiles, percent, ratio

_CELL = ("calls", "cost", "input_tokens", "output_tokens", "unpriced")
_CALLERS = ("customer_id", "provider", "model")

MODEL_TABLE = Table(("provider", "model"), _CELL)
DAILY_TABLE = Table(("day",), ("input_tokens", "output_tokens", "cost", "unpriced"))

_SUCCEEDED = one_of("status", schema.STATUS_SUCCESS)
# The largest share of output in input, as whole numbers that decide it exactly.
_RATIO = Fraction(str(config.INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO))
# The tokens of each call in an aggregate are not known.
_NO_AGGREGATE = negated(above("calls", 1))
# Long input, hardly any output.
INEFFICIENT_PROMPT = all_of(
    equal("calls", 1),
    above("input_tokens", config.INEFFICIENT_PROMPT_MIN_INPUT_TOKENS),
    below(times("output_tokens", _RATIO.denominator), times("input_tokens", _RATIO.numerator)),
    _SUCCEEDED,
)
# Few tokens in all.
SIMPLE_TASK = all_of(
    below(plus("input_tokens", "output_tokens"), config.SIMPLE_TASK_MAX_TOKENS), _SUCCEEDED
)
# The calls that a customer's wasteful prompts are a share of, which is judged by month, too: those
# of all, and of who may have made a habit of it.
ALL_CALL_DAYS = Table(("day",), ("calls",))
_LONG_PROMPTS = Measure("long_prompts", INEFFICIENT_PROMPT)
CALL_DAYS = Table(
    ("customer_id", "day"),
    ("calls", _LONG_PROMPTS),
    among=Having(_LONG_PROMPTS.name, ">=", config.PROMPT_WASTER_MIN_CALLS),
)
_WORK = ("feature_id", "task_type")
# The input of a prompt, to the token up to the first bound and in steps above, to bound memory:
# the lower end of the step.
INPUT_SIZE = Dimension(
    "input_size",
    plus(
        when(below("input_tokens", 4_000), "input_tokens"),
        plus(
            when(
                all_of(above("input_tokens", 3_999), below("input_tokens", 40_000)),
                band_of("input_tokens", 100),
            ),
            when(above("input_tokens", 39_999), band_of("input_tokens", 1_000)),
        ),
    ),
)
WORK_TABLE = Table(_WORK, (INPUT_SIZES,), all_of(_NO_AGGREGATE, _SUCCEEDED))
PROMPT_TABLE = Table(("day", *_CALLERS, *_WORK, INPUT_SIZE), _CELL, INEFFICIENT_PROMPT)
SIMPLE_TABLE = Table(("day", *_CALLERS), _CELL, SIMPLE_TASK)

Caller = Tuple[str, str, str]


class Cell(NamedTuple):
    """One group of calls: `cost` in USD for the period."""

    calls: int
    cost: float
    input_tokens: int
    output_tokens: int
    unpriced: int = 0


class Waste(NamedTuple):
    """What one customer wasted on one model: USD of some days, never more than it cost."""

    caller: Caller
    calls: int
    cost: float
    wasted: float
    unpriced: int = 0


class TokenEconomicsAnalyzer(Analyzer):
    """Efficiency by model, wasteful patterns, cheaper models by customer, tokens by day.

    Costs and savings in the sections are those of the period; only `summary.monthly_savings`
    and the sentences are a month's.  A ratio to no money is given as 0; where the cost of a call
    is not known, there is none.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        *CUSTOMER_RECORDS,
        MODEL_TABLE,
        DAILY_TABLE,
        USAGE_TABLE,
        ALL_CALL_DAYS,
        CALL_DAYS,
        WORK_TABLE,
        PROMPT_TABLE,
        SIMPLE_TABLE,
        MODEL_DAYS,
        *SAVINGS_TABLES,
        *CLASS_TABLES,
        *LINKED_TABLES,
    )

    def result(self, data: Rollups) -> TokenEconomicsResult:
        """Return the result; lists by worth descending, days ascending."""
        span = covered_days(data)
        long = _long_prompts(data)
        prompts = _judged("inefficient_prompt", data, span, long, _prompt_waste)
        simple = _simple_tasks_of(data, span)
        patterns = WastefulPatterns(_pattern(prompts.wastes), _pattern(simple.wastes))
        opportunities = _opportunities(data, span)
        efficiency = _efficiency(data)
        savings = savings_of(data, span)
        summary = _summary(data, span, patterns, savings.total)
        return TokenEconomicsResult(
            summary=summary,
            basis=basis_of(data, span, self.NEEDS),
            token_classes=token_classes(data),
            cache=cache_uses(data),
            daily_cache=cache_days(data),
            sessions=sessions_of(data),
            retries=retries_of(data),
            efficiency=efficiency,
            wasteful_patterns=patterns,
            prompt_wasters=_prompt_wasters(data, span, long, patterns.inefficient_prompt),
            opportunities=opportunities,
            daily_tokens=[
                TokenDay(day, inputs, outputs, known_cost(cost, unpriced))
                for (day,), (inputs, outputs, cost, unpriced) in data[DAILY_TABLE].items()
            ],
            by_day=TokenByDay(models=by_day(data, MODEL_DAYS, "provider", "model")),
            findings=by_impact(
                _findings(data, span, [prompts, simple], opportunities, savings)
                + caveats(span, data.totals)
            ),
            recommendations=_recommendations(data, prompts, simple, savings),
        )


def quotient(amount: float, of: float) -> Optional[float]:
    """Return `amount` for each one `of`, None where there is nothing of it: no number says that.

    >>> quotient(3, 2), quotient(3, 0), quotient(0, 2)
    (1.5, None, 0.0)
    """
    return amount / of if of > config.NEGLIGIBLE_USD else None


def _tokens_per_dollar(tokens: int, cost: float, unpriced: float) -> Optional[float]:
    return None if unpriced or not tokens else quotient(tokens, cost)


def _cost_per_1m_tokens(tokens: int, cost: float, unpriced: float) -> Optional[float]:
    return None if unpriced or cost < 0 else quotient(cost * 1e6, tokens)


def _summary(
    data: Rollups,
    span: CoveredDays,
    patterns: WastefulPatterns,
    monthly_savings: Optional[float],
) -> TokenSummary:
    totals, cache = data.totals, cached_input(data)
    return TokenSummary(
        total_calls=totals.calls,
        total_cost=known_total(data),
        total_input_tokens=totals.input_tokens,
        total_output_tokens=totals.output_tokens,
        cached_input_tokens=None if cache is None else cache.cached,
        cache_hit_percent=None if cache is None else percent(cache.cached, cache.of),
        input_tokens_of_unknown_cache=totals.input_tokens if cache is None else cache.unknown,
        tokens_per_dollar=_tokens_per_dollar(totals.tokens, totals.cost, totals.unpriced),
        cost_per_1m_tokens=_cost_per_1m_tokens(totals.tokens, totals.cost, totals.unpriced),
        wasted_cost=known_cost(
            math.fsum(pattern.wasted_cost or 0.0 for pattern in patterns), totals.unpriced
        ),
        monthly_savings=monthly_savings,
        monthly_cost=span.monthly(known_total(data)),
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
                total_cost=known_cost(cell.cost, cell.unpriced),
                tokens_per_dollar=_tokens_per_dollar(tokens, cell.cost, cell.unpriced),
                cost_per_1m_tokens=_cost_per_1m_tokens(tokens, cell.cost, cell.unpriced),
                input_output_ratio=quotient(cell.output_tokens, cell.input_tokens),
            )
        )
    return sorted(rows, key=_most_tokens_first)


def _most_tokens_first(row: ModelEfficiency) -> Tuple[bool, float, str, str]:
    """Order models by tokens for a dollar, those of which that is not known last."""
    unknown = row.tokens_per_dollar is None
    return unknown, -(row.tokens_per_dollar or 0.0), row.provider, row.model


# --- waste -----------------------------------------------------------------------------------

# What a group of calls on a model wasted; None where the pattern does not fit the model.
Judge = Callable[[Optional[Model], Cell], Optional[float]]


class WastedCalls(NamedTuple):
    """The calls of one pattern: by caller in the period, and in the last 30 whole days."""

    pattern: str
    wastes: Sequence[Waste]
    recent: Sequence[Waste]
    span: CoveredDays

    @property
    def wasted(self) -> float:
        """What was wasted in the period, in USD."""
        return math.fsum(waste.wasted for waste in self.wastes)

    @property
    def monthly(self) -> Optional[float]:
        """What is wasted now, in USD per month; None under 7 covered days."""
        return self.span.monthly_recent(math.fsum(waste.wasted for waste in self.recent))

    def remaining(self, savings: Savings) -> Optional[float]:
        """Return what of `monthly` is left after the steps of all savings."""
        left = savings.left_share()
        parts = [waste.wasted * left.get(waste.caller[1:], 0.0) for waste in self.recent]
        return self.span.monthly_recent(math.fsum(parts))


def _long_prompts(data: Rollups) -> Sequence[Tuple[Key, Values]]:
    """Return the calls of long prompts with hardly any answer: cells by day and caller.

    Retrieval and agents have long inputs and short answers by nature.  So a prompt must be long
    for its feature and task, too: over a multiple of their median.
    """
    limits = {
        (feature, task): config.INEFFICIENT_PROMPT_MEDIAN_FACTOR
        * histogram_percentiles(sizes, (0.5,))[0]
        for (feature, task), (sizes,) in data[WORK_TABLE].items()
    }
    return [
        ((day, customer, provider, name), values)
        for (day, customer, provider, name, *work, size), values in data[PROMPT_TABLE].items()
        if size > limits[work[0], work[1]]
    ]


def _simple_tasks_of(data: Rollups, span: CoveredDays) -> WastedCalls:
    """Return the calls of simple tasks on expensive models."""
    short = list(data[SIMPLE_TABLE].items())
    return _judged("overpriced_simple_task", data, span, short, _simple_judge(data.prices))


def _judged(
    pattern: str,
    data: Rollups,
    span: CoveredDays,
    cells: Sequence[Tuple[Key, Values]],
    judge: Judge,
) -> WastedCalls:
    """Return what `judge` says of cells by day and caller, over the period and as a rate."""

    def wastes(days: Collection[str]) -> List[Waste]:
        return _wastes(data, _by_caller(c for c in cells if c[0][0] in days), judge)

    return WastedCalls(pattern, wastes(set(span.dates)), wastes(set(span.recent)), span)


def _by_caller(cells: Iterable[Tuple[Key, Values]]) -> Dict[Caller, Cell]:
    parts: Dict[Caller, List[Cell]] = {}
    for (_, customer, provider, name), values in cells:
        parts.setdefault((customer, provider, name), []).append(Cell(*values))
    return {
        caller: Cell(
            sum(cell.calls for cell in cells),
            math.fsum(cell.cost for cell in cells),
            sum(cell.input_tokens for cell in cells),
            sum(cell.output_tokens for cell in cells),
            sum(cell.unpriced for cell in cells),
        )
        for caller, cells in parts.items()
    }


def _wastes(data: Rollups, cells: Mapping[Caller, Cell], judge: Judge) -> List[Waste]:
    wastes = []
    for (customer, provider, name), cell in cells.items():
        wasted = judge(data.prices.find(provider, name), cell)
        if wasted is not None:
            wastes.append(Waste((customer, provider, name), *cell[:2], wasted, cell.unpriced))
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
        if cheapest is None or model is None or model not in expensive:
            return None
        tokens = cell.input_tokens, cell.output_tokens
        cost = at_own_price(cheapest.cost(*tokens), cell.cost, model.cost(*tokens))
        return 0.0 if cost is None else max(0.0, cell.cost - cost)

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
        customers=sorted(customers, key=lambda r: (-(r.wasted_cost or 0.0), r.customer_id)),
    )


def _sums(wastes: Sequence[Waste]) -> Tuple[int, Optional[float], Optional[float]]:
    """Return calls, cost and wasted cost; None where nothing is known of what they cost."""
    cost = known_cost(math.fsum(w.cost for w in wastes), sum(w.unpriced for w in wastes))
    wasted = None if cost is None else math.fsum(w.wasted for w in wastes)
    return sum(w.calls for w in wastes), cost, wasted


def _prompt_wasters(
    data: Rollups,
    span: CoveredDays,
    long: Sequence[Tuple[Key, Values]],
    pattern: WastefulPattern,
) -> List[PromptWaster]:
    """Return the customers of the pattern who make a habit of it, by wasted_cost descending.

    `long` are the cells of all such calls by day and caller.  Rows are those of the pattern and
    `share_percent`, the share of all calls of the customer.
    """
    habitual = habitual_wasters(
        ((customer, day, values[0]) for (day, customer, *_), values in long),
        ((customer, day, values[0]) for (customer, day), values in data[CALL_DAYS].items()),
        ((day, calls) for (day,), (calls,) in data[ALL_CALL_DAYS].items()),
        span.whole,
    )
    calls: Dict[str, int] = {}
    for (customer, *_), values in data[USAGE_TABLE].items():
        calls[customer] = calls.get(customer, 0) + values[0]
    return [
        PromptWaster(*row, share_percent=percent(row.call_count, calls[row.customer_id]))
        for row in pattern.customers
        if row.customer_id in habitual
    ]


# --- sentences -------------------------------------------------------------------------------

_DETAILS: Mapping[str, Tuple[str, str]] = {
    "inefficient_prompt": (
        "Long prompts with hardly any answer",
        f"over {config.INEFFICIENT_PROMPT_MIN_INPUT_TOKENS:,} input tokens, "
        f"over {config.INEFFICIENT_PROMPT_MEDIAN_FACTOR:g} times the median of the same feature "
        "and task, and an answer "
        f"under {config.INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO * 100:.0f}% of that",
    ),
    "overpriced_simple_task": (
        "Simple tasks on expensive models",
        f"under {config.SIMPLE_TASK_MAX_TOKENS} tokens in all, on a model above "
        f"{usd(config.OVERPRICED_BLENDED_PRICE_PER_1M_USD)} per 1M tokens",
    ),
}


def _opportunities(data: Rollups, span: CoveredDays) -> List[Opportunity]:
    """Return the switches of customers who are not gone, and of models with calls in the last 30
    whole days: who is gone, or has moved on already, saves nothing more.
    """
    days, customers = set(span.recent), customers_of(data)
    there = {name for name, customer in customers.items() if not is_gone(customer, span)}
    by_day = data[MODEL_DAYS]
    models = {(provider, model) for day, provider, model in by_day if day in days}
    return switch_opportunities(data, there, models)


def _findings(
    data: Rollups,
    span: CoveredDays,
    patterns: Sequence[WastedCalls],
    opportunities: Sequence[Opportunity],
    savings: Savings,
) -> List[Finding]:
    findings = [_pattern_finding(calls, savings) for calls in patterns if _is_habit(calls)]
    if opportunities:
        customers = {row.customer_id for row in opportunities}
        monthly = savings.of(*MODEL_STEPS)
        notable = monthly is None or monthly >= config.NOTABLE_USD_PER_MONTH
        users = (name for name, *_ in data[USAGE_TABLE] if name != config.UNALLOCATED)
        several = len(list(islice(groupby(users), 2))) > 1
        if several and notable:
            findings.append(
                finding(
                    "info",
                    f"Cheaper models for {counted(len(customers), 'customer')}",
                    f"{counted(len(opportunities), 'switch', 'switches')}, within the same class "
                    f"or one below; Rate Optimization shows their combined savings.",
                )
            )
    succeeded = data.totals.calls > data.totals.errors
    switched = savings.of(*MODEL_STEPS)  # None where the data is too short to know
    saves_little = switched is not None and switched < config.NOTABLE_USD_PER_MONTH
    wasted = any(calls.wasted > 0 for calls in patterns)
    clean = saves_little and not (wasted or findings or opportunities)
    if succeeded and clean and not (data.totals.unpriced or nothing_known_to_cost(data.totals)):
        findings.append(
            finding(
                "success",
                "No tokens are wasted",
                "No pattern of waste costs money and no cheaper model saves more than "
                f"{usd(config.OPPORTUNITY_MIN_SAVINGS_USD)} for any customer.",
            )
        )
    return findings


def _is_habit(calls: WastedCalls) -> bool:
    """Return whether wasteful calls are worth a sentence.

    Some prompts are long without being too long, so a few are no pattern.  What a simple task
    would cost elsewhere is known of a single call.
    """
    few = sum(waste.calls for waste in calls.wastes) < config.PROMPT_WASTER_MIN_CALLS
    return calls.wasted > 0 and not (few and calls.pattern == "inefficient_prompt")


def _pattern_finding(calls: WastedCalls, savings: Savings) -> Finding:
    """Return the finding on a pattern; it is worth what all savings leave of the waste."""
    title, detail = _DETAILS[calls.pattern]
    remaining = calls.remaining(savings)
    before = (
        ""
        if remaining is None
        else f" {per_month(calls.monthly, 0.0)} is wasted before the steps of Rate Optimization."
    )
    return finding(
        "warning" if calls.monthly else "info",
        f"{title} waste {per_month(remaining, calls.wasted)}",
        f"{_counted(calls, 'call')}: {detail}.{before}",
        remaining,
        kind="saving",
        confidence="low",
        effort="medium",
        overlaps=calls.pattern,
    )


def _counted(calls: WastedCalls, noun: str) -> str:
    """Return the number of the calls, and of the customers who made them where any is known."""
    number = counted(sum(waste.calls for waste in calls.wastes), noun)
    customers = {waste.caller[0] for waste in calls.wastes} - {config.UNALLOCATED}
    return f"{number} of {counted(len(customers), 'customer')}" if customers else number


def _recommendations(
    data: Rollups, prompts: WastedCalls, simple: WastedCalls, savings: Savings
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
    worth = per_month(prompts.remaining(savings), prompts.wasted)
    if _is_habit(prompts):
        sentence = (
            f"Cache what long prompts repeat, then shorten them: {worth} is wasted on "
            f"{_counted(prompts, 'long prompt')} with hardly any answer."
        )
        advice.append((prompts.remaining(savings), sentence))
    worth = per_month(simple.remaining(savings), simple.wasted)
    if simple.wasted > 0:
        number = counted(sum(waste.calls for waste in simple.wastes), "short call")
        sentence = (
            f"Route simple tasks to {data.prices.cheapest().name}: {worth} is wasted on {number} "
            "to expensive models."
        )
        advice.append((simple.remaining(savings), sentence))
    worthwhile = [(rate, sentence) for rate, sentence in advice if rate != 0]
    return [sentence for _, sentence in sorted(worthwhile, key=lambda item: -(item[0] or 0.0))]
