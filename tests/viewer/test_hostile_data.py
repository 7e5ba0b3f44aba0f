"""Hostile text in the data, as it comes over the wire: pages keep their shape and their policy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Dict

import pytest

from finops.generators.chartjs import CHARTJS_FILE, CHARTJS_INTEGRITY, CHARTJS_URL
from finops.generators.markup import inert
from finops.registry import ANALYZER_REGISTRY
from finops.viewer.tasks import Commands
from tests.generators.pages import Page
from tests.support.live import Answer, live
from tests.support.rows import varied_rows, write_csv

HOSTILE = "</script><script>alert(1)</script><!--<script>\"'><img src=x onerror=alert(1)>"
# Opens no tag, and is as long in every encoding: what a page has room for is the same.
HARMLESS = HOSTILE.replace("<", ">")
TEXT_COLUMNS = (
    *("provider", "model", "customer_id", "organization_id", "product_id", "feature_id"),
    *("subscription_tier", "task_type", "environment", "region", "customer_archetype"),
)
IDS = tuple(ANALYZER_REGISTRY)


def served_pages(suffix: str, folder: Path) -> Dict[str, Page]:
    """Analyze a dataset whose texts end so, through the viewer, and read what it serves."""
    (folder / "data").mkdir(parents=True)
    rows = varied_rows(40)
    for number, row in enumerate(rows):
        # Few models, for a page that is too long with so long names is another page.
        row.update({name: rows[number % 2][name] for name in ("provider", "model")})
    rows = [{**row, **{name: row[name] + suffix for name in TEXT_COLUMNS}} for row in rows]
    write_csv(folder / "data" / "calls.csv", rows)
    with live(folder, Commands(), time_limit_s=300.0) as running:
        assert running.post("/api/run-all").status == 202
        assert running.idle(300)["jobs"][0]["status"] == "complete"
        answers = {name: running.get(f"/reports/{name}.html") for name in (*IDS, "index")}
    for answer in answers.values():
        check_foreign_scripts(answer)
    return {name: Page(answer.body.decode("utf-8")) for name, answer in answers.items()}


def check_foreign_scripts(answer: Answer) -> None:
    """The only script from elsewhere is one exact file, and its bytes are pinned."""
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert set(re.findall(r"https?://[^ ;]+", policy)) == {CHARTJS_URL}
    page = answer.body.decode("utf-8")
    for tag in re.findall(r"<script[^>]* src=[^>]*>", page):
        pinned = f'src="{CHARTJS_URL}" integrity="{CHARTJS_INTEGRITY}" crossorigin="anonymous"'
        assert pinned in tag or f'src="{CHARTJS_FILE}"' in tag


@pytest.mark.once
def test_hostile_text_stays_text_over_the_wire(tmp_path: Path) -> None:
    hostile = served_pages(HOSTILE, tmp_path / "hostile")
    harmless = served_pages(HARMLESS, tmp_path / "harmless")
    for name, page in hostile.items():
        assert page.tags == harmless[name].tags, name
        assert page.script == harmless[name].script
        if name != "index":
            assert page.data, "the block of JSON is whole"
    assert hostile["understanding"].says(inert(HOSTILE)[:20])
