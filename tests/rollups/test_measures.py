"""What is declared once: SQL and rows agree, widths hold, and one entry is all a column needs."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import AbstractSet, Any, Dict, List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config, schema
from finops.reader.encoding import CallKey, CustomerKey
from finops.reader.row_parser import CALL_TEXTS, CUSTOMER_TEXTS, FURTHER_TEXTS
from finops.rollups.expressions import (
    Expression,
    above,
    all_of,
    any_of,
    band_of,
    below,
    column,
    columns_of,
    equal,
    expression_from,
    guarded,
    known,
    negated,
    number,
    one_of,
    plus,
    python_of,
    quotient,
    remainder,
    sql_of,
    times,
    when,
    with_constants,
)
from finops.rollups.measures import (
    CALLS_AT_A_TIME,
    DIMENSIONS,
    MEASURES,
    ROW_COLUMNS,
    ROWS_AT_A_TIME,
    UNKNOWN_COLUMNS,
    Dimension,
    Measure,
)
from finops.rollups.packing import WORD_BITS, PackedLayout
from finops.rollups.spec import Having, Table
from tests.support.reference import value_of
from tests.support.tools import ROOT

NUMBERS = sorted(column.name for column in schema.NUMBERS)
TEXTS = ("provider", "status", "task_type")
WORDS = ("a", "b", "it's", "")

simple_conditions = st.one_of(
    st.builds(above, st.sampled_from(NUMBERS), st.integers(0, 9)),
    st.builds(known, st.sampled_from(NUMBERS)),
    st.builds(one_of, st.sampled_from(TEXTS), st.sampled_from(WORDS)),
)
terms = st.recursive(
    st.builds(column, st.sampled_from(NUMBERS)) | st.builds(number, st.integers(0, 9)),
    lambda inner: st.one_of(
        st.builds(plus, inner, inner),
        st.builds(times, inner, st.integers(0, 5)),
        st.builds(quotient, inner, st.integers(1, 5)),
        st.builds(remainder, inner, st.integers(1, 5)),
        st.builds(band_of, inner, st.integers(1, 5)),
        st.builds(when, simple_conditions, inner),
        st.builds(when, simple_conditions.map(negated), inner),
    ),
    max_leaves=4,
)
comparisons = st.one_of(
    st.builds(above, terms, terms),
    st.builds(below, terms, terms),
    st.builds(equal, terms, st.integers(0, 9)),
    st.builds(known, st.sampled_from(NUMBERS)),
    st.builds(one_of, st.sampled_from(TEXTS), st.sampled_from(WORDS), st.sampled_from(WORDS)),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(negated, inner), st.builds(all_of, inner, inner), st.builds(any_of, inner, inner)
    ),
    max_leaves=5,
)


def a_value(name: str) -> st.SearchStrategy[Optional[int]]:
    numbers = st.integers(0, 30)
    return st.none() | numbers if name in UNKNOWN_COLUMNS else numbers


rows = st.fixed_dictionaries(
    {
        **{name: a_value(name) for name in NUMBERS},
        **{name: st.sampled_from(WORDS) for name in TEXTS},
    }
)


@given(conditions | terms, rows)
def test_python_and_sql_mean_the_same(expression: Expression, row: Dict[str, Any]) -> None:
    expected = value_of(expression, row)
    source = guarded(python_of(expression, UNKNOWN_COLUMNS), expression, UNKNOWN_COLUMNS, "None")
    assert eval(source, {}, dict(row)) == expected
    names = ", ".join(f":{name} as {name}" for name in row)
    query = f"select {sql_of(expression, UNKNOWN_COLUMNS)} from (select {names})"
    with closing(sqlite3.connect(":memory:")) as connection:
        (from_sql,) = connection.execute(query, row).fetchone()
    assert from_sql == expected


@given(conditions | terms, rows, st.sets(st.sampled_from(NUMBERS)))
def test_constants_are_worked_out_ahead(
    expression: Expression, row: Dict[str, Any], same: AbstractSet[str]
) -> None:
    certain = {name for name in row if name not in same and row[name] is not None}
    constants = {name: row[name] for name in same}
    for there in (set(), certain):
        remaining = with_constants(expression, constants, there)
        check_what_remains(expression, remaining, row, same)


def check_what_remains(
    expression: Expression,
    remaining: Optional[Expression],
    row: Dict[str, Any],
    same: AbstractSet[str],
) -> None:
    """Assert that what is left of an expression is the same in a row as the whole of it."""
    expected = value_of(expression, row)
    if remaining is None:
        assert expected is None
        return
    assert not columns_of(remaining) & same
    source = guarded(python_of(remaining, UNKNOWN_COLUMNS), remaining, UNKNOWN_COLUMNS, "None")
    others = {name: value for name, value in row.items() if name not in same}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of which Python has some for what compares constants
        assert eval(source, {}, others) == expected


@given(conditions | terms)
def test_an_expression_travels_by_value(expression: Expression) -> None:
    assert expression_from(json.loads(json.dumps(expression))) == expression


@pytest.mark.parametrize(
    "plain",
    [["above", 3], [3, []], ["shout", ["latency_ms"]], ["above", [None]], ["above", [["column"]]]],
)
def test_what_is_no_expression_is_refused(plain: List[Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        expression_from(plain)


def test_a_table_travels_by_value() -> None:
    table = Table(
        ("day", Dimension("slow", above("latency_ms", 5))),
        ("calls", Measure("odd", equal(remainder("latency_ms", 2), 1)), "latency"),
        all_of(one_of("status", "success"), below("input_tokens", 9)),
        having=Having("calls", ">", 3),
        top="odd",
    )
    recent = Table(("model", "day", "tier_price_usd"), since=30, changes="calls", limit=1000)
    among = Table(("model", "day"), ("calls", "errors"), among=Having("errors", ">=", 2))
    for each in (table, recent, among):
        assert Table.from_plain(json.loads(json.dumps(each))) == each


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (Table(("day",), since=-1), "numbers of days and of groups"),
        (Table(("day",), limit=-1), "numbers of days and of groups"),
        (Table(("week",), since=3), "comes with day or hour"),
        (Table((), since=3), "comes with day or hour"),
        (Table(("day", "model", "tier_price_usd"), changes="calls"), "by something and a time"),
        (Table(("model", "day", "provider"), changes="calls"), "by something and a time"),
        (
            Table(("model", "day", Dimension("own", above("calls", 1))), changes="calls"),
            "by something and a time",
        ),
        (Table(("model", "day", "tier_price_usd"), changes="cost"), "is a whole number"),
        (Table(("model", "day", "tier_price_usd"), changes="errors"), "is a whole number"),
        (Table(("day", "model"), ("cost",), top="cost", since=3), "without having and top"),
        (Table(("day",), ("cost",), None, Having("cost"), since=3), "without having and top"),
        (Table(("day",), ("cost", "latency"), limit=3), "has one value of"),
        (Table(("customer_id", "day"), ("region_changes",), limit=3), "has one value of"),
        (Table(("model",), among=Having("calls")), "with a text and more"),
        (Table(("day", "model"), among=Having("calls")), "with a text and more"),
        (Table(("tier_price_usd", "day"), among=Having("calls")), "with a text and more"),
        (Table(("model", "day"), ("calls", "latency"), among=Having("calls")), "with sums"),
        (Table(("model", "day"), limit=3, among=Having("calls")), "without another word"),
        (Table(("model", "day"), among=Having("calls", ">=", 0)), "leaves no sum of 0"),
        (
            Table(("customer_id", "day"), ("region_changes",), since=3),
            "what follows from the order",
        ),
    ],
)
def test_bounds_that_no_table_can_have_are_refused(table: Table, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        table.check()


def test_the_columns_of_keys_are_those_of_the_reader() -> None:
    assert CallKey._fields[: len(CALL_TEXTS)] == CALL_TEXTS
    assert CallKey._fields[-len(FURTHER_TEXTS) :] == FURTHER_TEXTS
    assert CustomerKey._fields == CUSTOMER_TEXTS


@pytest.mark.parametrize("name", [*DIMENSIONS, *MEASURES])
def test_every_entry_says_what_it_is_told_from(name: str) -> None:
    declared = DIMENSIONS.get(name) or MEASURES[name]
    if isinstance(declared, Dimension):
        assert declared.columns <= ROW_COLUMNS | {"h", "tier_price_usd", "cohort_week"}
        assert declared.sql
    elif isinstance(declared, Measure):
        assert declared.columns <= ROW_COLUMNS
        assert declared.sql.startswith("coalesce(sum(")
        assert all(isinstance(MEASURES[part], Measure) for part in declared.parts)


def test_the_most_that_calls_may_add_stays_within_a_field() -> None:
    layout = PackedLayout(m for m in MEASURES.values() if isinstance(m, Measure))
    first = [0, *accumulate(field.words for field in layout.fields.values())]
    assert [field.first for field in layout.fields.values()] == first[:-1]
    for measure in layout.measures:
        field = layout.fields[measure]
        most = CALLS_AT_A_TIME if "calls" in measure.columns else ROWS_AT_A_TIME
        assert measure.limit * most < 1 << WORD_BITS * field.words


def test_a_condition_is_no_number_and_a_filter_is_a_condition() -> None:
    with pytest.raises(ValueError, match="must be true or false"):
        Table(("provider",), ("calls",), plus("input_tokens", 1)).check()
    for where in (above("h", 1), above("provider", 1), one_of("latency_ms", "5")):
        with pytest.raises(ValueError, match=r"no scan can fill: (h|provider|latency_ms)$"):
            Table(("provider",), ("calls",), where).check()
    with pytest.raises(ValueError, match="no scan can fill: names"):
        Table(("provider",), (Measure("names", column("model")),)).check()


def test_bounds_of_columns_are_those_of_the_configuration() -> None:
    limits = {column.name: column.limit for column in schema.NUMBERS}
    assert limits["input_tokens"] == limits["output_tokens"] == config.MAX_TOKENS
    assert limits["latency_ms"] == config.MAX_LATENCY_MS


# One line is put into a copy of the package: what follows is done by the copy, in two processes.
ENTRY = '    Column("input_images", "int", limit=config.MAX_TOKENS, default=0),\n'
ASK = """
import sys
from finops.rollups import cache
from finops.rollups.dataset import open_dataset
from finops.rollups.spec import Table
from tests.support.reference import ReferenceDataset

