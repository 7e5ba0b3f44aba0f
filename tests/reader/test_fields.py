"""Single values: against the datetime and decimal modules, and by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.reader.faults import Faults
from finops.reader.fields import (
    PICO,
    BadValueError,
    fault_of_text,
    parse_money,
    parse_time,
    parse_whole,
)
from finops.reader.options import ReadingOptions, ReadingRules
from finops.reader.times import TimeColumn
from finops.timestamps import MicrosecondClock, timestamp

LIMIT = 10**12
moments = st.datetimes(datetime(1970, 1, 3), datetime(9990, 1, 1))


def refused(cell: bytes, *, money: bool = False, comma: bool = False, rounded: bool = False) -> str:
    """Return the reason for which a cell is no number."""
    try:
        value = parse_money(cell, comma) if money else parse_whole(cell, LIMIT, comma, rounded)
    except BadValueError as error:
        return str(error)
    raise AssertionError(f"{cell!r} is {value}")


# --- times --------------------------------------------------------------------------------------


def column_of(zone: str = "UTC") -> TimeColumn:
    return TimeColumn(ReadingRules(options=ReadingOptions(input_timezone=zone)))


def in_column(cell: bytes, zone: str = "UTC") -> bytes:
    """Return a time as a column of it and of a canonical one gives it, twice over."""
    faults = Faults()
    column = column_of(zone)
    first, again = (column.read([cell, b"2025-01-01T00:00:00.000000"], faults) for _ in range(2))
    assert first == again
    if faults:
        raise BadValueError(next(iter(faults.skipped.values())))
    return first[0]


@given(moments, st.integers(-23 * 60, 23 * 60))
def test_a_time_with_an_offset_is_converted_to_utc(moment: datetime, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    local = moment.replace(tzinfo=timezone.utc).astimezone(zone)
    text = local.replace(tzinfo=None).isoformat(timespec="microseconds")
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    offsets = [f"{sign}{hours:02d}:{rest:02d}", f"{sign}{hours:02d}{rest:02d}"]
    offsets += [f" {offsets[0]}"] + ([] if rest else [f"{sign}{hours:02d}"])
    expected = moment.isoformat(timespec="microseconds").encode()
    for offset in offsets:
        assert parse_time(f"{text}{offset}".encode()) == expected
        assert in_column(f"{text}{offset}".encode()) == expected
    assert in_column(text.encode(), offsets[0].strip()) == expected


@given(moments)
def test_a_canonical_time_is_its_own_canonical_form(moment: datetime) -> None:
    text = timestamp(moment).encode()
    assert len(text) == 26
    assert parse_time(text) == text == parse_time(text + b"Z") == in_column(text)
    since = moment - datetime(1970, 1, 1)
    assert MicrosecondClock().of(text) == since // timedelta(microseconds=1)


@given(
    moments,
    st.sampled_from(["T", "t", " "]),
    st.sampled_from([".", ","]),
    st.text("0123456789", min_size=1, max_size=12),
    st.sampled_from(["", "Z", "z", " UTC", "+00:00"]),
    st.sampled_from(["", " ", "\t"]),
)
def test_any_fraction_is_cut_to_microseconds(
    moment: datetime, between: str, point: str, digits: str, zone: str, blank: str
) -> None:
    whole = moment.replace(microsecond=0)
    text = f"{blank}{whole.date()}{between}{whole.time()}{point}{digits}{zone}{blank}"
    cut = (Decimal(f"0.{digits}") * 10**6).to_integral_value(ROUND_DOWN)
    expected = timestamp(whole + timedelta(microseconds=int(cut))).encode()
    assert parse_time(text.encode()) == in_column(text.encode()) == expected


@given(
    st.datetimes(datetime(2001, 9, 9, 1, 46, 40), datetime(2286, 11, 20, 17, 46, 39)),
    st.sampled_from([0, 3, 6, 9]),
)
def test_digits_alone_count_from_1970(moment: datetime, digits: int) -> None:
    exact = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1) * 1000
    count = exact // 10 ** (9 - digits)
    kept = timedelta(microseconds=count * 10 ** (9 - digits) // 1000)
    expected = timestamp(datetime(1970, 1, 1) + kept).encode()
    assert parse_time(str(count).encode()) == in_column(str(count).encode()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"2025-01-01T09:30:00.417", b"2025-01-01T09:30:00.417000"),
        (b"2025-01-01 09:30:00", b"2025-01-01T09:30:00.000000"),
        (b"2025-01-01T09:30", b"2025-01-01T09:30:00.000000"),
        (b"2025-01-01 09:30Z", b"2025-01-01T09:30:00.000000"),
        (b"2025-01-01", b"2025-01-01T00:00:00.000000"),
        (b"2025/01/31 09:30:00", b"2025-01-31T09:30:00.000000"),
        (b"2025-01-01T00:30:00+01:00", b"2024-12-31T23:30:00.000000"),
        (b"2025-01-01T09:30:00.123456789Z", b"2025-01-01T09:30:00.123456"),
        (b"2025-01-01 09:30:00 Z", b"2025-01-01T09:30:00.000000"),
        (b"2024-02-29T00:00:00", b"2024-02-29T00:00:00.000000"),
        (b"2025-12-31T24:00:00Z", b"2026-01-01T00:00:00.000000"),
        (b"2025-12-31T24:00", b"2026-01-01T00:00:00.000000"),
        (b"1735723800", b"2025-01-01T09:30:00.000000"),
        (b"1735723800.25", b"2025-01-01T09:30:00.250000"),
        (b"1735723800417", b"2025-01-01T09:30:00.417000"),
        (b"1735723800417000", b"2025-01-01T09:30:00.417000"),
        (b"1735723800417000999", b"2025-01-01T09:30:00.417000"),
        (b"1000000001", b"2001-09-09T01:46:41.000000"),
    ],
)
def test_times_by_hand(text: bytes, expected: bytes) -> None:
    assert parse_time(text) == expected == in_column(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not a time"),
        (b"2025-13-01T00:00:00", "no such date or time"),
        (b"2025-02-29T00:00:00", "no such date or time"),
        (b"2025-02-28T25:00:00", "no such date or time"),
        (b"2025-02-28T24:00:00.5", "no such date or time"),
        (b"2025-02-28T24:00:00.000001", "no such date or time"),
        (b"2025-02-28T24:01:00", "no such date or time"),
        (b"2016-12-31T23:59:60Z", "leap second"),
        (b"2025-01-01T09:30:00.", "not a time"),
        (b"2025-01-01T09:30:00+1:00", "not a time"),
        (b"2025-01-01T09:30:00+24:00", "no such offset"),
        (b"2025-01-01T09:30:00 CET", "not a time"),
        (b"2025-01/01", "not a time"),
        (b"0001-01-01T00:00:00+14:00", "beyond the calendar"),
        ("２025-01-01T09:30:00".encode(), "not a time"),
        (b"2025-01-01T09:30:00\n", "not a time"),
        (b"20250101", "not a time"),
        (b"173572380", "not a time"),
        (b"17357238001", "not a time"),
        (b"yesterday", "not a time"),
        (b"08/10/2026", "ambiguous order of day and month"),
        (b"8.10.26 12:00", "ambiguous order of day and month"),
        (b"31-12-2025T09:30:00Z", "ambiguous order of day and month"),
    ],
)
def test_bad_times(text: bytes, reason: str) -> None:
    with pytest.raises(BadValueError) as error:
        parse_time(text)
    assert str(error.value) == reason
    with pytest.raises(BadValueError) as error:
        in_column(text)
    assert str(error.value) == f"timestamp: {reason if text else 'empty'}"


def test_a_zone_of_the_input_holds_for_times_without_one() -> None:
    assert in_column(b"2025-01-01T23:30:00", "-05:00") == b"2025-01-02T04:30:00.000000"
    assert in_column(b"2025-01-01T23:30:00Z", "-05:00") == b"2025-01-01T23:30:00.000000"
    assert in_column(b"1735723800", "-05:00") == b"2025-01-01T09:30:00.000000"


def test_a_named_zone_changes_its_clock() -> None:
    pytest.importorskip("zoneinfo")
    zone = "Europe/Berlin"
    assert in_column(b"2025-03-30 01:59:59.5", zone) == b"2025-03-30T00:59:59.500000"
    assert in_column(b"2025-03-30 03:00:00", zone) == b"2025-03-30T01:00:00.000000"
    assert in_column(b"2025-10-26 02:30:00", zone) == b"2025-10-26T00:30:00.000000"  # the first
    assert in_column(b"2025-10-26 03:00:00", zone) == b"2025-10-26T02:00:00.000000"


# --- whole numbers ------------------------------------------------------------------------------


@given(
    st.integers(0, LIMIT),
    st.sampled_from(["{}", "+{}", " {} ", "{}.", "{}.0", "{}.000", "\t{}", "{}e0", "{}E+0"]),
)
def test_whole_numbers_in_any_form(value: int, form: str) -> None:
    assert parse_whole(form.format(value).encode(), LIMIT) == value


@given(st.decimals(0, 10**9, places=6), st.booleans())
def test_fractions_are_rounded_only_where_they_are_noise(value: Decimal, comma: bool) -> None:
    text = f"{value:f}".replace(".", "," if comma else ".").encode()
    expected = int(value.to_integral_value(ROUND_HALF_UP))
    assert parse_whole(text, LIMIT, comma, rounded=True) == expected
    if value == int(value):
        assert parse_whole(text, LIMIT, comma) == int(value)
    else:
        assert refused(text, comma=comma) == "not a whole number"


@given(st.integers(1000, LIMIT), st.booleans(), st.sampled_from(["", ".0", ".00"]))
def test_thousands_of_whole_numbers_may_be_separated(
    value: int, comma: bool, decimals: str
) -> None:
    swap = str.maketrans(",.", ".,") if comma else {}
    text = (f"{value:,}" + decimals).translate(swap).encode()
    assert parse_whole(text, LIMIT, comma) == value


@given(st.text(max_size=12))
def test_no_text_is_taken_for_a_number_that_is_none(text: str) -> None:
    try:
        value: Optional[int] = parse_whole(text.encode("utf-8", "surrogatepass"), LIMIT)
    except BadValueError:
        return
    plain = text.strip().replace(",", "")
    if value is None:
        assert plain.lower() in {"", "null", "none", "nan", "n/a", "-", "\\n"}
    else:
        assert set(plain) <= set("0123456789.+-eE")
        assert value == Decimal(plain)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"-5", "negative"),
        (b"1_000", "not a number"),
        (b"0x10", "not a number"),
        ("١٢".encode(), "not a number"),
        (b"inf", "not a number"),
        (b"\xff1", "not a number"),
        (b"1 234", "not a number"),
        (b"1,23", "decimal comma"),
        (b"0,234", "decimal comma"),
        (b"1,2345", "decimal comma"),
        (b"1,234,56", "not a number"),
        (b"12.5", "not a whole number"),
        (b"1e-3", "not a whole number"),
        (b"1e13", "out of bounds"),
        (b"1e309", "out of bounds"),
        (b"1" + b"0" * 5000, "out of bounds"),
    ],
)
def test_bad_whole_numbers(text: bytes, reason: str) -> None:
    assert refused(text) == reason


def test_where_fractions_may_be_meant_a_separator_is_ambiguous() -> None:
    assert refused(b"1,234", rounded=True) == "thousands separator"
    assert refused(b"1.234", comma=True, rounded=True) == "thousands separator"
    assert parse_whole(b"1,234,567", LIMIT, rounded=True) == 1_234_567
    assert parse_whole(b"1.234", LIMIT, True) == 1234


@pytest.mark.parametrize(
    "text", ["", " ", "NULL", "null", "None", "NaN", "nan", "N/A", "n/a", "-", "\\N", " NULL "]
)
def test_words_for_no_value(text: str) -> None:
    assert parse_whole(text.encode(), LIMIT) is None
    assert parse_money(text.encode()) is None


# --- money --------------------------------------------------------------------------------------


@given(st.decimals(min_value=0, max_value=10**9, places=9))
def test_money_is_exact_to_the_pico_dollar(amount: Decimal) -> None:
    assert parse_money(f"{amount:f}".encode()) == amount * PICO


@given(
    st.decimals(min_value=0, max_value=10**9, places=9),
    st.sampled_from(
        ["{}", "+{}", "${}", "$ {}", "US${}", "USD {}", "{} USD", "{}$", " {} ", "{}e0"]
    ),
)
def test_an_amount_may_be_signed_as_dollars(amount: Decimal, form: str) -> None:
    text = form.format(f"{amount:f}")
    assert parse_money(text.encode()) == amount * PICO
    if text[0] not in "+ ":
        assert parse_money(f"-{text}".encode()) == -amount * PICO
        assert parse_money(f"({text})".encode()) == -amount * PICO
    with_comma = text.replace(".", ",")
    assert parse_money(with_comma.encode(), decimal_comma=True) == amount * PICO


@given(st.decimals(min_value=1000, max_value=10**9, places=2), st.booleans())
def test_thousands_of_money_may_be_separated_where_it_has_decimals(
    amount: Decimal, comma: bool
) -> None:
    swap = str.maketrans(",.", ".,") if comma else {}
    assert parse_money(f"{amount:,f}".translate(swap).encode(), comma) == amount * PICO


@pytest.mark.parametrize(
    ("text", "pico"),
    [
        (b"0.004250", 4_250_000_000),
        (b"1e-05", 10_000_000),
        (b"12.", 12 * PICO),
        (b".5", PICO // 2),
        (b"+0.5", PICO // 2),
        (b"$1.20", 1_200_000_000_000),
        (b"(20.00)", -20 * PICO),
        (b"-20", -20 * PICO),
        (b"-$20.5", -20_500_000_000_000),
        (b"$-20.5", -20_500_000_000_000),
        (b"($20)", -20 * PICO),
        (b"1,234.50", 1_234_500_000_000_000),
        (b"1,234,567", 1_234_567 * PICO),
        (b"0.0000000000004", 0),
        (b"0.00000000000049999999", 0),
        (b"0.000000000000499999999999999999999999999999999999999", 0),
        (b"0.0000000000005", 1),
        (b"-0.0000000000005", -1),
        (b"0.0000000000015", 2),
        (b"0.0000000000025", 3),
        (b"5e-13", 1),
        (b"0.0000000000025000", 3),
        (b"999999999.9999999999995", 10**9 * PICO),
    ],
)
def test_money_by_hand(text: bytes, pico: int) -> None:
    assert parse_money(text) == pico


@given(st.integers(0, 10**6 * PICO), st.integers(0, 999))
def test_money_rounds_to_the_nearest_pico_dollar_and_halves_up(pico: int, thousandths: int) -> None:
    text = f"{Decimal(pico * 1000 + thousandths).scaleb(-15):f}"
    expected = pico + (1 if thousandths >= 500 else 0)
    assert parse_money(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"inf", "not a number"),
        (b"1e309", "out of bounds"),
        (b"-1e308", "out of bounds"),
        (b"much", "not a number"),
        (b"(1", "not a number"),
        (b"(-1)", "not a number"),
        (b"--1", "not a number"),
        (b"-$-1", "not a number"),
        (b"$", "not a number"),
        (b"()", "not a number"),
        (b"1 234", "not a number"),
        (b"1,234", "thousands separator"),
        (b"$1,234", "thousands separator"),
        (b"0,50", "decimal comma"),
        ("€1.20".encode(), "another currency"),
        (b"1.20 EUR", "another currency"),
    ],
)
def test_bad_money(text: bytes, reason: str) -> None:
    assert refused(text, money=True) == reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"0,50", "0.5"), (b"0.50", "0.5"), (b"1,234", "1.234"), (b"1.234.567,5", "1234567.5")],
)
def test_money_with_a_decimal_comma(text: bytes, expected: str) -> None:
    assert parse_money(text, decimal_comma=True) == Decimal(expected) * PICO
    assert refused(b"1.234", money=True, comma=True) == "thousands separator"


def test_bounds() -> None:
    assert parse_whole(b"10", 10) == 10
    with pytest.raises(BadValueError, match="out of bounds"):
        parse_whole(b"11", 10)
    with pytest.raises(BadValueError, match="out of bounds"):
        parse_whole(b"10.5", 10, rounded=True)
    assert parse_money(b"1000000000") == 10**9 * PICO
    with pytest.raises(BadValueError, match="out of bounds"):
        parse_money(b"1000000000.000001")


# --- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (b"", ""),
        ("größe".encode(), ""),
        (b"a\xff", "invalid UTF-8"),
        (b"a\x1bb", "control character"),
        (b"a\tb", "control character"),
        ("a\x85b".encode(), "control character"),
        (b"acme\t", ""),
    ],
)
def test_what_is_no_text(cell: bytes, reason: str) -> None:
    assert fault_of_text(cell) == reason
