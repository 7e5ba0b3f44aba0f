"""Malformed files: each kind is refused in one line, skipped and counted, or accepted.

The kinds are in `tests/support/malformed.py`, which also runs alone, in any Python.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Callable, Dict, Iterator, List, Optional, Tuple

import pytest

from finops.cli import main
from finops.pipeline import Job, analyze
from finops.registry import ANALYZER_REGISTRY
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from finops.schema import COLUMN_NAMES
from tests.storage.batches import memory_folder
from tests.support import malformed
from tests.support.malformed import (
    BAD_LINES,
    BLANKED,
    CASES,
    SKIPPED,
    TABLES,
    Case,
    file_of,
    line,
    outcome,
)
from tests.support.reference import call
from tests.support.tools import ROOT, STRICT, clean_environment, missing

SCRIPT = Path(malformed.__file__)
TOTAL = TABLES[0]
ONE_CALL = [["openai"], [1, 0.00425, 800]]
NEWEST = sys.version_info >= (3, 10)
KINDS = [*range(1, 47)]  # numbers of the table that the project keeps to
INJECTIONS = 1000 if NEWEST else 300
MUTATIONS = 5000  # the newest Python asks the oldest about all of them
CUSTOMER_BYTES = 3000  # of memory for each customer at most; the README says about 2 KB


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


def of_kind(number: int) -> List[Case]:
    return [case for case in CASES if case.number == number]


@pytest.mark.unmeasured
def test_every_kind_has_a_case() -> None:
    assert {case.number for case in CASES} | {malformed.ODD_PLACES} == set(KINDS)


@pytest.mark.parametrize("number", KINDS)
def test_malformed(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Refused in one line with status 2; or read, with status 1 where rows are skipped, and every
    line has its place.
    """
    for case in of_kind(number):
        path = tmp_path / "case.csv"
        path.write_bytes(case.content)
        status = main(["verify", "--quiet", "--workers", "1", str(path)])
        said = capsys.readouterr()
        found = outcome(path)
        if case.refused is not None:
            assert status == 2, case.name
            assert case.refused in found["refused"], case.name
            assert len(said.err.splitlines()) == 1, said.err
            assert said.err.startswith("finops: ")
            continue
        assert status == (1 if case.skipped else 0), (case.name, said.err)
        account = found["account"]
        skipped = {reason: rows for reason, rows, _ in account["skipped"]}
        assert (account["used"], skipped) == (case.used, case.skipped), case.name
        assert {column: reason for column, reason, _, _ in account["blanked"]} == case.blanked
        repeated = (account["repeated_headers"], account["repeated_records"])
        assert repeated == (case.repeated, case.repeated_records), case.name
        assert (account["blank"], account["incomplete_tail"]) == (case.blank, case.tail)
        assert (account["comments"], account["continuation"]) == (case.comments, case.continuation)
        assert case.note in " ".join(account["notes"])
    if number == malformed.ODD_PLACES:
        refuse_odd_places(tmp_path, capsys)


