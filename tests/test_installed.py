"""The installed product: a wheel and an editable install in fresh environments, each run from
an empty folder; and the page about the library in all the ways in which it can be imported.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from finops.registry import ANALYZER_REGISTRY
from tests.support.tools import ROOT, clean_environment, need

pytestmark = pytest.mark.unmeasured

LIBRARY = ROOT / "docs" / "library.md"
# Imports the package where the interpreter finds it, then runs the page in an empty folder.
RUN_THE_PAGE = f"""
import doctest, os, sys
import finops
os.chdir(sys.argv[1])
run = doctest.testfile({str(LIBRARY)!r}, module_relative=False, optionflags=doctest.ELLIPSIS)
print(run.attempted - run.failed, "of", run.attempted, "from", finops.__file__)
"""


def new_environment(folder: Path) -> Path:
    """Return the folder of programs of a new virtual environment."""
    run([sys.executable, "-m", "venv", str(folder)])
    return folder / ("Scripts" if os.name == "nt" else "bin")


def pip(python: Path, *words: str) -> None:
    """Run this interpreter's pip for an environment, without a network."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", *words]
    run([*command, "--no-deps", "--no-index"])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build needs, since a build writes beside the sources."""
    need("setuptools")
    if sys.version_info < (3, 10):
        pytest.skip("the build tools of this project need a newer Python")
    folder = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(str(ROOT / "src"), str(folder / "src"), ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(str(ROOT / name), str(folder / name))
    return folder


@pytest.fixture(scope="module")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of a wheel that was built and installed without a network."""
    folder = tmp_path_factory.mktemp("installed")
    here = Path(sys.executable)
    pip(here, "wheel", "--no-build-isolation", "-w", str(folder), str(source))
    scripts = new_environment(folder / "venv")
    pip(scripts / "python", "install", str(next(folder.glob("*.whl"))))
    return scripts / "finops"


@pytest.fixture(scope="module")
def editable(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with an editable install; it sees the build tools of this one."""
    scripts = new_environment(tmp_path_factory.mktemp("editable") / "venv")
    tools = Path(need("setuptools").__file__).resolve().parents[1]
    packages = next(scripts.parent.glob("lib/python*/site-packages"))
    (packages / "tools.pth").write_text(f"{tools}\n", encoding="utf-8")
    pip(scripts / "python", "install", "--no-build-isolation", "--editable", str(source))
    (packages / "tools.pth").unlink()
    return scripts / "python"


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
    pages = {path.stem for path in (tmp_path / "reports" / "html").glob("*.html")}
    assert pages == {"index", "explore", *ANALYZER_REGISTRY}


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


def test_the_page_about_the_library_is_true_in_a_checkout(tmp_path: Path) -> None:
    shown = run([sys.executable, "-c", RUN_THE_PAGE, str(tmp_path)], cwd=str(ROOT))
    assert_page_ran(shown, ROOT / "src")


def test_the_page_about_the_library_is_true_in_a_wheel(installed: Path, tmp_path: Path) -> None:
    python = installed.with_name("python")
    shown = run([str(python), "-c", RUN_THE_PAGE, str(tmp_path)], cwd=str(tmp_path))
    assert_page_ran(shown, installed.parent.parent)


def test_the_page_about_the_library_is_true_in_an_editable_install(
    editable: Path, source: Path, tmp_path: Path
) -> None:
    shown = run([str(editable), "-c", RUN_THE_PAGE, str(tmp_path)], cwd=str(tmp_path))
    assert_page_ran(shown, source)


def assert_page_ran(shown: str, home: Path) -> None:
    """Check that all examples passed, and that the package came from below a folder."""
    summary = re.fullmatch(r"(\d+) of (\d+) from (.+)\n", shown)
    assert summary, shown
    assert summary[1] == summary[2] != "0"
    assert Path(home).resolve() in Path(summary[3]).resolve().parents
