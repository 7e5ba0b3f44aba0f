"""Records of several lines: found wherever blocks and parts are cut, and lost to no stray quote."""

from __future__ import annotations

import csv
import io
from typing import Any, Iterator, List, Tuple
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.reader.accounts import Accounts
from finops.reader.fields import BadValueError
from finops.reader.layout import spans
from finops.reader.records import (
    Dialect,
    has_odd_line,
    spans_of_records,
    split_record,
    without_quotes,
)
from finops.rollups import partition

DELIMITERS = (",", ";", "\t", "|")
cells = st.text(st.sampled_from('ab,;|\t"\n  é'), max_size=8)


def written(rows: List[List[str]], delimiter: str, all_quoted: bool) -> bytes:
    """Return rows as Python's own writer writes them."""
    out = io.StringIO()
    quoting: Any = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8")


def records_of(lines: List[bytes], dialect: Dialect) -> List[bytes]:
    return [b"\n".join(lines[start:end]) for start, end in spans_of_records(lines, dialect)]


tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=8)
)


@given(tables, st.sampled_from(DELIMITERS), st.booleans())
def test_what_the_csv_module_writes_is_split_into_its_records(
    rows: List[List[str]], delimiter: str, all_quoted: bool
) -> None:
    dialect = Dialect(delimiter.encode(), len(rows[0]))
    lines = written(rows, delimiter, all_quoted).split(b"\n")[:-1]
    records = records_of(lines, dialect)
    fields = [split_record(record, dialect.delimiter) for record in records]
    assert fields == [[cell.encode("utf-8") for cell in row] for row in rows]


@given(st.lists(st.text(st.sampled_from('a",'), max_size=6), max_size=12))
def test_every_line_is_in_one_record(texts: List[str]) -> None:
    lines = [text.encode() for text in texts]
    for more in (False, True):
        spans = list(spans_of_records(lines, Dialect(b",", 2), more))
        ends = [0] + [end for _, end in spans]
        assert [start for start, _ in spans] == ends[:-1]
        assert all(start < end for start, end in spans)
        assert more or ends[-1] == len(lines)


@given(st.lists(st.text(st.sampled_from('a"\n'), max_size=9)))
def test_an_odd_line_is_one_with_an_odd_number_of_quotes(texts: List[str]) -> None:
    block = "".join(text + "\n" for text in texts)
    odd = any(line.count('"') % 2 for line in block.split("\n"))
    assert has_odd_line(block.encode()) == odd


@given(
    st.lists(st.text(st.sampled_from('a",\n'), max_size=8), min_size=1, max_size=4),
    st.sampled_from([b",", b";"]),
)
def test_quotes_that_no_field_needs_are_left_out(texts: List[str], delimiter: bytes) -> None:
    lines = "".join(text + "\n" for text in texts).encode().replace(b",", delimiter)
    plain = without_quotes(lines, delimiter)
    each = lines.split(b"\n")[:-1]
    needed = False
    try:
        fields = [split_record(line, delimiter) for line in each]
        needed = any(b'"' in field or delimiter in field for row in fields for field in row)
    except BadValueError:
        needed = True
    if needed:
        assert plain is None
    elif plain is not None:
        assert fields == [line.split(delimiter) for line in plain.split(b"\n")[:-1]]


def test_quotes_around_every_field_are_left_out() -> None:
    assert without_quotes(b'"a","b c",""\n"","x",y\n', b",") == b"a,b c,\n,x,y\n"


@pytest.mark.parametrize("text", ['a,"b', 'a"b"', '"a"b', 'a,"b"c"', '"a"\n,"b"', '""a"'])
def test_broken_quoting_is_none(text: str) -> None:
    with pytest.raises(BadValueError, match="broken quoting"):
        split_record(text.encode())


@pytest.mark.parametrize(
    ("lines", "records"),
    [
        (['1,"a', 'b"', "2,c"], ['1,"a\nb"', "2,c"]),
        (['1,"a', "2,b", "3,c"], ['1,"a', "2,b", "3,c"]),  # never closed
        (['1,5" x', "2,b", '3,6" y'], ['1,5" x', "2,b", '3,6" y']),  # two stray ones
        (['1,"a', '2,"b"', "3,c"], ['1,"a', '2,"b"', "3,c"]),  # closed by a quote that opens
        (['1,"a', "2,b", '"', "3,c"], ['1,"a\n2,b\n"', "3,c"]),
        (['1,"a', 'b",2', "3,c"], ['1,"a', 'b",2', "3,c"]),  # closed, but of three fields
    ],
)
def test_a_stray_quote_takes_one_line(lines: List[str], records: List[str]) -> None:
    split = records_of([line.encode() for line in lines], Dialect(b",", 2))
    assert split == [record.encode() for record in records]


