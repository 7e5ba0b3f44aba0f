"""Token economics: what a token costs where, and which tokens are wasted.

Two patterns of waste are judged, on successful calls only.  A long prompt that is hardly
answered could have been shorter: a configured share of its input's cost is waste.  A short
exchange on a dear model could have run on the cheapest one: the difference is waste.  No
call is in both, as one needs a long input and the other few tokens.

Anybody sends a long prompt now and then; to whom it is a habit is decided in `wasters`.

Beside them stand cheaper models for each customer, by the rule that all analyses share.  A
switch and a pattern may concern the same call, so `summary.monthly_savings` takes, for each
customer and model, the larger of the two and never their sum.
"""

from __future__ import annotations

import math
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

from finops import config
from finops.analyzers.base import Analyzer, Result, Row, by_impact, finding, ordered, rows_of
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.prompt_waste import wasters
from finops.analyzers.shared.switch_savings import USAGE_TABLE, switch_opportunities
from finops.analyzers.shared.tables import MODEL_DAYS
from finops.analyzers.shared.wording import caveats, counted, usd
from finops.business.catalog import Model, PriceTable
from finops.rollups.spec import Rollups, Table
from finops.stats import percent, ratio

_CELL = ("calls", "cost", "input_tokens", "output_tokens")
_CALLERS = ("customer_id", "provider", "model")

MODEL_TABLE = Table(("provider", "model"), _CELL)
DAILY_TABLE = Table(("day",), ("input_tokens", "output_tokens", "cost"))
DAILY_KEYS = ("input_tokens", "output_tokens", "total_cost")
PROMPT_TABLE = Table(_CALLERS, _CELL, "inefficient_prompt")
SIMPLE_TABLE = Table(_CALLERS, _CELL, "simple_task")

PATTERNS: Tuple[str, ...] = ("inefficient_prompt", "overpriced_simple_task")

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

    def compute(self, data: Rollups) -> Result:
        """Return the result; lists by worth descending, days ascending."""
        waste = {
            "inefficient_prompt": _wastes(data, PROMPT_TABLE, _prompt_waste),
            "overpriced_simple_task": _wastes(data, SIMPLE_TABLE, _simple_judge(data.prices)),
        }
        patterns = {name: _pattern(waste[name]) for name in PATTERNS}
        opportunities = switch_opportunities(data)
        efficiency = _efficiency(data)
        savings = _savings(
            [*waste["inefficient_prompt"], *waste["overpriced_simple_task"]], opportunities
        )
        summary = _summary(data, patterns, data.period.monthly(savings))
        return {
            "summary": summary,
            "efficiency": efficiency,
            "wasteful_patterns": patterns,
            "prompt_wasters": _prompt_wasters(data, patterns["inefficient_prompt"]),
            "opportunities": opportunities,
            "daily_tokens": rows_of(data[DAILY_TABLE], ("date",), DAILY_KEYS),
            "by_day": {"models": by_day(data, MODEL_DAYS, "provider", "model")},
            "findings": by_impact(
                _findings(data, patterns, opportunities) + caveats(data.period, data.totals)
            ),
            "recommendations": _recommendations(data, patterns, opportunities),
        }


def per_usd(amount: float, cost: float) -> float:
    """Return how much of `amount` one USD bought, 0 where nothing was paid."""
    return ratio(amount, cost) if cost > config.NEGLIGIBLE_USD else 0.0


def _summary(data: Rollups, patterns: Mapping[str, Row], monthly_savings: float) -> Row:
    totals = data.totals
    return {
        "total_calls": totals.calls,
        "total_cost": totals.cost,
        "total_input_tokens": totals.input_tokens,
        "total_output_tokens": totals.output_tokens,
        "tokens_per_dollar": per_usd(totals.tokens, totals.cost),
        "cost_per_1m_tokens": ratio(totals.cost, totals.tokens) * 1e6,
        "wasted_cost": math.fsum(patterns[name]["wasted_cost"] for name in PATTERNS),
        "monthly_savings": monthly_savings,
        "monthly_cost": data.period.monthly(totals.cost),
        "unpriced_calls": totals.unpriced,
    }


def _efficiency(data: Rollups) -> List[Row]:
    rows = []
    for (provider, model), values in data[MODEL_TABLE].items():
        cell = Cell(*values)
        tokens = cell.input_tokens + cell.output_tokens
        rows.append(
            {
                "provider": provider,
                "model": model,
                "call_count": cell.calls,
                "total_tokens": tokens,
                "total_cost": cell.cost,
                "tokens_per_dollar": per_usd(tokens, cell.cost),
                "cost_per_1m_tokens": ratio(cell.cost, tokens) * 1e6,
                "input_output_ratio": ratio(cell.output_tokens, cell.input_tokens),
            }
        )
    return ordered(rows, "tokens_per_dollar", ("provider", "model"))


# --- waste -----------------------------------------------------------------------------------

# What a group of calls on a model wasted; None where the pattern does not fit the model.
DayDetector = Callable[[Optional[Model], Cell], Optional[float]]


def _wastes(data: Rollups, table: Table, judge: DayDetector) -> List[Waste]:
    found = []
    for (customer, provider, name), values in data[table].items():
        cell = Cell(*values)
        wasted = judge(data.prices.find(provider, name), cell)
        if wasted is not None:
            found.append(Waste((customer, provider, name), cell.calls, cell.cost, wasted))
    return found


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


