"""The installed product: a wheel in a fresh environment, run from an empty folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tools import ROOT, clean_environment, need

pytestmark = pytest.mark.unmeasured


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of a wheel that was built and installed without a network."""
    need("setuptools")
    if sys.version_info < (3, 10):
        pytest.skip("the build tools of this project need a newer Python")
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(str(ROOT / "src"), str(source / "src"), ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(str(ROOT / name), str(source / name))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    run([*pip, "wheel", *offline, "-w", str(folder), str(source)])
    run([sys.executable, "-m", "venv", str(folder / "venv")])
    wheel = next(folder.glob("*.whl"))
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    run([str(scripts / "python"), *pip[1:], "install", "--no-index", str(wheel)])
    return scripts / "finops"


def run(command: Any, **options: Any) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        env=clean_environment(),
        timeout=240,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_the_console_script_works_below_the_current_folder(installed: Path, tmp_path: Path) -> None:
    run([str(installed), "generate", "--size", "1MB", "--workers", "2"], cwd=str(tmp_path))
    assert (tmp_path / "data" / "simulated_calls.csv").is_file()
    shown = run([str(installed), "analyze", "--workers", "2"], cwd=str(tmp_path))
    assert str(tmp_path / "reports" / "html" / "index.html") in shown
    assert len(list((tmp_path / "reports" / "html").glob("*.html"))) == 14


def test_everything_that_is_needed_is_packed(installed: Path) -> None:
    packages = next((installed.parent.parent / "lib").glob("python*/site-packages/finops"))
    shipped = {
        path.relative_to(ROOT / "src" / "finops").as_posix()
        for path in (ROOT / "src" / "finops").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {
        path.relative_to(packages).as_posix()
        for path in packages.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == shipped
