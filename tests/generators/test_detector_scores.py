"""The accuracy of detectors on a page: a chart only where it says more than the table."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from finops.generators.detector_scores import detectors
from finops.generators.page import render
from tests.generators.pages import CONTEXT, REPORT, Page

PERFECT: Dict[str, Any] = {
    "kind": "hour_burst",
    "planted": 2,
    "found": 2,
    "missed": 0,
    "false_alarms": 0,
    "precision": 1.0,
    "recall": 1.0,
    "f1": 1.0,
}


@pytest.mark.parametrize(("recall", "drawn"), [(1.0, False), (0.5, True)])
def test_equal_scores_are_only_listed(recall: float, drawn: bool) -> None:
    page = Page(render(REPORT, CONTEXT, detectors({"evaluation": [dict(PERFECT, recall=recall)]})))
    assert page.says("They found 2 of 2 incidents and raised 0 false alarms.")
    assert ("detectors" in page.data.get("charts", {})) is drawn
    assert page.data["tables"]["detectors"]["columns"][0]["values"] == ["Traffic bursts"]


def test_without_a_simulation_nothing_is_said() -> None:
    assert detectors({}) == []
