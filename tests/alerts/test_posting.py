"""What was posted: each alert once, a failed post again, two runs at once one post."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import List

import pytest

from finops.alerts.alert import Alert
from finops.alerts.posting import post_new, record_path
from finops.alerts.webhook import WebhookError
from finops.errors import StorageError

OCTOBER = Alert("budget:total::5.0", "2026-10", "critical", "6.00 of 5.00 in 2026-10")
NOVEMBER = OCTOBER._replace(month="2026-11", text="6.00 of 5.00 in 2026-11")


def refuse(text: str) -> None:
    raise WebhookError("down")


def test_an_alert_is_posted_once(tmp_path: Path) -> None:
    sent: List[str] = []
    record = tmp_path / "a.alerts.json"
    assert post_new([OCTOBER], record, sent.append, "oct.csv") == 1
    assert post_new([OCTOBER._replace(text="7.00 of 5.00")], record, sent.append, "oct.csv") == 0
    assert post_new([OCTOBER, NOVEMBER], record, sent.append, "oct.csv") == 1
    assert sent == ["oct.csv: 6.00 of 5.00 in 2026-10", "oct.csv: 6.00 of 5.00 in 2026-11"]


@pytest.mark.parametrize("change", [{"key": "budget:total::8.0"}, {"level": "warning"}])
def test_another_budget_or_level_is_another_alert(tmp_path: Path, change: dict[str, str]) -> None:
    sent: List[str] = []
    record = tmp_path / "a.alerts.json"
    post_new([OCTOBER], record, sent.append, "")
    post_new([OCTOBER._replace(**change)], record, sent.append, "")
    post_new([OCTOBER, OCTOBER._replace(**change)], record, sent.append, "")
    assert len(sent) == 2


def test_a_failed_post_is_tried_again_and_what_was_posted_before_it_is_not(tmp_path: Path) -> None:
    record = tmp_path / "a.alerts.json"
    sent: List[str] = []

    def once(text: str) -> None:
        if sent:
            refuse(text)
        sent.append(text)

    with pytest.raises(WebhookError):
        post_new([OCTOBER, NOVEMBER], record, once, "a")
    later: List[str] = []
    assert post_new([OCTOBER, NOVEMBER], record, later.append, "a") == 1
    assert later == ["a: 6.00 of 5.00 in 2026-11"]


def test_two_at_once_post_one(tmp_path: Path) -> None:
    record = tmp_path / "a.alerts.json"
    sent: List[str] = []
    barrier = threading.Barrier(4)
    slow = threading.Event()

    def post(text: str) -> None:
        sent.append(text)
        slow.wait(0.2)  # as a server takes its time

    def run() -> None:
        barrier.wait()
        post_new([OCTOBER], record, post, "a")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 1


def test_where_nothing_can_be_recorded_nothing_is_posted(tmp_path: Path) -> None:
    record = tmp_path / "a.alerts.json"
    record.mkdir()
    sent: List[str] = []
    with pytest.raises(StorageError, match="nothing was posted"):
        post_new([OCTOBER], record, sent.append, "a")
    assert sent == []


@pytest.mark.parametrize("content", ["", "[]", '{"posted": 5}', '{"posted": [1, {"key": "x"}]}'])
def test_a_record_that_is_none_counts_as_empty(tmp_path: Path, content: str) -> None:
    record = tmp_path / "a.alerts.json"
    record.write_text(content)
    sent: List[str] = []
    post_new([OCTOBER], record, sent.append, "a")
    assert len(sent) == 1
    assert json.loads(record.read_text())["posted"][-1]["month"] == "2026-10"


def test_a_run_with_nothing_new_leaves_the_record_as_it_is(tmp_path: Path) -> None:
    record = tmp_path / "a.alerts.json"
    post_new([OCTOBER], record, lambda text: None, "a")
    before = record.stat()
    assert post_new([OCTOBER], record, refuse, "a") == 0
    after = record.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_without_alerts_nothing_is_written(tmp_path: Path) -> None:
    post_new([], tmp_path / "a.alerts.json", refuse, "a")
    assert list(tmp_path.iterdir()) == []


def test_the_record_is_beside_the_data_whatever_leads_there(tmp_path: Path) -> None:
    data = tmp_path / "oct.csv"
    data.touch()
    reports = tmp_path / "reports"
    expected = Path(os.path.realpath(str(data)) + ".alerts.json")
    assert record_path(str(data), reports) == expected
    if hasattr(os, "symlink") and os.name != "nt":
        link = tmp_path / "link.csv"
        link.symlink_to(data)
        assert record_path(str(link), reports) == expected
    assert record_path(str(tmp_path / "*.csv"), reports) == Path(
        os.path.realpath(str(tmp_path)) + ".alerts.json"
    )
    for elsewhere in ("-", "s3://bucket/calls.csv"):
        assert record_path(elsewhere, reports) == reports / "alerts.json"
