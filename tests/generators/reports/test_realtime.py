"""The page of real-time decisions says what its dict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finops.generators import formatting
from finops.generators.reports import realtime
from finops.results.base import from_dict
from finops.results.realtime import RealtimeResult
from tests.generators.behaviour import EVALUATION
from tests.generators.economy import (
    cells,
    check_hostile_texts,
    check_page_without_data,
    drawn,
    html_of,
    page_of,
    result_of,
    shown,
)
from tests.generators.usage import rows_of_a_season

pytestmark = pytest.mark.once

NAME = "realtime"


@pytest.fixture(scope="module")
def data() -> Any:
    return result_of(NAME, rows_of_a_season())


@pytest.fixture
def page(data: Any, tmp_path: Path) -> Any:
    return page_of(NAME, data, tmp_path)


def test_whole_page(data: Any, page: Any, tmp_path: Path) -> None:
    html = html_of(NAME, data, tmp_path)
    assert html == html_of(NAME, data, tmp_path)
    assert 20_000 <= len(html.encode("utf-8")) <= 200_000
    assert len(page.data["charts"]) == 4  # one customer at risk is a sentence
    for chart in page.data["charts"].values():
        assert len(chart["series"]) * len(chart["labels"]) <= 1000
    assert data["recommendations"]
    for found in data["findings"]:
        assert page.says(found["title"])
    assert page.says("Revenium value")


def test_without_data(tmp_path: Path) -> None:
    page = check_page_without_data(NAME, tmp_path)
    assert page.says("Anomalous hours n/a needs 48 hours with a call")
    assert not page.says("Checked, none found: hours of anomalous cost.")
    assert page.says("Checked, none found: alerts of the kind “provider degraded”.")
    assert page.says("There is no alert to draw.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_the_data_has_something_of_everything(data: Any) -> None:
    assert {alert["type"] for alert in data["alerts"]} == {
        "high_daily_cost",
        "high_error_rate",
        "provider_degraded",
    }
    assert data["anomalies"]
    assert data["at_risk_customers"]


def test_anomalies_are_marks_on_the_line_of_hours(data: Any, page: Any) -> None:
    lines = drawn(page, "hourly-cost")
    marks = [value for value in lines["Anomaly"] if value is not None]
    assert max(marks) == pytest.approx(data["anomalies"][0]["cost"], rel=1e-6)
    assert max(lines["Cost"]) == max(marks)
    threshold = data["hourly_baseline"]["threshold"]
    assert lines["Threshold"] == pytest.approx([threshold] * len(lines["Cost"]), rel=1e-6)
    assert page.says("Each point is the highest of")
    assert cells(page, "anomalies", "Cost") == shown([row["cost"] for row in data["anomalies"]])


def test_alerts_by_day_and_in_full(data: Any, page: Any) -> None:
    bars = drawn(page, "alerts-by-day")
    assert sum(sum(values) for values in bars.values()) == len(data["alerts"])
    assert sum(bars["Provider degraded"]) == 1
    assert cells(page, "alerts", "Worst value") == [
        {"high_daily_cost": "${:,.2f}", "high_error_rate": "{:.1f}%"}.get(
            row["type"], "{:,.0f} ms"
        ).format(row["value"])
        for row in data["alerts"]
    ]
    assert cells(page, "alerts", "Worst / limit") == shown(
        [row["value"] / row["threshold"] * 100 for row in data["alerts"]]
    )
    degraded = [row["subject"] for row in data["alerts"] if row["type"] == "provider_degraded"]
    assert degraded == ["openai"]
    assert cells(page, "alerts", "Subject") == ["all calls"] * (len(data["alerts"]) - 1) + [
        "OpenAI"
    ]
    assert cells(page, "alerts", "Measured")[-1] == "p95 latency"
    assert page.says("Critical")


def test_bars_of_one_type_say_which(data: Any) -> None:
    one = [row for row in data["alerts"] if row["type"] == "provider_degraded"]
    pages = [
        realtime._alerts(from_dict(RealtimeResult, {"alerts": some})).markup
        for some in (one, data["alerts"], [])
    ]
    assert "Alerts by the day on which they begin, all of the type “provider degraded”" in pages[0]
    assert "Alerts by the day on which they begin, by type" in pages[1]
    assert "There is no alert to draw." in pages[2]


def test_customers_and_providers(data: Any, page: Any) -> None:
    (at_risk,) = data["at_risk_customers"]
    burn = formatting.percent(at_risk["burn_percent"])
    assert page.says(f"{at_risk['customer_id']}: {burn}. There is nothing to compare.")
    assert cells(page, "at-risk", "Customer") == [
        row["customer_id"] for row in data["at_risk_customers"]
    ]
    shares = data["portfolio_risk"]["shares"]
    assert drawn(page, "shares")["Share"] == pytest.approx([s["share"] for s in shares], rel=1e-6)


def test_detectors_are_shown_where_they_were_scored(data: Any, page: Any, tmp_path: Path) -> None:
    assert not page.says("Detector accuracy")
    scored = page_of(NAME, dict(data, evaluation=EVALUATION), tmp_path)
    assert scored.says("Detector accuracy")
    assert scored.says("They found 30 of 33 incidents and raised 3 false alarms.")
    assert cells(scored, "detectors", "Incident") == [
        "Traffic bursts",
        "Viral customers",
        "a kind unheard of",
    ]
    assert cells(scored, "detectors", "F1") == [0.92] * 3
    assert drawn(scored, "detectors")["Recall (share of incidents found)"] == [0.95] * 3
