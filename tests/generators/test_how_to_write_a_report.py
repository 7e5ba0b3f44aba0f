"""What the package's text says about writing a report is so."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any, Dict

from finops import generators
from finops.business.catalog import DEFAULT_PRICES
from finops.pipeline import CONTEXT_TABLES, context_of
from tests.generators.pages import CONTEXT, Page, results_of
from tests.support.reference import ReferenceDataset
from tests.support.rows import varied_rows

TEXT = str(generators.__doc__)


def test_the_example_writes_the_page_that_it_describes(tmp_path: Path) -> None:
    begin, end = "    from finops.generators.charts", "\nA report knows"
    code = textwrap.dedent(TEXT[TEXT.index(begin) : TEXT.index(end)])
    names: Dict[str, Any] = {}
    exec(compile(code, "example", "exec"), names)
    result = results_of(varied_rows(300), ["understanding"])["understanding"]
    target = tmp_path / "understanding.html"
    names["generate_understanding_report"](dict(result, _context=CONTEXT), target)
    page = Page(target.read_text(encoding="utf-8"))
    for caption in ("Cost of each day", "Cost by customer", "No days without a call."):
        assert page.says(caption)
    assert page.says(f"It is split over {result['summary']['unique_customers']} customers.")


def test_the_context_that_the_pipeline_gives_is_described() -> None:
    data = ReferenceDataset(varied_rows(40)).rollups(CONTEXT_TABLES)
    described = TEXT.partition('`data["_context"]`')[2]
    missing = [
        name
        for name in context_of(data, DEFAULT_PRICES)
        if not re.search(rf"\b{name}\b", described)
    ]
    assert missing == []
