"""Files that must be regular ones: opened without waiting, whatever lies at their path."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Tuple

import pytest

from finops.regular_files import NotRegularFileError, open_descriptor, open_regular, read_regular
from finops.storage.file_operations import APPEND, FILES
from tests.support.odd_files import ODD_FILES
from tests.support.tools import ROOT, run_finops

SOURCE = ROOT / "src" / "finops"
Maker = Callable[[Path], None]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and sockets in folders are POSIX")


@pytest.fixture(params=list(ODD_FILES))
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A path where something else than a regular file lies."""
    ODD_FILES[request.param](tmp_path / "odd.csv")
    return tmp_path / "odd.csv"


def test_nothing_odd_is_opened(odd: Path) -> None:
    for opening in (open_regular, read_regular):
        with pytest.raises(OSError, match=r"not a regular file|No such file"):
            opening(odd)
    with pytest.raises(OSError, match=r"not a regular file|No such file|Is a directory"):
        open_descriptor(odd, os.O_WRONLY)


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(b"some bytes")
    with open_regular(path) as stream:
        assert stream.read() == b"some bytes"
    with open_regular(path, buffering=0) as raw:
        assert raw.read(4) == b"some"
    assert read_regular(path) == read_regular(str(path), 10) == b"some bytes"
    with pytest.raises(OSError, match="File too large"):
        read_regular(path, 9)


def test_links_are_followed_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_bytes(b"some bytes")
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "calls.csv")
    assert read_regular(link) == b"some bytes"
    with pytest.raises(NotRegularFileError):
        read_regular(link, follow=False)


def test_what_comes_in_place_after_a_look_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(b"some bytes")
    regular = os.stat(str(path))
    path.unlink()
    os.mkfifo(str(path))
    monkeypatch.setattr(os, "stat", lambda path: regular)
    with pytest.raises(NotRegularFileError):
        open_regular(path)


def test_a_pipe_is_not_written_to(tmp_path: Path) -> None:
    path = str(tmp_path / "calls.csv")
    os.mkfifo(path)
    with pytest.raises(NotRegularFileError):  # where nobody reads
        FILES.open(path, APPEND)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(NotRegularFileError):  # and where somebody does
        FILES.open(path, APPEND)
    assert os.read(reader, 10) == b""
    os.close(reader)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "words",
    [
        ("analyze", "--data", "ODD", "--reports", "r"),
        ("verify", "ODD"),
        ("generate", "--size", "1MB", "--data", "ODD"),
        ("evaluate", "--data", "ODD"),
        ("analyze", "--data", "calls.csv", "--prices", "ODD", "--reports", "r"),
        ("analyze", "--data", "calls.csv", "--config", "ODD", "--reports", "r"),
    ],
    ids=lambda words: " ".join(words),
)
@pytest.mark.parametrize("kind", [kind for kind in ODD_FILES if kind != "dangling link"])
@pytest.mark.unmeasured
def test_every_command_says_in_one_line_that_it_is_no_file(
    kind: str, words: Any, small_csv: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.csv"
    ODD_FILES[kind](odd)
    places: Dict[str, Any] = {"ODD": odd, "calls.csv": small_csv, "r": tmp_path / "r"}
    done = run_finops(*(places.get(word, word) for word in words), timeout=300)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("finops: ")]
    assert "regular file" in line or "folder" in line or "directory" in line, line


@pytest.mark.unmeasured
@pytest.mark.parametrize("suffixes", [(".commit",), (".lock", ".state", ".cache", ".truth.json")])
def test_a_pipe_in_place_of_a_sidecar_stops_nobody(
    suffixes: Tuple[str, ...], small_csv: Path, tmp_path: Path
) -> None:
    data = tmp_path / "calls.csv"
    data.write_bytes(small_csv.read_bytes())
    for suffix in suffixes:
        os.mkfifo(str(data) + suffix)
    words = ["analyze", "--data", data, "--reports", tmp_path / "r", "--only", "dataset_overview"]
    done = run_finops(*words, timeout=300)
    assert done.returncode == 0, done.stderr
    # `verify` calls a damaged commit record what it is.
    checked = run_finops("verify", data, timeout=300)
    assert checked.returncode == (2 if ".commit" in suffixes else 0)
    assert run_finops("evaluate", "--data", data, timeout=300).returncode in (0, 2)


OWN_FILES = {"generators/page.py", "viewer/pages.py", "rollups/cache.py"}  # of the package itself
WRITTEN = {
    *("atomic.py", "rollups/cache.py", "viewer/job_output.py", "parallel.py", "importers/run.py"),
    *("commands/export.py", "engines/duckdb.py", "ordered_results.py"),
}


def reading_calls(path: Path) -> Iterator[str]:
    """Yield each call in a module that opens a file by other means."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "open":
            yield "open"
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ("read_bytes", "read_text"):
            yield "read"


def test_no_module_opens_files_by_other_means() -> None:
    allowed = {"open": WRITTEN, "read": OWN_FILES}
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        assert [kind for kind in reading_calls(path) if name not in allowed[kind]] == [], name
