"""The showcase's README names every example, and its commands work."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.showcase.running import EXAMPLES, ROOT, SHOWCASE, run_example

pytestmark = pytest.mark.unmeasured

TEXT = (SHOWCASE / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line[len("python3 ") :].strip()
    for line in TEXT.splitlines()
    if line.startswith("python3 showcase/") and "my_calls.csv" not in line
]


def test_links_lead_to_the_examples_and_none_is_left_out() -> None:
    linked = {SHOWCASE / target for target in re.findall(r"\]\(([\w/]+\.py)\)", TEXT)}
    assert linked == set(EXAMPLES)


def test_commands_are_found() -> None:
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_work(command: Any, tmp_path: Path) -> None:
    path, *arguments = shlex.split(command)
    if "/scenarios/" in path:
        arguments += ["--out", str(tmp_path)]
    ran = run_example(ROOT / path, *arguments, cwd=tmp_path, python=sys.executable)
    assert ran.status == 0, ran.err
