"""What is fuzzed: one function for each place where bytes of others come in.

A target takes any bytes and returns nothing.  It swallows the exceptions that the documentation
of what it calls names, and lets everything else pass; where there are two ways to the same
answer, it compares them.  `TARGETS` is the registry: the fuzzer, the smoke run and the tests that
replay the corpus follow from it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple
from unittest import mock

from finops import config, import_usage, json_files, schema
from finops.business.catalog import DEFAULT_PRICES
from finops.business.names import fold_provider, spellings
from finops.business.prices import Usage, parse_prices
from finops.commands.config_file import read_config
from finops.errors import DataError, UsageError
from finops.generators.action_list import most_worth
from finops.importers import format_ids
from finops.manifest import PricesEntry, RunOptions
from finops.publishing import publish
from finops.reader.accounts import Accounts
from finops.reader.block_reader import BlockReader
from finops.reader.containers import container_of, text_of
from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.event_log import read_events
from finops.reader.fields import BadValueError, parse_money, parse_time, parse_whole
from finops.reader.header import Header, read_header
from finops.reader.options import ReadingRules
from finops.reader.row_validator import RowValidator
from finops.rollups import partition, serialization
from finops.storage import commit, pending
from finops.viewer import collector as collecting
from finops.viewer.event_store import EventStore, Stored, Waiting
from finops.viewer.events import Row
from finops.viewer.handler import escape
from finops.viewer.http import Request, RequestRefusedError, Response
from finops.viewer.security import Gate, Route, parse_head
from finops.viewer.strict_json import parse_object
from finops.viewer.summary import read_findings
from finops.viewer.tasks import presentable
from tests.support.vendor_logs import VENDORS, Use

LATEST = b"2100-01-01T00:00:00.000000"
HEADER = schema.HEADER_LINE.encode("ascii")
ROW = b"2025-03-01T10:00:00.250000,call-1,openai,gpt-4o,1000,500,0.0075,800,cust_0007"
ROW += b"," * (HEADER.count(b",") - ROW.count(b",")) + b"\n"
COMPLETION: Dict[str, Any] = {
    **{"transactionId": "tx-1", "model": "gpt-4o", "provider": "OPENAI", "stopReason": "ERROR"},
    **{"inputTokenCount": 1000, "outputTokenCount": 5e2, "totalTokenCount": 1500, "errorCode": 429},
    **{"requestTime": "2025-03-01T10:00:00Z", "completionStartTime": 1740823200123},
    **{"responseTime": "2025-03-01 10:00:02+02:00", "requestDuration": 2000, "totalCost": 0.25},
    **{"subscriber": {"id": "c", "email": "a@b"}, "modelSource": "ANTHROPIC", "x": [None, True]},
    **{"cacheReadTokenCount": 4, "cacheCreationTokenCount": 3, "traceId": "t", "region": "eu"},
}
RECORD: Dict[str, Any] = {
    **{"timestamp": "2025-03-01T10:00:00.250000", "call_id": "call-1", "provider": "openai"},
    **{"model": "gpt-4o", "input_tokens": 1000, "output_tokens": 500, "latency_ms": 800},
    "metadata": {"customer_id": "cust_0007", "product_id": 'a "quoted", one'},
}


class Target(NamedTuple):
    """A function to fuzz, inputs to start from, and the longest input in bytes.

    `changes`: how many changed inputs the tests try, fewer where each of them takes long.
    """

    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    most: int = 4096
    changes: int = 400


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8")


# --- over the network ------------------------------------------------------------------------

_OK = Route(lambda request: Response(200, b"", "text/plain"), api=True, gzip=True)
_GATE = Gate(8000, {"/": {"GET": _OK}, "/api/é": {"GET": _OK, "POST": _OK}})


def http_head(data: bytes) -> None:
    """Read and admit the head of a request."""
    try:
        head = parse_head(data)
        admitted = _GATE.admit(head)
    except RequestRefusedError as refused:
        refused.response.head()
        return
    assert 0 <= admitted.length <= config.HTTP_BODY_BYTES
    assert admitted.request.path in ("/", "/api/é")
    assert all("\r" not in value and "\n" not in value for _, value in head.headers)


def json_body(data: bytes) -> None:
    """Read a JSON object; what is taken must be what the standard parser reads."""
    try:
        value = parse_object(data)
    except RequestRefusedError:
        return
    assert value == (json.loads(data.decode("utf-8")) if data.strip() else {})
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


class _Store(EventStore):
    """A store that checks rows instead of writing them."""

    def __init__(self) -> None:
        super().__init__(Path("none.csv"))

    def enqueue(self, rows: Sequence[Row]) -> Waiting:
        for row in rows:
            assert row.line.endswith(b"\n")
            assert row.line.count(b"\n") == 1
            _READER.validate(row.first_columns()[:-1])
        return Waiting(rows)

    def finish(self, waiting: Waiting) -> Stored:
        return Stored(len(waiting.rows), 0)


def _collect(path: str, body: bytes, **headers: str) -> None:
    # Nothing is remembered from one input to the next.
    collector = collecting.Collector(_Store())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    respond = collector.batch if path == "batch" else collector.completion
    try:
        answer = respond(Request("POST", path, {}, named, body))
    except RequestRefusedError as refused:
        answer = refused.response
    json.loads(answer.body.decode("ascii"))
    assert answer.status in (200, 201, 400, 413, 422)


def completion(data: bytes) -> None:
    """Collect one completion of the SDK."""
    _collect("completion", data, idempotency_key="k")


def batch(data: bytes) -> None:
    """Collect a batch of events."""
    _collect("batch", data)


def gzip_batch(data: bytes) -> None:
    """Collect a compressed batch: as it comes, or compressed here after a `z`."""
    body = gzip.compress(data[1:], 1) if data[:1] == b"z" else data
    _collect("batch", body, content_encoding="gzip")


# --- files of others -------------------------------------------------------------------------


def csv_file(data: bytes) -> None:
    """Read a whole CSV, header and rows: as it is, or compressed here after a `z`.

    Every line must be accounted for, also where the text is cut into small blocks.
    """
    raw = io.BytesIO(gzip.compress(data[1:], 1) if data[:1] == b"z" else data)
    try:
        container = container_of(raw, "calls.csv")
        text = text_of(raw, container, "calls.csv").read(1 << 24)
        header = read_header(io.BytesIO(text), "calls.csv")
    except DataError:
        return
    whole = _accounts_of(text, header, len(text))
    assert whole == _accounts_of(text, header, 1 + len(data) % 200)
    rows = text[header.data_start :]
    used = ("used", "blank", "comments", "continuation", "repeated_headers", "incomplete_tail")
    left_out = sum(whole["skipped"].values())
    assert whole["lines"] == left_out + sum(whole[name] for name in used)
    assert whole["lines"] == rows.count(b"\n") + (not rows.endswith(b"\n") and bool(rows))


def _accounts_of(text: bytes, header: Header, block_bytes: int) -> Dict[str, Any]:
    """Return where the lines of a text go that is read in blocks of this size."""
    reader = BlockReader(header, KeyEncoder(), ReadingRules(DEFAULT_PRICES, latest=LATEST))
    span = (header.data_start, len(text))
    with mock.patch.object(partition, "BLOCK_BYTES", block_bytes):
        blocks = partition.Blocks(
            io.BytesIO(text), span, reader.accounts, header.dialect, is_last=True
        )
        for _ in partition.batches(blocks, reader):
            pass
    return vars(reader.accounts)


_HEADER = read_header(io.BytesIO(HEADER), "calls.csv")
_READER = RowValidator(_HEADER, ReadingRules(DEFAULT_PRICES, latest=LATEST))


def csv_row(data: bytes) -> None:
    """Read one row; it must be read the same alone and beside one that is not plain."""
    line = data.replace(b"\n", b"").replace(b"\r", b"")
    alone, beside = (_read_rows(line + b"\n" + more) for more in (b"", b'"odd\n'))
    assert beside[0] == alone[0]
    with suppress(BadValueError):
        _READER.validate(line)
        assert alone[0] is not None


def _read_rows(rows: bytes) -> Tuple[Optional[Batch], Accounts]:
    rules = ReadingRules(DEFAULT_PRICES, latest=LATEST)
    reader = BlockReader(_HEADER, KeyEncoder(rules), rules)
    return reader.read(rows), reader.accounts


def values(data: bytes) -> None:
    """Read times and numbers as they stand in a field."""
    with suppress(BadValueError):
        time = parse_time(data)
        assert parse_time(time) == time
        assert len(time) == len(LATEST)
    with suppress(BadValueError):
        assert 0 <= (parse_whole(data, 10**12) or 0) <= 10**12
    with suppress(BadValueError):
        assert abs(parse_money(data) or 0) <= schema.MAX_COST_PICO


def _check_sentence(text: str) -> None:
    """What users read is on one line, and can be written."""
    assert text.isprintable()
    text.encode("utf-8")


def price_file(data: bytes) -> None:
    """Read a price table, ours or LiteLLM's."""
    try:
        table = parse_prices(data, "prices.json", "2025-01-01")
    except DataError as error:
        _check_sentence(str(error))
        return
    _check_sentence(f"{table.source} {table.date}")
    for model in table:
        _check_sentence(f"{model.provider} {model.name}")
        assert model.input_price >= 0
        assert model.output_price >= 0