def refuse_odd_places(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no file, or none that may be read, is one line; nothing waits for a pipe."""
    pipe, closed = folder / "pipe", folder / "closed.csv"
    os.mkfifo(str(pipe))
    (folder / "nothing").mkdir()
    closed.write_bytes(file_of(line()))
    closed.chmod(0)
    places = [
        (folder / "none.csv", "no such file"),
        (folder / "nothing", "no tables"),
        (pipe, "not a regular"),
    ]
    if os.geteuid() != 0:  # root may read everything
        places.append((closed, "ermission denied"))
    for path, says in places:
        assert main(["verify", "--quiet", str(path)]) == 2
        (told,) = capsys.readouterr().err.splitlines()
        assert says in told


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.name}")
def test_accounting_identity(case: Case, tmp_path: Path) -> None:
    """Lines counted by hand are the sum of all classes."""
    path = tmp_path / "case.csv"
    path.write_bytes(case.content)
    account = outcome(path).get("account")
    if account is None:
        return
    text = malformed.decoded(case.content)
    lines = text.count("\n") + (not text.endswith("\n"))
    parts = ["header", "used", "repeated_records", "repeated_headers", "blank", "incomplete_tail"]
    parts += ["comments", "continuation"]
    assert account["lines"] == lines
    skipped = sum(rows for _, rows, _ in account["skipped"])
    assert lines == skipped + sum(account[part] for part in parts)


def test_the_account_is_printed_on_every_report(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(file_of(line(), malformed.HEADER, "", line(timestamp="x"), line()) + b"tail")
    analyze(Job(path, tmp_path, workers=1))
    wanted = (
        "7 lines = 1 header + 2 used + 1 skipped + 1 repeated headers + 1 blank + 1 incomplete tail"
    )
    others = ("index.html", "explore.html")
    pages = [page for page in tmp_path.glob("*.html") if page.name not in others]
    assert {page.stem for page in pages} == set(ANALYZER_REGISTRY)
    for page in pages:
        text = " ".join(re.sub("<[^>]*>", "", page.read_text(encoding="utf-8")).split())
        assert wanted in text, page.name


def test_a_skipped_row_changes_nothing_else_and_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for case in SKIPPED:
        path.write_bytes(case.content)
        found = outcome(path)
        cents = [["openai"], [40, 40 * 0.00425, 40 * 800]]
        assert found["tables"][0] == [cents], case.name
        lines = [line for _, _, places in found["account"]["skipped"] for _, line, _ in places]
        assert sorted(lines) == [9, 10][: sum(case.skipped.values())], case.name


def test_a_blanked_value_costs_neither_its_row_nor_its_money(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for case in BLANKED:
        path.write_bytes(case.content)
        found = outcome(path)
        assert found["tables"][0] == [[["openai"], [41, 0.17425, 41 * 800]]], case.name
        ((_, _, values, ((_, place, _),)),) = found["account"]["blanked"]
        assert (values, place) == (1, 9), case.name


def test_two_processes_skip_the_same_rows(tmp_path: Path) -> None:
    """All bad rows in one file, so that two processes meet half of them each."""
    good = [line(timestamp=f"2025-01-01T09:{k:02d}:00.000000").encode() for k in range(60)]
    bad = [one + b"\n" + good[k % 60] for k, one in enumerate(BAD_LINES)]
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n".join([malformed.HEADER.encode(), *good, *bad, *good]) + b"\n")
    assert outcome(path, 2) == outcome(path, 1)
    assert outcome(path)["account"]["used"] == 120 + len(bad)


def test_values_of_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for number in (4, 8, 9, 10, 12, 15, 16, 28, 29, 30, 33, 34, 36, 37, 42):
        for case in of_kind(number):
            if case.refused is not None or case.used != 1:
                continue
            path.write_bytes(case.content)
            found = outcome(path)
            assert found["tables"][0] == [ONE_CALL], case.name
            assert found["rest"][0][0] == "2025-01-01T09:30:00.000000", case.name


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    names = list(COLUMN_NAMES)
    random.Random(3).shuffle(names)
    row = call(provider="bedrock", customer_id="c9")
    path = tmp_path / "a.csv"
    path.write_bytes(file_of(",".join(row[n] for n in names), header=",".join(names)))
    data = open_dataset(path).rollups((*CUSTOMER_RECORDS, TOTAL))
    assert data[TOTAL] == {("aws-bedrock",): (1, 0.00425, 800)}
    assert list(data.customers) == ["c9"]


def test_required_columns_alone_are_enough(tmp_path: Path) -> None:
    head = "timestamp,model,input_tokens,output_tokens"
    rows = ["2025-01-01T09:30:00,gpt-4o,1000,1000", "2025-01-02T09:30:00,y,10,10"]
    path = tmp_path / "a.csv"
    path.write_bytes(file_of(*rows, header=head))
    data = open_dataset(path).rollups((*CUSTOMER_RECORDS, TOTAL))
    assert data[TOTAL] == {("openai",): (1, 0.0125, 2000), ("unknown",): (1, 0.0, 20)}
    assert data.totals.unpriced == 1
    (nobody,) = data.customers.values()
    assert list(data.customers) == ["unallocated"]
    assert (nobody.tier, nobody.price, nobody.organization) == ("unknown", None, "unknown")


def test_malformed_41_only_the_first_line_numbers_are_kept(tmp_path: Path) -> None:
    (case,) = of_kind(41)
    path = tmp_path / "a.csv"
    path.write_bytes(case.content)
    _, rows, places = outcome(path)["account"]["skipped"][0]
    assert rows == 500
    assert places == [["a.csv", line, "x"] for line in range(3, 23)]


def test_of_a_row_left_out_the_first_characters_are_kept(tmp_path: Path) -> None:
    text = "é\u20ac\U0001f600" * 40  # two, three and four bytes each
    path = tmp_path / "a.csv"
    path.write_bytes(file_of(line(), text, "y" * 3_000_000))
    skipped = {reason: places for reason, _, places in outcome(path)["account"]["skipped"]}
    assert skipped == {
        "wrong number of fields": [["a.csv", 3, text[:80]]],
        "line too long": [["a.csv", 4, "y" * 80]],
    }


# --- memory -------------------------------------------------------------------------------------

# The peak of the resource module would count the parent's memory before the program was loaded.
NEEDS_PROC = pytest.mark.skipif(
    not os.path.exists("/proc/self/status"), reason="memory is told by /proc"
)
READ_ALONE = """
import sys
from finops.rollups.spec import Table
from finops.rollups.dataset import open_dataset
data = open_dataset(sys.argv[1], workers=1).rollups((Table(("customer_id",), ("calls",)),))
print(data.totals.calls, data.totals.customers, [one.reason for one in data.accounting.skipped])
print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])
"""


def read_alone(path: Path) -> Tuple[str, int]:
    """Read a file in a process of its own; return what it says, and its peak in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", READ_ALONE, str(path)],
        cwd=str(ROOT / "src"),
        stdout=subprocess.PIPE,
        check=True,
    )
    said, peak_kb = done.stdout.decode().strip().split("\n")
    return said, int(peak_kb) * 1024


