"""Text from the data stays text on every page: forty payloads in every text column.

A page made from rows whose names carry a payload must have the very tags and attributes of a
page made from rows that carry harmless letters of the same length, and no attribute but
`title` may hold any of it.
"""

from __future__ import annotations

import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.generators.markup import inert
from finops.generators.reports.index import generate_index
from finops.registry import ANALYZER_REGISTRY
from tests.generators.pages import CONTEXT, Page, results_of
from tests.support.rows import varied_rows

pytestmark = [pytest.mark.unmeasured, pytest.mark.once, pytest.mark.long]


PAYLOADS: List[str] = [
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<!--<script>", "-->",
    "<img src=x onerror=alert(1)>", '"><img src=x onerror=alert(1)>', "'><svg onload=alert(1)>",
    '" onmouseover="alert(1)', "' onfocus='alert(1)' autofocus='", "` onclick=alert(1) `",
    "<svg><script>alert(1)</script></svg>", "<iframe src=javascript:alert(1)>",
    "javascript:alert(1)",
    "<a href='javascript:alert(1)'>x</a>", "<style>*{display:none}</style>", "</style><b>",
    "<body onload=alert(1)>", "<math><mi//xlink:href='data:x,<script>alert(4)</script>'>",
    "<template><s>", "</template><s>", "<table><td>", "</table></td></tr>", "<plaintext>",
    "<textarea>", "</title><script>alert(1)</script>", "<base href=//evil.test>", "&lt;script&gt;",
    "&#60;b&#62;", "&amp;lt;", "<![CDATA[<b>]]>", "<?xml version='1.0'?>", "<!DOCTYPE html>",
    "\u2028alert(1)\u2029", "\u202e<b>gpj.exe", "\ufeff<b>", "<scr\u200bipt>", "${7*7}$x{{7*7}}",
    "%3Cscript%3E", "\\u003cscript\\u003e", "=HYPERLINK(\"http://evil.test\")",
]  # fmt: skip
TEXT_COLUMNS = (
    "provider", "model", "customer_id", "subscription_tier", "organization_id", "product_id",
    "feature_id", "task_type", "environment", "region", "customer_archetype",
)  # fmt: skip
ROWS = varied_rows(150)
PLACE = "\ue000"  # a letter for private use, which stands nowhere else
LENGTH = max(map(len, PAYLOADS))


@lru_cache(maxsize=None)
def results_with_a_place() -> str:
    """Return results, as JSON, in which a payload can take the place at the end of each name."""
    rows = [{**row, **{name: row[name] + PLACE for name in TEXT_COLUMNS}} for row in ROWS]
    for row in rows:
        row["error_type"] = row["error_type"] and row["error_type"] + PLACE
    return json.dumps(results_of(rows), ensure_ascii=False)


def results_with(suffix: str) -> Dict[str, Dict[str, Any]]:
    escaped = json.dumps(suffix, ensure_ascii=False)[1:-1]
    results: Dict[str, Dict[str, Any]] = json.loads(results_with_a_place().replace(PLACE, escaped))
    return results


def pages_with(suffix: str, folder: Path) -> Dict[str, Page]:
    results = results_with(suffix)
    reports: List[Dict[str, Any]] = []
    for name, one in ANALYZER_REGISTRY.items():
        one.generator(results[name], folder / one.filename)
        about = {"id": name, "title": one.title, "domain": one.domain, "purpose": one.purpose}
        reports.append(dict(about, generated_at="2025-01-01T00:00:00Z", status="ok"))
    context = dict(CONTEXT, dataset=f"calls{suffix}.csv")
    generate_index(results, reports, context, folder / "index.html")
    return {page.stem: Page(page.read_text(encoding="utf-8")) for page in folder.glob("*.html")}


@pytest.fixture(autouse=True)
def _pages_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are long once they are escaped must not cost a page its choice of dates."""
    monkeypatch.setattr("finops.generators.page.MAX_PAGE_BYTES", 1 << 30)


def test_there_are_forty_payloads() -> None:
    assert len(set(PAYLOADS)) == 40


@lru_cache(maxsize=None)
def harmless_pages() -> Dict[str, Page]:
    """Return the pages of names that end in harmless letters, as long as each payload is made."""
    with tempfile.TemporaryDirectory() as folder:
        return pages_with("x" * LENGTH, Path(folder))


@pytest.mark.parametrize("payload", sorted(map(str, PAYLOADS)))
def test_xss_corpus_all_reports(payload: str, tmp_path: Path) -> None:
    hostile_pages = pages_with(payload.ljust(LENGTH, "x"), tmp_path)
    for name, plain in harmless_pages().items():
        hostile = hostile_pages[name]
        assert hostile.tags == plain.tags, name
        assert hostile.script == plain.script
        for tag, attribute, value in hostile.attributes:
            assert attribute == "title" or inert(payload) not in (value or ""), (name, tag)


def test_the_payloads_reach_the_pages(tmp_path: Path) -> None:
    pages = pages_with("<i>\u202e", tmp_path)
    assert pages["understanding"].says("cust_0001<i>\\u202e")
    assert len(pages) == len(ANALYZER_REGISTRY) + 1
