"""What the report says of sessions and retries, and what it does not know."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from finops import config
from finops.analyzers.advanced.token_economics import TokenEconomicsAnalyzer
from finops.generators.linked_calls import linked_calls
from finops.results.base import from_dict
from finops.results.token_economics import TokenEconomicsResult
from finops.rollups.redaction import RedactedDataset, Redactor
from tests.analyzers.samples import at, run
from tests.support.reference import ReferenceDataset, call

Row = Dict[str, str]


def section_of(result: Dict[str, Any]) -> str:
    """Return the section as it stands on the page."""
    return str(linked_calls(from_dict(TokenEconomicsResult, result)).markup)


def agent_day() -> List[Row]:
    """One developer: a session of three calls, of which one failed and was tried again, and one
    of a single call.
    """
    who: Dict[str, Any] = {"customer_id": "dev", "tier_price_usd": "", "subscription_tier": ""}
    return [
        call(timestamp=at(0, 9, 0), session_id="morning", trace_id="t1", cost_usd="0.5", **who),
        call(timestamp=at(0, 9, 5), session_id="morning", trace_id="t2", status="error", **who),
        call(timestamp=at(0, 9, 6), session_id="morning", trace_id="t2", cost_usd="0.25", **who),
        call(timestamp=at(0, 15), session_id="evening", trace_id="t3", cost_usd="2", **who),
    ]


def test_sessions_of_a_developer() -> None:
    result = run(TokenEconomicsAnalyzer, agent_day())
    morning = 0.5 + 0.00425 + 0.25
    assert result["sessions"] == {
        "count": 2,
        "call_count": 4,
        "cost_p50": pytest.approx(morning),
        "cost_p95": 2.0,
        "calls_per_session": 2.0,
        "top": [
            {"session_id": "evening", "call_count": 1, "cost": 2.0},
            {"session_id": "morning", "call_count": 3, "cost": pytest.approx(morning)},
        ],
        "unknown": None,
    }
    assert result["retries"] == {"calls": 1, "cost": 0.25, "unknown": None}
    page = section_of(result)
    assert "2 sessions of 2 calls on average; half of them cost at most $0.75" in page
    assert "Retries: 1 call followed a failed call of the same trace within 15 minutes" in page


def test_of_sessions_with_unpriced_calls_only_the_number_is_known() -> None:
    unknown = call(timestamp=at(0, 9, 7), trace_id="t2", model="mystery", cost_usd="")
    again = dict(unknown, timestamp=at(0, 9, 8))
    rows = [*agent_day(), dict(unknown, status="error"), again]
    result = run(TokenEconomicsAnalyzer, rows)
    sessions = result["sessions"]
    assert (sessions["count"], sessions["cost_p50"], sessions["top"]) == (3, None, [])
    assert result["retries"]["calls"] == 2
    page = section_of(result)
    assert "what they cost is not known" in page
    assert "for ≥" in page


def test_no_ids_is_not_no_sessions() -> None:
    result = run(TokenEconomicsAnalyzer, [call(session_id="", trace_id="")])
    assert (result["sessions"]["count"], result["sessions"]["unknown"]) == (None, "no_ids")
    assert result["retries"] == {"calls": None, "cost": None, "unknown": "no_ids"}
    page = section_of(result)
    assert "no session_id" in page
    assert "no trace_id" in page


def test_without_a_failure_there_is_no_retry() -> None:
    result = run(TokenEconomicsAnalyzer, [call()])
    assert result["retries"] == {"calls": 0, "cost": 0.0, "unknown": None}
    assert "Checked, none found: retries" in section_of(result)


def test_too_many_sessions_are_said_to_be() -> None:
    result = run(TokenEconomicsAnalyzer, [call()])
    result["sessions"].update(count=None, unknown="too_many", top=[])
    assert f"more than {config.MOST_SESSIONS:,} sessions" in section_of(result)


def test_redacted_sessions_have_other_ids() -> None:
    dataset: Any = ReferenceDataset(agent_day())
    data = RedactedDataset(dataset, Redactor("key")).rollups(TokenEconomicsAnalyzer.TABLES)
    result = TokenEconomicsAnalyzer("").compute(data)
    names = [row["session_id"] for row in result["sessions"]["top"]]
    assert names[0].startswith("session-")
    assert not {"evening", "morning"} & set(names)