def names(data: bytes) -> None:
    """Fold the names of a provider and a model."""
    provider, _, model = data.decode("utf-8", "replace").partition("\n")
    assert fold_provider(fold_provider(provider)) == fold_provider(provider)
    assert next(spellings(model)) == model.strip().lower()
    DEFAULT_PRICES.price_of(Usage(provider, model, 1, 1))


def printed_line(data: bytes) -> None:
    """Show a line that a job has printed, and log one."""
    text = data.decode("utf-8", "surrogateescape")
    shown = presentable(text)
    assert len(shown) <= 300
    assert shown.isprintable()
    assert escape(text).isprintable()


# --- files of ours, edited -------------------------------------------------------------------

_MEMORY = "/dev/shm"  # where writing costs least, if there is such a place
_FOLDER = tempfile.TemporaryDirectory(
    prefix="finops-fuzz-", dir=_MEMORY if os.path.isdir(_MEMORY) else None
)
_CSV = Path(_FOLDER.name) / "calls.csv"
_CSV.write_bytes(HEADER + ROW)


def commit_record(data: bytes) -> None:
    """Read a commit record beside a file: as it is, or with its checksum made right after a `c`."""
    raw = _with_checksum(data[1:]) if data[:1] == b"c" else data
    commit.commit_path(_CSV).write_bytes(raw)
    record = commit.read_commit(_CSV)
    assert 0 <= commit.readable_end(_CSV) <= _CSV.stat().st_size
    if record is not None:
        assert commit.decode(commit.encode(record)) == record


