"""Tables of reports as CSV: cells that spreadsheets keep as they are, sums to the last digit."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.csv_lines import CsvLines
from finops.errors import UsageError
from finops.exporters.base import Request
from finops.exporters.csv_table import as_csv, export, guarded, table_names
from finops.exporters.numbers import exact_decimal, number_text
from finops.registry import ANALYZER_REGISTRY
from tests.support.reference import ReferenceDataset, call

NAMES = ["=SUM(A1)", "-5 Points Ltd", "+49 Team", "@home", "007", "1E5", "Käse GmbH", "\u200b=1+1"]
TINY = "0.0000003"
# Of all but NUL, which the csv module reads from Python 3.11 on only.
PRINTED = st.characters(min_codepoint=1, max_codepoint=0xD7FF)


def customers(**options: Any) -> List[Dict[str, str]]:
    """Export a customer with each of the names, one of them with a credit."""
    rows = [
        call(timestamp=f"2025-01-0{day}T10:00:00.000000", customer_id=name, cost_usd=TINY)
        for day, name in enumerate(NAMES, 1)
    ]
    rows.append(
        call(customer_id="007", cost_usd="-20", input_tokens=0, output_tokens=0, call_id="credit")
    )
    text = export(ReferenceDataset(rows), Request("understanding.by_customer", **options)).text
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))


def test_text_that_looks_like_a_formula_is_guarded() -> None:
    guarded_names = ["'" + name if name[0] in "=-+@" else name for name in NAMES]
    assert sorted(row["customer_id"] for row in customers()) == sorted(guarded_names)
    assert sorted(row["customer_id"] for row in customers(no_guard=True)) == sorted(NAMES)


@pytest.mark.parametrize("start", [*"\t\r\n=+-@", *"\uff1d\uff0b\uff0d\uff20"])
def test_each_beginning_of_a_formula_is_guarded(start: str) -> None:
    assert guarded(f"{start}x") == f"'{start}x"
    assert guarded(f"x{start}") == f"x{start}"


def test_numbers_are_plain_and_sum_to_the_cost() -> None:
    costs = {row["customer_id"]: row["total_cost"] for row in customers()}
    assert costs.pop("007") == "-19.9999997"
    assert set(costs.values()) == {TINY}
    total = Decimal("-19.9999997") + sum(map(Decimal, costs.values()))
    assert total == 8 * Decimal(TINY) - 20


def test_export_no_formula_cell() -> None:
    rows = [call(**dict.fromkeys(_NAMED, name), call_id=name) for name in NAMES]
    data = _Counting(rows)
    for name in table_names():
        for row in csv.reader(io.StringIO(export(data, Request(name)).text)):
            for cell in row:
                is_number = re.fullmatch("-[0-9.]+", cell)
                assert is_number or not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


_NAMED = ("customer_id", "organization_id", "product_id", "feature_id", "model", "region")


def test_a_byte_order_mark_is_written_where_it_is_asked_for() -> None:
    data = ReferenceDataset([call()])
    plain = export(data, Request("understanding.by_model")).text
    assert not plain.startswith("\ufeff")
    assert export(data, Request("understanding.by_model", bom=True)).text == "\ufeff" + plain


def test_unknown_is_empty_and_zero_is_zero() -> None:
    rows = [call(cost_usd="0"), call(customer_id="cust_0002", cost_usd="", model="nobody-knows-it")]
    text = export(ReferenceDataset(rows), Request("understanding.by_customer")).text
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["total_cost"], first["unpriced_calls"]) == ("0", "0")
    assert second["unpriced_calls"] == "1"


def test_what_json_leaves_out_has_its_default() -> None:
    text = export(ReferenceDataset([call()]), Request("understanding.by_customer")).text
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["unpriced_calls"] == "0"


@pytest.mark.parametrize("name", table_names())
def test_every_section_is_a_table_with_columns(name: str) -> None:
    one = export(SOME, Request(name)).text
    header = next(csv.reader(io.StringIO(one)))
    assert header
    assert all(header), header
    assert len(set(header)) == len(header)
    for row in csv.reader(io.StringIO(one)):
        assert len(row) == len(header)


def test_a_section_without_rows_has_its_columns() -> None:
    text = export(ReferenceDataset([call()]), Request("realtime.anomalies")).text
    assert text.startswith("hour,cost,deviation")
    assert text.count("\n") == 1


def test_a_section_within_a_section() -> None:
    text = export(ReferenceDataset([call()]), Request("profitability.unprofitable.customers")).text
    assert text.startswith("customer_id,subscription_tier,")


def test_a_mapping_is_rows_of_key_and_value() -> None:
    rows = [call(), call(status="error", error_type="timeout"), call(status="error")]
    text = export(
        ReferenceDataset(rows), Request("dataset_overview.quality.status_distribution")
    ).text
    assert list(csv.reader(io.StringIO(text))) == [
        ["key", "value"],
        ["error", "2"],
        ["success", "1"],
    ]


def test_a_fraction_without_an_end_is_no_decimal_number() -> None:
    assert exact_decimal(Fraction(-7, 40)) == Decimal("-0.175")
    with pytest.raises(ValueError, match="1/3 has no end"):
        exact_decimal(Fraction(1, 3))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("understanding", "ANALYZER.SECTION"),
        ("nothing.by_customer", "ANALYZER.SECTION"),
        ("understanding.by_moon", "by_customer"),
        ("understanding.by_customer.more", "no parts"),
    ],
)
def test_a_table_that_is_not_there_is_named(table: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        export(ReferenceDataset([call()]), Request(table))


class _Counting(ReferenceDataset):
    """Remembers the results of analyses, which many of these tests ask for."""

    def __init__(self, rows: Any) -> None:
        super().__init__(rows)
        self.kept: Dict[Any, Any] = {}

    def rollups(self, tables: Any) -> Any:
        key = tuple(tables)
        if key not in self.kept:
            self.kept[key] = super().rollups(key)
        return self.kept[key]


SOME = _Counting([call(), call(timestamp="2025-01-03T09:30:00.000000", model="gpt-4")])


def test_the_names_are_those_of_all_results() -> None:
    assert {name.split(".")[0] for name in table_names()} == set(ANALYZER_REGISTRY)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_plain_decimals_and_itself_but_for_noise(value: float) -> None:
    text = number_text(value)
    assert set(text) <= set("-.0123456789")
    assert float(text) == float(f"{value:.15g}")


@given(st.integers(-(10**15), 10**15))
def test_an_amount_of_money_is_exact(pico: int) -> None:
    assert Decimal(number_text(pico / 10**12)) == Decimal(pico) / 10**12


@given(st.lists(st.text(PRINTED), min_size=1))
def test_texts_are_read_back_as_they_were(texts: List[str]) -> None:
    written = as_csv(["a"], [{"a": text} for text in texts], guard=False)
    rows = list(csv.reader(io.StringIO(written, newline="")))
    expected = [[text] if text else [""] for text in texts]
    assert [row or [""] for row in rows[1:]] == expected


@given(st.lists(st.text("a\r\n,\" '", min_size=1), min_size=1, max_size=4))
def test_a_row_stays_one_row_for_every_reader_of_csv(cells: List[str]) -> None:
    stream = io.StringIO()
    lines = CsvLines(stream)
    lines.writerow(cells)
    lines.writerow(["next"])
    assert list(csv.reader(io.StringIO(stream.getvalue(), newline=""))) == [cells, ["next"]]
