"""Forty-six kinds of odd files and what becomes of each; run as a script, what this Python says.

A file is refused in one line, or read with every line accounted for.  The numbers are those of
the table of kinds that the project keeps to; one kind may have several files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

if __name__ == "__main__":  # in another Python, where nothing has set the path
    sys.path[:0] = [str(Path(__file__).resolve().parents[2] / name) for name in ("src", "")]

from finops.errors import DataError
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from finops.rollups.spec import Rollups, Table
from finops.schema import WRITTEN_NAMES
from tests.support.reference import call

HEADER = ",".join(WRITTEN_NAMES)
TABLES = (
    Table(("provider",), ("calls", "cost", "tokens")),
    Table(("hour", "customer_id"), ("calls", "cost", "rate_limits")),
    Table(("provider", "model", "region"), ("calls", "cost", "latency")),
    Table(("customer_id", "day"), ("region_changes", "shortest_change_s")),
)
ROWS = Table((), ("records",))
GOOD = 40
NO_SUCH_TIME = "timestamp: no such date or time"


class Case(NamedTuple):
    """One file.  `refused`: words of the one line, None where it is read; else the account:
    lines used, rows skipped by reason, repeated headers and records, blank lines, comments, further
    lines of records, incomplete tail, and the reasons by column for which one value each is
    blanked.
    """

    number: int
    name: str
    content: bytes
    refused: Optional[str] = None
    used: int = 1
    skipped: Mapping[str, int] = {}
    repeated: int = 0
    repeated_records: int = 0
    blank: int = 0
    comments: int = 0
    continuation: int = 0
    tail: int = 0
    note: str = ""
    blanked: Mapping[str, str] = {}


def line(**changes: Any) -> str:
    """Return a good row as a line of the CSV, with changes that are put in as they are."""
    row = call(**changes)
    return ",".join(row[name] for name in WRITTEN_NAMES)


def spoilt(**changes: str) -> str:
    """Return a good row with changes, whatever its total of tokens."""
    return line(total_tokens="800", **changes)


def file_of(*lines: str, header: str = HEADER) -> bytes:
    """Return header and lines as a file."""
    return "".join(one + "\n" for one in (header, *lines)).encode("utf-8")


def among_good(bad: bytes) -> bytes:
    """Return a file of forty good rows with something put behind the seventh."""
    good = [line(timestamp=f"2025-01-01T09:30:{k:02d}.000000").encode() for k in range(GOOD)]
    return b"\n".join([HEADER.encode(), *good[:7], bad, *good[7:]]) + b"\n"


REFUSED = [
    Case(1, "empty", b"", "empty"),
    Case(3, "missing column", file_of("x", header="timestamp,provider,model"), "output_tokens"),
    Case(6, "repeated column", file_of(line(), header=HEADER + ",model"), "more than once"),
    Case(7, "no header", file_of(header=line()), "no header"),
    Case(8, "damaged gzip", b"\x1f\x8b\x08\x00abc\n", "gzip data is damaged"),
    Case(8, "gzip cut off", gzip.compress(file_of(line()))[:-12], "gzip data is damaged"),
    Case(8, "binary", b"\x7fELF\0\0\0\n", "binary"),
    Case(8, "UTF-32", file_of(line()).decode().encode("utf-32"), "binary"),
    Case(11, "CR only", file_of(line()).replace(b"\n", b"\r"), "CR-only"),
    Case(11, "CR only in UTF-16", file_of(line()).replace(b"\n", b"\r").decode().encode("utf-16"),
        "CR-only"),
    Case(3, "near miss", file_of("x", header="timestmap,provider,model,customer_id,input_tokens,"
        "output_tokens"), "did you mean --map timestamp=timestmap?"),
    Case(
        40,
        "every row bad",
        file_of("a", "b", "c", line(timestamp="x"), line(timestamp="y"), line(model="")),
        "no usable row; wrong number of fields (3 rows, first line 2), timestamp: not a time "
        "(2 rows, first line 5), ",
    ),
    Case(46, "euros", file_of(line() + ",EUR", header=HEADER + ",currency"), "--rate EUR="),
]  # fmt: skip

_BAD_ROWS = [
    (14, "short row", line().rsplit(",", 1)[0], "wrong number of fields"),
    (15, "long row", line() + ",1", "wrong number of fields"),
    (17, "stray quote", line(user_agent='we"b'), "broken quoting"),
    (17, "open quote", line(user_agent='"web'), "broken quoting"),
    (18, "NUL", line(user_agent="a\0b"), "NUL byte"),
    (20, "no model", line(model=""), "model: empty"),
    (20, "a word for no model", line(model="NULL"), "model: empty"),
    (20, "escape in a model", line(model="gpt\x1b4"), "model: control character"),
    (20, "no time", line(timestamp=""), "timestamp: empty"),
    (20, "no tokens", spoilt(input_tokens="", cost_usd=""), "input_tokens: empty"),
    (21, "negative", spoilt(input_tokens="-5"), "input_tokens: negative"),
    (22, "NaN", spoilt(output_tokens="NaN", cost_usd=""), "output_tokens: empty"),
    (22, "inf", spoilt(input_tokens="inf"), "input_tokens: not a number"),
    (22, "1e309", spoilt(output_tokens="1e309"), "output_tokens: out of bounds"),
    (23, "1e308", spoilt(input_tokens="1e308"), "input_tokens: out of bounds"),
    (24, "10^30", spoilt(input_tokens="1" + "0" * 30), "input_tokens: out of bounds"),
    (24, "over 10^12", spoilt(input_tokens="1" + "0" * 11 + "10"), "input_tokens: out of bounds"),
    (24, "5000 digits", spoilt(output_tokens="9" * 5000), "output_tokens: out of bounds"),
    (25, "1_000", spoilt(input_tokens="1_000"), "input_tokens: not a number"),
    (25, "quoted 1,5", spoilt(input_tokens='"1,5"'), "input_tokens: decimal comma"),
    (25, "0x10", spoilt(output_tokens="0x10"), "output_tokens: not a number"),
    (25, "Arabic", spoilt(output_tokens="١٢"), "output_tokens: not a number"),
    (25, "float", spoilt(output_tokens="412.5"), "output_tokens: not a whole number"),
    (26, "impossible date", line(timestamp="2025-02-30T10:00:00"), NO_SUCH_TIME),
    (26, "second 60", line(timestamp="2025-01-01T10:00:60.000000"), "timestamp: no leap second"),
    (26, "a second of hour 24", line(timestamp="2025-01-01T24:00:01.000000"), NO_SUCH_TIME),
    (26, "minute 60", line(timestamp="2025-01-01T10:60:00.000000"), NO_SUCH_TIME),
    (27, "year 1", line(timestamp="0001-01-01T10:00:00.000000"), "implausible timestamp"),
    (26, "words", line(timestamp="yesterday"), "timestamp: not a time"),
    (26, "offset", line(timestamp="2025-01-01T10:00:00+99:00"), "timestamp: no such offset"),
    (26, "ambiguous", line(timestamp="08/10/2025"), "timestamp: ambiguous order of day and month"),
    (35, "long line", "x" * 1_100_000, "line too long"),
]

# One value of a good row is blanked: its column and the reason.
_BAD_VALUES = [
    (20, "escape", dict(session_id="a\x1bb"), "session_id", "control character"),
    (20, "C1 control", dict(session_id="a\x85b"), "session_id", "control character"),
    (20, "tab", dict(organization_id="a\tb"), "organization_id", "control character"),
    (21, "negative latency", dict(latency_ms="-1"), "latency_ms", "negative"),
    (21, "negative price", dict(tier_price_usd="-1"), "tier_price_usd", "negative"),
    (22, "inf", dict(cost_usd="inf"), "cost_usd", "not a number"),
    (22, "1e309", dict(cost_usd="1e309"), "cost_usd", "out of bounds"),
    (23, "1e308", dict(cost_usd="1e308"), "cost_usd", "out of bounds"),
    (24, "10^30", dict(latency_ms="1" + "0" * 30), "latency_ms", "out of bounds"),
    (24, "over 10^9 ms", dict(latency_ms="1000000001"), "latency_ms", "out of bounds"),
    (24, "over 32 bits", dict(latency_ms="5000000000"), "latency_ms", "out of bounds"),
    (24, "total", dict(total_tokens="2000000000001"), "total_tokens", "out of bounds"),
    (24, "5000 digits", dict(latency_ms="9" * 5000), "latency_ms", "out of bounds"),
    (25, "1_000", dict(latency_ms="1_000"), "latency_ms", "not a number"),
    (25, "quoted 1,5", dict(latency_ms='"1,5"'), "latency_ms", "decimal comma"),
    (25, "quoted 1,234", dict(cost_usd='"1,234"'), "cost_usd", "thousands separator"),
    (25, "0x10", dict(latency_ms="0x10"), "latency_ms", "not a number"),
    (25, "Arabic", dict(latency_ms="١٢"), "latency_ms", "not a number"),
    (25, "total", dict(total_tokens="many"), "total_tokens", "not a number"),
    (25, "price", dict(tier_price_usd="much"), "tier_price_usd", "not a number"),
]

# With a word by which the file is in UTF-8 in spite of a bad byte.
IN_UTF_8 = line(organization_id="gr\u00f6\u00dfe").encode()
SKIPPED = [
    Case(n, name, among_good(bad.encode()), used=GOOD, skipped={reason: 1})
    for n, name, bad, reason in _BAD_ROWS
]
SKIPPED += [
    Case(
        19,
        "UTF-8 in a model",
        among_good(IN_UTF_8.replace(b"gpt-4o", b"gpt\xff")),
        used=GOOD,
        skipped={"model: invalid UTF-8": 1},
    ),
]
BLANKED = [
    Case(n, name, among_good(line(**changes).encode()), used=GOOD + 1, blanked={column: reason})
    for n, name, changes, column, reason in _BAD_VALUES
]
BLANKED += [
    Case(
        19,
        "UTF-8",
        among_good(IN_UTF_8.replace(b"web_app", b"web\xff")),
        used=GOOD + 1,
        blanked={"user_agent": "invalid UTF-8"},
    ),
]
BAD_LINES = [bad.encode() for _, _, bad, _ in _BAD_ROWS if len(bad) < 6000]

READ = [
    Case(2, "header only", file_of(), used=0),
    Case(4, "extra column", file_of(line() + ",x", header=HEADER + ",shoe_size"), note="shoe_size"),
    Case(5, "reordered", file_of(
        ",".join(call()[n] for n in reversed(WRITTEN_NAMES)),
        header=",".join(WRITTEN_NAMES[::-1]))),
    Case(8, "BOM", b"\xef\xbb\xbf" + file_of(line()), note="byte order mark"),
    Case(8, "UTF-16", file_of(line()).decode().encode("utf-16"), note="UTF-16"),
    Case(8, "UTF-16, little", file_of(line()).decode().encode("utf-16-le"), note="UTF-16"),
    Case(8, "UTF-16, big", file_of(line()).decode().encode("utf-16-be"), note="UTF-16"),
    Case(8, "gzip", gzip.compress(file_of(line())), note="gzip"),
    Case(8, "gzip of UTF-16", gzip.compress(file_of(line()).decode().encode("utf-16")),
        note="UTF-16"),
    Case(9, "cp1252", file_of(line(organization_id="Caf\u00e9")).decode().encode("cp1252"),
        note="Windows-1252"),
    Case(10, "CRLF", file_of(line()).replace(b"\n", b"\r\n")),
    Case(25, "+5", file_of(spoilt(input_tokens="+500"))),
    Case(25, "blanks", file_of(spoilt(input_tokens=" 500 "))),
    Case(25, "1000.0", file_of(spoilt(input_tokens="500.0"))),
    Case(25, "1e3", file_of(spoilt(input_tokens="5e2"))),
    Case(26, "hour 24", file_of(line(timestamp="2025-01-01T24:00:00.000000"))),
    Case(27, "before 2015 among many",
        file_of(line(timestamp="1970-01-01T00:00:00.000000"), *[line()] * 200),
        used=200, skipped={"implausible timestamp": 1}),
    Case(27, "far ahead among many",
        file_of(line(timestamp="2999-01-01T10:00:00.000000"), *[line()] * 200),
        used=200, skipped={"implausible timestamp": 1}),
    Case(27, "one of a hundred", file_of(*[line()] * 99, line(timestamp="2014-12-31T23:59:59Z")),
        used=100, note="before 2015"),
    Case(12, "semicolons", file_of(line()).replace(b",", b";"), note="semicolons"),
    Case(12, "tabs", file_of(line()).replace(b",", b"\t"), note="tabs"),
    Case(12, "bars", file_of(line()).replace(b",", b"|"), note="vertical bars"),
    Case(12, "sep= line", b"sep=;\n" + file_of(line()).replace(b",", b";"), comments=1),
    Case(15, "delimiter at the end", file_of(line()).replace(b"\n", b",\n")),
    Case(15, "delimiter at the end of rows", file_of(line() + ",")),
    Case(16, "quoted newline", file_of(line() + ',"a\nb"', header=HEADER + ",prompt"),
        continuation=1),
    Case(16, "quoted newlines, CRLF",
        file_of(line() + ',"a\n""b"",\n\n"', header=HEADER + ",prompt").replace(b"\n", b"\r\n"),
        continuation=3),
    Case(28, "Z", file_of(line(timestamp="2025-01-01T09:30:00Z"))),
    Case(28, "offset", file_of(line(timestamp="2025-01-01T11:30:00+02:00"))),
    Case(29, "naive", file_of(line(timestamp="2025-01-01T09:30:00"))),
    Case(29, "blank for T", file_of(line(timestamp="2025-01-01 09:30:00"))),
    Case(31, "header again", file_of(line(), HEADER, line()), used=2, repeated=1),
    Case(32, "blank lines", file_of(line(), "", "  ", line()), used=2, blank=2),
    Case(32, "comments", b"# by somebody\n\n" + file_of(line(), "# the end"), comments=2, blank=1),
    Case(33, "torn", file_of(line()) + b"2025-01-01T09:30", tail=1),
    Case(33, "no line end", file_of(line()) + line().encode(), used=2),
    Case(33, "no line end, CR", file_of(line()) + line().encode() + b"\r", used=2),
    Case(33, "no line end after a line break", file_of(header=HEADER + ",prompt")
        + (line() + ',"a\nb"').encode(), continuation=1),
    Case(33, "torn after a line break", file_of(line() + ",", header=HEADER + ",prompt")
        + (line() + ',"a\nb').encode(), skipped={"broken quoting": 1}, tail=1),
    Case(34, "NUL-filled", file_of(line()) + b"\0" * 5000, tail=1),
    Case(36, "markup", file_of(line(organization_id="<script>alert(1)</script>\u202e"))),
    Case(37, "formula", file_of(line(organization_id='"=HYPERLINK(""x"")"'))),
    Case(38, "unknown model", file_of(line(model="my-model"))),
    Case(39, "many customers", file_of(*(line(customer_id=f"c{n}") for n in range(3000))),
        used=3000),
    Case(43, "no customer", file_of(line(customer_id=""))),
    Case(43, "a word for no customer", file_of(line(customer_id="None"))),
    Case(46, "dollars", file_of(line() + ",usd", header=HEADER + ",currency")),
    Case(44, "repeated id", file_of(line(call_id="a"), line(call_id="b"), line(call_id="a")),
        used=2, repeated_records=1),
    Case(44, "repeated id, other content",
        file_of(line(call_id="a"), line(call_id="b"), line(call_id="a", latency_ms="7")),
        used=3, note="A call id stands for records with different contents"),
    Case(41, "line numbers", file_of(line(), *["x"] * 500),
        skipped={"wrong number of fields": 500}),
    Case(45, "long user agent", file_of(line(), line(user_agent="x" * 1_000_000)), used=2),
    Case(45, "long and quoted",
        file_of(line(), line(user_agent='"' + "a,b " * 200_000 + '"')), used=2),
    Case(45, "long with doubled quotes",
        file_of(line(), line(user_agent='"' + 'a""b ' * 150_000 + '"')), used=2),
    Case(45, "long with an open quote",
        file_of(line(), line(user_agent='"' + 'a""b ' * 150_000)), used=1,
        skipped={"broken quoting": 1}),
    Case(45, "many quoted fields", file_of(line(), ",".join(['"a"'] * 200_000)), used=1,
        skipped={"wrong number of fields": 1}),
    Case(42, "doubled quote", file_of(line(user_agent='"a ""b"", c"'))),
]  # fmt: skip
READ += [
    Case(30, f"{n} decimals", file_of(line(timestamp="2025-01-01T09:30:00." + "0" * n)))
    for n in range(1, 10)
]

CASES = [*REFUSED, *SKIPPED, *BLANKED, *READ]
ODD_PLACES = 13  # missing, folder, pipe, unreadable: no content, so no case


def outcome(path: Path, workers: int = 1, tables: Sequence[Table] = TABLES) -> Dict[str, Any]:
    """Return what reading a file gives, as JSON can say it."""
    try:
        data = open_dataset(path, workers=workers).rollups((*CUSTOMER_RECORDS, *tables))
    except DataError as error:
        return {"refused": str(error).replace(str(path.parent), "")}
    found = [sorted([list(k), list(v)] for k, v in data[table].items()) for table in tables]
    return {"tables": found, "rest": rest_of(data), "account": account_of(data)}


def rest_of(data: Rollups) -> List[Any]:
    """Return what goes with the tables."""
    customers = [[name, list(about)] for name, about in data.customers.items()]
    return [list(data.period), list(data.totals), customers]


def account_of(data: Rollups) -> Dict[str, Any]:
    """Return where the lines went."""
    account = data.accounting
    return dict(
        account._asdict(),
        skipped=[[one.reason, one.rows, list(map(list, one.places))] for one in account.skipped],
        blanked=[[*one[:3], list(map(list, one.places))] for one in account.blanked],
        notes=list(account.notes),
        balanced=account.balanced,
    )


def decoded(content: bytes) -> str:
    """Return the text of a file by what its first bytes say."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    marks = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"t\0": "utf-16-le"}
    marks[b"\0t"] = "utf-16-be"
    return content.decode(marks.get(content[:2], "latin-1"))


