"""What calls cost that belong together: those of a session, and the retries within traces.

Nothing is known where no call names a session or a trace; that is not none.
"""

from __future__ import annotations

from typing import Tuple

from finops.analyzers.shared.known_costs import known_cost
from finops.results.token_economics import Retries, SessionCost, Sessions
from finops.rollups.spec import Rollups, Table
from finops.stats import ratio

SESSION_TABLE = Table((), ("sessions",))
RETRY_TABLE = Table((), ("retries",))
LINKED_TABLES: Tuple[Table, ...] = (SESSION_TABLE, RETRY_TABLE)

NO_IDS, TOO_MANY = "no_ids", "too_many"


def sessions_of(data: Rollups) -> Sessions:
    """Return the sessions; percentiles and ranks of costs only where each call has a known one."""
    if not data[SESSION_TABLE]:
        return _no_sessions(NO_IDS)
    ((figures,),) = data[SESSION_TABLE].values()
    if figures.sessions is None:
        return _no_sessions(TOO_MANY)
    priced = not data.totals.unpriced
    return Sessions(
        count_=figures.sessions,
        call_count=figures.calls,
        cost_p50=figures.cost_p50 if priced else None,
        cost_p95=figures.cost_p95 if priced else None,
        calls_per_session=ratio(figures.calls, figures.sessions),
        top=[SessionCost(*session) for session in figures.top] if priced else [],
        unknown=None,
    )


def retries_of(data: Rollups) -> Retries:
    """Return the retries; their cost is a lower bound where some calls have no known one."""
    if not data[RETRY_TABLE]:
        return Retries(None, None, NO_IDS)
    ((figures,),) = data[RETRY_TABLE].values()
    unpriced = data.totals.unpriced if figures.calls else 0
    return Retries(figures.calls, known_cost(figures.cost, unpriced), None)


def _no_sessions(unknown: str) -> Sessions:
    return Sessions(None, None, None, None, None, [], unknown)
