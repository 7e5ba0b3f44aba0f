"""Which column is which field: by its name, by another name, by what the user says, or not."""

from __future__ import annotations

import io
import re
from typing import Dict, Tuple

import pytest

from finops.errors import DataError
from finops.reader.column_names import ALIASES, folded
from finops.reader.header import Header, read_header
from finops.reader.options import ReadingOptions
from finops.schema import COLUMN_NAMES
from tests.support.tools import ROOT

REQUIRED = "timestamp,provider,model,input_tokens,output_tokens,customer_id"


def header_of(text: str, *columns: Tuple[str, str], rates: Tuple[str, ...] = ()) -> Header:
    options = ReadingOptions(columns=columns, rates=tuple((rate, "1.5") for rate in rates))
    return read_header(io.BytesIO(text.encode("utf-8")), "calls.csv", options)


def refusal_of(text: str, *columns: Tuple[str, str]) -> str:
    with pytest.raises(DataError) as refused:
        header_of(text, *columns)
    message = str(refused.value)
    assert "\n" not in message
    return message


def renamed(**names: str) -> str:
    return ",".join(names.get(name, name) for name in REQUIRED.split(",")) + "\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_tells_its_delimiter(delimiter: str) -> None:
    header = header_of(REQUIRED.replace(",", delimiter) + "\n")
    assert header.delimiter == delimiter.encode()
    assert header.decimal_comma == (delimiter == ";")
    assert header.positions == {name: place for place, name in enumerate(REQUIRED.split(","))}


def test_a_quoted_name_may_hold_other_delimiters() -> None:
    header = header_of(f'"a;b;c;d;e;f;g",{REQUIRED}\n')
    assert (header.delimiter, header.width) == (b",", 7)


@pytest.mark.parametrize(
    ("before", "blank", "comments"),
    [
        ("", 0, 0),
        ("\n \r\n", 2, 0),
        ("# one\n\n#two\n", 1, 2),
        ("sep=,\r\n", 0, 1),
        ('"SEP=,"\n# x\n', 0, 2),
    ],
)
def test_what_stands_before_the_header_is_counted(before: str, blank: int, comments: int) -> None:
    text = before + REQUIRED + "\nrow\n"
    header = header_of(text)
    assert (header.blank, header.comments, header.lines) == (blank, comments, 1)
    assert text[header.data_start :] == "row\n"


def test_a_header_alone_needs_no_line_end() -> None:
    header = header_of(REQUIRED)
    assert (header.width, header.data_start) == (6, len(REQUIRED))


def test_a_header_may_take_several_lines() -> None:
    text = REQUIRED + ',"prompt\n(text)"\r\nrow\n'
    header = header_of(text)
    assert (header.lines, header.width) == (2, 7)
    assert text[header.data_start :] == "row\n"


@pytest.mark.parametrize(
    ("names", "row", "width"),
    [
        (REQUIRED, "t,p,m,1,2,c", 6),
        (REQUIRED + ",", "t,p,m,1,2,c,", 7),
        (REQUIRED, "t,p,m,1,2,c,", 7),
        (REQUIRED + ",", "t,p,m,1,2,c", 6),
        (REQUIRED, "t,p,m,1,2,c,x", 6),
    ],
)
def test_a_delimiter_may_end_the_lines(names: str, row: str, width: int) -> None:
    assert header_of(f"{names}\n{row}\n").width == width


@pytest.mark.parametrize("name", ["Input_Tokens", " input tokens ", "inputTokens", "INPUT-TOKENS"])
def test_case_blanks_and_separators_do_not_count(name: str) -> None:
    header = header_of(renamed(input_tokens=name))
    assert header.positions["input_tokens"] == 3
    assert not any("another name" in note for note in header.notes)


ALIAS_PAIRS = [(field, alias) for field, names in ALIASES.items() for alias in names]


@pytest.mark.parametrize(("field", "alias"), ALIAS_PAIRS)
def test_an_alias_is_taken_and_mentioned(field: str, alias: str) -> None:
    names = [name for name in REQUIRED.split(",") if name != field]
    header = header_of(",".join([*names, alias]) + "\n")
    assert header.positions[field] == len(names)
    assert any(f"{alias} as {field}" in note for note in header.notes)


def test_every_alias_is_of_one_field_and_none_is_a_field() -> None:
    aliases = [folded(alias) for _, alias in ALIAS_PAIRS]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(map(folded, COLUMN_NAMES))
    assert set(ALIASES) <= set(COLUMN_NAMES)


def test_the_documentation_names_aliases_that_are_taken() -> None:
    text = (ROOT / "docs" / "data-format.md").read_text(encoding="utf-8")
    table = text.split("| column | also |")[1].split("\n\n")[0]
    rows = dict(re.findall(r"\| `([a-z_]+)` \| ([^|]+) \|", table))
    assert set(rows) <= set(ALIASES)
    for field, listed in rows.items():
        names = re.findall(r"[a-z_]+", listed.split(";")[0])
        assert set(names) <= set(ALIASES[field]), field
    others = re.findall(r"[a-z_]+", table.split("| others |")[1])
    assert set(others) <= {alias for _, alias in ALIAS_PAIRS}


