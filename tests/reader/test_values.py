"""Rows with odd values: what becomes of each, and that it depends on nothing beside it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import schema
from finops.errors import DataError
from finops.reader.accounts import Accounts
from finops.reader.block_reader import BlockReader
from finops.reader.encoding import COST, CallKey, CustomerKey, KeyEncoder
from finops.reader.header import Header
from finops.reader.identity import IdCollector
from finops.reader.options import ReadingOptions, ReadingRules
from finops.rollups.dataset import open_dataset
from finops.rollups.merge import FileParts, accounting_of
from finops.rollups.part import PartitionResult
from tests.support.reference import call

NAMES = (*schema.COLUMN_NAMES, schema.CURRENCY)
PICO = 10**12
Numbers = Dict[str, Any]
Record = Tuple[bytes, CustomerKey, CallKey, Numbers]


def header(delimiter: bytes = b",", currency: str = "USD") -> Header:
    line = delimiter.decode().join(NAMES).encode()
    places = {name: place for place, name in enumerate(NAMES)}
    return Header(places, len(NAMES), line, len(line) + 1, (), delimiter, currency)


def line(delimiter: str = ",", **changes: str) -> str:
    """Return a good row with changes, quoted where they need it."""
    row = {**call(), schema.CURRENCY: "", **changes}
    return delimiter.join(_cell(row[name], delimiter) for name in NAMES)


def _cell(text: str, delimiter: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & {delimiter, '"', "\n"} else text


def read(
    lines: Sequence[str],
    options: ReadingOptions = ReadingOptions(),
    head: Header = header(),
) -> Tuple[List[Record], Accounts]:
    """Return the calls of a block, and where its lines went."""
    rules = ReadingRules(options=options)
    encoder = KeyEncoder(rules)
    reader = BlockReader(head, encoder, rules)
    batch = reader.read("".join(one + "\n" for one in lines).encode("utf-8", "surrogateescape"))
    if batch is None:
        return [], reader.accounts
    numbers = [
        {name: column[row] for name, column in batch.numbers.items()}
        for row in range(len(batch.times))
    ]
    customers = [encoder.customer_keys[code] for code in batch.customers]
    calls = [encoder.call_keys[code] for code in batch.calls]
    return list(zip(batch.times, customers, calls, numbers)), reader.accounts


def only(**changes: str) -> Record:
    """Return the call of one row, of which nothing is blanked."""
    (record,), accounts = read([line(**changes)])
    assert not accounts.blanked
    return record


def blanked(**changes: str) -> Dict[str, List[str]]:
    """Return the columns of one row that are blanked, with the reasons."""
    records, accounts = read([line(**changes)])
    assert len(records) == accounts.used == 1
    return {column: list(reasons) for column, reasons in accounts.blanked.items()}


# --- nothing depends on what stands beside a row --------------------------------------------------

TOKENS = st.sampled_from(
    ["0", "7", "1000.0", "1e3", "+5", " 5 ", "1,000", "", "NaN", "-1", "x", "2.5"]
)
AMOUNTS = st.sampled_from(
    ["0.004250", "1.5", ".5", "$2", "(3)", "-1", "", "N/A", "much", "1e300", "1,5"]
)
TEXTS = st.sampled_from(["a", " a ", "NULL", "", "größe", "a,b", "\x1b", "a\udcff", 'say "x"', "A"])
TIMES = st.sampled_from(
    [
        "2025-01-01T09:30:00.417000",
        "2025-01-01T09:30:00Z",
        "2025-01-01 09:30:00,5+01:00",
        "2025-01-01",
        "2025-01-01T24:00:00.000000",
        "1735723800",
        "08/10/2025",
        "2016-12-31T23:59:60Z",
        "",
        "yesterday",
    ]
)
odd_rows = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "timestamp": TIMES,
            "input_tokens": TOKENS,
            "output_tokens": TOKENS,
            "cost_usd": AMOUNTS,
            "list_cost_usd": AMOUNTS,
            "latency_ms": TOKENS | st.sampled_from(["412.5", "1,234", "fast"]),
            "tier_price_usd": AMOUNTS,
            "cached_input_tokens": TOKENS,
            "cache_write_tokens": TOKENS,
            "cache_write_1h_tokens": TOKENS,
            "reasoning_tokens": TOKENS,
            "total_tokens": TOKENS,
            "calls": TOKENS,
            "bucket_s": TOKENS,
            "currency": st.sampled_from(["", "usd", "EUR", "XXX"]),
            "status": st.sampled_from(["", "OK", "error", "429", "maybe"]),
            **{
                name: TEXTS for name in ("provider", "model", "customer_id", "region", "user_agent")
            },
        },
    ),
    min_size=1,
    max_size=8,
)
ODD_LINES = ("", "a,b", '"', "\0", "\udcff" * 3)


def summary(records: Sequence[Record], accounts: Accounts) -> Tuple[Any, ...]:
    """Return all that a row can add to the figures; absent numbers are their defaults."""
    defaults = {column.name: column.default for column in schema.NUMBERS}
    numbers = [{**defaults, **record[3]} for record in records]
    return (
        [record[:3] for record in records],
        numbers,
        sum(accounts.unused_pico.values()),
        accounts.used,
    )


@given(odd_rows, st.sampled_from(ODD_LINES), st.booleans())
def test_a_row_is_read_the_same_alone_and_among_others(
    rows: List[Dict[str, str]], odd: str, with_odd: bool
) -> None:
    options = ReadingOptions(rates=(("EUR", "1.08"),))
    lines = [line(**row) for row in rows]
    together, account = read([*lines, odd] if with_odd else lines, options)
    apart = [read([one], options) for one in lines]
    records = [record for found, _ in apart for record in found]
    expected = summary(records, Accounts())[:2]
    assert summary(together, account)[:2] == expected
    assert account.used == sum(one.used for _, one in apart)
    assert sum(account.unused_pico.values()) == sum(
        sum(each.unused_pico.values()) for _, each in apart
    )
    assert account.without_tokens == sum(one.without_tokens for _, one in apart)
    for number, (_, one) in enumerate(apart, 1):
        for reason in one.skipped:
            assert number in [at for at, _ in account.first_lines[reason]]
        for column, reasons in one.blanked.items():
            for reason in reasons:
                assert number in [at for at, _ in account.blanked_lines[column][reason]]
    known = sum(account.skipped.values()) + account.used + account.blank
    assert account.lines == len(lines) + with_odd == known


# --- money ----------------------------------------------------------------------------------------


def test_a_bad_cost_is_replaced_by_the_list_price_and_counted() -> None:
    (record,), accounts = read([line(cost_usd="much")])
    # 500 / 1,000 x 0.0025 + 300 / 1,000 x 0.01
    assert record[3][COST] == 4_250_000_000
    assert (record[2].cost_kind, record[2].cost_source) == ("paid", "list")
    assert accounts.blanked == {"cost_usd": {"not a number": 1}}
    assert accounts.blanked_lines == {"cost_usd": {"not a number": [(1, "much")]}}


def test_where_a_cost_is_from() -> None:
    assert only()[2].cost_source == "source"
    assert only(cost_usd="")[2].cost_source == "list"
    assert only(cost_usd="", model="nobody's")[2].cost_source == "none"
    assert only(cost_source=" Bill ")[2].cost_source == "bill"
    assert only(cost_source="none", cost_usd="")[2].cost_source == "none"


def test_a_credit_needs_no_tokens_that_can_be_read() -> None:
    assert only(cost_usd="-20", input_tokens="", output_tokens="-7")[3][COST] == -20 * PICO
    records, accounts = read([line(cost_usd="(20)", input_tokens="x")])
    assert (len(records), accounts.without_tokens) == (1, 0)


def test_a_row_that_names_its_cost_needs_no_tokens() -> None:
    (record,), accounts = read([line(cost_usd="0.5", input_tokens="", output_tokens="NULL")])
    assert (record[3]["input_tokens"], record[3]["output_tokens"]) == (0, 0)
    assert (record[3][COST], accounts.without_tokens) == (PICO // 2, 1)
    records, accounts = read([line(cost_usd="", input_tokens="")])
    assert (records, accounts.skipped) == ([], {"input_tokens: empty": 1})


def test_money_of_rows_left_out_is_counted() -> None:
    lines = [
        line(cost_usd="0.5", timestamp="never"),
        line(cost_usd="-0.2", model=""),
        line(cost_usd="much", input_tokens="x"),
        line(cost_usd="9", input_tokens="")[1:],
        "a,b",
    ]
    records, accounts = read(lines)
    # The fourth has no first digit of its year.
    assert (records, sum(accounts.unused_pico.values())) == ([], 93 * PICO // 10)


@given(st.decimals(0, 10**6, places=6), st.decimals("0.000001", 1000, places=6))
def test_amounts_are_converted_exactly(amount: Decimal, rate: Decimal) -> None:
    options = ReadingOptions(rates=(("EUR", f"{rate:f}"),))
    pico = (amount * rate * PICO).to_integral_value(ROUND_HALF_UP)
    for text, sign in ((f"{amount:f}", 1), (f"-{amount:f}", -1)):
        (record,), accounts = read([line(cost_usd=text, currency=" eur ")], options)
        assert record[3][COST] == sign * pico
        assert not accounts.blanked


def test_an_amount_is_in_the_currency_of_its_column_unless_the_row_says_another() -> None:
    options = ReadingOptions(rates=(("EUR", "2"), ("GBP", "3")))
    head = header(currency="EUR")
    said = ["", "USD", "gbp", "NULL"]
    records, _ = read([line(cost_usd="1", currency=word) for word in said], options, head)
    assert [record[3][COST] for record in records] == [2 * PICO, PICO, 3 * PICO, 2 * PICO]


def test_an_amount_that_a_rate_makes_too_large_is_blanked() -> None:
    options = ReadingOptions(rates=(("EUR", "10"),))
    _, accounts = read([line(cost_usd="999999999", currency="EUR")], options)
    assert accounts.blanked == {"cost_usd": {"out of bounds": 1}}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_currency_without_a_rate_refuses_the_file(tmp_path: Any, workers: int) -> None:
    path = tmp_path / "calls.csv"
    rows = [line(), line(currency="CHF", input_tokens="x"), line(currency="CHF")]
    path.write_text("\n".join([",".join(NAMES), *rows, ""]), encoding="utf-8")
    with pytest.raises(DataError) as error:
        open_dataset(path, workers=workers).rollups(())
    told = "calls.csv: column currency is CHF in line 4; amounts must be in USD, so give what"
    assert str(error.value) == f"{told} 1 CHF is in USD, such as --rate CHF=1.08"


def test_a_currency_of_rows_left_out_or_without_amounts_is_no_matter() -> None:
    records, accounts = read([line(currency="CHF", cost_usd=""), line(currency="CHF", model="")])
    assert (len(records), accounts.currencies, accounts.unused_pico) == (1, {}, {})


def test_numbers_with_a_decimal_comma() -> None:
    head = header(b";")
    cells = {"cost_usd": "1.234,50", "latency_ms": "412,5", "tier_price_usd": "49,90"}
    (record,), accounts = read([line(";", **cells)], head=head)
    assert record[3][COST] == 1_234_500_000_000_000
    assert (record[3]["latency_ms"], record[1].tier_price_usd) == (413, 49.9)
    assert not accounts.blanked


# --- parts of tokens ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "reasons"),
    [
        ({"cached_input_tokens": "500"}, {}),
        ({"cached_input_tokens": "501"}, {"cached_input_tokens": "more than input_tokens"}),
        ({"cache_write_tokens": "501"}, {"cache_write_tokens": "more than input_tokens"}),
        ({"reasoning_tokens": "301"}, {"reasoning_tokens": "more than output_tokens"}),
        ({"cache_write_1h_tokens": "1"}, {"cache_write_1h_tokens": "more than cache_write_tokens"}),
        (
            {"cached_input_tokens": "300", "cache_write_tokens": "201"},
            {
                "cached_input_tokens": "more than input_tokens with cache_write_tokens",
                "cache_write_tokens": "more than input_tokens with cached_input_tokens",
            },
        ),
    ],
)
def test_tokens_are_no_part_of_fewer(parts: Dict[str, str], reasons: Dict[str, str]) -> None:
    assert blanked(**parts) == {column: [reason] for column, reason in reasons.items()}
    (record,), _ = read([line(**parts)])
    for column in parts:
        assert record[3][column] == (0 if column in reasons else int(parts[column]))


def test_parts_of_a_credit_are_not_judged() -> None:
    assert blanked(cost_usd="-1", cached_input_tokens="9999") == {}


# --- texts ----------------------------------------------------------------------------------------


def test_texts_are_compared_as_people_mean_them() -> None:
    _, customer, key, _ = only(
        provider=" OpenAI ",
        customer_id=" acme ",
        subscription_tier="PRO",
        tier_price_usd="",
        environment="Prod",
        region="NULL",
        status=" Succeeded",
        service_tier="Batch",
    )
    assert (key.provider, key.environment, key.region) == ("openai", "production", "unknown")
    assert (key.status, key.status_given, key.service_tier) == ("success", "Succeeded", "batch")
    assert (customer.customer_id, customer.subscription_tier) == ("acme", "pro")
    assert customer.tier_price_usd == 199.0


def test_missing_texts_have_their_defaults() -> None:
    _, customer, key, _ = only(customer_id="None", provider="", status="", model="gpt-4o")
    assert (customer.customer_id, key.provider, key.status) == ("unallocated", "openai", "unknown")
    assert only(provider="N/A", model="nobody's")[2].provider == "unknown"


@pytest.mark.parametrize(
    ("word", "error", "expected"),
    [
        ("200", "", ("success", "")),
        ("204.0", "", ("success", "")),
        ("ok", "", ("success", "")),
        ("completed", "", ("success", "")),
        ("500", "", ("error", "server_error")),
        ("503", "", ("error", "server_error")),
        ("401", "", ("error", "auth_error")),
        ("403", "", ("error", "auth_error")),
        ("404", "", ("error", "other")),
        ("408", "", ("error", "timeout")),
        ("429", "", ("error", "rate_limit")),
        ("429", "quota", ("error", "quota")),
        ("TIMEOUT", "", ("error", "timeout")),
        ("Canceled", "", ("error", "cancelled")),
        ("rate limited", "", ("error", "rate_limit")),
        ("failure", "", ("error", "unknown")),
        ("Failed", "Rate-Limit", ("error", "rate_limit")),
        ("302", "", ("unknown", "")),
        ("maybe", "", ("unknown", "")),
        ("", "", ("unknown", "")),
    ],
)
def test_statuses(word: str, error: str, expected: Tuple[str, str]) -> None:
    key = only(status=word, error_type=error)[2]
    assert (key.status, key.error_type) == expected
    assert key.status_given == word


def test_a_text_that_is_none_is_blanked_and_the_row_stays() -> None:
    assert blanked(organization_id="a\x1bb") == {"organization_id": ["control character"]}
    assert blanked(user_agent="\udcff", region="a\tb") == {
        "region": ["control character"],
        "user_agent": ["invalid UTF-8"],
    }
    assert only(organization_id="größe")[1].organization_id == "größe"


# --- the account ----------------------------------------------------------------------------------


def test_accounts_of_parts_add_up_with_the_lines_of_the_file() -> None:
    parts = []
    for lines in (
        [line(latency_ms="x"), line(cost_usd="1", input_tokens="")],
        [line(), line(latency_ms="y"), line(timestamp="never", cost_usd="0.5")],
    ):
        _, accounts = read(lines)
        parts.append(
            PartitionResult(
                (0, 1), [], vars(accounts), [], None, {}, [], [], IdCollector().summary(), []
            )
        )
    accounting = accounting_of([FileParts("calls.csv", header(), (), parts)])
    (column,) = accounting.blanked
    assert (column.column, column.reason, column.values) == ("latency_ms", "not a number", 2)
    assert [(place.line, place.text) for place in column.places] == [(2, "x"), (5, "y")]
    assert [(s.reason, s.first_line) for s in accounting.skipped] == [("timestamp: not a time", 6)]
    assert accounting.unused_cost == 0.5
    assert accounting.notes == (
        "1 row names its cost and no tokens: the cost counts, with 0 tokens.",
    )
    assert accounting.balanced
