"""Words and shared caveats of the sentences."""

from __future__ import annotations

import doctest

import pytest

from finops.analyzers.shared import wording
from finops.rollups.spec import Period, Totals

LONG = Period("2025-01-01T00:00:00.000000", "2025-01-31T00:00:00.000000")
SHORT = Period("2025-01-01T00:00:00.000000", "2025-01-03T12:00:00.000000")


def test_doctests() -> None:
    assert doctest.testmod(wording).failed == 0


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (0.01, "$0.01"), (0.00994, "$0.0099"), (1e6, "$1,000,000.00")],
)
def test_usd(amount: float, text: str) -> None:
    assert wording.usd(amount) == text


def test_covered_in_hours_under_a_day() -> None:
    assert wording.covered(Period("2025-01-01T00:00:00.000000", "2025-01-01T06:30:00.000000")) == (
        "6.5 hours"
    )
    assert wording.covered(SHORT) == "2.5 days"


def test_no_caveat_for_long_priced_data_nor_for_none() -> None:
    assert wording.caveats(LONG, Totals(calls=5)) == []
    assert wording.caveats(Period(), Totals()) == []


def test_short_period_and_unpriced_calls_are_said() -> None:
    unpriced, short = wording.caveats(SHORT, Totals(calls=5, unpriced=1))
    assert unpriced.severity == "warning"
    assert unpriced.title == "1 call could not be priced"
    assert "lower bound" in unpriced.detail
    assert "2.5 days" in short.detail
