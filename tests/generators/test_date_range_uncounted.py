"""Choosing dates on pages of a source that counts no requests: daily totals of a vendor."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.generators import formatting
from finops.generators.charts import cut_short
from finops.generators.partial_days import partial_dates
from finops.generators.precision import column_cell
from finops.generators.reports.understanding import generate_understanding_report
from tests.generators.pages import results_of
from tests.generators.test_browser import Visit
from tests.support.reference import call

DAYS = [(date(2025, 1, 1) + timedelta(n)).isoformat() for n in range(40)]


def daily_totals() -> List[Dict[str, str]]:
    """Return a record for each day, model and organization, of an unknown number of requests."""
    draw = random.Random(6)
    return [
        call(
            timestamp=f"{day}T00:00:00.000000",
            call_id=f"{day}-{model}-{organization}",
            provider=provider,
            model=model,
            organization_id=organization,
            cost_usd=str(draw.randrange(100, 900) / 100),
            input_tokens=str(draw.randrange(1000, 9000)),
            output_tokens="500",
            customer_id="",
            latency_ms="",
            calls="0",
            bucket_s="86400",
        )
        for day in DAYS
        for provider, model in (("openai", "gpt-4o"), ("anthropic", "claude-haiku-4-5"))
        for organization in ("acme", "globex")
        if day < DAYS[-7] or organization == "acme"
    ]


ROWS = daily_totals()


def test_days_of_whole_day_records_are_whole() -> None:
    context = {
        "period_start": f"{DAYS[0]}T00:00:00.000000",
        "period_end": f"{DAYS[-1]}T00:00:00.000000",
        "first_hour": f"{DAYS[0]}T00:00:00",
        "last_hour": f"{DAYS[-1]}T23:00:00",
    }
    assert partial_dates({"_context": context}) == set()
    assert cut_short({"_context": context}) == ""
    without = dict(context, first_hour="", last_hour="")
    assert partial_dates({"_context": without}) == {DAYS[-1]}
    local = dict(context, last_hour=f"{DAYS[-1]}T02:00:00")
    assert cut_short({"_context": local}) == "; the last day ends at 02:00"


@pytest.mark.unmeasured
def test_tables_follow_dates_without_request_counts(browser: Any, address: str, site: Path) -> None:
    result = results_of(ROWS, ["understanding"])["understanding"]
    generate_understanding_report(result, site / "uncounted.html")
    visit = Visit(browser, f"{address}/uncounted.html#range=7")
    visit.wait_until("document.querySelector('.chosen').textContent !== ''")
    costs: Dict[str, float] = defaultdict(float)
    for row in ROWS:
        if row["timestamp"][:10] in DAYS[-7:]:
            costs[row["model"]] += float(row["cost_usd"])
    table = "#table-by-model tbody tr"
    cells = "map((row) => [...row.cells].map((cell) => cell.textContent))"
    rows = visit.page.evaluate(f"[...document.querySelectorAll('{table}')].{cells}")
    assert {row[1]: row[5].replace("≥ ", "") for row in rows} == {
        model: column_cell("money", round(cost, 6), 2) for model, cost in costs.items()
    }
    assert {row[2] for row in rows} == {formatting.MISSING}
    # The other organization has nothing in these days, and so no row.
    names = "[...document.querySelectorAll('#table-by-organization tbody td:first-child')]"
    assert visit.page.evaluate(f"{names}.map((cell) => cell.textContent)") == ["acme"]
    assert visit.page.locator("#card-4 .figure").text_content() == formatting.MISSING
    assert visit.complaints == []
    visit.context.close()