def test_a_record_has_so_many_lines_and_bytes() -> None:
    dialect = Dialect(b",", 2)
    longest = [b'1,"a', *[b"b"] * (config.MAX_RECORD_LINES - 2), b'c"']
    assert len(records_of(longest, dialect)) == 1
    assert len(records_of([*longest[:-1], b"b", b'c"'], dialect)) == len(longest) + 1
    largest = [b'1,"a', b"b" * (config.MAX_LINE_BYTES - 8), b'c"']
    assert sum(map(len, largest)) + 2 == config.MAX_LINE_BYTES
    assert len(records_of(largest, dialect)) == 1
    assert len(records_of([*largest[:-1], b'cc"'], dialect)) == 3


class ShortRecords:
    """Records may have 4 lines and 60 bytes."""

    def __enter__(self) -> None:
        self._patches = [
            mock.patch.object(config, "MAX_RECORD_LINES", 4),
            mock.patch.object(config, "MAX_LINE_BYTES", 60),
        ]
        for patch in self._patches:
            patch.start()

    def __exit__(self, *_: object) -> None:
        for patch in self._patches:
            patch.stop()


texts = st.lists(
    st.sampled_from(
        [
            *(b"1,a\n", b'1,"a\n', b'a"\n', b'"a\n', b'"\n', b'""\n', b'1,""\n', b"\n", b'a"b\n'),
            *(b'1,"a\r\n', b'a"\r\n', b"x" * 30 + b"\n", b"x" * 70 + b"\n", b'1,"a"\n', b",\n"),
        ]
    ),
    max_size=30,
)


def blocks_of(text: bytes, block_bytes: int, is_last: bool = True) -> Tuple[List[bytes], int]:
    """Return the records in all blocks of a text that are not too long, and where these end."""
    with mock.patch.object(partition, "BLOCK_BYTES", block_bytes):
        dialect = Dialect(b",", 2)
        source = partition.Blocks(
            io.BytesIO(text), (0, len(text)), Accounts(), dialect, is_last=is_last
        )
        records: List[bytes] = []
        for block in source:
            assert block.endswith(b"\n")
            lines = block.replace(b"\r\n", b"\n").split(b"\n")[:-1]
            together = records_of(lines, dialect)
            records += [record for record in together if len(record) <= config.MAX_LINE_BYTES]
        return records, source.end


@given(texts, st.integers(1, 200))
def test_records_do_not_depend_on_blocks(lines: List[bytes], block_bytes: int) -> None:
    text = b"".join(lines)
    with ShortRecords():
        assert blocks_of(text, block_bytes) == blocks_of(text, 1 << 20)


@given(texts, st.lists(st.sampled_from([b'a"\n', b"1,a\n", b'1,"a\n'])))
def test_bytes_to_come_change_no_record_before_the_end_of_a_part(
    lines: List[bytes], later: List[bytes]
) -> None:
    """The part of what is there, and the part of what follows its end, are the part of it all."""
    text = b"".join(lines)
    with ShortRecords():
        first, end = blocks_of(text, 50, is_last=False)
        rest, _ = blocks_of(text[end:] + b"".join(later), 50)
        assert first + rest == blocks_of(text + b"".join(later), 50)[0]


def pieces(text: bytes, count: int) -> Iterator[bytes]:
    for start, end in spans(io.BytesIO(text), 0, len(text), count):
        yield text[start:end]


@given(texts, st.integers(2, 5))
def test_no_cut_for_several_processes_is_within_a_record(lines: List[bytes], count: int) -> None:
    text = b"".join(lines)
    with ShortRecords():
        cut = list(pieces(text, count))
        assert b"".join(cut) == text
        apart = [record for piece in cut for record in blocks_of(piece, 1 << 20)[0]]
        assert apart == blocks_of(text, 1 << 20)[0]


def test_a_text_without_quotes_is_cut_into_as_many_parts_as_wanted() -> None:
    assert len(list(pieces(b"1,a\n" * 10_000, 4))) == 4
    assert len(list(pieces(b'1,"a\nb"\n' * 10_000, 4))) == 1
    mixed = b'1,"a\nb"\n' * 10 + b"1,a\n" * 1_000_000
    assert len(list(pieces(mixed, 4))) == 4
