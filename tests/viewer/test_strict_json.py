"""JSON from strangers: what is taken, and that reading it costs no more than its length."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Callable, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.viewer.http import RequestRefusedError
from finops.viewer.strict_json import (
    JsonError,
    TooLargeError,
    decode,
    decode_array,
    parse_object,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
    | st.sampled_from(["\\", '"', '\\"', "[{", "]}", ",", '",', "é", "\U0001f600"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


def surrogate_free(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@given(VALUES.filter(surrogate_free), st.booleans(), st.sampled_from([None, 1]))
def test_what_json_can_say_is_read(value: Any, ascii_only: bool, indent: Any) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8")
    assert decode(text) == value


@given(
    st.lists(VALUES.filter(surrogate_free), max_size=6),
    st.integers(1, 40),
    st.booleans(),
)
def test_an_array_may_come_in_any_pieces(values: List[Any], size: int, ascii_only: bool) -> None:
    text = b" " + json.dumps(values, ensure_ascii=ascii_only, indent=1).encode("utf-8") + b"\n"
    assert list(decode_array(text[i : i + size] for i in range(0, len(text), size))) == values


@given(st.binary(max_size=60) | st.text('[]{}",:\\1 e-u0a', max_size=60).map(str.encode))
def test_taken_or_refused_like_the_standard_parser(text: bytes) -> None:
    """Only what the rules of this module add may be refused beyond it."""
    try:
        value = decode(text)
    except JsonError as error:
        if "not valid" in str(error) or "UTF-8" in str(error):
            with pytest.raises(ValueError, match=r".*"):
                json.loads(text.decode("utf-8"))
    else:
        assert value == json.loads(text.decode("utf-8"))
    try:
        elements = list(decode_array([text]))
    except JsonError:
        pass
    else:
        assert elements == json.loads(text.decode("utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"null", b'"a"', b"{}", b"[", b"[1", b"[1,", b"[1,]", b"[,1]", b"[,]", b"[1 2]"),
        *(b"[1]]", b"[1}", b"{]", b"]", b"[1][2]", b"[1],", b"[1] x", b"x[1]", b'["a', b'["a\\'),
        *(
            b'["\\"]',
            b"[[1]",
            b"[{1}]",
            b"[nul]",
            b"\xef\xbb\xbf[]",
            b"[\xff]",
            b"[NaN]",
            b"[\x001]",
        ),
    ],
)
def test_what_is_no_array(text: bytes) -> None:
    with pytest.raises(JsonError):
        list(decode_array([text]))
    with pytest.raises(JsonError):
        list(decode_array(text[i : i + 1] for i in range(len(text))))


def test_a_batch_is_bounded_while_it_is_read() -> None:
    event = config.COLLECT_MAX_EVENT_BYTES
    assert list(decode_array([b'["' + b"a" * (event - 2) + b'"]'])) == ["a" * (event - 2)]
    read = 0

    def endless(piece: bytes) -> Any:
        nonlocal read
        yield b"["
        while True:
            read += len(piece)
            yield piece

    for piece in (b"a" * 1000, b'"' + b"b" * 999, b"\\" * 1000, b'{"a":1,' * 100, b"[],", b"{},"):
        read = 0
        with pytest.raises(JsonError):
            for _ in decode_array(endless(piece)):
                pass
        assert read <= max(2 * event, 10 * config.COLLECT_MAX_MARKS)
    many = b"[" + b"0," * 999 + b"0]"
    with pytest.raises(TooLargeError, match="values"):
        list(decode_array([b"[" + (many + b",") * (config.COLLECT_MAX_MARKS // 1000) + b"0]"]))
    for most in (0, 1, 3):
        assert list(decode_array([b"[" + b",".join([b"{}"] * most) + b"]"], most)) == [{}] * most
        with pytest.raises(TooLargeError, match="at most"):
            list(decode_array([b"[{}" + b",{}" * most + b"]"], most))
    with pytest.raises(TooLargeError, match="values"):
        decode(b"[" + b"0," * config.HTTP_MAX_MARKS + b"0]")


def test_blanks_between_events_are_no_event() -> None:
    blank = b" \t\r\n" * 100_000
    assert list(decode_array([blank + b"[" + blank + b"1," + blank + b"2]" + blank])) == [1, 2]


@pytest.mark.parametrize("depth", [config.COLLECT_MAX_DEPTH, config.COLLECT_MAX_DEPTH + 1])
def test_depth(depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    if depth <= config.COLLECT_MAX_DEPTH:
        assert decode(text) == json.loads(text.decode())
    else:
        with pytest.raises(JsonError, match="deep"):
            decode(text)
    # Brackets inside of texts are no depth.
    assert decode(b'["' + b"[" * 1000 + b'"]') == ["[" * 1000]


# --- cost ------------------------------------------------------------------------------------

MEGABYTE = config.MEGABYTE
# What takes a naive pattern or parser more than linear time; n bytes of each.
ATTACKS: Dict[str, Callable[[int], bytes]] = {
    "quotes after a backslash": lambda n: b'"' + b'\\"' * (n // 2),
    "open texts": lambda n: b'"a' * (n // 2),
    "quotes": lambda n: b'"' * n,
    "backslashes": lambda n: b"\\" * n,
    "backslashes in a text": lambda n: b'"' + b"\\" * n,
    "escapes": lambda n: b'{"a":"' + b"\\u00e9" * (n // 6) + b'"}',
    "surrogates": lambda n: b'{"a":"' + b"\\ud83d" * (n // 6) + b'"}',
    "brackets": lambda n: b"[" * n,
    "pairs of brackets": lambda n: b"[" + b"[]," * (n // 3),
    "objects": lambda n: b"[" + b"{}," * (n // 3),
    "closing": lambda n: b"]" * n,
    "commas": lambda n: b"[" + b"," * n,
    "digits": lambda n: b'{"a":' + b"9" * n + b"}",
    "decimals": lambda n: b'{"a":0.' + b"9" * n + b"}",
    "exponents": lambda n: b'{"a":1e' + b"9" * n + b"}",
    "blanks": lambda n: b"{" + b" " * n + b"}",
    "one text": lambda n: b'{"a":"' + b"x" * n + b'"}',
    "one key": lambda n: b'{"' + b"x" * n + b'":1}',
    "keys": lambda n: b"{" + b",".join(b'"%d":1' % k for k in range(n // 10)) + b"}",
    "equal keys": lambda n: b"{" + b'"a":1,' * (n // 6) + b'"a":1}',
    "not UTF-8": lambda n: b'{"a":"' + b"\xff" * n + b'"}',
    "wide text": lambda n: b'{"a":"' + "\U0001f600".encode() * (n // 4) + b'"}',
    "nulls": lambda n: b"\0" * n,
}


def steps(work: Callable[[], Any]) -> int:
    """Count the calls, of Python and of C functions, that some work makes."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def read(text: bytes) -> Tuple[bool, bool]:
    """Read a text both ways; return which of them took it."""
    taken = []
    for way in (decode, lambda raw: list(decode_array([raw]))):
        try:
            way(text)
            taken.append(True)
        except JsonError:
            taken.append(False)
    return taken[0], taken[1]


