"""The same calls, written in many ways, give the same results to the byte."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Callable, Dict, Iterable, List, NamedTuple, Sequence, Tuple

import pytest

import finops
from finops.context import RunContext
from finops.pipeline import Job, compute
from finops.reader.options import ReadingOptions
from finops.registry import ANALYZER_REGISTRY
from finops.rollups.dataset import open_dataset

pytestmark = pytest.mark.unmeasured

Row = Dict[str, str]
NAMES: Tuple[str, ...] = (
    *("timestamp", "call_id", "provider", "model", "input_tokens", "output_tokens", "cost_usd"),
    *("latency_ms", "customer_id", "subscription_tier", "organization_id", "product_id"),
    *("feature_id", "task_type", "environment", "region", "status", "error_type"),
)
MODELS = (("openai", "gpt-4o"), ("anthropic", "claude-haiku-4-5"), ("google", "gemini-2.5-pro"))
START = datetime(2026, 3, 1)
NOW = datetime(2026, 6, 1, tzinfo=timezone.utc).timestamp()
_FORM = "%Y-%m-%dT%H:%M:%S.%f"


def _calls() -> List[Row]:
    """Return 200 calls over ten days, in order of time."""
    rng = random.Random(200)
    every = []
    for n in range(200):
        provider, model = MODELS[n % 3]
        failed = n % 17 == 5
        every.append(
            {
                "timestamp": (START + timedelta(minutes=72 * n, seconds=n)).strftime(_FORM),
                "call_id": f"c-{rng.randrange(10**9)}-{n}",
                "provider": provider,
                "model": model,
                "input_tokens": str(rng.randrange(1, 5000)),
                "output_tokens": str(rng.randrange(1, 2000)),
                "cost_usd": f"{rng.randrange(1, 900_000) / 1e6:.6f}",
                "latency_ms": str(rng.randrange(50, 4000)),
                "customer_id": f"customer {n % 7}",
                "subscription_tier": ("starter", "pro", "enterprise")[n % 3],
                "organization_id": f"org {n % 4}",
                "product_id": f"product {n % 2}",
                "feature_id": f"feature {n % 5}",
                "task_type": "chat",
                "environment": "production",
                "region": "us-east",
                "status": "error" if failed else "success",
                "error_type": "timeout" if failed else "",
            }
        )
    return every


CALLS = _calls()


def _written(
    calls: Sequence[Row] = CALLS,
    names: Sequence[str] = NAMES,
    header: Callable[[str], str] = str,
    **how: object,
) -> bytes:
    """Return calls as Python's own writer writes them."""
    out = io.StringIO()
    writer = csv.writer(out, **{"lineterminator": "\n", **how})  # type: ignore[arg-type]
    writer.writerow([header(name) for name in names])
    writer.writerows([row.get(name, "") for name in names] for row in calls)
    return out.getvalue().encode("utf-8")


def _each(column: str, change: Callable[[str], str], calls: Sequence[Row] = CALLS) -> List[Row]:
    return [{**row, column: change(row[column])} for row in calls]


def _times(change: Callable[[datetime], str]) -> List[Row]:
    return _each("timestamp", lambda text: change(datetime.strptime(text, _FORM)))


def _stamp(unit: int) -> Callable[[datetime], str]:
    return lambda time: str(round((time - datetime(1970, 1, 1)).total_seconds()) * unit)


def _in_zone(hours: int, minutes: int, sign: str) -> Callable[[datetime], str]:
    ahead = timedelta(hours=hours, minutes=minutes) * (1 if sign == "+" else -1)
    return lambda time: f"{(time + ahead).isoformat()}{sign}{hours:02}:{minutes:02}"


def _recoded(coding: str) -> bytes:
    return _written().decode("utf-8").encode(coding)


def _decimal_comma() -> bytes:
    return _written(_each("cost_usd", lambda cost: cost.replace(".", ",")), delimiter=";")


def _with_prompts() -> bytes:
    prompts = [dict(row, prompt=f'say "{n}",\nplease\n\n') for n, row in enumerate(CALLS)]
    return _written(prompts, (*NAMES, "prompt"))


