"""Where Chromium is on this machine, and how tools and tests start it: without a word to the
network.
"""

from __future__ import annotations

import shutil
from typing import Optional

# Without the parts that draw a window, which take most of the time of a page that a test opens.
HEADLESS = "chromium-headless-shell"
NAMES = (HEADLESS, "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> Optional[str]:
    """Return the path of the browser, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)
