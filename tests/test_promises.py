"""Every promise of docs/promises.md is proved by tests that exist and that run.

Where nothing may be missing (`STRICT`), the plugin `strictness` turns a skip of a promised test
into a failure, whatever the reason; elsewhere the conditions of its skips are judged here.
"""

from __future__ import annotations

import ast
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import pytest

from tests.support import strictness
from tests.support.promises import promised_tests, promises
from tests.support.tools import ROOT

pytestmark = pytest.mark.unmeasured

LINUX = sys.platform.startswith("linux")


class Found(NamedTuple):
    """A test function: its file, itself, and the marks of its module."""

    path: Path
    function: ast.FunctionDef
    module_marks: List[ast.expr]


def marks_of(module: ast.Module) -> List[ast.expr]:
    """Return what `pytestmark` of a module holds."""
    found: List[ast.expr] = []
    for node in module.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "pytestmark":
            value = node.value
            found += value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]
    return found


@lru_cache(maxsize=None)
def all_tests() -> Dict[str, List[Found]]:
    """Return every test function below tests by its name, as pytest would collect it."""
    found: Dict[str, List[Found]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        marks = marks_of(module)
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.setdefault(node.name, []).append(Found(path, node, marks))
    return found


def never_runs(test: Found) -> str:
    """Return why a test runs nowhere or not on a complete Linux machine, "" if it does."""
    first = test.function.body[0]
    if isinstance(first, ast.Expr) and ast.unparse(first).startswith("pytest.skip("):
        return "skips itself"
    constants = module_constants(test.path)
    for mark in [*test.module_marks, *test.function.decorator_list]:
        mark = constants.get(getattr(mark, "id", ""), mark)
        text = ast.unparse(mark)
        if text.startswith("pytest.mark.skip") and not text.startswith("pytest.mark.skipif("):
            return text
        if isinstance(mark, ast.Call) and text.startswith("pytest.mark.skipif("):
            condition = ast.unparse(mark.args[0])
            if LINUX and eval(condition, {"os": os, "sys": sys, "Path": Path}):
                return text
        if isinstance(mark, ast.Call) and text.startswith("pytest.mark.parametrize("):
            values = mark.args[1]
            if isinstance(values, (ast.List, ast.Tuple)) and not values.elts:
                return "has no cases"
    return ""


def module_constants(path: Path) -> Dict[str, ast.expr]:
    """Return the marks that a module gives names to."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assigned = [node for node in body if isinstance(node, ast.Assign)]
    return {
        node.targets[0].id: node.value for node in assigned if isinstance(node.targets[0], ast.Name)
    }


def test_there_are_promises() -> None:
    assert len(promises()) >= 12
    assert len(promised_tests()) >= 30


@pytest.mark.parametrize(("promise", "names"), promises(), ids=lambda p: str(p)[:30])
@pytest.mark.skipif(sys.version_info < (3, 9), reason="reads sources with ast.unparse")
def test_every_promise_is_proved_by_tests_that_run(promise: str, names: Tuple[str, ...]) -> None:
    assert names, f"nothing proves: {promise}"
    tests = all_tests()
    for name in names:
        assert name in tests, f"{name} is named for {promise!r} and does not exist"
        reasons = [never_runs(test) for test in tests[name]]
        assert "" in reasons, f"{name} never runs: {reasons}"


@pytest.mark.skipif(sys.version_info < (3, 9), reason="reads sources with ast.unparse")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def test_a(): pass", ""),
        ("@pytest.mark.skipif(os.name == 'nt', reason='')\ndef test_a(): pass", ""),
        ("@pytest.mark.skip(reason='')\ndef test_a(): pass", "pytest.mark.skip(reason='')"),
        ("@pytest.mark.skipif(True, reason='')\ndef test_a(): pass", "pytest.mark.skipif(True"),
        ("pytestmark = pytest.mark.skip\ndef test_a(): pass", "pytest.mark.skip"),
        ("OFF = pytest.mark.skip('')\n@OFF\ndef test_a(): pass", "pytest.mark.skip('')"),
        ("def test_a(): pytest.skip('later')", "skips itself"),
        ("@pytest.mark.parametrize('a', [])\ndef test_a(a): pass", "has no cases"),
    ],
)
def test_what_never_runs_is_recognised(source: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "test_some.py"
    path.write_text(source)
    module = ast.parse(source)
    function = module.body[-1]
    assert isinstance(function, ast.FunctionDef)
    told = never_runs(Found(path, function, marks_of(module)))
    assert told.startswith(reason)
    assert bool(told) == bool(reason)


def skipped_report() -> pytest.TestReport:
    """What pytest reports of a test that was skipped."""
    why = ("file", 1, "Skipped: not today")
    return pytest.TestReport("a test", ("file", 1, "test"), {}, "skipped", why, "call")


@pytest.mark.parametrize(
    ("strict", "name", "outcome"),
    [
        (True, "test_malformed", "failed"),
        (True, "test_not_promised", "skipped"),
        (False, "test_malformed", "skipped"),
    ],
)
def test_a_complete_machine_skips_no_promised_test(
    strict: bool, name: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = skipped_report()
    monkeypatch.setattr(strictness, "STRICT", strict)
    strictness.forbid_skipped_promise(name, report)
    assert report.outcome == outcome
