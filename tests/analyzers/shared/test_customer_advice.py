"""One voice: the gravest reason decides what is advised for a customer, in every report."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from finops.analyzers.shared.covered_days import covered_days
from finops.analyzers.shared.customer_advice import (
    ADVICE_TABLES,
    REASONS,
    Advice,
    advice_of,
    rows_of,
)
from finops.registry import ANALYZER_REGISTRY
from finops.results.base import CustomerAdvice
from finops.results.profitability import GoneCustomer
from tests.analyzers.samples import at, run
from tests.support.reference import ReferenceDataset, call

Row = Dict[str, str]
# A model for which there is no other.
OWN = {"provider": "acme", "model": "own"}


def calls(days: Any, cost: float, customer: str, **changes: Any) -> List[Row]:
    return [
        call(
            timestamp=at(day, hour), customer_id=customer, cost_usd=str(cost), **{**OWN, **changes}
        )
        for day in days
        for hour in (0, 23)
    ]


def advised(rows: List[Row]) -> Dict[str, CustomerAdvice]:
    data = ReferenceDataset(rows).rollups((*ADVICE_TABLES, *_BASIS))
    return dict(advice_of(data, covered_days(data)))


_BASIS = ANALYZER_REGISTRY["profitability"].analyzer.TABLES


def limited(day: int, customer: str) -> List[Row]:
    """Return an hour full of rate-limit errors."""
    failed = {"status": "error", "error_type": "rate_limit", "cost_usd": "0"}
    return [
        call(timestamp=at(day, 9, minute), customer_id=customer, **failed) for minute in range(30)
    ]


def test_the_gravest_reason_decides() -> None:
    # Each of them costs 240 USD a month and pays 199; c also fell silent, b and a hit limits.
    rows = calls(range(30), 4.0, "a") + limited(3, "a")
    rows += calls(range(30), 4.0, "b")
    rows += calls(range(16), 7.5, "c")
    rows += calls(range(16), 0.1, "d")
    given = advised(rows)
    assert {name: row.reason for name, row in given.items()} == {
        "a": "suspected_abuse",
        "b": "losing_money",
        "c": "losing_money",
        "d": "at_risk",
    }
    assert given["a"].advice.startswith("Cap a's request rate and ask for retries with back-off")
    assert given["d"].monthly_worth == 199.0


@pytest.mark.parametrize(
    ("cost", "fields", "sentence"),
    [
        # 60 calls of 800 tokens on gpt-4 would cost less than a cent each elsewhere.
        (4.0, {"provider": "openai", "model": "gpt-4"}, "Test cheaper models for a: it pays $199"),
        (4.0, {}, "Limit the usage of a: it pays $199.00 and costs $240.00 per month, so $41.00"),
        (5.0, {}, "Move a to the enterprise tier at $999.00: it pays $199.00 and costs $300.00"),
        (20.0, {}, "Agree on a usage-based price with a: no subscription covers its $1,200.00"),
    ],
)
def test_the_mildest_remedy_that_restores_the_margin(
    cost: float, fields: Dict[str, str], sentence: str
) -> None:
    (row,) = advised(calls(range(30), cost, "a", **fields)).values()
    assert row.advice.startswith(sentence)
    assert row.monthly_worth == pytest.approx(60 * cost - 199)


GONE_CUSTOMERS = (("v", None), ("u", 7.0), ("t", 3.0), ("x", 50.0))


def test_rows_are_by_reason_and_then_by_money() -> None:
    rows = [
        CustomerAdvice("x", "at_risk", "x.", 9.0),
        CustomerAdvice("y", "losing_money", "y.", 1.0),
        CustomerAdvice("z", "losing_money", "z.", 2.0),
        CustomerAdvice("w", "suspected_abuse", "w.", None),
    ]
    milder = CustomerAdvice("y", "outgrown", "never said.", 99.0)
    left = [GoneCustomer(name, "pro", "2026-01-02", paid) for name, paid in GONE_CUSTOMERS]
    advice = Advice([*rows, milder], left)
    asked = ["v", "x", "y", "u", "z", "w", "x", "stranger", "t"]
    listed = rows_of(advice, asked)
    names = [row.customer_id for row in listed]
    assert names == ["w", "z", "y", "x", "u", "t", "v"]
    reasons = [*REASONS[:1], *REASONS[1:2] * 2, "at_risk", *["gone"] * 3]
    assert [advice[name].reason for name in names] == reasons
    assert [advice.reason(name) for name in [*names, "stranger"]] == [*reasons, ""]
    assert list(listed) == [advice[name] for name in names]
    assert listed[4].advice == "Win back u: no call since 2026-01-02, $7.00 per month lost."
    assert (len(advice), sorted(advice)) == (7, sorted(names))
    assert "x" in advice
    assert "stranger" not in advice
    with pytest.raises(KeyError):
        advice["stranger"]


@pytest.mark.unmeasured
def test_every_report_says_the_same_of_a_customer() -> None:
    rows = calls(range(60), 4.0, "burns") + calls(range(60), 4.0, "limits") + limited(50, "limits")
    rows += calls(range(46), 0.5, "fades") + calls(range(20), 0.5, "left")
    results = {name: run(each.analyzer, rows) for name, each in ANALYZER_REGISTRY.items()}
    sentences = {row["customer_id"]: row["advice"] for row in results["profitability"]["advice"]}
    assert set(sentences) == {"burns", "limits", "fades", "left"}
    said = []
    for result in results.values():
        for advice in result["recommendations"]:
            named = [name for name in sentences if name in advice.replace("'s", "").split()]
            named += [name for name in sentences if f" {name}:" in advice]
            for name in named:
                assert advice == sentences[name]
                said.append(name)
    assert {"burns", "limits", "fades", "left"} == set(said)
    assert said.count("burns") == 2  # by profitability and by real-time decisions
