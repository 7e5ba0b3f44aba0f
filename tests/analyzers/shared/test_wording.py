"""Words and shared caveats of the sentences."""

from __future__ import annotations

import doctest

import pytest

from finops.analyzers.shared import wording
from finops.analyzers.shared.covered_days import CoveredDays
from finops.rollups.spec import Totals

LONG = CoveredDays({f"2025-01-{day:02d}": 1.0 for day in range(1, 31)})
SHORT = CoveredDays({"2025-01-01": 1.0, "2025-01-02": 1.0, "2025-01-03": 0.5})


def test_doctests() -> None:
    assert doctest.testmod(wording).failed == 0


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (0.01, "$0.01"), (0.00994, "$0.0099"), (1e6, "$1,000,000.00")],
)
def test_usd(amount: float, text: str) -> None:
    assert wording.usd(amount) == text


def test_no_caveat_for_long_priced_data_nor_for_none() -> None:
    assert wording.caveats(LONG, Totals(calls=5)) == []
    assert wording.caveats(CoveredDays({}), Totals()) == []


def test_short_period_and_unpriced_calls_are_said() -> None:
    unpriced, short = wording.caveats(SHORT, Totals(calls=5, unpriced=1))
    assert unpriced.severity == "warning"
    assert unpriced.title == "1 call could not be priced"
    assert "lower bound" in unpriced.detail
    assert "2.5 days; 4.5 more are needed" in short.detail
