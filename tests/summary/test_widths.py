"""The table of `finops summary` at each width of a terminal, by figures worked out by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, List

import pytest

from finops import cli
from finops.cli import main
from finops.summary.display import width_of
from tests.support.reference import call
from tests.support.rows import write_csv

LONG_MODEL = "gpt-6-rather-long-name-of-a-deployment-west-3"
KANJI = "東京電力合同会社"  # 8 characters, 16 columns
EMOJI = "Bo \U0001f9d1\u200d\U0001f680 Ray"  # an emoji joined of three characters: 2 columns
CALLS = [
    (LONG_MODEL, KANJI, 412_070_915, 2_345_678, "98765.43"),
    ("small-model-2", "c2", 3000, 400, "0.07"),
    ("claude-b-7", EMOJI, 5000, 600, "0.5"),
]
COST, INPUT, OUTPUT, TOKENS = "98,766.00", "412,078,915", "2,346,678", "414,425,593"
WIDTHS = [28, 40, 60, 80, 200]

Print = Callable[..., List[str]]


@pytest.fixture
def printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Print:
    """Print the table by a dimension; `columns` is COLUMNS, `terminal` what a terminal answers."""
    rows = [
        call(
            timestamp=f"2026-10-0{number}T10:00:00.000000",
            call_id=f"c{number}",
            model=model,
            customer_id=customer,
            input_tokens=inputs,
            output_tokens=outputs,
            cost_usd=cost,
        )
        for number, (model, customer, inputs, outputs, cost) in enumerate(CALLS, 1)
    ]
    path = write_csv(tmp_path / "calls.csv", rows)

    def lines(by: str, columns: int = 0, terminal: int = 0) -> List[str]:
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns:
            monkeypatch.setenv("COLUMNS", str(columns))
        size = os.terminal_size((terminal, 24))
        with monkeypatch.context() as patched:
            patched.setattr(cli, "is_terminal", lambda stream: bool(terminal))
            patched.setattr(os, "get_terminal_size", lambda *of: size)
            assert main(["summary", "--data", str(path), "--by", by, "--quiet"]) == 0
        text = capsys.readouterr().out
        return text.replace("\033[1m", "").replace("\033[0m", "").splitlines()

    return lines


def total_of(lines: List[str]) -> List[str]:
    return next(line for line in lines if line.startswith("total")).split()


def test_the_sums_are_those_worked_out_by_hand(printed: Print) -> None:
    assert total_of(printed("model"))[:6] == ["total", COST, "3", TOKENS, INPUT, OUTPUT]


@pytest.mark.parametrize("by", ["model", "customer"])
def test_no_line_is_wider_than_the_terminal(printed: Print, by: str) -> None:
    for width in WIDTHS:
        assert max(map(width_of, printed(by, columns=width))) <= width
        assert max(map(width_of, printed(by, terminal=width))) <= width


def test_no_digit_of_a_figure_gives_way_to_an_ellipsis(printed: Print) -> None:
    whole = set(" ".join(printed("model")).split())
    for width in WIDTHS:
        _, *rows = printed("model", columns=width)[: len(CALLS) + 2]
        for row in rows:
            assert set(row.split()[1:]) <= whole


def test_the_largest_figures_are_whole_wherever_they_are_shown(printed: Print) -> None:
    for width in WIDTHS:
        heading, *lines = printed("model", columns=width)
        assert any("98,765.43" in line.split() for line in lines)
        assert ("tokens" in heading.split()) == (TOKENS in total_of(lines))
    assert TOKENS in total_of(printed("model", columns=60))


def test_names_are_shortened_in_their_middle_before_a_column_is_left_out(printed: Print) -> None:
    lines = printed("model", columns=80)
    assert "not shown" not in " ".join(lines)
    (name,) = (line.split()[0] for line in lines if "…" in line)
    head, tail = name.split("…")
    assert LONG_MODEL.startswith(head)
    assert LONG_MODEL.endswith(tail)
    assert min(len(head), len(tail)) >= 5


def test_columns_are_left_out_in_a_fixed_order_and_one_sentence_names_them(printed: Print) -> None:
    seen: List[List[str]] = []
    for width in range(80, 24, -4):
        text = " ".join(printed("model", columns=width))
        assert text.count("not shown at this width:") <= 1
        names = text.partition("not shown at this width: ")[2].split(", ")
        seen.append([name for name in names if name])
    assert all(later[: len(earlier)] == earlier for earlier, later in zip(seen, seen[1:]))
    assert seen[0] == []
    assert seen[-1] == ["output", "input", "tokens", "calls"]


def test_the_cost_and_the_name_always_stay(printed: Print) -> None:
    for width in (*WIDTHS, 14):
        heading, *lines = printed("model", columns=width)
        name, *others = lines[len(CALLS)].split()
        assert "cost USD" in heading
        assert (name[0], name[-1], others[0]) == ("t", "l", COST)


@pytest.mark.parametrize("width", [60, 200])
def test_the_right_edges_are_equal_where_characters_are_no_columns(
    printed: Print, width: int
) -> None:
    table = printed("customer", columns=width)[: len(CALLS) + 2]
    kanji = next(line for line in table if KANJI in line)
    emoji = next(line for line in table if EMOJI in line)
    plain = [line for line in table if line not in (kanji, emoji)]
    # Each of eight characters takes a second column; three characters take two together.
    edges = [len(kanji) + len(KANJI), len(emoji) - 1, *map(len, plain)]
    assert len(set(edges)) == 1


def test_without_a_terminal_nothing_is_cut_and_nothing_left_out(printed: Print) -> None:
    for by, names in (("model", [LONG_MODEL]), ("customer", [KANJI, EMOJI])):
        text = "\n".join(printed(by))
        assert all(name in text for name in names)
        assert "…" not in text
        assert "not shown" not in text


def test_columns_alone_narrow_what_is_no_terminal(printed: Print) -> None:
    assert max(map(width_of, printed("model"))) > 60
    assert max(map(width_of, printed("model", columns=60))) <= 60


def test_the_terminal_is_asked_where_columns_is_not_set(printed: Print) -> None:
    lines = printed("model", terminal=40)
    assert max(map(width_of, lines)) <= 40
    assert lines == printed("model", columns=40)


def test_columns_win_over_the_answer_of_the_terminal(printed: Print) -> None:
    assert printed("model", columns=200, terminal=40) == printed("model", terminal=200)
    assert LONG_MODEL in "\n".join(printed("model", columns=200, terminal=40))
