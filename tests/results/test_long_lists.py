"""The JSON of a result has the first rows of a long list, and the sums of the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Type

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.generators.reports.default import generate_default_report
from finops.pipeline import Job, analyze
from finops.results.base import Count, Date, Percent, Usd, from_dict, to_dict
from finops.results.long_lists import MadeRows, count_of, is_cut, let_go, listed
from tests.support.rows import varied_rows, write_csv


class Row(NamedTuple):
    """A customer."""

    customer_id: str
    call_count: Count
    cost: Usd
    monthly_cost: Optional[Usd]
    share_percent: Percent


class Day(NamedTuple):
    """A point of a series."""

    date: Date
    cost: Usd


class NamedDay(NamedTuple):
    """A point of many series."""

    date: Date
    model: str
    cost: Usd


class Lists(NamedTuple):
    """Two lists."""

    rows: Sequence[Row]
    days: Sequence[Day]


def row(number: int, monthly: Optional[float] = 0.5) -> Row:
    return Row(f"c{number}", number, number / 4, monthly, 1.0)


DAYS = [Day(f"2026-01-{day:02d}", 1.0) for day in range(1, 10)]


def test_a_long_list_is_cut_and_the_rest_is_one_row() -> None:
    made = to_dict(Lists([row(n) for n in range(1, 6)], DAYS), most_rows=3)
    written = json.loads(json.dumps(made))
    assert [each["customer_id"] for each in written["rows"][:3]] == ["c1", "c2", "c3"]
    assert written["rows"][3:] == [{"rest": 2, "call_count": 9, "cost": 2.25, "monthly_cost": 1.0}]
    assert len(written["days"]) == 9  # a chart has no use for a part of a series


@pytest.mark.parametrize(("kind", "expected"), [(Day, False), (NamedDay, True), (Row, True)])
def test_a_list_of_names_by_time_is_no_series(kind: Type[Any], expected: bool) -> None:
    assert is_cut(kind, 4, 3) is expected
    assert not is_cut(kind, 3, 3)


def test_rows_that_are_made_when_walked_are_those_of_a_list() -> None:
    made: List[int] = []

    def make(cell: Tuple[str, int]) -> Row:
        made.append(cell[1])
        return row(cell[1])

    rows = MadeRows({f"c{n}": n for n in range(7)}.items(), make)
    expected = [row(n) for n in range(7)]
    assert (len(rows), made) == (7, [])
    for part in (
        slice(None),
        slice(2),
        slice(3, None),
        slice(1, 5),
        slice(9, None),
        slice(None, None, -2),
    ):
        assert list(rows[part]) == expected[part]
    assert list(rows[2:6][1:3]) == expected[2:6][1:3]
    assert [rows[0], rows[-1], rows[2:][1]] == [expected[0], expected[-1], expected[3]]
    with pytest.raises(IndexError):
        rows[7]
    del made[:]
    cut = to_dict(Lists(rows, []), most_rows=2)
    assert cut == to_dict(Lists(expected, []), most_rows=2)
    assert from_dict(Lists, cut).rows is rows


def test_what_is_not_known_of_one_has_no_sum() -> None:
    made = to_dict(Lists([row(1), row(2), row(3, None)], []), most_rows=1)
    assert made["rows"][-1] == {"rest": 2, "call_count": 5, "cost": 1.25, "monthly_cost": None}


@pytest.mark.parametrize("most", [None, 3, 4])
def test_a_list_that_is_not_longer_is_whole(most: Optional[int]) -> None:
    made = to_dict(Lists([row(n) for n in range(3)], []), most_rows=most)
    assert [each["call_count"] for each in made["rows"]] == [0, 1, 2]
    assert count_of(made["rows"]) == 3


@given(st.lists(st.integers(0, 99), max_size=20), st.integers(1, 8))
def test_pages_have_all_rows_until_they_are_let_go(numbers: List[int], most: int) -> None:
    whole = Lists([row(n) for n in numbers], [])
    made = to_dict(whole, most)
    assert from_dict(Lists, made) == whole
    let_go(made)
    assert list(from_dict(Lists, made).rows) == whole.rows[:most]
    assert from_dict(Lists, json.loads(json.dumps(made))) == from_dict(Lists, made)
    assert count_of(made["rows"]) == len(numbers)
    assert sum(each["call_count"] for each in made["rows"]) == sum(numbers)
    assert len(listed(made["rows"])) == min(most, len(numbers))


def test_pages_are_those_of_the_whole_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "calls.csv", varied_rows(400, seed=4))
    monkeypatch.setattr(config, "LISTED_ROWS", 2)
    few, all_of_them = tmp_path / "few", tmp_path / "all"
    assert not analyze(Job(path, few)).failed
    assert not analyze(Job(path, all_of_them, all_rows=True)).failed
    cut = json.loads((few / "understanding.json").read_text(encoding="utf-8"))["by_customer"]
    whole = json.loads((all_of_them / "understanding.json").read_text(encoding="utf-8"))
    assert len(cut) == 3 < len(whole["by_customer"])
    assert cut[:2] == whole["by_customer"][:2]
    assert count_of(cut) == len(whole["by_customer"])
    calls = [sum(each["call_count"] for each in rows) for rows in (cut, whole["by_customer"])]
    assert calls[0] == calls[1]
    pages = {each.name for each in all_of_them.glob("*.html")} - {"index.html"}
    for name in sorted(pages):
        first, second = (_timeless(folder / name) for folder in (few, all_of_them))
        assert first == second, name


def test_a_page_of_any_result_has_all_rows_and_none_on_the_rest(tmp_path: Path) -> None:
    whole = Lists([row(n) for n in range(5)], DAYS)
    cut = to_dict(whole, most_rows=2)
    read_again = json.loads(json.dumps(cut))
    pages = []
    for number, data in enumerate([to_dict(whole), cut, read_again]):
        page = tmp_path / str(number) / "lists.html"
        page.parent.mkdir()
        generate_default_report(data, page)
        pages.append(_timeless(page))
    assert pages[0] == pages[1]
    assert ">c1<" in pages[2]
    assert ">c4<" not in pages[2]
    assert not re.search(">Rest<", "".join(pages))


def _timeless(page: Path) -> str:
    """Return a page without times of day, which are those of its run."""
    return re.sub(r"\d\d:\d\d(:\d\d)?(\.\d+)?", "", page.read_text(encoding="utf-8"))
