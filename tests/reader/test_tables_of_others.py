"""Small tables as other programs and people write them, each with the figures worked out by hand.

Every case is a file as it might come from a spreadsheet, an export or a log, and what a person
would say it holds: how many calls, what they cost, and what else matters about it.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import pytest

from finops.errors import DataError
from finops.reader.options import ReadingOptions
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from finops.rollups.spec import Rollups, Table

NAMES = (
    "timestamp",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms",
    "customer_id",
    "subscription_tier",
    "status",
)
GOOD: Dict[str, str] = {
    "timestamp": "2026-03-0{n}T12:00:00Z",
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": "1000",
    "output_tokens": "500",
    "cost_usd": "0.50",
    "latency_ms": "400",
    "customer_id": "acme",
    "subscription_tier": "pro",
    "status": "success",
}
BY_DAY = Table(("day",), ("calls", "cost"))
BY_CUSTOMER = Table(("customer_id",), ("calls", "cost"))
BY_PROVIDER = Table(("provider",), ("calls", "cost"))
BY_ERROR = Table(("error_type",), ("errors",))
LATENCY = Table((), ("latency_ms", "latency_known", "latencies"))
WHOLE = Table((), ("cost", "credits", "credit_rows"))
ASKED = (*CUSTOMER_RECORDS, BY_DAY, BY_CUSTOMER, BY_PROVIDER, BY_ERROR, LATENCY, WHOLE)


def rows(*changes: Dict[str, str], count: int = 5) -> List[Dict[str, str]]:
    """Return good rows on consecutive days, the first ones changed each in its own way.

    A single change is made in all of them.
    """
    every = list(changes) * count if len(changes) == 1 else [*changes]
    good = [{name: cell.format(n=n) for name, cell in GOOD.items()} for n in range(1, 10)]
    return [{**row, **change} for row, change in zip(good, every)]


def text_of(
    lines: Sequence[Dict[str, str]], names: Sequence[str] = NAMES, delimiter: str = ","
) -> str:
    """Return rows as the text of a table; cells stand in it as they are given."""
    cells = [delimiter.join(names)]
    cells += [delimiter.join(row.get(name, "") for name in names) for row in lines]
    return "\n".join(cells) + "\n"


def read(path: Path, options: ReadingOptions = ReadingOptions()) -> Rollups:
    """Return the tables of a file."""
    return open_dataset(path, workers=1, options=options).rollups(ASKED)


def read_text(folder: Path, text: str, options: ReadingOptions = ReadingOptions()) -> Rollups:
    """Return the tables of a file with this text."""
    path = folder / "calls.csv"
    path.write_bytes(text.encode("utf-8"))
    return read(path, options)


class Case(NamedTuple):
    """A file and what it holds."""

    name: str
    content: bytes
    calls: int
    cost: float


def _case(name: str, text: str, calls: int = 5, cost: float = 2.5, coding: str = "utf-8") -> Case:
    return Case(name, text.encode(coding), calls, cost)


def _changed(name: str, column: str, cell: str, cost: float = 2.5) -> Case:
    return _case(f"{name}: {cell}", text_of(rows({column: cell})), cost=cost)


PLAIN = text_of(rows({}))
WITH_PROMPT = (*NAMES, "prompt")
CASES: Tuple[Case, ...] = (
    _changed("latency with decimals", "latency_ms", "412.7"),
    _changed("tokens with decimals", "input_tokens", "1000.0"),
    _changed("tokens with an exponent", "input_tokens", "1e3"),
    _changed("tokens with a sign", "input_tokens", "+1000"),
    _changed("tokens between blanks", "input_tokens", " 1000 "),
    _changed("thousands in tokens", "input_tokens", '"1,000"'),
    _changed("thousands in money", "cost_usd", '"1,234.50"', cost=6172.5),
    _changed("a sign of currency", "cost_usd", "$0.50"),
    _changed("money without a leading digit", "cost_usd", ".5"),
    _changed("money with a sign", "cost_usd", "+0.5"),
    _changed("a broken optional value", "latency_ms", "fast"),
    _changed("a negative latency", "latency_ms", "-1"),
    _changed("a broken price of a tier", "tier_price_usd", "much"),
    *(_changed("no latency", "latency_ms", word) for word in ("NULL", "None", "NaN", "N/A", "-")),
    *(
        # 1,000 / 1,000 x 0.0025 + 500 / 1,000 x 0.01 = 0.0075 a call.
        _changed("no cost", "cost_usd", word, cost=0.0375)
        for word in ("", "NULL", "null", "None", "NaN", "N/A", "-", "\\N")
    ),
    *(
        _changed("time", "timestamp", form)
        for form in (
            '"2026-03-01 12:00:00,123"',
            "2026-03-01",
            "2026-03-01 12:00:00+00",
            "2026-03-01 12:00:00+0000",
            "2026-03-01t12:00:00z",
            "2026-03-01T12:00Z",
            "2026-03-01 12:00:00 UTC",
            "2026-03-01T12:00:00.123456789Z",
            "1772366400",
            "1772366400000",
            "1772366400000000",
            "1772366400000000000",
        )
    ),
    _case("tabs", text_of(rows({}), delimiter="\t")),
    _case("bars", text_of(rows({}), delimiter="|")),
    _case("semicolons, decimal comma", text_of(rows({"cost_usd": "0,50"}), delimiter=";")),
    _case("a sep= line", "sep=;\n" + text_of(rows({}), delimiter=";")),
    _case("comments and blank lines before the header", "# an export\n\n" + PLAIN),
    _case("a delimiter at each end", PLAIN.replace("\n", ",\n")),
    _case("byte order mark", "\ufeff" + PLAIN),
    _case("UTF-16 with a mark", PLAIN, coding="utf-16"),
    _case("UTF-16 without a mark", PLAIN, coding="utf-16-le"),
    _case("big-endian UTF-16", PLAIN, coding="utf-16-be"),
    _case("cp1252", text_of(rows({"customer_id": "café"})), coding="cp1252"),
    Case("gzip", gzip.compress(PLAIN.encode("utf-8")), 5, 2.5),
    Case("gzip of UTF-16", gzip.compress(PLAIN.encode("utf-16")), 5, 2.5),
    _case("CR LF", PLAIN.replace("\n", "\r\n")),
    _case("no newline at the end", PLAIN[:-1]),
    _case("one row without a newline", text_of(rows({}, count=1))[:-1], 1, 0.5),
    _case(
        "a prompt of several lines",
        text_of(rows({"prompt": '"line one\nline two, ""quoted""\n"'}), WITH_PROMPT),
    ),
    _case(
        "a prompt of several lines in one row",
        text_of(rows({"prompt": "hi"}, {"prompt": '"a\n\nb"'}, {"prompt": ""}), WITH_PROMPT),
        3,
        1.5,
    ),
    _case("capitals in the header", PLAIN.replace("cost_usd", "Cost_USD").replace("mod", "Mod")),
    _case("blanks in the header", PLAIN.replace("_tokens", " tokens").replace("_usd", " usd")),
    _case(
        "another program's names",
        PLAIN.replace("input_tokens", "prompt_tokens")
        .replace("output_tokens", "completion_tokens")
        .replace("cost_usd", "spend")
        .replace("timestamp", "startTime"),
    ),
    _case("no customer", text_of(rows({}), NAMES[:6])),
    _case("no provider", text_of(rows({}), ("timestamp", *NAMES[2:6]))),
    _case("a cost and no tokens", text_of(rows({"input_tokens": "", "output_tokens": ""}))),
    _case(
        "a time of 24 hours",
        text_of(rows({"timestamp": "2026-03-01T24:00:00Z"})),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_table_holds_what_a_person_says(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(case.content)
    data = read(path)
    assert data.totals.calls == case.calls
    assert data.totals.cost == pytest.approx(case.cost)
    assert data.accounting.used == case.calls
    assert not data.accounting.skipped
    assert data.accounting.balanced


def test_halves_of_a_millisecond_round_up(tmp_path: Path) -> None:
    data = read_text(tmp_path, text_of(rows({"latency_ms": "412.5"}, {"latency_ms": "412.4"})))
    assert data[LATENCY] == {(): (413 + 412, 2, pytest.approx([412, 413]))}


def test_a_missing_latency_is_unknown(tmp_path: Path) -> None:
    words = [{"latency_ms": word} for word in ("", "NULL", "n/a", "300", "-")]
    data = read_text(tmp_path, text_of(rows(*words)))
    assert data[LATENCY][()][:2] == (300, 1)


def test_epoch_times_are_on_their_days(tmp_path: Path) -> None:
    # 1 March 2026, 12:00 UTC, and a day later.
    times = [{"timestamp": "1772366400"}, {"timestamp": "1772452800000"}]
    data = read_text(tmp_path, text_of(rows(*times)))
    assert list(data[BY_DAY]) == [("2026-03-01",), ("2026-03-02",)]


def test_an_hour_of_24_is_the_next_day(tmp_path: Path) -> None:
    data = read_text(tmp_path, text_of(rows({"timestamp": "2026-02-28T24:00:00Z"}, count=1)))
    assert list(data[BY_DAY]) == [("2026-03-01",)]


@pytest.mark.parametrize("form", ["03/01/2026 12:00:00", "08/10/2026", "01.02.2026"])
def test_an_ambiguous_date_is_refused_by_its_form(form: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ambiguous"):
        read_text(tmp_path, text_of(rows({"timestamp": form})))


def test_a_leap_second_loses_one_row_and_no_other(tmp_path: Path) -> None:
    times = [{"timestamp": "2016-12-31T23:59:60Z"}, {"timestamp": "2017-01-01T00:00:01Z"}]
    data = read_text(tmp_path, text_of(rows(*times)))
    assert data.totals.calls + data.accounting.skipped_rows == 2
    assert data.totals.cost + data.accounting.unused_cost == pytest.approx(1.0)


@pytest.mark.parametrize("amount", ["-20.00", "(20.00)", "-$20.00"])
def test_a_credit_is_netted_and_no_call(amount: str, tmp_path: Path) -> None:
    costs = [{"cost_usd": "10.00"}] * 5 + [{"cost_usd": amount}]
    data = read_text(tmp_path, text_of(rows(*costs)))
    assert (data.totals.calls, data.totals.cost) == (5, 30.0)
    assert data.totals.input_tokens == 5 * 1000
    assert data[WHOLE] == {(): (30.0, 20.0, 1)}
    assert data[BY_CUSTOMER] == {("acme",): (5, 30.0)}


def test_two_currencies_are_never_added(tmp_path: Path) -> None:
    names = (*NAMES, "currency")
    text = text_of(rows({"currency": "USD"}, {"currency": "EUR"}, {"currency": "usd"}), names)
    with pytest.raises(DataError, match=r"EUR.*--rate EUR="):
        read_text(tmp_path, text)
    rated = read_text(tmp_path, text, ReadingOptions(rates=(("EUR", "1.08"),)))
    assert rated.totals.cost == pytest.approx(0.5 + 0.5 * 1.08 + 0.5)


def test_a_call_without_a_customer_counts_in_every_total(tmp_path: Path) -> None:
    costs = [{"cost_usd": "1"}] * 4 + [{"cost_usd": "100", "customer_id": ""}]
    data = read_text(tmp_path, text_of(rows(*costs)))
    assert data[BY_CUSTOMER] == {("acme",): (4, 4.0), ("unallocated",): (1, 100.0)}
    assert data.totals.cost == 104.0


def test_failures_by_any_name_are_errors(tmp_path: Path) -> None:
    words = ("failure", "failed", "500", "429", "timeout", "ERROR", "Error", " error", "ok")
    data = read_text(tmp_path, text_of(rows(*({"status": word} for word in words))))
    assert data.totals.errors == 8
    kinds = {key[0]: errors for key, (errors,) in data[BY_ERROR].items() if errors}
    assert (kinds["server_error"], kinds["rate_limit"], kinds["timeout"]) == (1, 1, 1)


def test_a_status_nobody_knows_is_neither(tmp_path: Path) -> None:
    known = Table((), ("calls", "errors", "status_known"))
    path = tmp_path / "calls.csv"
    words = ({"status": "200"}, {"status": "503"}, {"status": "maybe"}, {"status": ""})
    path.write_text(text_of(rows(*words)), encoding="utf-8")
    assert open_dataset(path, workers=1).rollups((known,))[known] == {(): (4, 1, 2)}


def test_blanks_around_a_name_are_no_part_of_it(tmp_path: Path) -> None:
    names = [{"customer_id": "acme "}, {"customer_id": " acme"}, {"customer_id": '"acme "'}]
    assert list(read_text(tmp_path, text_of(rows(*names)))[BY_CUSTOMER]) == [("acme",)]


def test_one_provider_has_one_name(tmp_path: Path) -> None:
    names = [{"provider": name} for name in ("openai", "OpenAI", " OPENAI", "open-ai")]
    assert read_text(tmp_path, text_of(rows(*names)))[BY_PROVIDER] == {("openai",): (4, 2.0)}


def test_a_tier_has_its_price_however_it_is_written(tmp_path: Path) -> None:
    tiers = [{"subscription_tier": word, "customer_id": word} for word in ("pro", "PRO", " Pro")]
    data = read_text(tmp_path, text_of(rows(*tiers)))
    assert {customer.price for customer in data.customers.values()} == {199.0}


def test_cached_tokens_are_billed_at_their_own_price(tmp_path: Path) -> None:
    cells = {
        "input_tokens": "1000000",
        "output_tokens": "1000",
        "cost_usd": "",
        "cached_input_tokens": "900000",
    }
    data = read_text(tmp_path, text_of(rows(cells), (*NAMES, "cached_input_tokens")))
    # (100,000 x 2.50 + 900,000 x 1.25 + 1,000 x 10.00) / 1,000,000 = 1.385 a call.
    assert data.totals.cost == pytest.approx(5 * 1.385)


@pytest.mark.parametrize(("provider", "model"), [("ollama", "gpt-4o"), ("my-gateway", "gpt-4o")])
def test_nobody_knows_what_another_seller_charges(
    provider: str, model: str, tmp_path: Path
) -> None:
    cells = {"provider": provider, "model": model, "cost_usd": ""}
    totals = read_text(tmp_path, text_of(rows(cells))).totals
    assert (totals.calls, totals.cost, totals.unpriced) == (5, 0.0, 5)


@pytest.mark.parametrize("name", ["gpt-4o-2024-08-06", "openai/gpt-4o", "GPT-4o"])
def test_a_dated_or_prefixed_model_has_its_price(name: str, tmp_path: Path) -> None:
    totals = read_text(tmp_path, text_of(rows({"model": name, "cost_usd": ""}))).totals
    assert totals.unpriced == 0
    assert totals.cost == pytest.approx(0.0375)


def test_an_aggregate_counts_the_calls_it_stands_for(tmp_path: Path) -> None:
    names = (*NAMES, "calls", "bucket_s")
    cells = {"calls": "12000", "bucket_s": "86400", "cost_usd": "21.50"}
    data = read_text(tmp_path, text_of(rows(cells), names))
    assert (data.totals.calls, data.totals.cost) == (60_000, 107.5)
    assert data[LATENCY][()][:2] == (0, 0)


def test_exports_that_overlap_count_once(tmp_path: Path) -> None:
    names = (*NAMES, "call_id")
    good = rows({}, count=8)
    lines = [dict(row, call_id=f"call_{n}") for n, row in enumerate(good)]
    data = read_text(tmp_path, text_of([*lines, *lines[3:5]], names))
    assert (data.totals.calls, data.totals.cost) == (8, 4.0)
    assert data.accounting.repeated_records == 2
    assert data.accounting.balanced


def test_a_name_that_is_nearly_cost_is_never_ignored(tmp_path: Path) -> None:
    text = PLAIN.replace("cost_usd", "cost_us")
    with pytest.raises(DataError, match=r"cost_us\b.*cost_usd"):
        read_text(tmp_path, text)
    mapped = read_text(tmp_path, text, ReadingOptions(columns=(("cost_usd", "cost_us"),)))
    assert mapped.totals.cost == pytest.approx(2.5)


def test_a_column_is_taken_by_its_mapping(tmp_path: Path) -> None:
    text = PLAIN.replace("customer_id", "who_pays")
    data = read_text(tmp_path, text, ReadingOptions(columns=(("customer_id", "who_pays"),)))
    assert list(data[BY_CUSTOMER]) == [("acme",)]


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("UTC", ["2026-03-02", "2026-03-03"]),
        ("-05:00", ["2026-03-01", "2026-03-02"]),
        ("+05:30", ["2026-03-02", "2026-03-03"]),
    ],
)
def test_days_are_those_of_the_zone(zone: str, days: List[str], tmp_path: Path) -> None:
    times = [{"timestamp": "2026-03-01T23:30:00-05:00"}, {"timestamp": "2026-03-02T23:30:00-05:00"}]
    data = read_text(tmp_path, text_of(rows(*times)), ReadingOptions(timezone=zone))
    assert [day for (day,) in data[BY_DAY]] == days


def test_a_time_without_a_zone_is_in_the_one_that_was_given(tmp_path: Path) -> None:
    text = text_of(rows({"timestamp": "2026-03-01 23:30:00"}, count=1))
    data = read_text(tmp_path, text, ReadingOptions(input_timezone="-05:00"))
    assert data.period.start.startswith("2026-03-02T04:30:00")


def test_a_bad_value_is_counted_by_column_and_reason(tmp_path: Path) -> None:
    cells = [{"latency_ms": "fast"}, {}, {"latency_ms": "slow"}, {"input_tokens": "x"}]
    accounting = read_text(tmp_path, text_of(rows(*cells))).accounting
    (blanked,) = accounting.blanked
    assert (blanked.column, blanked.values) == ("latency_ms", 2)
    assert [place.line for place in blanked.places] == [2, 4]
    assert [(s.rows, s.first_line) for s in accounting.skipped] == [(1, 5)]
    assert accounting.unused_cost == pytest.approx(0.5)


def test_a_row_of_another_century_changes_no_figure(tmp_path: Path) -> None:
    good = text_of(rows({}) * 40)
    odd = text_of([*rows({}) * 40, rows({"timestamp": "1970-01-01T00:00:00Z"}, count=1)[0]])
    clean, mixed = read_text(tmp_path, good), read_text(tmp_path, odd)
    assert (mixed.period, mixed.totals) == (clean.period, clean.totals)
    assert [mixed[table] for table in ASKED] == [clean[table] for table in ASKED]
    assert mixed.accounting.skipped_rows == 1
    assert mixed.accounting.unused_cost == pytest.approx(0.5)


def test_a_file_of_another_century_is_how_it_is(tmp_path: Path) -> None:
    data = read_text(tmp_path, text_of(rows({"timestamp": "2001-01-01T00:00:00Z"})))
    assert data.totals.calls == 5
    assert any("2015" in note for note in data.accounting.notes)


@pytest.mark.parametrize(
    ("since", "until", "calls"), [("2026-03-02", "", 4), ("", "2026-03-03", 2)]
)
def test_a_range_leaves_out_and_says_so(since: str, until: str, calls: int, tmp_path: Path) -> None:
    ends = [end and f"{end}T00:00:00.000000" for end in (since, until)]
    data = read_text(tmp_path, PLAIN, ReadingOptions(since=ends[0], until=ends[1]))
    assert data.totals.calls == calls
    assert data.accounting.outside == 5 - calls
    assert data.accounting.balanced
