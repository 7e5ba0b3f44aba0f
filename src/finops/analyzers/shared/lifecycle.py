"""Spend on models that their provider has retired, or retires soon, and on what follows them.

The catalogue knows when a provider serves a model no more and which model it names instead.
Moving there is the easiest step of all: it has to be made anyway.  What counts is the last day of
the data, not that of the run, and the rate of the last 30 whole days: a model that is no longer
used costs nothing.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import finding
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.model_switches import at_own_price
from finops.analyzers.shared.overlaps import model_key
from finops.analyzers.shared.provider_names import provider_name
from finops.analyzers.shared.token_prices import (
    FREE_FAILURE,
    TOKEN_MEASURES,
    ListPrices,
    classes_of,
)
from finops.analyzers.shared.wording import counted, usd
from finops.business.catalog import DEFAULT_PRICES
from finops.business.model import Model
from finops.business.usage import TokenClasses
from finops.results.base import Finding
from finops.results.optimization import RetiringModel
from finops.rollups.spec import Rollups, Table
from finops.timestamps import date_of

MODEL_TOKENS = Table(
    ("day", "provider", "model", FREE_FAILURE), ("calls", "cost", "unpriced", *TOKEN_MEASURES)
)
RETIRED, LEGACY = "retired", "legacy"


class _Use(NamedTuple):
    """What the last 30 whole days used of one model; tokens in the order of `TOKEN_MEASURES`."""

    calls: int
    cost: float
    unpriced: int
    tokens: Sequence[int]


def retiring_models(data: Rollups, span: CoveredDays) -> List[RetiringModel]:
    """Return the retired and legacy models in use, what costs most first.

    `data` holds `MODEL_TOKENS`.  Costs are rates per month; all of a model's are None under 7
    covered days, and what is compared where a call has no known cost.
    """
    prices, rows = ListPrices(data.prices), []
    for (provider, name), use in _recent_uses(data, span).items():
        model = retirement_of(provider, name, span.dates[-1])
        if model is not None:
            rows.append(_row(span, prices, provider, name, use, model))
    return sorted(rows, key=lambda r: (-(r.monthly_cost or 0.0), r.provider, r.model))


def _row(
    span: CoveredDays, prices: ListPrices, provider: str, name: str, use: _Use, model: Model
) -> RetiringModel:
    cost = span.monthly_recent(use.cost)
    successor = None
    if not use.unpriced:
        models, tokens = (name, model.successor), classes_of(use.tokens)
        successor = cost_on_successor(prices, provider, models, tokens, use.cost)
    on_successor = None if successor is None else span.monthly_recent(successor)
    known = cost is not None and on_successor is not None
    return RetiringModel(
        provider=provider,
        model=name,
        state=RETIRED if model.retired <= span.dates[-1] else LEGACY,
        retired_on=model.retired,
        successor=model.successor,
        monthly_cost=cost,
        monthly_cost_on_successor=on_successor,
        savings=(cost or 0.0) - (on_successor or 0.0) if known else None,
    )


def retirement_of(provider: str, name: str, last_date: str) -> Optional[Model]:
    """Return the catalogue's model where it is retired or legacy on the last date of the data."""
    model = DEFAULT_PRICES.find(provider, name)
    if model is None or not model.retired:
        return None
    ahead = date_of(model.retired) - date_of(last_date)
    return model if ahead <= timedelta(days=config.LEGACY_DAYS) else None


def cost_on_successor(
    prices: ListPrices, provider: str, models: Tuple[str, str], tokens: TokenClasses, paid: float
) -> Optional[float]:
    """Return what tokens would cost on the second of two models in USD, None where not known.

    `paid` is what they cost on the first one; see `at_own_price`.
    """
    now, then = (prices.costs(provider, name, tokens) if name else None for name in models)
    if then is None:
        return None
    return at_own_price(math.fsum(then), paid, None if now is None else math.fsum(now))


def _recent_uses(data: Rollups, span: CoveredDays) -> Dict[Tuple[str, str], _Use]:
    """Return what the last 30 whole days used by model, all days where none is whole.

    Failed calls that cost nothing are calls without tokens.
    """
    recent = set(span.recent or span.dates)
    parts: Dict[Tuple[str, str], List[_Use]] = {}
    for (day, provider, model, free), (calls, cost, unpriced, *tokens) in data[
        MODEL_TOKENS
    ].items():
        if day in recent:
            billed = [0] * len(tokens) if free else tokens
            parts.setdefault((provider, model), []).append(_Use(calls, cost, unpriced, billed))
    return {
        key: _Use(
            sum(part.calls for part in uses),
            math.fsum(part.cost for part in uses),
            sum(part.unpriced for part in uses),
            [sum(column) for column in zip(*(part.tokens for part in uses))],
        )
        for key, uses in sorted(parts.items())
    }


# --- sentences -------------------------------------------------------------------------------


def lifecycle_findings(rows: Sequence[RetiringModel]) -> List[Finding]:
    """Return a finding for each retired model in use, and one for all legacy models together.

    What a move to the successor saves is a step of the savings, and said there.
    """
    retired = [row for row in rows if row.state == RETIRED]
    legacy = [row for row in rows if row.state == LEGACY]
    findings = [_retired_finding(row) for row in retired[: config.RECOMMENDED_SUBJECTS]]
    if legacy:
        first = min(legacy, key=lambda row: (row.retired_on, row.provider, row.model))
        findings.append(
            finding(
                "info",
                f"{counted(len(legacy), 'model')} in use will be retired within a year",
                f"The first is {first.model}, on {first.retired_on}. {_successor_words(first)}",
                kind="quality",
            )
        )
    return findings


def lifecycle_advice(rows: Sequence[RetiringModel]) -> List[str]:
    """Return a recommendation for each of the retired and legacy models that cost most."""
    return [
        f"Move {row.model} to {row.successor}, which {provider_name(row.provider)} names as its "
        f"successor: it {_retired_words(row)}{_saving_words(row)}."
        for row in rows[: config.RECOMMENDED_SUBJECTS]
        if row.successor
    ]


def _retired_finding(row: RetiringModel) -> Finding:
    cost = "" if row.monthly_cost is None else f" and still costs {usd(row.monthly_cost)} per month"
    return finding(
        "warning" if _is_notable(row.monthly_cost) else "info",
        f"{row.model} {_retired_words(row)}{cost}",
        _successor_words(row),
        kind="quality",
        subject={"provider": row.provider, "model": row.model},
        overlaps=model_key(row.provider, row.model),
    )


def _retired_words(row: RetiringModel) -> str:
    verb = "was retired" if row.state == RETIRED else "will be retired"
    return f"{verb} on {row.retired_on}"


def _saving_words(row: RetiringModel) -> str:
    if not _is_notable(row.savings):
        return ""
    return f", and the same tokens cost {usd(row.savings or 0.0)} less per month there"


def _successor_words(row: RetiringModel) -> str:
    name = provider_name(row.provider)
    if not row.successor:
        return f"{name} names no successor."
    if row.monthly_cost_on_successor is None:
        return f"{name} names {row.successor} instead, whose price is not known here."
    return (
        f"{name} names {row.successor} instead; the same tokens cost "
        f"{usd(row.monthly_cost_on_successor)} per month there."
    )


def _is_notable(monthly: Optional[float]) -> bool:
    """Return whether an amount per month is known and more than a trifle."""
    return monthly is not None and monthly >= config.NOTABLE_USD_PER_MONTH
