"""Readable numbers: what they look like, and what they never do."""

from __future__ import annotations

import re
from typing import Any, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.generators import formatting as fmt

NUMBERS = st.floats(min_value=-1e15, max_value=1e15, allow_nan=False) | st.integers(
    -(10**15), 10**15
)
ANYTHING = (
    st.floats() | st.integers() | st.none() | st.sampled_from([float("nan"), float("inf"), -0.0])
)
WRITERS = [
    fmt.money, fmt.count, fmt.compact, fmt.tokens, fmt.milliseconds, fmt.percent, fmt.share,
    fmt.decimal, fmt.size, fmt.duration, fmt.exact,
]  # fmt: skip
SCALES = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2024-W52", "23 Dec 2024"), ("2025-W01", "30 Dec 2024"), ("2026-W23", "1 Jun 2026"),
        ("2026-W53", "28 Dec 2026"), ("2025-W53", "2025-W53"), ("2025-W00", "2025-W00"),
        ("Monday", "Monday"), (None, "n/a"),
    ],
)  # fmt: skip
def test_a_week_goes_by_its_monday(value: Any, text: str) -> None:
    assert fmt.week(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1204.55, "$1,204.55"), (0.000123, "$0.000123"), (0, "$0.00"), (-0.0, "$0.00"),
        (0.05, "$0.05"), (0.04999, "$0.05"), (0.022, "$0.0220"), (0.0041, "$0.00410"),
        (0.5, "$0.50"), (0.1234, "$0.12"), (0.0996, "$0.0996"),
        (0.9999, "$1.00"), (1.005, "$1.01"),
        (99_999.994, "$99,999.99"), (104_233.4, "$104,233"), (-12, "-$12.00"),
        (-0.00000000000001, "$0.00"), (1.1 + 2.2, "$3.30"), (None, "n/a"),
    ],
)  # fmt: skip
def test_money(value: Any, text: str) -> None:
    assert fmt.money(value) == text


@pytest.mark.parametrize(
    ("writer", "value", "text"),
    [
        (fmt.tokens, 1_204_000, "1.2M tokens"), (fmt.tokens, 9_999, "9,999 tokens"),
        (fmt.tokens, 999_949, "999.9K tokens"), (fmt.tokens, 999_950, "1.0M tokens"),
        (fmt.milliseconds, 412, "412 ms"), (fmt.milliseconds, 0.4, "0.4 ms"),
        (fmt.milliseconds, 12_345, "12.3 s"), (fmt.milliseconds, 1234.5, "1,235 ms"),
        (fmt.percent, 12.34, "12.3%"), (fmt.percent, 99.999, "99.99%"),
        (fmt.percent, 100, "100.0%"),
        (fmt.percent, 0.012, "0.012%"), (fmt.percent, 0.06, "0.060%"),
        (fmt.percent, 0, "0.0%"), (fmt.percent, -4810.4, "-4,810%"),
        (fmt.share, 0.125, "12.5%"), (fmt.count, 1_234_567, "1,234,567"), (fmt.count, 2.5, "3"),
        (fmt.decimal, 0.12345, "0.12"), (fmt.decimal, 0.012345, "0.0123"),
        (fmt.decimal, 0.5, "0.50"), (fmt.decimal, 12.34, "12.3"), (fmt.decimal, 4, "4"),
        (fmt.size, 812, "812 bytes"), (fmt.size, 50_541_363, "48.2 MB"),
        (fmt.duration, 0.42, "0.42 s"), (fmt.duration, 0.1, "0.10 s"), (fmt.duration, 0, "0 s"),
        (fmt.plain, 1.5, "1.5"), (fmt.plain, 1e-6, "0.000001"), (fmt.plain, 1000, "1,000"),
        (fmt.plain, 25.0, "25"), (fmt.plain, None, "n/a"), (fmt.duration, 70, "1m 10s"),
        (fmt.duration, 11_100, "3h 5m"),
        (fmt.duration, 1_080_000, "12.5 days"), (fmt.day, "2025-01-31T10:00:00", "31 Jan 2025"),
        (fmt.moment, "2025-01-31T10:05:00Z", "31 Jan 2025, 10:05 UTC"), (fmt.day, "soon", "soon"),
        (fmt.minute, "2025-01-31T10:05:59.5", "2025-01-31 10:05"), (fmt.minute, None, "n/a"),
        (fmt.minute, "2025-01-31", "2025-01-31"), (fmt.minute, "", "n/a"),
        (fmt.exact, 1e-7, "0.0000001"), (fmt.exact, 1e21, "1000000000000000000000"),
    ],
)  # fmt: skip
def test_examples(writer: Callable[[Any], str], value: Any, text: str) -> None:
    assert writer(value) == text


@pytest.mark.parametrize("writer", WRITERS)
@given(value=ANYTHING)
def test_nothing_odd_is_ever_written(writer: Callable[[Any], str], value: Any) -> None:
    text = writer(value)
    assert not re.search(r"nan|inf|e[+-]?\d", text.lower())
    assert not re.fullmatch(r"-\$?0*(\.0*)?\D*", text)
    assert not re.search(r"[1-9]\d*\.\d*(0{6}|9{6})\d", text) or writer is fmt.exact


def amount(text: str) -> float:
    """Read a text back as a number: an independent, forgiving reader."""
    found = re.fullmatch(r"(-?)\$?([\d,]+(?:\.\d+)?) ?([A-Z]{0,2})(?:%| ?\w*)", text)
    assert found, text
    return float(found[1] + found[2].replace(",", "")) * SCALES.get(found[3], 1)


@pytest.mark.parametrize(
    "writer", [fmt.money, fmt.count, fmt.compact, fmt.percent, fmt.decimal, fmt.size]
)
@given(left=NUMBERS, right=NUMBERS)
def test_a_larger_number_never_reads_smaller(
    writer: Callable[[Any], str], left: float, right: float
) -> None:
    low, high = sorted((left, right))
    assert amount(writer(low)) <= amount(writer(high))


@pytest.mark.parametrize("writer", [fmt.money, fmt.percent, fmt.compact, fmt.decimal])
@given(value=NUMBERS)
def test_what_is_read_is_near_what_is_meant(writer: Callable[[Any], str], value: float) -> None:
    slack = 0.06 if writer is fmt.percent else 0.006
    near = 0.05 if writer is fmt.compact else 0.006
    assert amount(writer(value)) == pytest.approx(value, rel=near, abs=max(slack, near * 10))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_exact_loses_nothing(value: float) -> None:
    assert float(fmt.exact(value)) == value


def test_names_are_written_as_their_owners_write_them() -> None:
    assert fmt.cell("provider", "openai") == "OpenAI"
    assert fmt.cell("provider", "aws-bedrock") == "AWS Bedrock"
    assert fmt.cell("feature", "code-generation") == "Code Generation"
    assert fmt.cell("provider", "nobody") == "nobody"
    assert fmt.cell("model", None) == "n/a"


def test_text_under_a_numeric_kind_stays_text() -> None:
    assert fmt.cell("money", "unknown") == "unknown"
    assert fmt.readable("tokens", 1_204_000) == "1.2M tokens"
    assert fmt.readable("ms", 12_345) == "12.3 s"
