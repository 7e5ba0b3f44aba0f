"""How long the Explore page takes to open and to answer a filter, in Chromium.

    .venv/bin/python scripts/bench_explore.py reports/html/explore.html …

Opens each page anew a few times and then tries random combinations of names and dates.  Prints the
page's size, the time from the start of the navigation until the figures stand on the page, and
the time from a change of the address until the page shows the answer and has laid it out:
median and maximum.  Times are of this machine and of what else it does.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from pathlib import Path
from typing import List, Sequence

import chromium
from playwright.sync_api import Page, sync_playwright

OPENINGS = 9
FILTERS = 200
# From the start of the navigation until the script has written the figures, in ms.
OPENED = """() => new Promise((done) => {
  const look = () => (window.explore ? done(performance.now()) : setTimeout(look));
  look();
})"""
# One to three names of different dimensions that the data has, and half of the time dates.
ANSWER = """(draws) => draws.map((draw) => {
  const { store } = explore;
  const names = Object.keys(store.values);
  const words = new URLSearchParams();
  for (const [dimension, name] of draw.names) {
    const by = names[Math.floor(dimension * names.length)];
    const known = store.values[by].filter((value) => value.name !== null);
    if (known.length) words.set(by, known[Math.floor(name * known.length)].name);
  }
  if (draw.days) {
    const days = store.buckets;
    const at = draw.days.map((share) => Math.floor(share * days.length));
    const [first, last] = at.sort((a, b) => a - b);
    words.set("range", `${days[first].first}..${days[last].last}`);
  }
  history.replaceState(null, "", `#${words}`);
  const start = performance.now();
  explore.show();
  void document.body.offsetHeight;
  return performance.now() - start;
})"""


def draws(seed: int) -> List[object]:
    """Return what to filter by, as shares of what the page offers."""
    chance = random.Random(seed)
    return [
        {
            "names": [
                [chance.random(), chance.random()] for _ in range(chance.choice((1, 1, 2, 3)))
            ],
            "days": [chance.random(), chance.random()] if chance.random() < 0.5 else None,
        }
        for _ in range(FILTERS)
    ]


def said(times: Sequence[float]) -> str:
    """Return median and maximum of some times in milliseconds."""
    return f"{statistics.median(times):,.0f} ms (at most {max(times):,.0f})"


def measure(page: Page, path: Path) -> str:
    """Return one line about the Explore page in a file."""
    address = path.resolve().as_uri()
    opened = []
    for _ in range(OPENINGS):
        page.goto("about:blank")
        page.goto(address)
        opened.append(float(page.evaluate(OPENED)))
    filtered = [float(time) for time in page.evaluate(ANSWER, draws(7))]
    size = path.stat().st_size / 1e6
    return f"{path}: {size:.2f} MB, opens in {said(opened)}, filters in {said(filtered)}"


def main() -> int:
    """Measure every page; return 1 where there is no browser."""
    words = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    words.add_argument("pages", nargs="+", type=Path, metavar="explore.html")
    pages: List[Path] = words.parse_args().pages
    program = chromium.program()
    if program is None:
        print("bench_explore: no Chromium here; 'make setup' installs one where it may")
        return 1
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(chromium.FLAGS))
        for path in pages:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            print(measure(page, path), flush=True)
            page.close()
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
