"""A long line is used or skipped whatever stands beside it, and however the file is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Tuple
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops import config
from finops.reader.row_parser import TOO_LONG
from finops.rollups import partition
from finops.rollups.dataset import open_dataset
from tests.support.malformed import HEADER, line

LIMIT = 2000
GOOD, TOO_LONG_LINE, BAD, BLANK = "good", "too long", "bad", "blank"
KIND_OF_LINE = {True: GOOD, False: TOO_LONG_LINE}


def padded(length: int) -> bytes:
    """Return a good line of this many bytes."""
    return line(user_agent="x" * (length - BARE)).encode()


BARE = len(line(user_agent="").encode())
ENDS = st.sampled_from([b"\n", b"\r\n"])


def row(length: int, quoted: bool) -> Tuple[str, bytes]:
    text = padded(length)
    if quoted:
        text = text.replace(b"openai", b'"openai"').replace(b"xx", b"", 1)
    assert len(text) == length
    return KIND_OF_LINE[length <= LIMIT], text


around = st.builds(row, st.integers(LIMIT - 3, LIMIT + 3), st.booleans())
lines = st.lists(
    st.tuples(
        st.one_of(
            st.builds(row, st.integers(BARE + 2, 3 * LIMIT), st.booleans()),
            around,
            st.just((GOOD, line().encode())),
            st.just((BAD, b"x,y")),
            st.just((BLANK, b"")),
            st.integers(LIMIT + 1, 3 * LIMIT).map(lambda n: (TOO_LONG_LINE, b" " * n)),
            st.integers(LIMIT + 1, 3 * LIMIT).map(lambda n: (TOO_LONG_LINE, b"x" * n)),
        ),
        ENDS,
    ),
    min_size=1,
    max_size=12,
)


def account(path: Path, content: bytes, block: int) -> Any:
    path.write_bytes(content)
    with mock.patch.object(config, "MAX_LINE_BYTES", LIMIT), mock.patch.object(
        partition, "BLOCK_BYTES", block
    ):
        return open_dataset(path, workers=1).rollups(()).accounting


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drawn=lines, block=st.integers(200, 12_000))
def test_what_becomes_of_a_line_is_its_own_affair(
    drawn: List[Tuple[Tuple[str, bytes], bytes]], block: int, tmp_path: Path
) -> None:
    kinds = [GOOD] + [kind for (kind, _), _ in drawn]  # one row at least can be used
    content = b"\n".join([HEADER.encode(), line().encode(), b""])
    content += b"".join(text + end for (_, text), end in drawn)
    found = account(tmp_path / "a.csv", content, block)
    skipped = {s.reason: s.rows for s in found.skipped}
    expected = {
        TOO_LONG: kinds.count(TOO_LONG_LINE),
        "wrong number of fields": kinds.count(BAD),
    }
    assert found.used == kinds.count(GOOD)
    assert found.blank == kinds.count(BLANK)
    assert skipped == {reason: count for reason, count in expected.items() if count}
    assert found.balanced
    assert found.lines == 1 + len(kinds)


def test_a_line_of_a_megabyte_is_used_and_a_longer_one_is_not(tmp_path: Path) -> None:
    lines = [padded(length) for length in (65_537, 1_048_576, 1_048_577)]
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n".join([HEADER.encode(), *lines, b""]))
    found = open_dataset(path, workers=1).rollups(()).accounting
    assert [(s.reason, s.rows) for s in found.skipped] == [(TOO_LONG, 1)]
    assert found.used == 2