def _simple_judge(prices: PriceTable) -> DayDetector:
    """Return the judge by the difference to the cheapest model, for dear models only."""
    dear = {model for model in prices if overpriced(model)}
    cheapest = prices.cheapest() if dear else None

    def judge(model: Optional[Model], cell: Cell) -> Optional[float]:
        if cheapest is None or model not in dear:
            return None
        return max(0.0, cell.cost - cheapest.cost(cell.input_tokens, cell.output_tokens))

    return judge


def overpriced(model: Model) -> bool:
    """Return whether a model is too dear for a simple task.

    Rounded first, as the mean of two decimal prices is not always exact in binary.
    """
    return round(model.blended_price_per_1m, 9) > config.OVERPRICED_BLENDED_PRICE_PER_1M_USD


def _pattern(wastes: Sequence[Waste]) -> Row:
    by_customer: Dict[str, List[Waste]] = {}
    for waste in wastes:
        by_customer.setdefault(waste.caller[0], []).append(waste)
    customers = [
        {"customer_id": customer, **_sums(by_customer[customer])} for customer in by_customer
    ]
    return {**_sums(wastes), "customers": ordered(customers, "wasted_cost", ("customer_id",))}


def _sums(wastes: Sequence[Waste]) -> Row:
    return {
        "call_count": sum(w.calls for w in wastes),
        "cost": math.fsum(w.cost for w in wastes),
        "wasted_cost": math.fsum(w.wasted for w in wastes),
    }


def _prompt_wasters(data: Rollups, pattern: Row) -> List[Row]:
    """Return the customers of the pattern who make a habit of it, by wasted_cost descending.

    Rows are those of the pattern and `share_percent`, the share of all calls of the customer.
    """
    calls: Dict[str, int] = {}
    for (customer, *_), values in data[USAGE_TABLE].items():
        calls[customer] = calls.get(customer, 0) + values[0]
    rows = [
        dict(row, share_percent=percent(row["call_count"], calls[row["customer_id"]]))
        for row in pattern["customers"]
    ]
    habitual = wasters({row["customer_id"]: row["call_count"] for row in rows}, calls)
    return [row for row in rows if row["customer_id"] in habitual]


# --- savings ---------------------------------------------------------------------------------


def _savings(wastes: Sequence[Waste], opportunities: Sequence[Row]) -> float:
    """Return what acting on everything saves in the period, no dollar counted twice."""
    wasted: Dict[Caller, float] = {}
    switched: Dict[Caller, float] = {}
    for waste in wastes:
        wasted[waste.caller] = wasted.get(waste.caller, 0.0) + waste.wasted
    for row in opportunities:
        caller = (row["customer_id"], row["current_provider"], row["current_model"])
        switched[caller] = switched.get(caller, 0.0) + row["savings"]
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
    data: Rollups, patterns: Mapping[str, Row], opportunities: Sequence[Row]
) -> List[Row]:
    found = [
        _pattern_finding(data, name, patterns[name])
        for name in PATTERNS
        if patterns[name]["wasted_cost"] > 0
    ]
    if opportunities:
        worth = data.period.monthly(math.fsum(row["savings"] for row in opportunities))
        customers = {row["customer_id"] for row in opportunities}
        found.append(
            finding(
                "info",
                f"Cheaper models would save {usd(worth)} a month",
                f"{counted(len(opportunities), 'switch', 'switches')} for "
                f"{counted(len(customers), 'customer')}, within the same class or one below.",
                worth,
            )
        )
    if data.totals.calls and not found:
        found.append(
            finding(
                "success",
                "No tokens are wasted",
                "No pattern of waste costs money and no cheaper model saves more than "
                f"{usd(config.OPPORTUNITY_MIN_SAVINGS_USD)} for any customer.",
            )
        )
    return found


def _pattern_finding(data: Rollups, name: str, pattern: Row) -> Row:
    title, detail = _DETAILS[name]
    worth = data.period.monthly(pattern["wasted_cost"])
    return finding(
        "warning",
        f"{title} waste {usd(worth)} a month",
        f"{counted(pattern['call_count'], 'call')} of "
        f"{counted(len(pattern['customers']), 'customer')} {detail}.",
        worth,
    )


def _recommendations(
    data: Rollups, patterns: Mapping[str, Row], opportunities: Sequence[Row]
) -> List[str]:
    """Return what to do, what is worth most first."""
    monthly = data.period.monthly
    most = config.RECOMMENDED_SUBJECTS
    advice = [
        (
            monthly(row["savings"]),
            f"Switch {row['customer_id']} from {row['current_model']} to "
            f"{row['alternative_model']}: saves {usd(monthly(row['savings']))} a month.",
        )
        for row in opportunities[:most]
    ]
    advice += [
        (
            monthly(row["wasted_cost"]),
            f"Shorten the prompts of {row['customer_id']}: {usd(monthly(row['wasted_cost']))} "
            f"a month is wasted on {counted(row['call_count'], 'long prompt')} with hardly an "
            "answer.",
        )
        for row in patterns["inefficient_prompt"]["customers"][:most]
        if row["wasted_cost"] > 0
    ]
    simple = patterns["overpriced_simple_task"]
    if simple["wasted_cost"] > 0:
        worth = monthly(simple["wasted_cost"])
        advice.append(
            (
                worth,
                f"Route simple tasks to {data.prices.cheapest().name}: {usd(worth)} a month is "
                f"wasted on {counted(simple['call_count'], 'short call')} to dear models.",
            )
        )
    return [sentence for _, sentence in sorted(advice, key=lambda one: -one[0])]