def _with_checksum(data: bytes) -> bytes:
    try:
        body = json.loads(data.decode("ascii"))
        body.pop("checksum", None)
        text = json.dumps(body, sort_keys=True)
        body["checksum"] = zlib.crc32(text.encode("ascii"))
        return json.dumps(body).encode("ascii")
    except (ValueError, AttributeError, TypeError, RecursionError):
        return data


def cache_content(data: bytes) -> None:
    """Read what a cache file holds; what is taken must come back after writing."""
    try:
        content = serialization.load(data)
    except ValueError:
        return
    with suppress(TypeError, RecursionError):
        again = serialization.load(serialization.dump(content))
        assert repr(again) == repr(content)


_OPTIONS = RunOptions(None, PricesEntry("built in", "2025-01"))


def manifest(data: bytes) -> None:
    """Publish beside an edited manifest."""
    folder = Path(_FOLDER.name) / "manifest"
    folder.mkdir(exist_ok=True)
    (folder / "pricing.html").write_text("")
    (folder / "manifest.json").write_bytes(data)
    publish(folder, {}, {}, {"dataset": "calls.csv"}, _OPTIONS)
    written = json_files.read_object(folder / "manifest.json")
    assert written is not None


def result(data: bytes) -> None:
    """Rank the findings of an edited result, and publish beside it."""
    folder = Path(_FOLDER.name) / "result"
    folder.mkdir(exist_ok=True)
    (folder / "pricing.html").write_text("")
    (folder / "pricing.json").write_bytes(data)
    findings = read_findings(folder / "pricing.json")
    ranked = most_worth({"pricing": findings}, [{"id": "pricing"}])
    json.dumps([entry.finding for _, entry in ranked], allow_nan=False, ensure_ascii=False).encode()
    publish(folder, {}, {}, {"dataset": "calls.csv"}, _OPTIONS)


# --- usage logs and the configuration file ---------------------------------------------------


def usage_log(data: bytes) -> None:
    """Import a file of the format that the first byte chooses.

    Importing it again must add and change nothing.
    """
    format_id, name, _ = _FIRST_FILES[data[0] % len(_FIRST_FILES)] if data else _FIRST_FILES[0]
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / name, Path(folder) / "calls.csv"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(data[1:])
        with suppress(DataError, UsageError):
            import_usage(Path(folder) / name.split("/")[0], out, format=format_id)
            written = out.read_bytes()
            again = import_usage(Path(folder) / name.split("/")[0], out, format=format_id)
            assert (again.added, again.changed) == (0, 0)
            assert out.read_bytes() == written