@pytest.mark.sampled
@pytest.mark.parametrize("name", list(ATTACKS))
def test_the_cost_grows_with_the_input(name: str) -> None:
    """Each call looks at each byte at most once (`test_linear_patterns` shows it of the patterns),
    so the number of calls is the measure, and it at most doubles.
    """
    make = ATTACKS[name]
    small, large = (steps(lambda n=n: read(make(n))) for n in (20_000, 40_000))  # type: ignore[misc]
    assert large <= 2 * small + 200, (small, large)


@pytest.mark.sampled
@pytest.mark.parametrize("name", list(ATTACKS))
def test_a_megabyte_of_anything_makes_few_steps(name: str) -> None:
    """As many as the bounded number of values allows, not as many as there are bytes."""
    body = ATTACKS[name](MEGABYTE)
    bound = 10 * (config.HTTP_MAX_MARKS + config.COLLECT_MAX_MARKS)
    assert steps(lambda: read(body)) < bound


def test_a_body_of_no_bytes_is_an_empty_object() -> None:
    assert parse_object(b"") == parse_object(b" \r\n") == {}
    with pytest.raises(RequestRefusedError) as refused:
        parse_object(b"[]")
    assert refused.value.response.status == 400
    assert math.isclose(parse_object(b'{"a":1.5}')["a"], 1.5)
