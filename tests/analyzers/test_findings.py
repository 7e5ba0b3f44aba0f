"""Findings: what each of them says, how they are ordered, and when one is no warning."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Sequence

import pytest

from finops.analyzers.base import Analyzer, by_impact, finding, is_trivial
from finops.results.base import Basis, Finding
from tests.analyzers.samples import at, run
from tests.support.reference import call


def test_a_finding_says_all_that_a_list_needs() -> None:
    made = finding(
        "warning",
        "Too much",
        "Far too much.",
        3,
        kind="saving",
        confidence="low",
        effort="high",
        subject={"model": "gpt-4"},
        overlaps="model:openai/gpt-4",
    )
    assert made == Finding(
        *("warning", "saving", "Too much", "Far too much.", 3.0, "low", "high"),
        {"model": "gpt-4"},
        "model:openai/gpt-4",
    )


@pytest.mark.parametrize("wrong", ["severity", "kind", "confidence", "effort"])
def test_words_that_there_are_not_are_refused(wrong: str) -> None:
    words: Any = {"severity": "info", wrong: "grave"}
    with pytest.raises(ValueError, match="'grave' is none of"):
        finding(words.pop("severity"), "A", "a.", **words)


def test_an_unknown_impact_stands_with_those_of_none() -> None:
    listed = [
        finding("info", "nothing", "", 0.0),
        finding("warning", "unknown", ""),
        finding("info", "little", "", 0.1),
        finding("critical", "much", "", 7.0),
    ]
    assert [f.title for f in by_impact(listed)] == ["much", "little", "unknown", "nothing"]
    assert by_impact(listed)[2].impact_usd_per_month is None


@pytest.mark.parametrize(
    ("impact", "cost", "trivial"),
    [
        (1.0, 1e6, False),  # 1 USD is none, however large the bill
        (0.99, 1000.0, True),
        (0.99, 198.0, False),  # 0.5 % of the bill, exactly
        (0.5, 99.9, False),
        (0.0, 0.0, False),
        (0.4, None, True),
        (None, 1e6, False),
    ],
)
def test_a_trifle_is_under_a_dollar_and_under_half_a_percent(
    impact: Optional[float], cost: Optional[float], trivial: bool
) -> None:
    assert is_trivial(impact, cost) is trivial


class _Summary(NamedTuple):
    total_cost: float


class _Result(NamedTuple):
    summary: _Summary
    basis: Basis
    findings: Sequence[Finding]


class _Alarmist(Analyzer):
    """Calls everything critical."""

    def result(self, data: Any) -> _Result:
        basis = Basis(30.0, 30, 100.0, 100.0, 100.0, True, [])
        amounts = (9.0, 0.4, 0.0, None)
        return _Result(
            _Summary(100.0), basis, [finding("critical", "A", "a.", each) for each in amounts]
        )


def test_no_analyzer_can_make_a_warning_of_a_trifle() -> None:
    result = run(_Alarmist, [call(timestamp=at(0))])
    assert [each["severity"] for each in result["findings"]] == [
        *("critical", "info", "info", "critical"),
    ]
