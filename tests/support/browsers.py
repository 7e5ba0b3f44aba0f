"""A browser that waits as long as any other test does, however busy the machine is."""

from __future__ import annotations

from typing import Any

from tests.support.shared import PATIENCE_S

WAIT_MS = int(PATIENCE_S * 1000)


class PatientBrowser:
    """A started browser; its own limit of 30 seconds is too short beside other programs."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    def new_context(self, **options: Any) -> Any:
        """Return a context whose pages wait long."""
        context = self._browser.new_context(**options)
        context.set_default_timeout(WAIT_MS)
        return context

    def new_page(self, **options: Any) -> Any:
        """Return a page in a context of its own that waits long."""
        page = self._browser.new_page(**options)
        page.set_default_timeout(WAIT_MS)
        return page

    def __getattr__(self, name: str) -> Any:
        return getattr(self._browser, name)
