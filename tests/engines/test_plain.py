"""Lines that need no rules: which ones these are, and that a cast makes the same of them."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from typing import Callable, Dict, Pattern, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finops import config, schema
from finops.business import names
from finops.engines.dialect import DuckDBDialect
from finops.engines.plain import cells, plain_line
from finops.reader import words
from finops.reader.header import read_header
from finops.reader.options import ReadingOptions
from tests.support.engines import line_of
from tests.support.rows import varied_rows
from tests.support.tools import need


def python_pattern(pattern: str) -> str:
    """Return a pattern of engines as Python writes it."""
    return re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", pattern)


CELLS = {name: re.compile(python_pattern(pattern)) for name, pattern in cells().items()}
READERS: Dict[str, Callable[[str], str]] = {
    "provider": names.fold_provider,
    "environment": words.environment_of,
    "subscription_tier": words.tier_of,
    "service_tier": str.lower,
    "cost_source": str.lower,
    "status": lambda text: words.status_of(text).status,
    "error_type": words.error_type_of,
}
known_words = st.sampled_from(
    sorted({*words.EMPTY, *names.PROVIDERS, *config.ENVIRONMENT_ALIASES, *words.FAILURES, "vertex"})
)
spelled = st.one_of(
    known_words,
    st.builds(str.upper, known_words),
    st.builds("{}{}".format, known_words, st.text("nN-\\ .a", max_size=2)),
    st.builds("{}{}".format, st.text("nN-\\ .a", max_size=2), known_words),
    st.text(max_size=8),
    st.text('aN-\\ ,"\t\u00a0\u2003\u3000\u00e9\u65e5', max_size=6),
)


@given(text=spelled)
@example("vertex-ai-x")
@example("n/a")
@example("NULL ")
def test_a_plain_cell_says_what_it_is(text: str) -> None:
    for name, pattern in CELLS.items():
        if not text or not pattern.fullmatch(text):
            continue
        assert text == text.strip()
        assert not words.is_empty(text)
        assert not set(text) & set(',"\r\n')
        assert READERS.get(name, str)(text) == text, name


def header_of(columns: Sequence[str]) -> Pattern[str]:
    header = read_header(
        io.BytesIO((",".join(columns) + "\n").encode()), "calls.csv", ReadingOptions()
    )
    return re.compile(python_pattern(plain_line(header)))


@pytest.mark.parametrize("columns", [schema.WRITTEN_NAMES, schema.FULL_NAMES[::-1]])
def test_lines_of_our_own_writers_are_plain(columns: Sequence[str]) -> None:
    plain = header_of(columns)
    for row in varied_rows(60):
        assert plain.fullmatch(line_of(row, columns)), row


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timestamp", "2025-01-01T24:00:00"),
        ("timestamp", "2025-01-01T09:00:00+02:00"),
        ("input_tokens", "1_000"),
        ("input_tokens", "0x10"),
        ("input_tokens", ""),
        ("output_tokens", "5.7"),
        ("latency_ms", "1e3"),
        ("cost_usd", "-1"),
        ("cost_usd", "0.1234567890123"),
        ("customer_id", "null"),
        ("customer_id", " a"),
        ("model", 'a"b'),
        ("status", "429"),
    ],
)
def test_other_forms_are_not_plain(name: str, value: str) -> None:
    (row,) = varied_rows(1)
    row[name] = value
    columns = list(schema.WRITTEN_NAMES)
    line = ",".join(row.get(each, "") for each in columns)
    assert not header_of(columns).fullmatch(line)


@pytest.mark.once
def test_amounts_of_plain_cells_are_exact() -> None:
    duckdb = need("duckdb")
    amounts = ["0", "5", "999999.999999999999", "0.000000000001", "000001.5", "0.1", "123456.7"]
    amounts += [f"{n % 1000}.{n * 7919 % 10**12:012d}" for n in range(1, 300)]
    assert all(CELLS["cost_usd"].fullmatch(amount) for amount in amounts)
    listed = ", ".join(f"({n}, '{amount}')" for n, amount in enumerate(amounts))
    with duckdb.connect(":memory:") as connection:
        sql = f"select {DuckDBDialect().pico('a')} from (values {listed}) t(n, a) order by n"
        made = [value for (value,) in connection.execute(sql).fetchall()]
    assert made == [Fraction(amount) * schema.PICO_PER_USD for amount in amounts]
