"""What per-call metadata makes possible in a report, claimed only where the data has it.

Each row sets this report's own figure against what would be left of it.  A row that rests on
columns of the data is shown only where nearly all calls carry these columns; otherwise the page
says which column is missing, how much of it there is, and what that costs the answer.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from finops import config
from finops.generators import formatting
from finops.generators.components import Part, lower_bound, section, text
from finops.generators.markup import Markup, fill, join
from finops.results.shares import Judged, costs_are_lower_bounds

Data = Mapping[str, Any]

# What a call names where it has the column.
COLUMN_WORDS: Dict[str, str] = {
    "customer_id": "a customer",
    "subscription_tier": "a subscription tier",
    "customer_archetype": "a customer archetype",
    "tier_price_usd": "a subscription price",
    "organization_id": "an organization",
    "product_id": "a product",
    "feature_id": "a feature",
    "task_type": "a task type",
    "environment": "an environment",
    "region": "a region",
    "cost_usd": "a cost or a known price",
    "latency_ms": "a latency",
    "status": "a status",
}


class Contrast(NamedTuple):
    """A report's own answer, `with_it`, and what is left `without` the columns it `needs`."""

    needs: Tuple[str, ...]
    without: str
    with_it: str


def cost_named(result: Judged, monthly: Optional[float] = None) -> str:
    """Return what all calls cost as the first words of a sentence, per month where that is given.

    A lower bound is named as such, and nothing known as "The cost".
    """
    amount = result.summary.total_cost if monthly is None else monthly
    if amount is None:
        return "The cost"
    shown = formatting.money(amount)
    shown = lower_bound(shown, amount) if costs_are_lower_bounds(result) else shown
    return shown if monthly is None else f"{shown} per month"


class _Row(NamedTuple):
    aspect: str
    without: str
    with_it: str


def contrast(about: Contrast, data: Data) -> Part:
    """Return the section of a report whose result, with its `_context`, is `data`."""
    context: Data = data.get("_context") or {}
    coverage: Mapping[str, Optional[float]] = context.get("coverage") or {}
    if not context.get("calls"):
        return section("Revenium value", text(_nothing_to_claim(context)))
    rows = [row for row in (_metadata(about, coverage), *_general(context, data)) if row]
    parts = [_table(rows)] if rows else []
    missing = [_missing(name, coverage.get(name), about) for name in _not_covered(about, coverage)]
    return section("Revenium value", *parts, *map(text, missing))


def _nothing_to_claim(context: Data) -> str:
    if context.get("calls", 0) is None:
        return "The source has no request count, so no share of calls can be claimed."
    return "There are no calls, so there is nothing to claim."


def _not_covered(about: Contrast, coverage: Mapping[str, Optional[float]]) -> List[str]:
    least = config.CLAIM_COVERAGE_PERCENT
    return [name for name in about.needs if (coverage.get(name) or 0.0) < least]


def _missing(name: str, share: Optional[float], about: Contrast) -> str:
    """Say what is missing and what that costs the answer."""
    known = "It is not known how many" if share is None else formatting.percent(share) + " of"
    calls = f"{known} calls name" if share != 0 else "No call names"
    return (
        f"{calls} {COLUMN_WORDS[name]} ({name}). Below"
        f" {formatting.percent(config.CLAIM_COVERAGE_PERCENT)} this report claims no answer by it:"
        f" {about.without}"
    )


def _metadata(about: Contrast, coverage: Mapping[str, Optional[float]]) -> Optional[_Row]:
    if not about.needs or _not_covered(about, coverage):
        return None
    shares = [
        f"{formatting.percent(coverage[name])} name {COLUMN_WORDS[name]}" for name in about.needs
    ]
    return _Row(
        "Metadata-driven", about.without, f"Of the calls {', '.join(shares)}. {about.with_it}"
    )


def _general(context: Data, data: Data) -> List[Optional[_Row]]:
    """Return the rows that every report has, from what its page knows of the data."""
    providers, models = context.get("providers") or 0, context.get("models") or 0
    calls = formatting.counted(context["calls"], "call")
    return [
        _realtime(context),
        _Row(
            "Standardised across providers",
            f"{formatting.count(providers)} price lists and usage exports.",
            f"{formatting.count(providers)} providers and {formatting.counted(models, 'model')} in "
            "one table, in USD and tokens.",
        )
        if providers > 1
        else None,
        _Row(
            "Automated",
            f"{calls} to add up from exports.",
            f"One run read {calls} and accounted for every line of the file.",
        ),
        _actionable(data),
    ]


def _realtime(context: Data) -> Optional[_Row]:
    end, made = context.get("period_end"), context.get("generated_at")
    if not (end and made):
        return None
    return _Row(
        "Real-time",
        "The invoice of a closed month.",
        f"The last call counted is from {formatting.moment(end)}; this page was generated"
        f" {formatting.moment(made)}.",
    )


def _actionable(data: Data) -> Optional[_Row]:
    findings = [
        finding
        for finding in data.get("findings") or ()
        if finding.get("severity") in ("critical", "warning")
    ]
    if not findings:
        return None
    worth = max(finding.get("impact_usd_per_month") or 0.0 for finding in findings)
    largest = f", the largest worth {formatting.money(worth)} per month" if worth > 0 else ""
    count = formatting.count(len(findings))
    noun = "finding names" if len(findings) == 1 else "findings name"
    return _Row(
        "Actionable",
        "A total that does not show where to act.",
        f"{count} {noun} where to act{largest}.",
    )


def _table(rows: List[_Row]) -> Part:
    body = join(
        fill(
            '<tr><th scope="row">$aspect</th><td>$without</td><td>$with_it</td></tr>',
            aspect=row.aspect,
            without=row.without,
            with_it=row.with_it,
        )
        for row in rows
    )
    markup: Markup = fill(
        '<div class="scroll" tabindex="0" role="group" aria-label="Revenium value">'
        '<table class="value"><thead><tr><th scope="col">What it takes</th>'
        '<th scope="col">Without per-call metadata</th><th scope="col">With Revenium metadata</th>'
        "</tr></thead><tbody>$body</tbody></table></div>",
        body=body,
    )
    return Part(markup)
