"""The section of sessions and retries: what calls cost that belong together."""

from __future__ import annotations

from typing import Dict

from finops import config
from finops.generators import formatting
from finops.generators.components import Part, lower_bound, section, text
from finops.generators.tables import Column, table
from finops.results import token_economics as results

_NO_SESSIONS: Dict[str, str] = {
    "no_ids": "This source has no session_id, so sessions are not shown.",
    "too_many": f"There are more than {config.MOST_SESSIONS:,} sessions, too many to add up each;"
    " choose fewer calls with --since and --until.",
}
_NO_RETRIES = "This source has no trace_id, so retries are not shown."


def linked_calls(result: results.TokenEconomicsResult) -> Part:
    """Return the section, which says why where nothing is known."""
    return section(
        "Sessions and retries",
        _sessions(result),
        text(_retries_sentence(result)),
    )


def _sessions(result: results.TokenEconomicsResult) -> Part:
    sessions = result.sessions
    if sessions.unknown is not None:
        return text(_NO_SESSIONS[sessions.unknown])
    if not sessions.top:
        return text(_sessions_sentence(sessions))
    return table(
        "sessions",
        "The most expensive sessions",
        [
            Column(lambda row: row.session_id, "Session"),
            Column(lambda row: row.call_count, "Calls", "count"),
            Column(lambda row: row.cost, "Cost", "money", order="descending"),
        ],
        sessions.top,
        lead=_sessions_sentence(sessions),
        empty="No sessions.",
    )


def _sessions_sentence(sessions: results.Sessions) -> str:
    each = formatting.decimal(sessions.calls_per_session)
    noun = "call" if each == "1" else "calls"
    number = formatting.counted(sessions.count_, "session")
    calls = f"{number} of {each} {noun} on average"
    if sessions.cost_p50 is None:
        return f"{calls}; what they cost is not known, as some calls have no known cost."
    median, upper = formatting.money(sessions.cost_p50), formatting.money(sessions.cost_p95)
    return f"{calls}; half of them cost at most {median}, 95% at most {upper}."


def _retries_sentence(result: results.TokenEconomicsResult) -> str:
    retries = result.retries
    if retries.unknown is not None:
        return _NO_RETRIES
    minutes = config.RETRY_WINDOW_S // 60
    what = f"a failed call of the same trace within {minutes} minutes"
    if not retries.calls:
        return f"Checked, none found: retries, that is calls that followed {what}."
    calls = f"Retries: {formatting.counted(retries.calls, 'call')} followed {what}"
    cost = formatting.money(retries.cost)
    if result.summary.unpriced_calls:
        if not retries.cost:
            return f"{calls}; what they cost is not known."
        cost = lower_bound(cost, retries.cost)
    return f"{calls}, for {cost}."