def test_a_field_goes_before_its_aliases_and_is_not_said_to_be_unclear() -> None:
    header = header_of(f"time,{REQUIRED},cost,cost_usd\n")
    assert header.positions["timestamp"] == 1
    assert header.positions["cost_usd"] == 8


def test_names_that_may_be_texts_are_taken_where_there_is_no_better_one() -> None:
    assert header_of(renamed(input_tokens="input", output_tokens="output")).positions == {
        name: place for place, name in enumerate(REQUIRED.split(","))
    }
    both = header_of("input," + renamed(input_tokens="promptTokens"))
    assert both.positions["input_tokens"] == 4


def test_two_names_for_what_decides_the_figures_are_refused() -> None:
    message = refusal_of(renamed(timestamp="created_at,date"))
    assert "created_at or date for timestamp?" in message
    assert "--map timestamp=created_at" in message
    assert "--map cost_usd=cost" in refusal_of(REQUIRED + ",cost,spend\n")


def test_two_names_for_anything_else_are_mentioned_and_not_used() -> None:
    header = header_of(REQUIRED + ",team,workspace\n")
    assert "organization_id" not in header.positions
    assert any("Columns team, workspace were not used" in note for note in header.notes)


@pytest.mark.parametrize("name", ["timestmap", "timestamps", "times_tamp1"])
def test_a_near_miss_of_a_required_column_is_named(name: str) -> None:
    assert f"did you mean --map timestamp={name}?" in refusal_of(renamed(timestamp=name))


@pytest.mark.parametrize(
    "name", ["cost_us", "Costs", "amount_in_cents", "actualCost", "charge", "cost__usdd"]
)
def test_a_near_miss_of_the_cost_is_an_error(name: str) -> None:
    message = refusal_of(f"{REQUIRED},{name}\n")
    assert f"column {name}: did you mean cost_usd? add --map cost_usd={name}" in message
    assert header_of(f"{REQUIRED},{name}\n", ("cost_usd", name)).positions["cost_usd"] == 6
    assert "cost_usd" not in header_of(f"{REQUIRED},{name}\n", ("cost_usd", "")).positions


@pytest.mark.parametrize(
    "name", ["cost_center", "costCentre", "cost_category", "tier_price_usd", "unit_cost_rate"]
)
def test_what_is_no_cost_of_a_call_is_none(name: str) -> None:
    assert "cost_usd" not in header_of(f"{REQUIRED},{name}\n").positions


@pytest.mark.parametrize("name", ["latency", "Duration", "latency_s", "latncy_ms"])
def test_a_near_miss_of_another_column_is_mentioned(name: str) -> None:
    header = header_of(f"{REQUIRED},{name}\n")
    assert "latency_ms" not in header.positions
    assert any(f"add --map latency_ms={name}." in note for note in header.notes)


def test_a_cost_in_another_currency_needs_a_rate() -> None:
    text = f"{REQUIRED},cost_eur\n"
    assert "--rate EUR=RATE" in refusal_of(text)
    header = header_of(text, rates=("EUR",))
    assert (header.currency, header.positions["cost_usd"]) == ("EUR", 6)
    both = header_of(f"{REQUIRED},cost_eur,cost_usd\n")
    assert (both.currency, both.positions["cost_usd"]) == ("USD", 7)


def test_what_the_user_says_goes_before_all() -> None:
    text = f"{REQUIRED},when,Latency (ms)\n"
    header = header_of(text, ("timestamp", "when"), ("latency_ms", "latency (MS)"))
    assert (header.positions["timestamp"], header.positions["latency_ms"]) == (6, 7)


def test_a_mapped_column_that_is_not_there_is_one_line() -> None:
    message = refusal_of(REQUIRED + "\n", ("latency_ms", "speed"))
    assert message.startswith("calls.csv: --map latency_ms=speed: there is no such column; it has")
    assert "there is no field speed" in refusal_of(REQUIRED + "\n", ("speed", "model"))


REFUSALS: Dict[str, str] = {
    "": "is empty",
    "\n\n# nothing\n": "no header",
    "a,b,c\n1,2,3\n": "no header; its line must name timestamp",
    "timestamp,model\n": "required column missing",
    REQUIRED + "," + "x" * (1 << 20): "longer than 1 MB",
    REQUIRED + ",model\n": "more than once",
    REQUIRED + ",Model\n": "more than once",
    REQUIRED.replace(",", "\r") + "\r": "CR-only",
    "\0" + REQUIRED + "\n": "binary",
    REQUIRED + ',"x\n': "not a UTF-8 CSV header",
}


@pytest.mark.parametrize(("text", "reason"), REFUSALS.items(), ids=REFUSALS.values())
def test_what_is_no_header_is_one_line(text: str, reason: str) -> None:
    assert reason in refusal_of(text)