def mutated(draw: random.Random, content: bytes) -> bytes:
    """Return the content with one to five bytes or stretches of it changed."""
    data = bytearray(content)
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(len(data))
        kind = draw.randrange(3)
        if kind == 0:
            data[place] = draw.randrange(256)
        elif kind == 1:
            del data[place : place + draw.randrange(1, 40)]
        else:
            data[place:place] = bytes(draw.randrange(256) for _ in range(draw.randrange(1, 9)))
        data = data or bytearray(b"x")
    return bytes(data)


def fuzzed(path: Path, seed: int, count: int) -> Dict[str, Any]:
    """Read so many mutations; return how many were read, and a digest of all outcomes.

    Raises AssertionError where lines are unaccounted for or a refusal is not one line.
    """
    draw = random.Random(seed)
    rows = [
        line(timestamp=f"2025-01-01T09:{k:02d}:00.000000", customer_id=f"c{k % 5}")
        for k in range(12)
    ]
    content = file_of(*rows)
    digest = hashlib.sha256()
    read = 0
    for number in range(count):
        mutation = mutated(draw, content)
        path.write_bytes(mutation)
        found = outcome(path, tables=(*TABLES[:1], ROWS))
        digest.update(mutation + json.dumps(found).encode())
        if "refused" in found:
            assert "\n" not in found["refused"], number
            continue
        read += 1
        account = found["account"]
        assert account["balanced"], number
        assert account["lines"] == mutation.count(b"\n") + (not mutation.endswith(b"\n")), number
        # A cost that turned negative makes a credit of a call.
        assert sum(values[0] for _, values in found["tables"][1]) == account["used"], number
    return {"read": read, "refused": count - read, "digest": digest.hexdigest()}


def all_outcomes(folder: Path) -> List[Any]:
    """Return the outcome of every case."""
    found = []
    for case in CASES:
        path = folder / "case.csv"
        path.write_bytes(case.content)
        found.append([case.number, case.name, outcome(path)])
    return found


def main() -> None:
    """Print all outcomes, and those of mutations: SEED COUNT."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path = Path(folder)
        seed, count = (int(word) for word in sys.argv[1:3])
        print(json.dumps([all_outcomes(path), fuzzed(path / "m.csv", seed, count)]))


if __name__ == "__main__":
    main()
