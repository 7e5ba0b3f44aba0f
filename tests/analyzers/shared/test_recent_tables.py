"""Tables of the last days reach back as far as what reads them, and give the same as all days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Dict, List

import pytest

from finops import config
from finops.analyzers.finops.alignment import AlignmentAnalyzer
from finops.analyzers.shared.cost_change import windows
from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.analyzers.shared.customer_trends import CUSTOMER_DAYS, TREND_TABLES, Lasting, trends_of
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.tables import ACCOUNT_DAYS, ACCOUNT_GRID, RECENT_ACCOUNT_DAYS
from finops.rollups.spec import Rollups, Table
from tests.support.reference import ReferenceDataset, call

START = datetime(2025, 1, 1)


def many_days(days: int, last_hour: int) -> List[Dict[str, str]]:
    """Return a call in each hour of so many days; the last one ends early."""
    hours = [24] * (days - 1) + [last_hour]
    return [
        call(timestamp=(START + timedelta(days=day, hours=hour)).isoformat(), customer_id="c")
        for day, count in enumerate(hours)
        for hour in range(0, count, 3)
    ]


def filled(rows: List[Dict[str, str]], *tables: Table) -> Rollups:
    return ReferenceDataset(rows).rollups([HOURLY_CALLS, *tables])


@pytest.mark.parametrize("last_hour", [1, 22])
def test_both_windows_of_a_change_are_in_the_table(last_hour: int) -> None:
    data = filled(many_days(90, last_hour), RECENT_ACCOUNT_DAYS)
    span = covered_days(data)
    before, now = windows(span)
    assert len(before) == len(now) == max(config.CHANGE_WINDOWS_DAYS)
    days = {key[0] for key in data[RECENT_ACCOUNT_DAYS]}
    month = {date for date in span.dates if date[:7] == span.dates[-1][:7]}
    assert days >= {*before, *now, *span.recent, *month}
    assert len(days) < len(span.dates)


@pytest.mark.parametrize("last_hour", [1, 22])
def test_trends_of_the_last_days_are_those_of_all_days(last_hour: int) -> None:
    rows = many_days(90, last_hour)
    rows += [dict(row, customer_id="d") for k, row in enumerate(rows) if k > 500 or k % 3 == 0]
    data = filled(rows, *TREND_TABLES)
    everything = CUSTOMER_DAYS._replace(since=0)
    whole = filled(rows, *TREND_TABLES, everything)
    assert len(data[CUSTOMER_DAYS]) < len(whole[everything])
    tables = {**whole._tables, CUSTOMER_DAYS: whole[everything]}
    whole = Rollups(tables, whole.period, whole.totals, whole.customers)
    span = covered_days(data)
    assert trends_of(data, span) == trends_of(whole, span)
    assert {trend.recent for trend in trends_of(data, span).values()} != {0}
    lasting, wanted = Lasting(data, span), Lasting(whole, span)
    for name in ("c", "d"):
        assert lasting.growth(name) == wanted.growth(name) == (name == "d")
        for price in (0.5, 2.0, 5.0, 50.0):
            assert lasting.burn(name, price) == wanted.burn(name, price)


def test_days_without_a_call_at_the_end_move_no_window_out_of_the_table() -> None:
    rows = many_days(90, 24)
    rows += [call(timestamp="2025-04-01T00:00:00", customer_id="c", bucket_s=4 * 86400, calls=9)]
    data = filled(rows, RECENT_ACCOUNT_DAYS)
    span = covered_days(data)
    assert span.dates[-1] == "2025-04-04"
    assert {key[0] for key in data[RECENT_ACCOUNT_DAYS]} >= set(windows(span)[0]) | {"2025-04-01"}


def test_so_many_accounts_that_no_page_has_them_by_day_are_as_many_in_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = many_days(4, 24) + [call(customer_id=f"c{k}") for k in range(9)]
    for most in range(1, 60):
        monkeypatch.setattr(config, "DAILY_SUMS_MAX_CELLS", most)
        grid = ACCOUNT_GRID._replace(limit=most + 1)
        data = filled(rows, ACCOUNT_DAYS, grid)
        assert len(data[grid]) == min(most + 1, len(data[ACCOUNT_DAYS]))
        assert by_day(data, grid, "customer_id") == by_day(data, ACCOUNT_DAYS, "customer_id")


def test_what_costs_too_much_is_known_where_no_day_is() -> None:
    rows = [
        call(
            timestamp=f"2025-0{month}-01T00:00:00",
            organization_id=organization,
            bucket_s=28 * 86400,
            calls=500,
            cost_usd=cost,
        )
        for month in range(1, 5)
        for organization, cost in (("org_much", "90"), *[(f"org_{k}", "10") for k in range(9)])
    ]
    data = ReferenceDataset(rows).rollups(AlignmentAnalyzer.TABLES)
    assert not covered_days(data).by_day
    result = AlignmentAnalyzer("").compute(data)
    (finding,) = [f for f in result["findings"] if f["title"].startswith("1 organization pays")]
    # Of 720 USD for ten organizations of equal tokens 72 are the average, and 360 were paid; what
    # is above, 360 - 72, is that of four months.
    days = covered_days(data).days
    average = (4 * 90 + 9 * 4 * 10) / 10
    wanted = (4 * 90 - average) * config.DAYS_PER_MONTH / days
    assert finding["impact_usd_per_month"] == pytest.approx(wanted)
