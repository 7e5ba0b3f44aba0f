"""Single values: against the datetime and decimal modules, and by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.reader.fields import (
    PICO,
    BadValueError,
    parse_integer,
    parse_money,
    parse_time,
)
from finops.timestamps import MicrosecondClock, timestamp

moments = st.datetimes(datetime(1970, 1, 3), datetime(9990, 1, 1))


@given(moments, st.integers(-23 * 60, 23 * 60))
def test_a_time_with_an_offset_is_converted_to_utc(moment: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    local = moment.replace(tzinfo=timezone.utc).astimezone(zone)
    text = local.replace(tzinfo=None).isoformat(timespec="microseconds")
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    expected = moment.isoformat(timespec="microseconds").encode()
    assert parse_time(f"{text}{sign}{hours:02d}:{rest:02d}".encode()) == expected
    assert parse_time(f"{text}{sign}{hours:02d}{rest:02d}".encode()) == expected


@given(moments)
def test_a_canonical_time_is_its_own_canonical_form(moment: datetime) -> None:
    text = timestamp(moment).encode()
    assert len(text) == 26
    assert parse_time(text) == text == parse_time(text + b"Z")
    since = moment - datetime(1970, 1, 1)
    assert MicrosecondClock().of(text) == since // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"2025-01-01T09:30:00.417", b"2025-01-01T09:30:00.417000"),
        (b"2025-01-01 09:30:00", b"2025-01-01T09:30:00.000000"),
        (b"2025-01-01T00:30:00+01:00", b"2024-12-31T23:30:00.000000"),
        (b"2025-01-01T09:30:00.123456789Z", b"2025-01-01T09:30:00.123456"),
        (b"2024-02-29T00:00:00", b"2024-02-29T00:00:00.000000"),
    ],
)
def test_times_by_hand(text: bytes, expected: bytes) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"2025-01-01",
        b"2025-13-01T00:00:00",
        b"2025-02-29T00:00:00",
        b"2025-01-01T09:30:00.",
        b"2025-01-01T09:30:00 Z",
        b"2025-01-01T09:30:00+1:00",
        b"0001-01-01T00:00:00+14:00",
        "２025-01-01T09:30:00".encode(),
        b"2025-01-01T09:30:00\n",
    ],
)
def test_bad_times(text: bytes) -> None:
    with pytest.raises(BadValueError):
        parse_time(text)


@given(st.decimals(min_value=0, max_value=10**9, places=9))
def test_money_is_exact_to_the_pico_dollar(amount: Decimal) -> None:
    assert parse_money(f"{amount:f}".encode(), "cost_usd") == amount * PICO


def test_money_by_hand() -> None:
    assert parse_money(b"0.004250", "cost_usd") == 4_250_000_000
    assert parse_money(b"1e-05", "cost_usd") == 10_000_000
    assert parse_money(b"12.", "cost_usd") == 12 * PICO


@pytest.mark.parametrize(
    ("text", "pico"),
    [
        (b"0.0000000000004", 0),
        (b"0.00000000000049999999", 0),
        (b"0.0000000000005", 1),
        (b"0.0000000000015", 2),
        (b"0.0000000000025", 3),
        (b"5e-13", 1),
        (b"0.0000000000025000", 3),
        (b"999999999.9999999999995", 10**9 * PICO),
    ],
)
def test_half_a_pico_dollar_rounds_up(text: bytes, pico: int) -> None:
    assert parse_money(text, "cost_usd") == pico


@given(st.integers(0, 10**6 * PICO), st.integers(0, 999))
def test_money_rounds_to_the_nearest_pico_dollar_and_halves_up(pico: int, thousandths: int) -> None:
    text = f"{Decimal(pico * 1000 + thousandths).scaleb(-15):f}"
    expected = pico + (1 if thousandths >= 500 else 0)
    assert parse_money(text.encode(), "cost_usd") == expected


@given(st.text(max_size=12))
def test_no_text_is_taken_for_a_number_that_is_none(text: str) -> None:
    plain = text.isascii() if hasattr(text, "isascii") else all(ord(c) < 128 for c in text)
    if plain and text.isdigit():
        assert parse_integer(text.encode(), "latency_ms", 10**12) == int(text)
    else:
        with pytest.raises(BadValueError):
            parse_integer(text.encode("utf-8", "surrogatepass"), "latency_ms", 10**12)


def test_bounds() -> None:
    assert parse_integer(b"10", "latency_ms", 10) == 10
    with pytest.raises(BadValueError, match="latency_ms out of bounds"):
        parse_integer(b"11", "latency_ms", 10)
    assert parse_money(b"1000000000", "cost_usd") == 10**9 * PICO
    with pytest.raises(BadValueError, match="cost_usd out of bounds"):
        parse_money(b"1000000000.000001", "cost_usd")
