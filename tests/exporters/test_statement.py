"""Statements: amounts that add up to the cent, months of the reporting zone, one printed page."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.errors import UsageError
from finops.exporters.base import Export, Request
from finops.exporters.statement.export import export
from finops.exporters.statement.figures import apportioned
from finops.exporters.statement.page import money
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import varied_rows
from tests.support.tools import need

JANUARY = "2025-01"


def exported(rows: Sequence[Mapping[str, str]], name: str, month: str = JANUARY) -> Export:
    return export(ReferenceDataset(rows), Request(organization=name, month=month))


def statement(rows: Sequence[Mapping[str, str]], name: str, month: str = JANUARY) -> str:
    return exported(rows, name, month).text


def cents(text: str) -> int:
    return int(re.sub("[^0-9-]", "", text))


def total(page: str) -> int:
    (amount,) = re.findall('<p class="total">([^<]*)</p>', page)
    return cents(amount)


def line_amounts(page: str) -> List[int]:
    """Return the amounts of the lines and of the credits."""
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    return [
        cents(row.rsplit('<td class="n">', 1)[1].split("<")[0]) for row in body.split("</tr>")[:-1]
    ]


def day_amounts(page: str) -> Dict[int, int]:
    days = re.findall('<span class="day">([0-9]+)</span>([^<]*)</td>', page)
    return {int(day): cents(amount) for day, amount in days if amount != "–"}


def rounded(costs: Sequence[str]) -> int:
    whole = (sum(map(Decimal, costs), Decimal(0)) * 100).quantize(Decimal(1), ROUND_HALF_UP)
    return int(whole)


def test_statements_add_up_to_the_total_of_the_month() -> None:
    rows = varied_rows(200)
    names = sorted({row["organization_id"] for row in rows})
    for month in (JANUARY, "2025-02"):
        costs = [row["cost_usd"] for row in rows if row["timestamp"].startswith(month)]
        pages = [statement(rows, name, month) for name in names]
        assert sum(map(total, pages)) == rounded(costs)
        for page in pages:
            assert sum(line_amounts(page)) == total(page)
            assert sum(day_amounts(page).values()) == total(page)


def test_thirds_of_a_dollar_are_a_dollar() -> None:
    third = "0.333333333333"
    rows = [call(organization_id=name, cost_usd=third) for name in "abc"]
    assert [total(statement(rows, name)) for name in "abc"] == [34, 33, 33]


AMOUNTS = st.dictionaries(st.integers(), st.integers(-(10**15), 10**15), min_size=1)


@given(AMOUNTS)
def test_each_amount_is_rounded_down_or_up_and_all_add_up(amounts: Dict[int, int]) -> None:
    shares = apportioned(amounts)
    for key, amount in amounts.items():
        assert abs(shares[key] * 10**10 - amount) < 10**10
    exact = Decimal(sum(amounts.values())) / 10**10
    half_up = (exact + Decimal("0.5")).to_integral_value("ROUND_FLOOR")
    assert sum(shares.values()) == half_up


@given(AMOUNTS, st.booleans())
def test_amounts_add_up_to_either_neighbour_of_their_sum(
    amounts: Dict[int, int], is_up: bool
) -> None:
    exact = sum(amounts.values())
    wanted = -(-exact // 10**10) if is_up else exact // 10**10
    assert sum(apportioned(amounts, wanted).values()) == wanted


def test_credits_are_a_line_of_their_own() -> None:
    page = statement([call(cost_usd="5"), call(cost_usd="-2.004", call_id="c")], "org_001")
    assert total(page) == 300
    assert line_amounts(page) == [500, -200]
    assert "Credits" in page


def test_without_credits_there_is_no_line_of_them() -> None:
    assert "Credits" not in statement([call()], "org_001")


def test_unpriced_calls_make_the_total_a_lower_bound() -> None:
    rows = [call(cost_usd="1"), call(cost_usd="", model="nobody-knows-it")]
    page = statement(rows, "org_001")
    assert '<p class="total">≥ $1.00</p>' in page
    assert "1 call with neither a cost nor a price" in page


@pytest.mark.parametrize(
    ("hours", "months"),
    [(0, {"2026-04": 300, "2026-05": 600}), (-4, {"2026-04": 700, "2026-05": 200})],
)
def test_months_are_those_of_the_reporting_zone(hours: int, months: Dict[str, int]) -> None:
    times = {"2026-04-10T12:00": "3", "2026-05-01T03:30": "4", "2026-05-01T04:30": "2"}
    rows = [call(timestamp=f"{t}:00.000000", cost_usd=cost) for t, cost in times.items()]
    zone: tzinfo = timezone(timedelta(hours=hours))
    data = ReferenceDataset(rows, zone=zone, zone_name="the zone")
    for month, expected in months.items():
        page = export(data, Request(organization="org_001", month=month)).text
        assert total(page) == expected
        assert "days of the zone" in page


def test_what_the_data_covers_of_the_month_is_named() -> None:
    rows = [call(), call(timestamp="2025-01-20T10:00:00.000000")]
    assert "the data covers 2025-01-01 to 2025-01-20" in statement(rows, "org_001")
    later = exported(rows, "org_001", "2025-03")
    assert "covers none of these days" in later.text
    assert total(later.text) == 0
    assert later.remarks == ("org_001 has no calls in that month",)


def test_a_day_that_the_data_does_not_cover_has_no_amount() -> None:
    rows = [call(cost_usd="1"), call(timestamp="2025-01-03T10:00:00.000000", cost_usd="2")]
    assert day_amounts(statement(rows, "org_001")) == {1: 100, 2: 0, 3: 200}


def test_many_lines_become_one() -> None:
    rows = [call(product_id=f"p{number:02d}", cost_usd=str(number)) for number in range(1, 41)]
    page = statement(rows, "org_001")
    amounts = line_amounts(page)
    assert len(amounts) == 18
    assert amounts[0] == 4000
    assert sum(amounts) == 82000 == total(page)
    assert "23 others" in page


def test_names_are_text() -> None:
    name = "<script>alert(1)</script>$total"
    page = statement([call(organization_id=name, product_id="<b>")], name)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$total" in page
    assert "&lt;b&gt;" in page


def test_rows_without_a_number_of_calls_have_none() -> None:
    page = statement([call(calls="0", cost_usd="1")], "org_001")
    assert "calls" not in page.split("<h2>")[0]


@pytest.mark.parametrize("month", ["2025-13", "2025-1", "0000-01", "January", "2025-01-01"])
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(UsageError, match="write a month as"):
        statement([call()], "org_001", month)


def test_an_unknown_organization_is_refused_and_the_known_are_named() -> None:
    rows = [call(organization_id=f"org_{number}") for number in range(9)]
    with pytest.raises(UsageError, match=r"it has org_0, org_1, .*, …"):
        statement(rows, "org_9")
    with pytest.raises(UsageError, match="it has none"):
        statement([], "org_9")


def test_amounts_are_money() -> None:
    assert [money(0), money(123456789), money(-1)] == ["$0.00", "$1,234,567.89", "-$0.01"]


@pytest.mark.unmeasured
@pytest.mark.once
def test_a_full_statement_prints_on_one_page(tmp_path: Path) -> None:
    chromium: Any = need("chromium")
    rows = varied_rows(900)
    for row in rows:
        row["organization_id"] = "An organization with a long name of many words"
        row["product_id"] = f"product with a rather long name {row['product_id']}"
    page, pdf = tmp_path / "statement.html", tmp_path / "statement.pdf"
    page.write_text(statement(rows, rows[0]["organization_id"]), encoding="utf-8")
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    words += [f"--print-to-pdf={pdf}", page.as_uri()]
    subprocess.run([chromium, *words], check=True, capture_output=True, timeout=120)
    assert re.findall(rb"/Count ([0-9]+)", pdf.read_bytes()) == [b"1"]