def _first_file(format_id: str) -> Tuple[str, str, str]:
    """Return a format, and name and text of the first file that its vendor would write."""
    uses = [Use(1000, 200, 100, 50, 10), Use(7, output=3)]
    name, text = sorted(VENDORS[format_id].write(uses, "secret").items())[0]
    return format_id, name, text


_FIRST_FILES = [_first_file(format_id) for format_id in format_ids()]


def config_file(data: bytes) -> None:
    """Read a configuration file, as TOML after a `t`, else as JSON."""
    is_toml = data[:1] == b"t"
    path = Path(_FOLDER.name) / ("finops.toml" if is_toml else "finops.json")
    path.write_bytes(data[1:] if is_toml else data)
    with suppress(UsageError):
        read_config(str(path))


def events_file(data: bytes) -> None:
    """Read a file of events."""
    path = Path(_FOLDER.name) / "calls.events.csv"
    path.write_bytes(data)
    try:
        events = read_events(path)
    except DataError as error:
        _check_sentence(str(error))
        return
    assert events == sorted(events)
    assert all(event.title and len(event.start) == len("2025-01-31") for event in events)


# --- the registry ----------------------------------------------------------------------------

_HOST = b"Host: 127.0.0.1:8000\r\n"
_POST = b"Content-Type: application/json\r\nContent-Length: 2\r\n"
_RECORD = commit.encode(
    commit.CommitRecord(
        len(HEADER + ROW),
        rows=1,
        synced_end=0,
        synced_rows=0,
        head_hash=hashlib.sha256(HEADER + ROW).hexdigest(),
        pending=pending.Pending(1, 2, 3),
    )
)
_OURS = {"provider": "openai", "model": "m", "input_per_1k": 1, "output_per_1k": 0.5}
_THEIRS = {"input_cost_per_token": 1e-6, "output_cost_per_token": 0, "litellm_provider": "azure"}
_FINDING = {"title": "T", "detail": "D", "severity": "high", "impact_usd_per_month": 12.5}
_LISTED = {"id": "pricing", "status": "complete", "seconds": 0.5, "generated_at": "2025-01-01"}
_PERIOD = {"start": "2025-01-01T00:00:00", "end": "2025-01-02T00:00:00"}
_OBJECTS: List[bytes] = [b"{}", b'{"a":"\\u00e9\\"[{","b":[1,-2.5e3,null,true,{"c":""}]}', b"[]"]
_EVENTS: List[bytes] = [_json([RECORD]), _json([RECORD, {}, 1, COMPLETION]), b"[]", b" [ 1 , 2 ] "]