cache.MIN_STATE_BYTES = 0
path = sys.argv[1]
tables = (
    Table(("customer_id",), ("input_images", "calls")),
    Table(("day", "provider"), ("input_images",)),
    Table((), ("input_images",)),
)
expected = ReferenceDataset.of_file(path).rollups(tables)
assert sum(values[0] for values in expected[tables[0]].values()) == int(sys.argv[2])
for workers in (1, 2, 2):
    data = open_dataset(path, workers=workers, cache=workers > 1).rollups(tables)
    for table in tables:
        assert data[table] == expected[table], (workers, table)
"""


def test_one_entry_is_all_that_a_further_column_needs(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(str(ROOT / "src"), str(copy))
    schema_file = copy / "finops" / "schema.py"
    text = schema_file.read_text(encoding="utf-8")
    end = text.index(")\nCOLUMN_NAMES")
    schema_file.write_text(text[:end] + ENTRY + text[end:], encoding="utf-8")
    lines = ["timestamp,provider,model,input_tokens,output_tokens,customer_id,input_images"]
    images = [10**12 if k % 3 else 0 for k in range(400)]
    for k, tokens in enumerate(images):
        time = f"2025-01-{1 + k // 50:02d}T09:{k % 50:02d}:00.000000"
        lines.append(f"{time},openai,gpt-4o,5,7,c{k % 7},{tokens or ''}")
    path = tmp_path / "calls.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([str(copy), str(ROOT)]))
    subprocess.run(
        [sys.executable, "-c", ASK, str(path), str(sum(images))],
        cwd=str(tmp_path),
        env=environment,
        check=True,
        timeout=120,
    )
    assert Path(f"{path}.cache").is_file()
