"""What every test may use: settings of the machine, a browser, a small dataset."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from hypothesis import HealthCheck, settings

from finops import config
from scripts.chromium import FLAGS
from tests.support.browsers import PatientBrowser
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import OLDEST, need

pytest_plugins = ["tests.support.sampling", "tests.support.strictness"]

# How long an example takes says something about the machine, not about the code.  What holds for
# so many texts on the newest Python is tried with a fifth of them on the oldest.
settings.register_profile(
    "no deadline",
    parent=settings.default,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=int(os.environ.get("FINOPS_TEST_EXAMPLES", 8 if OLDEST else 40)),
)
settings.load_profile("no deadline")

# A shell ignores Ctrl-C for what it runs in the background, and `nohup` a closed terminal; programs
# started from there inherit that.  What the tests start behaves as in a terminal, wherever they are
# started from.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Start long files first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if item.get_closest_marker("soak"):  # which takes as long as it takes
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    """Playwright: a process can hold one of it, and no other event loop beside it."""
    api = need("playwright.sync_api")
    with api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Any) -> Iterator[Any]:
    """A running Chromium."""
    path = need("chromium")
    chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
    yield PatientBrowser(chromium)
    chromium.close()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment of whoever runs the tests out of them."""
    for name in ("FINOPS_DATA", "FINOPS_REPORTS", "FINOPS_PORT"):
        monkeypatch.delenv(name, raising=False)


CONFIGURED = ("BUDGETS", "SUBSCRIPTION_TIERS", *config.LIMITS, *config.WORD_LISTS)
AS_BUILT = {name: getattr(config, name) for name in CONFIGURED}


@pytest.fixture(autouse=True)
def _no_configuration_from_before() -> Iterator[None]:
    """Undo what a command that ran in this process has configured."""
    yield
    vars(config).update(AS_BUILT)


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean dataset of 400 calls; do not change it."""
    return write_csv(tmp_path_factory.mktemp("data") / "calls.csv", varied_rows(400))
