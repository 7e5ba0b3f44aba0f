"""Measure the pages of a folder of reports: size, points of the charts, first contentful paint.

    .venv/bin/python scripts/paint.py reports/html
    .venv/bin/python scripts/paint.py reports/html --runs 9

Pages are opened from the disk in a headless Chromium, each several times in a new tab with an
empty cache; the median counts.  Ends with 1 where a page misses a limit.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any, Iterator, List, NamedTuple, Sequence

import chromium
from playwright.sync_api import sync_playwright

KILOBYTE = 1024
SMALLEST_KB, LARGEST_KB = 20, 200
MOST_POINTS = 1000
PAINT_LIMIT_S = 0.3
PAINT = "performance.getEntriesByName('first-contentful-paint').map((one) => one.startTime)[0]"


class Measured(NamedTuple):
    """One page: size in KB, points of its largest chart, seconds to the first content."""

    name: str
    kilobytes: float
    points: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the page keeps all limits."""
        sized = SMALLEST_KB <= self.kilobytes <= LARGEST_KB
        return sized and self.points <= MOST_POINTS and self.seconds <= PAINT_LIMIT_S


def painted(pages: Sequence[Path], runs: int) -> Iterator[Measured]:
    """Measure pages in one browser, each opened `runs` times; nothing where there is none."""
    path = chromium.program()
    if path is None:
        return
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(chromium.FLAGS))
        for page in pages[:1]:
            _paint(browser, page.as_uri())  # the first page of a browser pays for its start
        for page in pages:
            seconds = statistics.median(_paint(browser, page.as_uri()) for _ in range(runs))
            size = page.stat().st_size / KILOBYTE
            yield Measured(page.stem, size, _most_points(page), seconds)
        browser.close()


def _paint(browser: Any, address: str) -> float:
    """Return the seconds from opening a page to its first text or picture."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address, wait_until="load")
    painted_ms = page.evaluate(PAINT)
    while painted_ms is None:
        page.wait_for_timeout(20)
        painted_ms = page.evaluate(PAINT)
    context.close()
    return float(painted_ms) / 1000


def _most_points(page: Path) -> int:
    block = re.search(r'id="page-data">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)
    charts = json.loads(block.group(1)).get("charts", {}) if block else {}
    drawn = (sum(len(series["values"]) for series in chart["series"]) for chart in charts.values())
    return max(drawn, default=0)


def main(words: Sequence[str]) -> int:
    """Print one line for each page; return 1 where one misses a limit, or nothing is there."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="a folder of reports")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="default 5")
    args = parser.parse_args(words)
    pages = sorted(args.folder.resolve().glob("*.html"))
    if chromium.program() is None or not pages:
        print("paint: no Chromium here" if pages else f"paint: no pages in {args.folder}")
        return 1
    measured: List[Measured] = []
    for page in painted(pages, args.runs):
        measured.append(page)
        print(
            f"{page.name:36}{page.kilobytes:7.1f} KB {page.points:5} points {page.seconds:6.3f} s"
            f"{'' if page.good else '  missed'}"
        )
    return 0 if all(page.good for page in measured) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
