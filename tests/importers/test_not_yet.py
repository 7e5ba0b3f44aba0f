"""What the documentation names as not there yet, and that it is not there."""

from __future__ import annotations

import re
from typing import List

from finops.importers import format_ids
from tests.support.tools import ROOT


def not_yet() -> str:
    """Return the section of docs/import.md, on one line."""
    text = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    return " ".join(text.partition("## Not yet")[2].partition("\n## ")[0].split())


def items() -> List[str]:
    return re.split(r", ", not_yet().rstrip("."))


def test_windows_of_subscriptions_are_named_with_the_reason() -> None:
    assert "Five-hour windows of subscriptions (their limits are not in the logs)" in not_yet()


def test_what_is_named_as_not_there_yet_is_not_a_format() -> None:
    names = [name.split()[0].lower() for name in items()]
    assert "cursor" in names
    assert not set(names) & {format_id.split("-")[0] for format_id in format_ids()}
