"""Two processes that read parts of files import what one does."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import ordered_results
from finops.importers import find_format, format_ids, parts
from finops.importers.base import ImportOptions
from finops.importers.parts import SizedSource, parts_of
from finops.importers.run import Result
from finops.importers.sources import Source
from finops.importers.summary import lines_of
from tests.importers.test_litellm import LOG
from tests.importers.test_vendors import SOME, logs
from tests.support.imports import import_files, json_lines, write_all

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")


@pytest.fixture
def tiny_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share every import out, in parts of a few lines."""
    monkeypatch.setattr(parts, "PART_BYTES", 400)
    monkeypatch.setattr(parts, "WORTH_SHARING_BYTES", 1)
    monkeypatch.setattr(ordered_results, "can_fork", lambda: True)


def outcome(
    format_id: str, paths: List[Path], folder: Path, workers: int, **options: Any
) -> Tuple[object, ...]:
    """Return all that an import leaves and says."""
    out, rejects = folder / f"{workers}.csv", folder / f"{workers}.rejects.csv"
    chosen = ImportOptions(**options)
    result = import_files(format_id, paths, out, chosen, workers=workers, rejects=rejects)
    again = import_files(format_id, paths, out, chosen, workers=workers)
    assert (again.added, again.tally.unchanged_files) == (0, result.tally.files)
    said = [line.replace(str(out), "") for line in lines_of(result)]
    return out.read_bytes(), rejects.read_bytes(), said, sums_of(result)


def sums_of(result: Result) -> object:
    return result.totals.plain(), result.tally.plain(), result.tally.rejected


@needs_fork
@pytest.mark.parametrize("format_id", format_ids())
def test_every_format_is_the_same(format_id: str, tmp_path: Path, tiny_parts: None) -> None:
    paths = logs(format_id, SOME * 3, tmp_path / "logs")
    assert outcome(format_id, paths, tmp_path, 2) == outcome(format_id, paths, tmp_path, 1)


def spend_logs(count: int, first: int = 0, **values: object) -> List[Dict[str, Any]]:
    return [{**LOG, "request_id": f"r{n}", **values} for n in range(first, first + count)]


ODD = {
    "rejected lines": json_lines(spend_logs(9)) + "no JSON\n\n[1]\n" + json_lines(spend_logs(9, 5)),
    "bad values": json_lines([*spend_logs(4), *spend_logs(3, 9, spend="dear"), *spend_logs(9, 20)]),
    "no ids": json_lines([*spend_logs(5), *spend_logs(6, request_id=None), *spend_logs(5, 7)]),
    "sessions for each": json_lines(
        {**log, "session_id": f"s{n}"} for n, log in enumerate(spend_logs(30))
    ),
    "torn": json_lines(spend_logs(20))[:-9],
    "long lines": json_lines(spend_logs(9, messages="long " * 900)),
    "windows": json_lines(spend_logs(20)).replace("\n", "\r\n"),
    "marked": "\ufeff" + json_lines(spend_logs(20)),
    "replaced": json_lines([*spend_logs(9, completion_tokens=5), *spend_logs(9)]),
    "array": json.dumps(spend_logs(20)),
    "pretty array": json.dumps(spend_logs(20), indent=1),
    "blank": "\n" * 3000,
    "empty": "",
}


@pytest.mark.sampled
@needs_fork
@pytest.mark.parametrize("kind", sorted(ODD))
def test_odd_files_are_the_same(kind: str, tmp_path: Path, tiny_parts: None) -> None:
    content = ODD[kind]
    files = {"a.jsonl": content, "b.jsonl": json_lines(spend_logs(30, 100)) + content}
    paths = write_all(tmp_path / "logs", files)
    paths[1].with_suffix(".gz").write_bytes(gzip.compress(paths[0].read_bytes()))
    paths.append(paths[1].with_suffix(".gz"))
    assert outcome("litellm", paths, tmp_path, 2) == outcome("litellm", paths, tmp_path, 1)


@needs_fork
def test_options_reach_both_processes(tmp_path: Path, tiny_parts: None) -> None:
    paths = write_all(tmp_path, {"a.jsonl": json_lines(spend_logs(40))})
    options: Dict[str, Any] = {"columns": {"product_id": "request_id"}, "since": 1_700_000_000}
    assert outcome("litellm", paths, tmp_path, 2, **options) == outcome(
        "litellm", paths, tmp_path, 1, **options
    )


@needs_fork
def test_a_file_that_cannot_be_read_is_rejected_once(tmp_path: Path, tiny_parts: None) -> None:
    paths = write_all(tmp_path, {"a.jsonl": json_lines(spend_logs(40))})
    result = import_files("litellm", [*paths, tmp_path / "gone.jsonl"], tmp_path / "out.csv")
    assert (result.totals.rows, result.tally.rejections) == (40, 1)


lines = st.lists(st.sampled_from(["{}", "", '{"a": 1}', "x" * 300, "\r"]), max_size=60)


@given(lines, st.booleans(), st.integers(1, 200))
def test_parts_are_the_file_and_each_begins_with_a_line(
    texts: List[str], ends: bool, most: int
) -> None:
    content = ("\n".join(texts) + "\n" * ends).encode()
    format = find_format("litellm")
    assert format is not None
    with pytest.MonkeyPatch.context() as patched, tempfile.TemporaryDirectory() as folder:
        patched.setattr(parts, "PART_BYTES", 50)
        path = write_all(Path(folder), {"a.jsonl": content})[0]
        file = SizedSource(Source(str(path), "a"), len(content))
        cut = [source for part in parts_of(format, [file], most) for source in part.sources]
    edges = [(source.start, len(content) if source.end is None else source.end) for source in cut]
    assert b"".join(content[start:end] for start, end in edges) == content
    assert all(content[:start].endswith(b"\n") for start, _ in edges[1:])
    assert [source.end is None for source in cut] == [False] * (len(cut) - 1) + [True]
    assert len(cut) <= max(1, most)
