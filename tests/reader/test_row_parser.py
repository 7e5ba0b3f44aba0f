"""Single lines: their fields against the csv module, their costs against exact decimals."""

from __future__ import annotations

import csv
import io
from decimal import ROUND_HALF_UP, Decimal
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.business.catalog import Model, PriceTable
from finops.reader.fields import BadValueError
from finops.reader.pricing import CallPricer
from finops.reader.records import split_record

prices = st.decimals(0, 1, places=12)


def table(input_price: str, output_price: str = "0") -> PriceTable:
    return PriceTable((Model("p", "m", float(input_price), float(output_price), "economy", 1, 1),))


@pytest.mark.parametrize(
    ("tokens", "pico"), [(0, 0), (499, 0), (500, 1), (1499, 1), (1500, 2), (2500, 3)]
)
def test_half_a_pico_dollar_of_a_price_rounds_up(tokens: int, pico: int) -> None:
    price = CallPricer(table("1e-12")).pico  # a thousandth of a pico-dollar per token
    assert price(b"p", b"m", tokens, 0) == pico


def test_a_model_without_a_price_is_unpriced() -> None:
    assert CallPricer(table("1")).pico(b"p", b"other", 1, 1) is None


@given(prices, prices, st.integers(0, 10**6), st.integers(0, 10**6))
def test_tokens_are_priced_to_the_nearest_pico_dollar(
    input_price: Decimal, output_price: Decimal, inputs: int, outputs: int
) -> None:
    found = CallPricer(table(str(input_price), str(output_price))).pico(b"p", b"m", inputs, outputs)
    exact = (inputs * input_price + outputs * output_price) * 10**9
    assert found == exact.to_integral_value(ROUND_HALF_UP)


@given(st.lists(st.text(st.sampled_from('ab,"  é'), max_size=6), min_size=1), st.booleans())
def test_fields_are_split_as_the_csv_module_wrote_them(fields: List[str], all_quoted: bool) -> None:
    out = io.StringIO()
    if all_quoted:
        csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="").writerow(fields)
    else:
        csv.writer(out, lineterminator="").writerow(fields)
    assert split_record(out.getvalue().encode()) == [field.encode() for field in fields]


@given(st.text(st.sampled_from('a,"'), min_size=1, max_size=10))
def test_a_line_that_is_taken_is_split_as_the_csv_module_does(text: str) -> None:
    try:
        fields = split_record(text.encode())
    except BadValueError:
        assert '"' in text
    else:
        assert [field.decode() for field in fields] == next(csv.reader([text], strict=True))