TARGETS: Dict[str, Target] = {
    "http_head": Target(
        http_head,
        [
            b"GET / HTTP/1.1\r\n" + _HOST + b"\r\n",
            b"POST /api/%C3%A9?id=a&b=%20 HTTP/1.0\r\n" + _HOST + _POST + b"\r\n",
            b"POST /api/%C3%A9 HTTP/1.1\r\n" + _HOST + _POST + b"Content-Encoding: gzip\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + _HOST + b"Origin: null\r\nSec-Fetch-Site: none\r\n\r\n",
        ],
        config.HTTP_HEAD_BYTES,
    ),
    "json_body": Target(json_body, _OBJECTS, 65_536),
    "completion": Target(completion, [_json(COMPLETION), *_OBJECTS], 65_536),
    "batch": Target(batch, _EVENTS, 65_536),
    "gzip_batch": Target(gzip_batch, [b"z" + _EVENTS[0], *map(gzip.compress, _EVENTS)], 65_536),
    "csv_file": Target(
        csv_file,
        [
            *(HEADER + ROW, HEADER, b"\xef\xbb\xbf" + HEADER + b"\r\n" + ROW + HEADER + b'"a",\n'),
            b"model,provider,timestamp,input_tokens,output_tokens,customer_id,x\n"
            b'm,"p, ""q""",2025-01-01 00:00:00.5Z,1,2,c,\n',
            b"z# noted\n\n" + HEADER + ROW,
            b"sep=;\r\n" + (HEADER + ROW).replace(b",", b";"),
            (HEADER + ROW).decode("ascii").encode("utf-16"),
            HEADER[:-1] + b",prompt\n" + ROW[:-1] + b',"one\n""two""\n"\n' + ROW[:-1] + b",x",
        ],
        16_384,
    ),
    "csv_row": Target(csv_row, [ROW, ROW.replace(b"gpt-4o", b'"a ""b"", c"'), HEADER], 16_384),
    "values": Target(
        values,
        [
            *(
                b"2025-03-01T10:00:00.250000",
                b"2025-03-01 10:00:00.5+02:00",
                b"1970-01-01T00:00:00Z",
            ),
            *(b"1000", b"0.0075", b"1e-7", b"12.5E+3"),
        ],
        256,
    ),
    "price_file": Target(
        price_file,
        [
            _json({"source": "s", "date": "2025-01", "models": [{**_OURS, "class": "economy"}]}),
            _json({"models": [_OURS, _OURS]}),
            _json({"a/m": _THEIRS, "sample_spec": {}, "vertex_ai/x": {**_THEIRS, "y": None}}),
        ],
    ),
    "names": Target(
        names,
        [
            b"LITELLM\nbedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            b"Azure OpenAI\ngpt-4o-2024-08-06",
        ],
        config.COLLECT_MAX_TEXT,
    ),
    "printed_line": Target(
        printed_line,
        [
            b"finops: no such file: /home/ann/data/calls.csv",
            rb"C:\Users\ann\calls.csv: \x1b[31m 1/2",
        ],
    ),
    "commit_record": Target(commit_record, [_RECORD, b"c" + _RECORD]),
    "cache_content": Target(
        cache_content,
        [serialization.dump({"parts": [1, {"a": None}], "key": "k"}), serialization.MAGIC],
    ),
    "manifest": Target(
        manifest,
        [
            _json(
                {
                    "dataset": {"name": "calls.csv", "size_bytes": None, "period": _PERIOD},
                    "reports": [_LISTED, {"id": "churn_growth", "status": "failed"}],
                }
            )
        ],
    ),
    "config_file": Target(
        config_file,
        [
            b't timezone = "Europe/Berlin"\nsla_ms = 1500\n[tier_prices]\npro = 149\n',
            b'{"rate": {"EUR": 1.1}, "thresholds": {"HIGH_COST_THRESHOLD_USD": 250}}',
        ],
    ),
    "events_file": Target(
        events_file,
        [
            b"start,end,title,subject\n2026-01-01,2026-01-03,Launch,chat\n2026-02-01,,Price,\n",
            b'title,start\r\n"a ""b""",2026-01-01T10:00:00Z\r\n',
        ],
    ),
    "usage_log": Target(
        usage_log,
        [bytes([n]) + text.encode() for n, (_, _, text) in enumerate(_FIRST_FILES)],
        16_384,
        changes=200,
    ),
    "result": Target(
        result,
        [
            _json({"findings": [_FINDING], "summary": {"total_calls": 5, "total_cost": 1.5}}),
            _json({"summary": {"total_revenue": 2.5, "unprofitable_customers": 1}, "daily": []}),
        ],
    ),
}

# What libFuzzer puts together: it does not see what the standard library compares with.
WORDS: Tuple[str, ...] = (
    *COMPLETION,
    *RECORD,
    *schema.COLUMN_NAMES,
    *(*_OURS, *_THEIRS, *_FINDING, *_LISTED, "models", "source", "date", "class", "findings"),
    *("summary", "dataset", "reports", "period", "daily", "total_cost", "total_calls", "array"),
    *("NaN", "Infinity", "-Infinity", "1e999", "1e308", "\\ud800", "\\u0000", "9" * 400),
    *("null", "true", "{}", "[]", "[" * 40, '"', '\\"', "\\\\", '""', ",", "e-", "\r\n", "\t"),
    *("Host: ", "Content-Length: ", "Origin: ", "HTTP/1.1", "%00", "%C3%A9", "\xff", "\x00"),
    *("vertex_ai/", "bedrock/", "us.anthropic.", "-20250929", ":0", "-latest", "C:\\", "/../"),
)

CORPUS = Path(__file__).resolve().parents[2] / "tests" / "corpus"


def corpus_of(name: str) -> List[Tuple[str, bytes]]:
    """Return name and content of the kept inputs of a target: each of them once broke something."""
    folder = CORPUS / name
    if not folder.is_dir():
        return []
    return [(entry, (folder / entry).read_bytes()) for entry in sorted(os.listdir(str(folder)))]
