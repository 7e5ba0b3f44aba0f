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


def test_nothing_to_find_is_no_perfect_score() -> None:
    quiet = dict(PERFECT, planted=0, found=0)
    page = Page(render(REPORT, CONTEXT, detectors({"evaluation": [quiet]})))
    assert page.says("Nothing was planted here that they look for, and they raised no alarm.")
    columns = page.data["tables"]["detectors"]["columns"]
    shown = {column["label"]: column["values"] for column in columns}
    assert [shown[name] for name in ("Precision", "Recall", "F1")] == [[None]] * 3
    assert "detectors" not in page.data.get("charts", {})


def test_without_a_simulation_nothing_is_said() -> None:
    assert detectors({}) == []
