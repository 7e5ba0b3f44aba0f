"""Where some calls have no known cost, only the figures that rest on them are lower bounds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from finops.registry import ANALYZER_REGISTRY
from tests.analyzers.samples import at
from tests.generators.economy import page_of, result_of
from tests.support.reference import call

# Two companies that have nothing in common but the tool: only the calls of one have a known cost.
PRICED, UNPRICED = "priced", "unknown-price"
NAMED = (
    *("customer_id", "organization_id", "product_id", "feature_id", "task_type", "model"),
    *("provider", "region", "environment", "subscription_tier", "customer_archetype"),
)


def rows_of(company: str, **given: Any) -> Iterator[Dict[str, str]]:
    names = {name: f"{company}-{name}" for name in NAMED}
    for day in range(40):
        for hour in (8, 9, 17):
            yield call(**{**names, "timestamp": at(day, hour), **given})


@pytest.fixture(scope="module")
def rows() -> List[Dict[str, str]]:
    paid = {"tier_price_usd": "100"}
    late = [
        {**row, "customer_id": f"{row['customer_id']}-new"}
        for company, cost in ((PRICED, "0.5"), (UNPRICED, ""))
        for row in rows_of(company, cost_usd=cost, **paid)
        if row["timestamp"] >= at(37)
    ]
    unlisted = [
        {**row, "customer_id": f"{row['customer_id']}-free", "tier_price_usd": ""}
        for company, cost in ((PRICED, "0.5"), (UNPRICED, ""))
        for row in rows_of(company, cost_usd=cost)
    ]
    both = [*rows_of(PRICED, cost_usd="0.5", **paid), *rows_of(UNPRICED, cost_usd="", **paid)]
    return sorted([*both, *late, *unlisted], key=lambda row: str(row["timestamp"]))


@pytest.mark.parametrize("name", ANALYZER_REGISTRY)
def test_a_row_of_priced_calls_is_no_lower_bound(
    name: str, rows: List[Dict[str, str]], tmp_path: Path
) -> None:
    page_of(name, result_of(name, rows), tmp_path)
    (path,) = tmp_path.glob("*.html")
    listed = re.findall(r"<tr.*?</tr>", path.read_text(encoding="utf-8"), re.DOTALL)
    of_priced = [row for row in listed if f"{PRICED}-" in row and UNPRICED not in row]
    assert [row for row in of_priced if "≥" in row] == []
    if name == "pricing":  # whose bills rest on what customers do, not on what that costs
        return
    of_unpriced = [row for row in listed if UNPRICED in row and f"{PRICED}-" not in row]
    paid = "$100.00"
    exact = [row for row in of_unpriced if re.search(r"(?<![≥<] )\$\d", row.replace(paid, ""))]
    assert exact == []
