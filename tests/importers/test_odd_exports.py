"""Exports as tools write them in other versions, and as people keep them: the same calls."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from finops.importers import format_ids
from finops.importers.base import ImportOptions
from finops.importers.detection import detect
from finops.importers.inputs import inputs_of
from finops.importers.sources import Source
from finops.importers.summary import lines_of
from finops.importers.tally import Tally
from tests.importers.test_formats import REQUEST
from tests.importers.test_litellm import LOG
from tests.importers.test_traces import observation
from tests.importers.test_usage_apis import OPENAI_RESULT, openai_page
from tests.importers.test_vendors import SOME, known
from tests.support.imports import Content, import_files, json_lines, rows_of, write_all
from tests.support.vendor_logs import VENDORS

Json = Any
INVOCATION = {
    "schemaType": "ModelInvocationLog",
    "timestamp": "2026-03-01T10:00:00Z",
    "modelId": "us.anthropic.claude-a-v1:0",
    "input": {"inputTokenCount": 100},
    "output": {"outputTokenCount": 10},
}
_NAME_OF_TIME = re.compile(r"(?i).*time|.*_at$|created").match
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)Z").fullmatch


def everywhere(change: Callable[[Dict[str, Json]], Dict[str, Json]], value: Json) -> Json:
    """Return a value with each object in it changed."""
    if isinstance(value, dict):
        return change({name: everywhere(change, inner) for name, inner in value.items()})
    return [everywhere(change, inner) for inner in value] if isinstance(value, list) else value


def turned(members: Dict[str, Json]) -> Dict[str, Json]:
    return dict(reversed(list(members.items())))


def in_texts(members: Dict[str, Json]) -> Dict[str, Json]:
    return {name: str(v) if type(v) in (int, float) else v for name, v in members.items()}


def in_other_times(members: Dict[str, Json]) -> Dict[str, Json]:
    """Write UTC as an offset, with a blank before the time."""
    found = {name: _ISO(v) if isinstance(v, str) else None for name, v in members.items()}
    texts = {name: f"{match[1]} {match[2]}+00:00" for name, match in found.items() if match}
    return {**members, **texts}


def with_unknown_keys(members: Dict[str, Json]) -> Dict[str, Json]:
    if all(type(value) in (int, float) for value in members.values()):
        return members  # tokens by class, of which any key may be one
    return {"zzNull": None, **members, "zzText": "ß\u2028", "zzObject": {"a": [1, None]}}


CHANGES = [turned, in_texts, in_other_times, with_unknown_keys]


def rewritten(name: str, text: str, change: Callable[[Dict[str, Json]], Dict[str, Json]]) -> str:
    if name.endswith(".jsonl"):
        return "".join(rewritten("", line, change) + "\n" for line in text.splitlines())
    return json.dumps(everywhere(change, json.loads(text)), ensure_ascii=False)


def as_columns(text: str, **how: Any) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", **how).writerows(csv.reader(io.StringIO(text)))
    return written.getvalue()


KEPT: Dict[str, Callable[[bytes], bytes]] = {
    "windows": lambda content: content.replace(b"\n", b"\r\n"),
    "marked": lambda content: b"\xef\xbb\xbf" + content,
    "wide": lambda content: content.decode("utf-8").encode("utf-16"),
    "blank lines": lambda content: b"\n\n" + content + b"\n\n",
    "packed": gzip.compress,
    "no last end": lambda content: content.rstrip(b"\n"),
}
TABLES: Dict[str, Dict[str, Any]] = {
    "quoted": {"quoting": csv.QUOTE_ALL},
    "semicolons": {"delimiter": ";"},
    "tabs": {"delimiter": "\t"},
}


def files_of(format_id: str) -> Dict[str, str]:
    vendor = VENDORS[format_id]
    return vendor.write(known(SOME, vendor), "x")


def calls_in(format_id: str, files: Dict[str, Content], folder: Path) -> List[List[str]]:
    """Return what an import has, without ids that stand for the texts of records."""
    paths = write_all(folder / "logs", files)
    out = folder / "out.csv"
    import_files(format_id, paths, out)
    left_out = ("call_id", "request_id")
    return sorted([v for name, v in row.items() if name not in left_out] for row in rows_of(out))


@pytest.mark.parametrize("format_id", format_ids())
def test_other_ways_to_write_and_to_keep_a_log_change_nothing(
    format_id: str, tmp_path: Path
) -> None:
    files = files_of(format_id)
    expected = calls_in(format_id, dict(files), tmp_path / "plain")
    assert expected
    ways: Dict[str, Dict[str, Content]] = {}
    for kind, keep in KEPT.items():
        ways[kind] = {name: keep(text.encode("utf-8")) for name, text in files.items()}
    if all(name.endswith(".csv") for name in files):
        for kind, how in TABLES.items():
            ways[kind] = {name: as_columns(text, **how) for name, text in files.items()}
    else:
        for change in CHANGES:
            ways[change.__name__] = {
                name: rewritten(name, text, change) for name, text in files.items()
            }
    for kind, written in ways.items():
        assert calls_in(format_id, written, tmp_path / kind) == expected, kind


@pytest.mark.parametrize("between", ["", " "])
def test_objects_may_follow_each_other_on_a_line(between: str, tmp_path: Path) -> None:
    records = [{**INVOCATION, "requestId": f"r{n}"} for n in range(3)]
    text = between.join(map(json.dumps, records))
    (path,) = write_all(
        tmp_path, {"firehose": text + "\n" + text.replace('"r', '"s') + '{"a": 1]\n'}
    )
    assert detect(Source(str(path), "x")).id == "bedrock"
    result = import_files("bedrock", [path], tmp_path / "out.csv")
    assert (result.totals.rows, dict(result.tally.rejected)) == (6, {"not JSON": 1})


PAGES: Dict[str, Dict[str, Any]] = {
    "langfuse": {"data": [observation("a"), observation("b")], "meta": {"page": 1}},
    "helicone": {"data": [REQUEST, {**REQUEST, "request_id": "h2"}], "error": None},
    "litellm": {"data": [LOG, {**LOG, "request_id": "r2"}], "total": 2},
}


@pytest.mark.parametrize("format_id", sorted(PAGES))
@pytest.mark.parametrize("indent", [None, 1])
def test_a_page_of_an_api_is_its_records(format_id: str, indent: int, tmp_path: Path) -> None:
    page = PAGES[format_id]
    (path,) = write_all(tmp_path, {"page.json": json.dumps(page, indent=indent)})
    assert detect(Source(str(path), "x")).id == format_id
    import_files(format_id, [path], tmp_path / "page.csv")
    lines = write_all(tmp_path, {"lines.jsonl": json_lines(page["data"])})
    import_files(format_id, lines, tmp_path / "lines.csv")
    assert len(rows_of(tmp_path / "page.csv")) == 2
    assert rows_of(tmp_path / "page.csv") == rows_of(tmp_path / "lines.csv")


def test_observations_that_are_no_calls_are_counted(tmp_path: Path) -> None:
    records = [
        observation("a"),
        observation("b", usageDetails={}),
        observation("c", type="SPAN", usageDetails={}),
    ]
    paths = write_all(tmp_path, {"a.jsonl": json_lines(records)})
    result = import_files("langfuse", paths, tmp_path / "out.csv")
    assert dict(result.tally.skipped) == {"no usage": 1, "other records": 1}


def test_statuses_below_zero_are_of_requests_without_an_answer(tmp_path: Path) -> None:
    records = [{**REQUEST, "request_id": f"h{n}", "response_status": -n} for n in range(1, 5)]
    paths = write_all(tmp_path, {"a.jsonl": json_lines([REQUEST, *records])})
    result = import_files("helicone", paths, tmp_path / "out.csv")
    assert (result.totals.rows, dict(result.tally.skipped)) == (1, {"unfinished": 4})


@pytest.mark.parametrize(
    "usage",
    [
        {"object": "organization.usage.images.result", "images": 3, "num_model_requests": 3},
        {"object": "organization.usage.audio_speeches.result", "characters": 9, "model": "tts-1"},
        {"object": "organization.usage.vector_stores.result", "usage_bytes": 1024},
    ],
)
def test_usage_that_is_not_in_tokens_does_not_cost_nothing(
    usage: Dict[str, Any], tmp_path: Path
) -> None:
    paths = write_all(tmp_path, {"a.json": openai_page(OPENAI_RESULT, usage)})
    result = import_files("openai-usage", paths, tmp_path / "out.csv")
    assert result.totals.rows == 1
    assert dict(result.tally.skipped) == {"usage not in tokens": 1}
    assert any("images, speech and storage" in note for note in result.tally.notes)


def test_a_folder_of_tables_is_read_where_the_format_is_named(tmp_path: Path) -> None:
    table = "when,name,in,out\n2026-03-01 10:00:00,gpt-a,100,10\n"
    write_all(tmp_path / "logs", {"a.csv": table, "b/c.csv": table, "notes.json": "{}"})
    tally = Tally()
    (given,) = inputs_of("csv", [str(tmp_path / "logs")], tally, {}, "/nowhere")
    assert [source.name for source in given.sources] == ["a.csv", "c.csv"]
    assert dict(tally.skipped) == {"other files": 1}
    names = {"timestamp": "when", "model": "name", "input_tokens": "in", "output_tokens": "out"}
    paths = [Path(source.path) for source in given.sources]
    result = import_files("csv", paths, tmp_path / "out.csv", ImportOptions(columns=names))
    assert result.tally.rejections == 0


CANARY = "kanarienvogel-0417"
PRIVATE = {
    **dict.fromkeys(["content", "prompt", "text", "completion", "arguments"], CANARY),
    **{key: [{"role": "user", "content": CANARY}] for key in ["messages", "parts", "choices"]},
    **{key: {"body": CANARY} for key in ["response", "request_body", "proxy_server_request"]},
}


def with_private_texts(members: Dict[str, Json]) -> Dict[str, Json]:
    """Add what prompts and answers may be called, wherever an object may have more keys."""
    is_tokens = all(type(value) in (int, float) for value in members.values())
    return members if is_tokens else {**PRIVATE, **members}


def with_private_times(members: Dict[str, Json]) -> Dict[str, Json]:
    """Put a text in place of each time, which rejects the record."""
    found = [name for name, v in members.items() if _NAME_OF_TIME(name) and v]
    return {**members, **dict.fromkeys(found, CANARY)}


def with_private_column(text: str) -> str:
    head, *rows = csv.reader(io.StringIO(text))
    written = io.StringIO()
    longer = [[*head, "prompt"], *([*row, CANARY] for row in rows if len(row) == len(head))]
    csv.writer(written).writerows(longer)
    return written.getvalue()


@pytest.mark.parametrize("format_id", format_ids())
def test_texts_of_prompts_and_answers_are_nowhere(format_id: str, tmp_path: Path) -> None:
    files = files_of(format_id)
    private: Dict[str, Content] = {}
    for name, text in files.items():
        if name.endswith(".csv"):
            private[name] = with_private_column(text)
            continue
        folder, _, last = name.rpartition("/")
        private[name] = whole = rewritten(name, text, with_private_texts)
        private[f"{folder}/rejected-{last}".lstrip("/")] = rewritten(
            name, whole, with_private_times
        )
    paths = write_all(tmp_path / "logs", private)
    assert all(CANARY in path.read_text(encoding="utf-8") for path in paths)
    out, rejects = tmp_path / "out.csv", tmp_path / "rejects.csv"
    result = import_files(format_id, paths, out, rejects=rejects)
    assert result.totals.rows
    written = b"".join(p.read_bytes() for p in tmp_path.iterdir() if p.is_file())
    said = "\n".join(lines_of(result))
    assert CANARY not in said
    assert CANARY.encode("ascii") not in written
