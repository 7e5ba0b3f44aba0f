"""The door between data and HTML lets nothing through that is not text."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from typing import Any, List

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finops.generators.markup import (
    Markup,
    escape,
    fill,
    inert,
    join,
    json_block,
    json_number,
    token,
)

ANY_TEXT = st.text(
    alphabet=st.one_of(st.characters(), st.sampled_from("<>&\"'`=/\\$\u2028\u202e\ud800\udfff\x00"))
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    max_leaves=10,
)  # fmt: skip


class Reader(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.events: List[Any] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: List[Any]) -> None:
        self.events.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.events.append(("text", data))

    def handle_comment(self, data: str) -> None:
        self.events.append(("comment", data))

    def handle_decl(self, decl: str) -> None:
        self.events.append(("decl", decl))


@given(ANY_TEXT)
def test_escaped_text_is_read_back_as_text_and_nothing_else(text: str) -> None:
    events = Reader(fill("<p>$text</p>", text="." + text)).events
    assert events[0] == ("p", [])
    assert events[-1] == "/p"
    assert all(event[0] == "text" for event in events[1:-1])
    seen = "".join(event[1] for event in events[1:-1])
    assert seen.replace("\r", "\n") == "." + inert(text).replace("\r", "\n")


@given(ANY_TEXT)
def test_a_title_holds_any_text(text: str) -> None:
    events = Reader(fill('<b title="$text">x</b>', text=text)).events
    assert events[0] == ("b", [("title", inert(text))])
    assert events[1:] == [("text", "x"), "/b"]


@given(ANY_TEXT)
def test_inert_text_can_be_written_as_utf8_and_holds_no_active_character(text: str) -> None:
    shown = inert(text)
    shown.encode("utf-8")
    assert not set(shown) & set("\x00\x07\x1b\x9b\u202e\u2066\u2028\ufeff")


def test_active_characters_become_visible() -> None:
    assert inert("a\u202eb\x1b[31m\ud800") == "a\\u202eb\\u001b[31m\\ud800"
    assert inert("Zoë 東京 👩\u200d💻") == "Zoë 東京 👩\u200d💻"


def test_markup_is_not_escaped_twice() -> None:
    once = escape("<b>")
    assert once == "&lt;b&gt;"
    assert escape(once) == once
    assert join([Markup("<i></i>"), "<b>"], "") == "<i></i>&lt;b&gt;"


@pytest.mark.parametrize("text", ["", "a b", 'a"b', "<", "javascript:x", "a/b", "//x", "ü", "a\n"])
def test_a_token_is_a_plain_name(text: str) -> None:
    with pytest.raises(ValueError, match="not a plain name"):
        token(text)


@pytest.mark.parametrize(
    "template",
    ['<a href="$x">y</a>', '<b class="a $x">y</b>', '<img alt="$x">', '<i onclick="${x}"></i>'],
)
def test_other_attributes_take_tokens_only(template: str) -> None:
    with pytest.raises(ValueError, match="only a token"):
        fill(template, x="evil")
    with pytest.raises(ValueError, match="only a token"):
        fill(template, x=Markup("evil"))
    assert "name" in fill(template, x=token("name"))


@pytest.mark.parametrize(
    "template", ["<b $x>y</b>", "<$x>y", "<b title=$x>y</b>", "<b title='$x'>"]
)
def test_no_placeholder_stands_outside_quotes(template: str) -> None:
    with pytest.raises(ValueError, match="outside a quoted attribute"):
        fill(template, x=token("name"))


@pytest.mark.parametrize("tag", ["script", "style"])
def test_no_text_stands_in_script_or_style(tag: str) -> None:
    with pytest.raises(ValueError, match="script and style"):
        fill(f"<{tag}>$x</{tag}>", x="evil")


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill("<b>$x</b>")


@given(JSON_VALUES)
def test_json_block_roundtrip(value: object) -> None:
    block = json_block(value)
    assert block.isascii()
    assert not set(block) & set("<>&")
    # Two halves of a pair that meet in JSON become one character; that is JSON, not the door.
    assert json.loads(block) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    "text", ["</script>", "<!--<script>", "]]>", "\u2028\u2029", "\ud800", "&lt;", "<\\/script>"]
)
def test_json_block_stays_in_its_element(text: str) -> None:
    html = f'<script type="application/json">{json_block([text])}</script><p>after</p>'
    reader = Reader(html)
    assert [event for event in reader.events if event[0] in ("p", "script", "comment")] == [
        ("script", [("type", "application/json")]),
        ("p", []),
    ]
    assert json.loads(reader.events[1][1]) == [text]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_block_refuses_what_is_not_a_number(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_block({"x": number})
    assert json_number(number) is None


@given(st.floats(1e-6, 1e9), st.sampled_from([4, 6, 10]), st.integers(0, 8))
@example(2462682.4995133346, 10, 0)  # a script that only knew 2462682.5 would show one more
@example(99.9499, 4, 1)
@example(12.349999999999998, 4, 1)
@example(12.345, 4, 2)
def test_a_number_of_the_page_rounds_to_what_the_whole_number_rounds_to(
    number: float, digits: int, decimals: int
) -> None:
    """The page shows a number rounded; its script rounds what `json_number` left of it again."""
    whole = Decimal(repr(number))
    decimals = min(decimals, max(2, digits - 1 - whole.adjusted()))
    unit = Decimal(1).scaleb(-decimals)
    again = Decimal(repr(json_number(number, digits))).quantize(unit, ROUND_HALF_UP)
    assert again == whole.quantize(unit, ROUND_HALF_UP)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_numbers_of_a_table_keep_ten_digits(number: float) -> None:
    kept = json_number(number)
    assert kept == pytest.approx(number, rel=1e-9, abs=0)
    assert json_number(12.0) == 12
    assert json_number(1234.56789, 4) == 1234.57
    assert json_number(0.000123441, 4) == 0.0001234
    assert json_number(0.000123456, 4) == 0.00012346  # 0.0001235 could become 0.000124
    assert json_number(5e-324) == 5e-324
    assert json_number(True) is True
