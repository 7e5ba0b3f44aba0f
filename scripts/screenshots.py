"""Make the README's pictures from real pages: a real dataset, the real viewer, a real browser.

Takes about a minute: simulates the default dataset into a temporary folder, analyzes it,
serves it, and photographs four pages with Chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List, NamedTuple

import chromium
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "screenshots"
SIZE = "50MB"
WIDTH, HEIGHT = 1280, 800
SETTLE_MS = 2500  # charts draw, and the dashboard hears of its reports


class Shot(NamedTuple):
    """One picture: name, page below the viewer's address, height in pixels, colour scheme."""

    name: str
    page: str
    height: int = HEIGHT
    scheme: str = "light"


SHOTS = (
    Shot("index", "reports/index.html"),
    Shot("understanding", "reports/understanding.html", 1400),
    Shot("profitability", "reports/profitability.html", 1400),
    Shot("dashboard", "", scheme="dark"),
)


def finops(*words: str) -> List[str]:
    """Return the command line for these words."""
    return [sys.executable, "-m", "finops", *words]


def take(browser_path: str, address: str) -> None:
    """Photograph every page."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=list(chromium.FLAGS))
        for shot in SHOTS:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": shot.height},
                color_scheme="dark" if shot.scheme == "dark" else "light",
            )
            answer = page.goto(address + shot.page, wait_until="load")
            if answer is None or not answer.ok:
                raise SystemExit(f"screenshots: {shot.page or 'the dashboard'} is not served")
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=str(TARGET / f"{shot.name}.png"))
            page.close()
        browser.close()


def main() -> int:
    """Make all pictures; return 1 where there is no browser."""
    browser = chromium.program()
    if browser is None:
        print("screenshots: no Chromium here; 'make setup' installs one where it may")
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data = ["--data", f"{folder}/simulated_calls.csv"]
        reports = ["--reports", f"{folder}/html"]
        subprocess.run(finops("generate", "--size", SIZE, *data), cwd=str(ROOT), check=True)
        subprocess.run(finops("analyze", *data, *reports), cwd=str(ROOT), check=True)
        words = finops("serve", "--port", "0", "--quiet", *data, *reports)
        server = subprocess.Popen(words, cwd=str(ROOT), stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            line = server.stdout.readline().decode("utf-8")
            take(browser, re.findall(r"http://localhost:\d+/", line)[0])
        finally:
            server.terminate()
            server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
