"""A pytest plugin: where the machine must be complete (CI, newest Python), nothing is skipped.

A test that skips for a missing tool fails there, and so does a skipped test that the README names
as the proof of a promise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generator, Union

import pytest

from tests.support.promises import promised_tests
from tests.support.tools import STRICT

_Report = Union[pytest.TestReport, pytest.CollectReport]

if TYPE_CHECKING:
    from pluggy import Result

    _HookWrapper = Generator[None, Result[_Report], None]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> _HookWrapper:
    """Turn skips for missing tools, and of promised tests, into failures."""
    outcome = yield
    report = outcome.get_result()
    forbid_missing_tool(report)
    forbid_skipped_promise(getattr(item, "originalname", None) or item.name, report)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> _HookWrapper:
    """The same for modules that skip themselves as a whole."""
    outcome = yield
    forbid_missing_tool(outcome.get_result())


def forbid_missing_tool(report: _Report) -> None:
    """Let a test fail that could not import a tool where no tool may be missing."""
    if STRICT and report.skipped and "could not import" in str(report.longrepr):
        report.outcome = "failed"


def forbid_skipped_promise(name: str, report: _Report) -> None:
    """Let a skipped test fail where the README names it as a proof and nothing may be missing."""
    if STRICT and report.skipped and name in promised_tests():
        report.outcome = "failed"
        report.longrepr = f"{name} proves a promise and was skipped: {report.longrepr}"
