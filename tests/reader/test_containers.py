"""Text in any container is the same text, read in bounded memory."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from typing import Callable, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.errors import DataError
from finops.reader.containers import Container, DecodedStream, container_of, text_of

HEAD = "timestamp,model,input_tokens,output_tokens\n"
MARK = "\ufeff"
encoders: Dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode("utf-8"),
    "utf-8-sig": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "utf-16-be with a mark": lambda text: (MARK + text).encode("utf-16-be"),
}


def text_in(content: bytes) -> bytes:
    raw = io.BytesIO(content)
    return text_of(raw, container_of(raw, "a.csv"), "a.csv").read(1 << 30)


@given(
    st.text(st.sampled_from('ab,"\r\n\u00e9\u20ac\U0001f600'), max_size=200),
    st.sampled_from(sorted(encoders)),
    st.booleans(),
)
def test_any_text_in_any_container_is_that_text(text: str, name: str, compressed: bool) -> None:
    content = encoders[name](HEAD + text)
    decoded = text_in(gzip.compress(content, 1) if compressed else content)
    assert decoded.decode("utf-8-sig") == HEAD + text


@given(st.text(st.sampled_from("ab\u00e9\u00fc\u00e0"), max_size=50))
def test_bytes_that_are_not_utf_8_are_cp1252(text: str) -> None:
    content = (HEAD + text).encode("cp1252")
    assert text_in(content).decode("utf-8") == HEAD + text


def test_bad_bytes_in_utf_8_stay_bad() -> None:
    content = (HEAD + "caf\u00e9 caf\u00e9 ").encode("utf-8") + b"\xff\n"
    raw = io.BytesIO(content)
    assert container_of(raw, "a.csv") == Container()
    assert text_in(content) == content


def test_a_byte_that_cp1252_does_not_have_stays_bad() -> None:
    assert text_in(HEAD.encode() + b"caf\xe9 \x81\n") == HEAD.encode() + b"caf\xc3\xa9 \x81\n"


def test_a_letter_that_the_sample_cuts_is_no_bad_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finops.reader.containers._SAMPLE_BYTES", len(HEAD) + 1)
    assert container_of(io.BytesIO((HEAD + "\u00e9").encode("utf-8")), "a.csv").is_plain


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 400), st.integers(1, 100)), max_size=20),
    st.booleans(),
)
def test_a_decoded_stream_goes_to_any_offset(steps: object, compressed: bool) -> None:
    text = "".join(f"{n}\u00e9\u20ac" for n in range(60))
    content = text.encode("utf-16-le")
    raw = io.BytesIO(gzip.compress(content) if compressed else content)
    stream = DecodedStream(raw, Container(compressed, "utf-16-le"), "a.csv")
    plain = io.BytesIO(text.encode("utf-8"))
    assert isinstance(steps, list)
    for seeks, offset, count in steps:
        if seeks:
            plain.seek(min(offset, len(plain.getvalue())))
            assert stream.seek(offset) == plain.tell()
        assert stream.read(count) == plain.read(count)


@pytest.mark.parametrize("damage", [slice(None, -5), slice(None, 30), slice(None, 3)])
def test_damaged_gzip_is_one_line(damage: slice) -> None:
    content = gzip.compress(HEAD.encode() * 20)[damage]
    with pytest.raises(DataError, match="gzip data is damaged or cut off"):
        text_in(content)


def test_gzip_with_a_wrong_checksum_or_rubbish_behind_it_is_one_line() -> None:
    content = bytearray(gzip.compress(HEAD.encode()))
    content[-6] ^= 1
    for damaged in (bytes(content), gzip.compress(HEAD.encode()) + b"rubbish"):
        with pytest.raises(DataError, match="gzip data is damaged or cut off"):
            text_in(damaged)


def test_members_of_gzip_follow_each_other() -> None:
    assert text_in(gzip.compress(b"a,b\n") + gzip.compress(b"c,d\n")) == b"a,b\nc,d\n"


def test_what_inflates_a_thousandfold_is_read_in_little_memory() -> None:
    """A hundred megabytes of zeros, of which the last bytes are read."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    content = squeezer.compress(HEAD.encode())
    content += b"".join(squeezer.compress(b"0" * (1 << 20)) for _ in range(100))
    raw = io.BytesIO(content + squeezer.flush())
    tracemalloc.start()
    try:
        stream = text_of(raw, container_of(raw, "a.csv"), "a.csv")
        assert stream.seek(100 << 20) == 100 << 20
        assert stream.read(1 << 20) == b"0" * len(HEAD)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
