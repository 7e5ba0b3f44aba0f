"""The whole job on datasets at the edge, and on very different ones, from CSV to pages."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Set

import pytest

from finops import config
from finops.business.catalog import CATALOG, PRICES_DATE
from finops.generators import formatting
from finops.pipeline import Job, analyze
from finops.registry import ANALYZER_REGISTRY
from tests.support.reference import call
from tests.support.rows import varied_rows, write_csv

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

FREE = {"cost_usd": "0.000000"}
FAILED = {"status": "error", "error_type": "timeout"}
EDGES: Dict[str, List[Dict[str, str]]] = {
    "header only": [],
    "one row": [call()],
    "one row, free": [call(**FREE)],
    "one customer": [dict(row, customer_id="only") for row in varied_rows(300)],
    "one hour": [
        dict(row, timestamp=f"2025-01-01T09:{k % 60:02d}:00.000000")
        for k, row in enumerate(varied_rows(200))
    ],
    "one instant": [dict(row, timestamp="2025-01-01T09:00:00.000000") for row in varied_rows(9)],
    "all errors": [dict(row, **FAILED) for row in varied_rows(300)],
    "all costs zero": [dict(row, **FREE) for row in varied_rows(300)],
    "all errors, all free": [dict(row, **FREE, **FAILED) for row in varied_rows(300)],
    "no tokens": [dict(row, input_tokens="0", output_tokens="0") for row in varied_rows(50)],
    "no latency": [dict(row, latency_ms="0") for row in varied_rows(50)],
    "nobody known": [
        dict(row, model="mystery", cost_usd="", subscription_tier="odd", tier_price_usd="")
        for row in varied_rows(50)
    ],
    "price zero": [dict(row, tier_price_usd="0") for row in varied_rows(50)],
}


def run(rows: List[Dict[str, str]], folder: Path) -> Dict[str, Any]:
    """Return the results by id as they stand in the JSON files, all reports being made."""
    path = folder / "calls.csv"
    write_csv(path, rows)
    outcome = analyze(Job(path, folder / "reports"))
    assert [report.reason for report in outcome.failed] == []
    return {
        name: json.loads((folder / "reports" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ANALYZER_REGISTRY
    }


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    return run(varied_rows(2000), tmp_path_factory.mktemp("usual"))


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers_in(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


@pytest.mark.parametrize("edge", EDGES)
def test_a_dataset_at_the_edge_gives_complete_dicts_and_pages(
    edge: str, usual: Dict[str, Any], tmp_path: Path
) -> None:
    rows = EDGES[edge]
    results = run(rows, tmp_path)
    for name, result in results.items():
        assert set(result) >= set(usual[name]), name
        assert set(result["summary"]) >= set(usual[name]["summary"]), name
        assert result["summary"]["total_calls"] == len(rows)
        assert all(number == number and abs(number) < 1e300 for number in numbers_in(result)), name
        page = (tmp_path / "reports" / f"{name}.html").read_text(encoding="utf-8")
        words = set(re.split(r"[\s,;:()%$]+", " ".join(texts_of(page))))
        assert not words & {"NaN", "nan", "inf", "Infinity", "null", "undefined"}, name
        assert "None" not in {text.strip() for text in texts_of(page)}, name
    for name in ("index.html", "manifest.json"):
        assert (tmp_path / "reports" / name).is_file()


def test_a_bad_row_is_named_on_every_page(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    write_csv(path, varied_rows(200))
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[149] = "broken"
    lines[36] = lines[36].replace("2025-", "never-")
    path.write_text("\n".join(lines), encoding="utf-8")
    analyze(Job(path, tmp_path / "reports"))
    for name in [*ANALYZER_REGISTRY, "index"]:
        said = " ".join(texts_of((tmp_path / "reports" / f"{name}.html").read_text("utf-8")))
        assert "wrong number of fields" in said, name
        assert "timestamp: not a time" in said, name
        assert re.search(r"\b150\b", said), name
        assert re.search(r"\b37\b", said), name


# --- every figure on a page is computed ------------------------------------------------------


class _Texts(HTMLParser):
    """Collects what a reader sees: text outside scripts and styles, and titles.

    The scales of drawings are round numbers about the data, so two pages may share them.
    """

    _OTHERS = ("script", "style", "head", "svg")

    def __init__(self) -> None:
        super().__init__()
        self.found: List[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._hidden += tag in self._OTHERS

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._OTHERS

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.found.append(data)


def texts_of(page: str) -> List[str]:
    parser = _Texts()
    parser.feed(page)
    return parser.found


_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?")


def figures(text: str) -> Set[str]:
    return {found.rstrip(",").replace(",", "") for found in _NUMBER.findall(text)}


def configured() -> Set[str]:
    """Return every configured number as text: thresholds may be named on any page."""
    found: Set[str] = set()

    def take(value: Any) -> None:
        if isinstance(value, bool):
            return
        if isinstance(value, (int, float)):
            found.update({f"{value:g}", f"{value * 100:g}", f"{value:.1f}", f"{value:.2f}"})
        elif isinstance(value, dict):
            take(list(value.values()))
        elif isinstance(value, (tuple, list)):
            for one in value:
                take(one)

    for name in dir(config):
        if name.isupper():
            take(getattr(config, name))
    for model in CATALOG:
        found |= figures(model.name)
    return found


def computed(result: Any) -> Set[str]:
    """Return every number of a result in every form a page may show it in."""
    forms: Set[str] = set()
    shapes = (
        formatting.money, formatting.count, formatting.compact, formatting.tokens,
        formatting.milliseconds, formatting.percent, formatting.decimal, formatting.size,
        formatting.duration, formatting.exact,
    )  # fmt: skip
    for number in set(numbers_in(result)):
        for shape in shapes:
            for one in (number, -number, number * 100):
                forms |= figures(shape(one))
        for decimals in range(1, 7):  # which are those of a column
            forms |= figures(f"{abs(number):,.{decimals}f}")
    forms |= {str(len(inner)) for inner in _lists_in(result)}
    for text in _texts_in(result):
        forms |= figures(text)
    return forms


def _lists_in(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _lists_in(inner)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)


def in_all(figures_of_each: Iterable[Set[str]]) -> Set[str]:
    """Return the figures that each dataset has."""
    return set.intersection(*figures_of_each)


def moments_of(*folders: Path) -> Iterator[str]:
    """Yield what pages write for the time at which they were made."""
    for folder in folders:
        manifest = json.loads((folder / "reports" / "manifest.json").read_text(encoding="utf-8"))
        yield manifest["generated_at"]
        yield formatting.moment(manifest["generated_at"])


def other_business(rows: int = 1733, year: int = 2024, scale: int = 1) -> List[Dict[str, str]]:
    """Return rows of another size, period, price level and population than the usual ones."""
    return [
        dict(
            row,
            timestamp=f"{year}-{5 + k // 600:02d}-{1 + k // 22 % 28:02d}"
            f"T{k % 22:02d}:17:{k % 60:02d}",
            customer_id=f"client-{'abcdefghijk'[k * k % 11]}",
            organization_id=f"team-{'xyz'[k % 3]}",
            model=["gpt-4", "mystery"][k % 7 == 0],
            provider="openai",
            cost_usd=f"{(0.0173 + (k * 7919 % 1301) / 997) * scale:.6f}",
            latency_ms=str((311 + k * 37 % 2903) * scale),
            input_tokens=str((713 + k * 31 % 977) * scale),
            output_tokens=str(57 + k * 17 % 411),
        )
        for k, row in enumerate(varied_rows(rows, seed=9))
    ]


@pytest.mark.once
def test_no_figure_on_a_page_is_typed_in(
    usual: Dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A number that stands on the pages of three very different datasets must be a configured
    one, or be in all results.  Two datasets share a share of a total by chance now and then.
    """
    datasets = [varied_rows(2113), other_business(), other_business(1381, 2025, scale=3)]
    folders = [tmp_path_factory.mktemp("business") for _ in datasets]
    runs = [run(rows, folder) for rows, folder in zip(datasets, folders)]
    # The pages also say when they were made and from when the prices are.
    # Hours of the day are what they are.
    allowed = (
        configured()
        | {f"{hour:02d}" for hour in range(24)}
        | figures(PRICES_DATE)
        | figures(" ".join(moments_of(*folders)))
    )
    quality = in_all(computed(results["dataset_overview"]) for results in runs)
    typed: Dict[str, Set[str]] = {}
    for name in ANALYZER_REGISTRY:
        shown = [
            {
                figure
                for text in texts_of((folder / "reports" / f"{name}.html").read_text("utf-8"))
                for figure in figures(text)
            }
            for folder in folders
        ]
        derived = in_all(computed(results[name]) for results in runs) | quality
        suspicious = in_all(shown) - allowed - derived
        if suspicious:
            typed[name] = suspicious
    assert typed == {}


@pytest.mark.once
def test_no_sentence_survives_a_change_of_data(
    usual: Dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Findings and recommendations speak of this data: none is word for word the same."""
    other = run(other_business(), tmp_path_factory.mktemp("other"))
    for name in ANALYZER_REGISTRY:
        for section in ("recommendations", "findings"):
            one, two = (
                {json.dumps(row, sort_keys=True) for row in result[name][section]}
                for result in (usual, other)
            )
            same = {text for text in one & two if figures(text) - {"0.0"}}
            assert same == set(), (name, section)