def _gzip(path: str, mode: str) -> IO[bytes]:
    return gzip.open(path, mode, compresslevel=1)  # type: ignore[return-value]


@NEEDS_PROC
@pytest.mark.parametrize("opened", [open, _gzip])
def test_malformed_35_a_line_of_200_mb_is_read_within_100_mb(
    opened: Callable[[str, str], IO[bytes]], tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    with opened(str(path), "wb") as out:
        out.write(file_of(line()))
        for _ in range(200):
            out.write(b"x" * 1_048_576)
        out.write(b"\n" + line().encode() + b"\n")
    said, peak = read_alone(path)
    print(f"{peak / 1048576:.0f} MB")
    assert said == "2 1 ['line too long']"
    assert peak < 100 * 1_048_576


@NEEDS_PROC
def test_malformed_39_memory_grows_with_customers_as_stated(tmp_path: Path) -> None:
    peaks = []
    for customers in (2_000, 12_000):
        path = tmp_path / f"{customers}.csv"
        path.write_bytes(
            file_of(*(line(customer_id=f"customer-{n:07d}") for n in range(customers)))
        )
        said, peak = read_alone(path)
        assert said == f"{customers} {customers} []"
        peaks.append(peak)
    each = (peaks[1] - peaks[0]) / 10_000
    print(f"{each:.0f} bytes a customer")
    assert each < CUSTOMER_BYTES


# --- the same in every Python -------------------------------------------------------------------


def other_pythons() -> Dict[str, str]:
    """Return every other version from 3.7 on that is installed, and how to start it."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    places = [str(ROOT / name / "bin" / "python") for name in (".venv37", ".venv")]
    places += [f"python3.{minor}" for minor in range(7, 20)]
    found: Dict[str, str] = {}
    for place in filter(None, map(shutil.which, places)):
        ask = "import sys; print('%d.%d' % sys.version_info[:2])"
        told = subprocess.run([place, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        version = told.stdout.decode().strip()
        if told.returncode == 0 and version != own and version not in ("3.5", "3.6"):
            found.setdefault(version, place)
    return found


def outcomes_elsewhere(python: str, seed: int, count: int) -> subprocess.Popen[bytes]:
    """Start another Python on the same files."""
    return subprocess.Popen(
        [python, str(SCRIPT), str(seed), str(count)],
        env=clean_environment(),
        stdout=subprocess.PIPE,
    )


@pytest.mark.unmeasured
@pytest.mark.once
def test_byte_fuzz_no_traceback(tmp_path: Path) -> None:
    """5,000 mutations are read or refused in one line, and every Python says the same of all.

    The older ones are asked by the newest, which is the one that measures everything.
    """
    seed = random.randrange(10**9)
    others = other_pythons()
    print(f"seed {seed}, also asked: {sorted(others)}")
    oldest: Optional[str] = min(others, key=lambda v: int(v.split(".")[1]), default=None)
    counts = {version: MUTATIONS if version == oldest else 100 for version in others}
    asked = {v: outcomes_elsewhere(others[v], seed, counts[v]) for v in others}
    here = {count: malformed.fuzzed(tmp_path / "m.csv", seed, count) for count in (MUTATIONS, 100)}
    cases = json.loads(json.dumps(malformed.all_outcomes(tmp_path)))
    for version, process in asked.items():
        said = json.loads(process.communicate(timeout=300)[0])
        assert process.returncode == 0, version
        assert said[0] == cases, version
        assert said[1] == here[counts[version]], version
    assert here[MUTATIONS]["read"] > MUTATIONS / 5
    assert here[MUTATIONS]["refused"] > MUTATIONS / 50
    if STRICT and not others:
        missing("there is no second Python to compare with")


@pytest.mark.unmeasured
def test_every_python_shows_a_column_name_the_same(tmp_path: Path) -> None:
    """The end mark U+061D is printable since Unicode 14, so only for the newer Pythons."""
    path = tmp_path / "m.csv"
    header = malformed.HEADER + ",gr\u00f6\u00dfe \u4ef7,end\u061d,tab\tbell\x07,no\u00a0break"
    path.write_bytes(malformed.file_of(line() + ",,,,", header=header))
    (note,) = open_dataset(path).rollups(()).accounting.notes
    assert note.endswith("ignored: gr\u00f6\u00dfe \u4ef7, end?, tab?bell?, no?break.")


@pytest.mark.unmeasured
def test_injection_changes_nothing(tmp_path: Path) -> None:
    """A bad row anywhere changes nothing but what is said of it, with 1,000 seeds.

    On the oldest Python 300 have to do.
    """
    first = random.randrange(10**9)
    print(f"seeds from {first}")
    draw = random.Random(first)
    rows = [
        line(
            timestamp=f"2025-01-{1 + k // 24:02d}T{k % 24:02d}:00:00.000000",
            customer_id=f"c{k % 3}",
            region=draw.choice(["us-east", "eu-west"]),
            latency_ms=draw.randrange(5000),
        ).encode()
        for k in range(40)
    ]
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n".join([malformed.HEADER.encode(), *rows]) + b"\n")
    clean = outcome(path)
    for seed in range(first, first + INJECTIONS):
        draw = random.Random(seed)
        place = draw.randrange(len(rows) + 1)
        lines = [malformed.HEADER.encode(), *rows]
        lines.insert(place + 1, draw.choice(BAD_LINES))
        path.write_bytes(b"\n".join(lines) + b"\n")
        dirty = outcome(path)
        assert dirty["tables"] == clean["tables"], seed
        assert dirty["rest"] == clean["rest"], seed
        (kept,) = dirty["account"]["skipped"][0][2]
        assert kept[1] == place + 2, seed
