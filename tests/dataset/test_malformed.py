"""Malformed files: each kind is refused in one line, skipped and counted, or accepted."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from finops.dataset.rollup import Rollups, Table
from finops.dataset.scan import open_dataset
from finops.errors import DataError
from finops.schema import COLUMN_NAMES
from tests.support.plain import call

HEADER = ",".join(COLUMN_NAMES)
TOTAL = Table(("provider",), ("calls", "cost", "tokens"))


def line(**changes: Any) -> str:
    row = call(**changes)
    return ",".join(row[name] for name in COLUMN_NAMES)


def read(path: Path, content: bytes, workers: int = 1) -> Rollups:
    path.write_bytes(content)
    return open_dataset(path, workers=workers).rollups((TOTAL,))


def file_of(*lines: str, header: str = HEADER) -> bytes:
    return "".join(one + "\n" for one in (header, *lines)).encode("utf-8")


REFUSED: List[Tuple[str, bytes, str]] = [
    ("1 empty", b"", "empty"),
    (
        "3 missing column",
        file_of("x", header="timestamp,provider,model,input_tokens"),
        "output_tokens",
    ),
    (
        "6 repeated column",
        file_of(line(), header=HEADER + ",model"),
        "model is there more than once",
    ),
    ("7 no header", file_of(header=line()), "no header"),
    ("9 UTF-16", file_of(line()).decode().encode("utf-16"), "UTF-16"),
    ("9 gzip", b"\x1f\x8b\x08\x00abc\n", "gzip"),
    ("9 binary", b"\x7fELF\0\0\0\n", "binary"),
    ("11 CR only", file_of(line()).replace(b"\n", b"\r"), "CR-only"),
    ("12 semicolons", file_of(line()).replace(b",", b";"), "semicolons"),
    ("12 tabs", file_of(line()).replace(b",", b"\t"), "tabs"),
    (
        "40 every row bad",
        file_of("a", "b", line(latency_ms="x")),
        "wrong number of fields (2 rows",
    ),
]


@pytest.mark.parametrize(("name", "content", "says"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_file_that_is_no_usage_data_is_refused_in_one_line(
    name: str, content: bytes, says: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path / "bad.csv", content)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_13_missing_folder_and_pipe_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(str(pipe))
    for path, says in (
        (tmp_path / "none.csv", "no such file"),
        (tmp_path, "folder"),
        (pipe, "not a regular"),
    ):
        with pytest.raises(DataError, match=says):
            open_dataset(path).rollups((TOTAL,))


SKIPPED: List[Tuple[str, bytes, str]] = [
    ("14 short row", line().rsplit(",", 1)[0].encode(), "wrong number of fields"),
    ("15 long row", (line() + ",1").encode(), "wrong number of fields"),
    ("17 stray quote", line(user_agent='we"b').encode(), "broken quoting"),
    ("17 open quote", line(user_agent='"web').encode(), "broken quoting"),
    ("18 NUL", line(user_agent="a\0b").encode(), "control character"),
    ("19 UTF-8", line().encode().replace(b"web_app", b"web\xff"), "invalid UTF-8"),
    ("20 no customer", line(customer_id="").encode(), "empty customer_id"),
    ("20 no model", line(model="").encode(), "empty model"),
    ("20 control", line(session_id="a\x1bb").encode(), "control character"),
    ("20 C1 control", line(session_id="a\x85b").encode(), "control character"),
    ("20 tab", line(session_id="a\tb").encode(), "control character"),
    ("21 negative", line(input_tokens=-5, total_tokens=5).encode(), "bad input_tokens"),
    ("21 negative cost", line(cost_usd="-0.1").encode(), "bad cost_usd"),
    ("22 NaN", line(cost_usd="nan").encode(), "bad cost_usd"),
    ("22 inf", line(cost_usd="inf").encode(), "bad cost_usd"),
    ("22 1e309", line(cost_usd="1e309").encode(), "cost_usd out of bounds"),
    ("23 1e308", line(cost_usd="1e308").encode(), "cost_usd out of bounds"),
    (
        "24 10^30",
        line(output_tokens=1, total_tokens=1)
        .replace(",1,", "," + "1" + "0" * 30 + ",", 1)
        .encode(),
        "bad output_tokens",
    ),
    ("24 5000 digits", line(latency_ms="9" * 5000).encode(), "bad latency_ms"),
    ("25 1_000", line(latency_ms="1_000").encode(), "bad latency_ms"),
    ("25 quoted 1,5", line(latency_ms='"1,5"').encode(), "bad latency_ms"),
    ("25 +5", line(latency_ms="+5").encode(), "bad latency_ms"),
    ("25 blanks", line(latency_ms=" 5 ").encode(), "bad latency_ms"),
    ("25 0x10", line(latency_ms="0x10").encode(), "bad latency_ms"),
    ("25 Arabic", line(latency_ms="١٢").encode(), "bad latency_ms"),
    ("25 float", line(latency_ms="412.5").encode(), "bad latency_ms"),
    ("25 total", line(total_tokens="many").encode(), "bad total_tokens"),
    ("25 price", line(tier_price_usd="much").encode(), "bad tier_price_usd"),
    ("26 impossible date", line(timestamp="2025-02-30T10:00:00").encode(), "bad timestamp"),
    ("26 second 60", line(timestamp="2025-01-01T10:00:60.000000").encode(), "bad timestamp"),
    ("26 hour 24", line(timestamp="2025-01-01T24:00:00.000000").encode(), "bad timestamp"),
    ("26 minute 60", line(timestamp="2025-01-01T10:60:00.000000").encode(), "bad timestamp"),
    ("26 year 1", line(timestamp="0001-01-01T10:00:00.000000").encode(), "bad timestamp"),
    ("26 words", line(timestamp="yesterday").encode(), "bad timestamp"),
    ("26 offset", line(timestamp="2025-01-01T10:00:00+99:00").encode(), "bad timestamp"),
    ("27 future", line(timestamp="2999-01-01T10:00:00.000000").encode(), "timestamp in the future"),
    ("35 long line", b"x" * 70_000, "line too long"),
]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("name", "bad", "reason"), SKIPPED, ids=[s[0] for s in SKIPPED])
def test_a_bad_row_is_skipped_counted_and_changes_nothing_else(
    name: str, bad: bytes, reason: str, workers: int, tmp_path: Path
) -> None:
    good = [line(timestamp=f"2025-01-01T09:30:{k:02d}.000000").encode() + b"\n" for k in range(40)]
    head = HEADER.encode() + b"\n"
    plain = read(tmp_path / "a.csv", head + b"".join(good))
    mixed = read(tmp_path / "b.csv", head + b"".join([*good[:7], bad + b"\n", *good[7:]]), workers)
    assert mixed[TOTAL] == plain[TOTAL] == {("openai",): (40, 40 * 0.00425, 40 * 800)}
    assert mixed.period == plain.period
    assert mixed.customers == plain.customers
    account = mixed.accounting
    assert [(s.reason, s.rows, s.lines) for s in account.skipped] == [(reason, 1, (9,))]
    assert (account.lines, account.used, account.balanced) == (42, 40, True)


ACCEPTED: List[Tuple[str, bytes, str]] = [
    ("4 extra column", file_of(line() + ",x", header=HEADER + ",shoe_size"), "shoe_size"),
    ("8 BOM", b"\xef\xbb\xbf" + file_of(line()), "byte order mark"),
    ("10 CRLF", file_of(line()).replace(b"\n", b"\r\n"), ""),
    ("28 Z", file_of(line(timestamp="2025-01-01T09:30:00Z")), ""),
    ("28 offset", file_of(line(timestamp="2025-01-01T11:30:00+02:00")), ""),
    ("29 blank for T", file_of(line(timestamp="2025-01-01 09:30:00")), ""),
    ("30 nine digits", file_of(line(timestamp="2025-01-01T09:30:00.000000999")), ""),
    ("30 one digit", file_of(line(timestamp="2025-01-01T09:30:00.0")), ""),
    ("36 markup", file_of(line(organization_id="<script>alert(1)</script>\u202e")), ""),
    ("37 formula", file_of(line(organization_id='"=HYPERLINK(""x"")"')), ""),
    ("38 unknown model", file_of(line(model="my-model")), ""),
    ("42 quoted", file_of(line(user_agent='"a ""b"", c"')), ""),
]


@pytest.mark.parametrize(("name", "content", "note"), ACCEPTED, ids=[a[0] for a in ACCEPTED])
def test_unusual_but_valid_rows_are_used(
    name: str, content: bytes, note: str, tmp_path: Path
) -> None:
    data = read(tmp_path / "a.csv", content)
    assert data[TOTAL] == {("openai",): (1, 0.00425, 800)}
    assert data.period.start == "2025-01-01T09:30:00.000000"
    assert note in " ".join(data.accounting.notes)
    assert data.accounting.balanced


def test_2_header_only_is_no_rows(tmp_path: Path) -> None:
    data = read(tmp_path / "a.csv", file_of())
    assert data[TOTAL] == {}
    assert (data.totals.calls, data.accounting.lines) == (0, 1)


def test_5_columns_may_come_in_any_order(tmp_path: Path) -> None:
    names = list(COLUMN_NAMES)
    random.Random(3).shuffle(names)
    row = call(provider="bedrock", customer_id="c9")
    data = read(
        tmp_path / "a.csv", file_of(",".join(row[n] for n in names), header=",".join(names))
    )
    assert data[TOTAL] == {("aws-bedrock",): (1, 0.00425, 800)}
    assert list(data.customers) == ["c9"]


def test_required_columns_alone_are_enough(tmp_path: Path) -> None:
    head = "customer_id,timestamp,provider,model,input_tokens,output_tokens"
    rows = ["ann,2025-01-01T09:30:00,openai,gpt-4o,1000,1000", "bob,2025-01-02T09:30:00,x,y,10,10"]
    data = read(tmp_path / "a.csv", file_of(*rows, header=head))
    assert data[TOTAL] == {("openai",): (1, 0.0125, 2000), ("x",): (1, 0.0, 20)}
    assert data.totals.unpriced == 1
    ann = data.customers["ann"]
    assert (ann.tier, ann.price, ann.organization) == ("unknown", None, "unknown")


def test_16_a_quoted_newline_breaks_both_its_lines_and_no_other(tmp_path: Path) -> None:
    broken = line(user_agent='"a\nb"')
    data = read(tmp_path / "a.csv", file_of(line(), broken, line()))
    assert data.totals.calls == 2
    assert data.accounting.skipped_rows == 2
    assert data.accounting.lines == 5


def test_31_32_repeated_headers_and_blank_lines_have_their_own_counts(tmp_path: Path) -> None:
    data = read(tmp_path / "a.csv", file_of(line(), HEADER, "", "  ", line()))
    account = data.accounting
    assert (account.repeated_headers, account.blank, account.used) == (1, 2, 2)
    assert (account.skipped, account.balanced) == ((), True)


@pytest.mark.parametrize("tail", [b"2025-01-01T09:30", line().encode(), b"\0" * 5000])
def test_33_34_a_last_line_without_an_end_is_the_incomplete_tail(
    tail: bytes, tmp_path: Path
) -> None:
    data = read(tmp_path / "a.csv", file_of(line()) + tail)
    account = data.accounting
    assert (account.used, account.incomplete_tail, account.skipped_rows) == (1, 1, 0)
    assert account.balanced


def test_41_only_the_first_line_numbers_are_kept(tmp_path: Path) -> None:
    data = read(tmp_path / "a.csv", file_of(line(), *["x"] * 500))
    assert data.accounting.skipped[0].rows == 500
    assert data.accounting.skipped[0].lines == tuple(range(3, 23))


# The peak of the resource module would count the parent's memory before the program was loaded.
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is told by /proc")
def test_35_a_line_of_200_mb_is_read_within_100_mb(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with open(str(path), "wb") as out:
        out.write(file_of(line()))
        for _ in range(200):
            out.write(b"x" * 1_048_576)
        out.write(b"\n" + line().encode() + b"\n")
    program = (
        "import sys\n"
        "from finops.dataset.scan import open_dataset\n"
        "data = open_dataset(sys.argv[1], workers=1).rollups(())\n"
        "print(data.totals.calls, data.accounting.skipped[0].reason)\n"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])\n"
    )
    source = str(Path(__file__).resolve().parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=source, stdout=subprocess.PIPE, check=True
    )
    first, peak_kb = done.stdout.decode().strip().split("\n")
    assert first == "2 line too long"
    assert int(peak_kb) < 100 * 1024


def _mutations(rng: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(data))
        kind = rng.randrange(3)
        if kind == 0:
            data[place] = rng.randrange(256)
        elif kind == 1:
            del data[place : place + rng.randrange(1, 40)]
        else:
            data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 9)))
        if not data:
            data = bytearray(b"x")
    return bytes(data)


def test_5000_byte_mutations_give_a_result_or_one_line(tmp_path: Path) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    rng = random.Random(seed)
    rows = [
        line(timestamp=f"2025-01-01T09:{k:02d}:00.000000", customer_id=f"c{k % 5}")
        for k in range(20)
    ]
    content = file_of(*rows)
    outcomes = {"read": 0, "refused": 0}
    lines_said = set()
    for _ in range(5000):
        mutated = _mutations(rng, content)
        try:
            data = read(tmp_path / "m.csv", mutated)
        except DataError as error:
            outcomes["refused"] += 1
            lines_said.add(str(error).count("\n"))
            continue
        outcomes["read"] += 1
        assert data.accounting.balanced
        tail = not mutated.endswith(b"\n")
        assert data.accounting.lines == mutated.count(b"\n") + int(tail)
        assert sum(v[0] for v in data[TOTAL].values()) == data.accounting.used
    assert outcomes["read"] > 1000
    assert lines_said == {0}


def test_a_bad_row_anywhere_changes_nothing_but_the_data_quality(tmp_path: Path) -> None:
    tables = (
        Table(("hour", "customer_id"), ("calls", "cost", "rate_limits")),
        Table(("provider", "model", "region"), ("calls", "cost", "tokens", "latency")),
        Table(("customer_id", "day"), ("region_changes", "shortest_change_s")),
    )
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    rng = random.Random(seed)
    rows = [
        line(
            timestamp=f"2025-01-{1 + k // 24:02d}T{k % 24:02d}:00:00.000000",
            customer_id=f"c{k % 3}",
            region=rng.choice(["us-east", "eu-west"]),
            latency_ms=rng.randrange(5000),
        )
        for k in range(60)
    ]
    path = tmp_path / "a.csv"
    path.write_bytes(file_of(*rows))
    clean = open_dataset(path, workers=1).rollups(tables)
    bad: List[bytes] = [one for _, one, _ in SKIPPED if len(one) < 6000]
    for _ in range(1000):
        place = rng.randrange(len(rows) + 1)
        lines = [one.encode() for one in rows]
        lines.insert(place, rng.choice(bad))
        path.write_bytes(HEADER.encode() + b"\n" + b"\n".join(lines) + b"\n")
        dirty = open_dataset(path, workers=1).rollups(tables)
        assert all(dirty[t] == clean[t] for t in tables)
        assert (dirty.period, dirty.customers, dirty.totals) == (
            clean.period,
            clean.customers,
            clean.totals,
        )
        assert dirty.accounting.skipped[0].lines == (place + 2,)