def _crlf(content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n")


def _in_other_columns() -> bytes:
    names = list(NAMES)
    random.Random(7).shuffle(names)
    return _written(names=names)


def _backwards() -> bytes:
    return _written(CALLS[::-1])


def _shuffled() -> bytes:
    calls = list(CALLS)
    random.Random(3).shuffle(calls)
    return _written(calls)


def _noted() -> bytes:
    return b"# exported\n\n" + _written()


def _gapped() -> bytes:
    head, *lines = _written().splitlines(keepends=True)
    return b"".join([head, *(line + b"\n" for line in lines)])


def _headed_twice() -> bytes:
    head, *lines = _written().splitlines(keepends=True)
    return b"".join([head, *lines[:100], head, *lines[100:]])


DIALECTS: Dict[str, bytes] = {
    "tabs": _written(delimiter="\t"),
    "semicolons": _written(delimiter=";"),
    "bars": _written(delimiter="|"),
    "semicolons and decimal commas": _decimal_comma(),
    "a sep= line": b"sep=;\r\n" + _crlf(_written(delimiter=";")),
    "all quoted": _written(quoting=csv.QUOTE_ALL),
    "words quoted": _written(quoting=csv.QUOTE_NONNUMERIC),
    "all quoted, tabs": _written(quoting=csv.QUOTE_ALL, delimiter="\t"),
    "all quoted, semicolons": _written(quoting=csv.QUOTE_ALL, delimiter=";"),
    "CR LF": _crlf(_written()),
    "CR LF, all quoted": _crlf(_written(quoting=csv.QUOTE_ALL)),
    "byte order mark": b"\xef\xbb\xbf" + _written(),
    "UTF-16": _recoded("utf-16"),
    "UTF-16 little": _recoded("utf-16-le"),
    "UTF-16 big": _recoded("utf-16-be"),
    "gzip": gzip.compress(_written()),
    "gzip of UTF-16": gzip.compress(_recoded("utf-16")),
    "gzip in two members": gzip.compress(_written()[:5000]) + gzip.compress(_written()[5000:]),
    "no newline at the end": _written()[:-1],
    "columns in another order": _in_other_columns(),
    "rows backwards": _backwards(),
    "rows shuffled": _shuffled(),
    "capital header": _written(header=str.upper),
    "header with blanks": _written(header=lambda name: f" {name} "),
    "header in words": _written(header=lambda name: name.replace("_", " ").title()),
    "comments before the header": _noted(),
    "blank lines between": _gapped(),
    "a header in the middle": _headed_twice(),
    "a delimiter at each end": _written().replace(b"\n", b",\n"),
    "prompts of several lines": _with_prompts(),
    "prompts of several lines, CR LF": _crlf(_with_prompts()),
    "times with Z": _written(_times(lambda time: time.isoformat() + "Z")),
    "times with a blank": _written(_times(lambda time: time.isoformat(" "))),
    "times in UTC by name": _written(_times(lambda time: time.isoformat(" ") + " UTC")),
    "times of India": _written(_times(_in_zone(5, 30, "+"))),
    "times of New York": _written(_times(_in_zone(4, 0, "-"))),
    "times in small letters": _written(_times(lambda time: time.isoformat().lower() + "z")),
    "epoch seconds": _written(_times(_stamp(1))),
    "epoch milliseconds": _written(_times(_stamp(1000))),
    "epoch microseconds": _written(_times(_stamp(10**6))),
    "epoch nanoseconds": _written(_times(_stamp(10**9))),
    "decimals in tokens": _written(_each("input_tokens", lambda text: text + ".0")),
    "decimals in latency": _written(_each("latency_ms", lambda text: text + ".2")),
    "money with a sign": _written(_each("cost_usd", lambda text: "$" + text)),
    "money with more digits": _written(_each("cost_usd", lambda text: text + "000000")),
    "money with an exponent": _written(
        _each("cost_usd", lambda text: f"{int(text.replace('.', ''))}e-6")
    ),
    "statuses in capitals": _written(_each("status", str.upper)),
    "statuses as numbers": _written(
        _each("status", lambda text: {"success": "200", "error": "408"}[text])
    ),
    "providers in capitals": _written(_each("provider", str.upper)),
    "blanks around": _written(_each("customer_id", lambda text: f" {text} ")),
}


class Result(NamedTuple):
    """The results of all analyzers but for what names the file and how it was written."""

    text: str


def results_of(data: Sequence[Path]) -> Result:
    """Return what all analyzers say of some files."""
    source = [str(path) for path in data] if len(data) > 1 else str(data[0])
    dataset = open_dataset(source, workers=1, context=RunContext(NOW))
    results = list(compute(Job(dataset, data[0].parent)).values())
    assert len(results) == len(ANALYZER_REGISTRY)
    for result in results:
        result.pop("file", None)
        for how_written in ("lines", "notes"):
            result.get("quality", {}).pop(how_written, None)
    return Result(json.dumps(results, sort_keys=True))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The results of the plainest way to write the calls."""
    path = tmp_path_factory.mktemp("plain") / "calls.csv"
    path.write_bytes(_written())
    return results_of([path])


@pytest.mark.sampled
@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_changes_no_result(name: str, expected: Result, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(DIALECTS[name])
    assert results_of([path]) == expected


def _shares(count: int) -> Iterable[List[Row]]:
    size = len(CALLS) // count
    return (CALLS[k * size : (k + 1) * size] for k in range(count))


@pytest.mark.sampled
@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("order", [1, -1])
def test_a_split_over_files_changes_no_result(
    count: int, order: int, expected: Result, tmp_path: Path
) -> None:
    paths = []
    for n, share in enumerate(_shares(count)):
        path = tmp_path / f"part {n}.csv"
        path.write_bytes(_written(share, delimiter=",;\t"[n % 3]))
        paths.append(path)
    assert results_of(paths[::order]) == expected


def test_a_file_that_overlaps_another_changes_no_result(expected: Result, tmp_path: Path) -> None:
    paths = [tmp_path / "first.csv", tmp_path / "second.csv"]
    paths[0].write_bytes(_written(CALLS[:120]))
    paths[1].write_bytes(_written(CALLS[80:]))
    found = json.loads(results_of(paths).text)
    assert _without_quality(found) == _without_quality(json.loads(expected.text))


def _without_quality(results: List[Dict[str, object]]) -> List[Dict[str, object]]:
    return [{key: part for key, part in result.items() if key != "quality"} for result in results]


def test_the_public_interface_reads_them_too(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(DIALECTS["gzip of UTF-16"])
    assert finops.open_dataset(path).rollups(()).totals.calls == len(CALLS)
    assert ReadingOptions() == ReadingOptions.from_plain(ReadingOptions().plain())
