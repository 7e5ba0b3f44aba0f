"""Short cuts of an import give what the long way gives."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.business.catalog import DEFAULT_PRICES
from finops.business.price_table import PriceTable
from finops.business.usage import Usage
from finops.importers import run, values
from finops.importers.call import COLUMNS, Call, Record, Tokens
from finops.importers.calls_csv import read_calls
from finops.importers.costs import CostRules, exact
from finops.importers.state import state_path
from finops.importers.totals import Totals
from finops.importers.values import RejectedError, as_time
from tests.support.imports import import_files, prices, write_all
from tests.support.vendor_logs import VENDORS, Use

DAY_MICROSECONDS = 86_400_000_000
Place = Tuple[int, str, str]
How = Tuple[str, str, str, int, Optional[int], Optional[int]]
digits = st.text("0123456789", min_size=1, max_size=7)
times = st.builds(
    "{}{}{}:{}:{}.{}Z".format,
    st.sampled_from(["2026-09-03", "2026-02-30", "1970-01-01", "0000-01-01", "2026-09-03+05"]),
    st.sampled_from(["T", "t", " ", "", "+"]),
    st.sampled_from(["00", "23", "24", "1", "0a"]),
    st.sampled_from(["00", "59", "60", "5"]),
    st.sampled_from(["00", "59", "60", "5", "½5"]),
    digits | st.just("") | st.just("１２"),
)


def long_way(text: str) -> Optional[int]:
    match = values._TIME(text.strip())
    try:
        return values._microseconds(match) if match else None
    except RejectedError:
        return None


@given(times)
def test_a_time_is_read_as_by_its_pattern(text: str) -> None:
    expected = long_way(text)
    if expected is None:
        with pytest.raises(RejectedError):
            as_time(text)
    else:
        assert as_time(text) == expected


def test_the_usual_time_is_the_one_that_logs_have() -> None:
    assert values._usual_time("2026-09-03T10:00:02.345Z") == as_time("2026-09-03 10:00:02.345+00")


def call_of(place: Place, tokens: List[Tokens], how: How) -> Call:
    day, provider, model = place
    tier, geo, speed, searches, context, bucket = how
    return Call(
        "x",
        day * DAY_MICROSECONDS,
        provider,
        model,
        tokens[0],
        service_tier=tier,
        geo=geo,
        speed=speed,
        web_searches=searches,
        context_tokens=context,
        bucket_s=bucket,
        samplings=tuple(tokens[1:]) if len(tokens) > 2 else (),
    )


def tokens_of(counts: Sequence[int]) -> Tokens:
    return Tokens(*counts[:6]).consistent()


tokens = st.tuples(
    st.sampled_from([0, 7, 250_000]), st.integers(0, 900), *[st.integers(0, 90)] * 4
).map(tokens_of)
calls = st.builds(
    call_of,
    st.tuples(
        st.integers(18_000, 21_000),
        st.sampled_from(["openai", "anthropic", "google", ""]),
        st.sampled_from(["gpt-a", "claude-a", "gemini-a", "claude-b", "gpt-4o", "nothing"]),
    ),
    st.lists(tokens, min_size=1, max_size=4),
    st.tuples(
        st.sampled_from(["standard", "batch", "flex", "fast", "free", "Priority"]),
        st.sampled_from(["", "us"]),
        st.sampled_from(["", "fast"]),
        st.integers(0, 2),
        st.sampled_from([None, 0, 400_000]),
        st.sampled_from([None, 3600]),
    ),
)


@pytest.mark.parametrize("table", [DEFAULT_PRICES, prices()], ids=["built-in", "map"])
@given(several=st.lists(calls, min_size=1, max_size=5))
def test_a_list_cost_is_that_of_the_price_table(table: PriceTable, several: List[Call]) -> None:
    rules = CostRules(table, {})
    for call in several:
        expected: Optional[Decimal] = Decimal(0)
        for number, part in enumerate(call.samplings or (call.tokens,)):
            searches = 0 if number else call.web_searches
            context = call.context_tokens
            if call.samplings:
                context = None
            elif call.bucket_s is not None and context is None:
                context = 0
            usage = Usage(
                call.provider,
                call.model,
                part.input,
                part.output,
                part.cached,
                part.written,
                part.written_1h,
                part.reasoning,
                call.service_tier,
                (date(1970, 1, 1) + timedelta(microseconds=call.time)).isoformat(),
                web_searches=searches,
                region=call.geo,
                speed=call.speed,
                context_tokens=context,
            )
            price = table.price_of(usage) if any(part) or searches else Decimal(0)
            expected = None if price is None or expected is None else expected + exact(price)
        assert rules.cost_of(call).listed == expected


def test_an_import_that_changes_nothing_has_the_sums_of_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.csv"
    paths = write_all(tmp_path, VENDORS["litellm"].write([Use(100, 20, 3, 40, 5), Use(7)], "x"))
    first = import_files("litellm", paths, out).totals.plain()
    with monkeypatch.context() as patched:
        patched.setattr(run, "totals_of", None)  # nothing needs to be read
        again = import_files("litellm", paths, out)
    assert again.tally.unchanged_files == 1
    assert again.totals.plain() == first
    assert plain_of(again.totals) == sums_anew(out)


def test_sums_that_were_kept_of_another_csv_do_not_count(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    paths = write_all(tmp_path, VENDORS["litellm"].write([Use(100), Use(7)], "x"))
    import_files("litellm", paths, out)
    head, first, _ = out.read_text(encoding="utf-8").splitlines(keepends=True)
    out.write_text(head + first, encoding="utf-8")
    assert import_files("litellm", paths, out).totals.rows == 2
    with closing(sqlite3.connect(str(state_path(out)))) as state, state:
        state.execute("UPDATE about SET totals = '[1, 2'")
    assert plain_of(import_files("litellm", paths, out).totals) == sums_anew(out)


def sums_anew(out: Path) -> List[object]:
    return sums_by_hand(list(read_calls(out)))


def sums_by_hand(records: Sequence[Record]) -> List[object]:
    """Return the sums of rows, worked out one by one."""
    tokens = sum(int(record.total_tokens) for record in records)
    costs = [Decimal(record.cost_usd or 0) for record in records]
    calls = [int(record.calls) for record in records]
    unknown = any(not count and cost >= 0 for count, cost in zip(calls, costs))
    unpriced = [record for record in records if record.cost_source == "none"]
    periods: Dict[Tuple[str, bool], List[str]] = {}
    for record in records:
        key = record.provider, record.cost_source == "bill"
        periods.setdefault(key, []).append(record.timestamp)
    return [
        len(records),
        sum(calls),
        unknown,
        tokens,
        str(sum(costs, Decimal(0))),
        sum(int(record.calls) for record in unpriced),
        list(dict.fromkeys(record.model for record in unpriced)),
        sorted([*key, min(times), max(times)] for key, times in periods.items()),
    ]


def plain_of(totals: Totals) -> List[object]:
    *sums, periods = totals.plain()
    assert isinstance(periods, list)
    return [*sums, sorted(periods)]


def row_of(second: int, provider: str, how: Tuple[str, str], tokens: int, calls: int) -> Record:
    source, cost = how
    blank = Record(*[""] * len(COLUMNS))
    return blank._replace(
        timestamp=f"2026-03-01T10:00:{second:02d}.000000",
        provider=provider,
        model=f"m{tokens}",
        cost_usd=cost,
        cost_source=source,
        total_tokens=str(tokens),
        calls=str(calls),
    )


rows = st.lists(
    st.builds(
        row_of,
        st.integers(0, 9),
        st.sampled_from(["openai", "anthropic"]),
        st.sampled_from([("source", "0.25"), ("source", "-1"), ("none", ""), ("bill", "3.5")]),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=12,
).map(sorted)


@given(rows, st.integers(1, 5))
def test_sums_are_those_of_the_rows(records: List[Record], size: int) -> None:
    totals = Totals()
    for start in range(0, len(records), size):
        totals.add_all(records[start : start + size])
    if records:
        assert plain_of(totals) == sums_by_hand(records)


@given(rows, st.integers(0, 11))
def test_a_row_is_taken_out_of_the_sums_or_refused(records: List[Record], place: int) -> None:
    totals = Totals()
    totals.add_all(records)
    if place < len(records) and totals.remove(records.pop(place)):
        assert plain_of(totals) == sums_by_hand(records)
