"""What the tests of the four pages on margins, prices, features and tokens share."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops import config
from finops.business.catalog import CATALOG
from finops.generators import formatting
from finops.registry import ANALYZER_REGISTRY
from tests.generators.pages import CONTEXT, Page, results_of
from tests.support.reference import call

HOSTILE = "</script><img src=x onerror=alert(1)>\"'`&${x}\u202e"


def rows_of_a_business(customers: int = 30, calls: int = 600) -> List[Dict[str, str]]:
    """Return 40 days of calls: dear and cheap models, waste, failures, an unknown price."""
    draw = random.Random(3)
    rows = []
    for number in range(calls):
        customer = number % customers
        model = draw.choice(CATALOG)
        tokens = draw.choice([(90, 20), (4000, 30), (700, 300), (1500, 900)])
        failed = draw.random() < 0.05
        known = customer != 7
        tier = ("starter", "pro", "enterprise")[customer % 3] if known else "trial"
        rows.append(
            call(
                timestamp=f"2025-01-{1 + number * 31 // calls:02d}T{number % 24:02d}:00:00",
                provider=model.provider,
                model=model.name,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
                cost_usd=f"{0 if failed else 600 * model.cost(*tokens):.6f}",
                customer_id=f"cust_{customer:05d}",
                subscription_tier=tier,
                tier_price_usd=config.SUBSCRIPTION_TIERS[tier] if known else "",
                customer_archetype=("light", "heavy")[customer % 2],
                feature_id=draw.choice(list(config.FEATURES)) if number else "niche",
                task_type=draw.choice(config.TASK_TYPES),
                status="error" if failed else "success",
                error_type="rate_limit" if failed else "",
            )
        )
    return rows


def result_of(name: str, rows: List[Dict[str, str]]) -> Dict[str, Any]:
    """Return one analysis' result with a context."""
    return results_of(rows, [name])[name]


def html_of(name: str, data: Dict[str, Any], folder: Path) -> str:
    """Write a report and return its text; the dict must come out as it went in."""
    before = copy.deepcopy(data)
    path = folder / f"{name}.html"
    ANALYZER_REGISTRY[name].generator(data, path)
    assert data == before
    return path.read_text(encoding="utf-8")


def page_of(name: str, data: Dict[str, Any], folder: Path) -> Page:
    """Return a report's page, parsed."""
    return Page(html_of(name, data, folder))


def cells(page: Page, table: str, column: str) -> List[Any]:
    """Return what a column of a table holds for sorting and download."""
    found = next(c for c in page.data["tables"][table]["columns"] if c["label"] == column)
    return found["values"] if "values" in found else [found["words"][at] for at in found["at"]]


def shown(numbers: List[float]) -> Any:
    """Return numbers as a long table holds them: to the cent, or to four digits."""
    return pytest.approx(numbers, rel=1e-3, abs=0.00501)


def drawn(page: Page, chart: str) -> Dict[str, List[Any]]:
    """Return a chart's series by label."""
    return {one["label"]: one["values"] for one in page.data["charts"][chart]["series"]}


def hostile(value: Any) -> Any:
    """Return a result with every text in it made hostile, keys and structure kept."""
    if isinstance(value, dict):
        return {key: hostile(one) for key, one in value.items()}
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


def check_whole_page(name: str, data: Dict[str, Any], folder: Path) -> None:
    """Check what holds for each of these pages, made of plentiful data."""
    html = html_of(name, data, folder)
    page = Page(html)
    assert html == html_of(name, data, folder)
    assert 20_000 <= len(html.encode("utf-8")) <= 200_000
    charts = page.data["charts"]
    assert len(charts) >= 2
    assert not any(chart.get("stacked") for chart in charts.values())
    for chart in charts.values():
        assert chart["x"]["title"]
        assert chart["y"]["title"]
        assert len(chart["series"]) * len(chart["labels"]) <= 1000
    run_together = "".join("".join(page.text).split())  # sums of money are elements of their own
    for sentence in map(formatting.with_dates, data["recommendations"]):
        assert "".join(sentence.split()) in run_together
    for found in data["findings"]:
        assert page.says(" ".join(formatting.with_dates(found["title"]).split()))
    assert page.says("Revenium value")
    assert not {"None", "nan", "NaN"} & set(page.text)


def check_page_without_data(name: str, folder: Path) -> Page:
    """Check that no calls, and no sections at all, still give a page of sentences."""
    for data in (result_of(name, []), {}, {"_context": CONTEXT}):
        page = page_of(name, data, folder)
        assert page.says("Nothing in this data crosses a configured threshold.")
        assert page.says("No condition for a recommendation is met by this data.")
        assert "None" not in page.text
    return page_of(name, result_of(name, []), folder)


def check_hostile_texts(name: str, data: Dict[str, Any], folder: Path) -> None:
    """Check that text from the data acts as nothing but text, and adds no tag or attribute."""
    clean, dirty = (page_of(name, one, folder) for one in (data, _with_hostile_texts(data)))
    assert clean.script == dirty.script
    assert not [value for _, attribute, value in dirty.attributes if attribute == "onerror"]
    assert not [tag for tag, _ in dirty.tags if tag == "img"]
    assert {tag for tag, _ in dirty.tags} <= {tag for tag, _ in clean.tags}
    assert any("<img src=x onerror=alert(1)>" in text for text in dirty.text)
    assert not any("\u202e" in text for text in dirty.text)
    assert dirty.data["charts"]


def _with_hostile_texts(data: Dict[str, Any]) -> Dict[str, Any]:
    return {**hostile({k: v for k, v in data.items() if k != "_context"}), "_context": CONTEXT}
