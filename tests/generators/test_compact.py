"""Scripts and styles of pages are those of the files, with less blank space."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.generators.compact import compact_script, compact_style
from finops.generators.page import (
    EXPLORE_BUNDLE,
    REPORT_BUNDLE,
    Bundle,
    asset,
    script_text,
    style_text,
)
from tests.support.tools import need

BUNDLES = [REPORT_BUNDLE, EXPLORE_BUNDLE]
# What a script is made of, and what makes blank space mean something.
PIECES = ["a", "b", " ", " ", "=", "+", "-", "(", ")", "{", "}", ";", ":", "?", '" , "', '"\\""']


def strings(text: str) -> List[str]:
    return re.findall(r'"(?:\\.|[^"\\])*"', text)


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_only_blank_space_goes_and_none_between_words(text: str) -> None:
    compact = compact_script(text)
    assert compact.replace(" ", "") == text.replace(" ", "")
    assert strings(compact) == strings(text)
    outside = [re.sub(r'"(?:\\.|[^"\\])*"', "", each).strip() for each in (text, compact)]
    of_words = [re.findall(r"(?=([\w+-] +[\w+-]))", each) for each in outside]
    assert of_words[0] == of_words[1]


@pytest.mark.parametrize(
    ("line", "shorter"),
    [
        ("const { a, b } = x ? [1, 2] : {};", "const{a,b}=x?[1,2]:{};"),
        ('if (a && b) say("a, b");', 'if(a&&b)say("a, b");'),
        ("return a - -b + c;", "return a - -b + c;"),
        ("const t = `a : ${b}`;", "const t = `a : ${b}`;"),
        ("x = y.replace(/ = /g, z);", "x = y.replace(/ = /g, z);"),
        ("  // a comment\n  f();\n\n  g();", "f();\ng();"),
    ],
)
def test_lines_of_a_script(line: str, shorter: str) -> None:
    assert compact_script(line) == shorter


@pytest.mark.parametrize(
    ("rule", "shorter"),
    [
        ("a b, i > .c:hover { top: 1px; left: 2px; }", "a b,i > .c:hover{top:1px;left:2px;}"),
        ("a { width: calc(100% - 76px); }", "a{width:calc(100% - 76px);}"),
        ('a::after { content: " ; { "; }', 'a::after{content:" ; { ";}'),
        ("/* about, : this */\n@media (prefers-x: y) { a :is(b) { c: d; } }",
         "@media (prefers-x:y){a :is(b){c:d;}}"),
    ],
)  # fmt: skip
def test_rules_of_a_style(rule: str, shorter: str) -> None:
    assert compact_style(rule) == shorter


@pytest.mark.parametrize("bundle", BUNDLES)
def test_what_pages_carry_is_at_least_a_seventh_shorter(bundle: Bundle) -> None:
    written = sum(len(asset(name)) for name in (*bundle.scripts, *bundle.styles))
    assert len(script_text(bundle)) + len(style_text(bundle)) < written * 6 / 7
    assert "<!--" not in script_text(bundle)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_compact_script_is_one_that_a_parser_reads(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "page.js"
    path.write_text(script_text(bundle), encoding="utf-8")
    assert subprocess.run([need("node"), "--check", str(path)], check=False).returncode == 0
