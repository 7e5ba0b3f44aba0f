"""The product in one file: packed, copied alone into an empty folder, and run there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Dict

import pytest

from finops.registry import ANALYZER_REGISTRY
from finops.resources import sources
from tests.support.tools import ROOT, clean_environment

pytestmark = pytest.mark.unmeasured


def isolated_environment() -> Dict[str, str]:
    """Return an environment in which nothing leads to the checkout."""
    return {k: v for k, v in clean_environment().items() if not k.startswith("PYTHON")}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, as `make zipapp` makes it."""
    path = tmp_path_factory.mktemp("packed") / "finops.pyz"
    command = [sys.executable, str(ROOT / "scripts" / "pack.py"), str(path)]
    subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return path


@pytest.fixture
def alone(packed: Path, tmp_path: Path) -> Path:
    """An empty folder with the archive in it and nothing else."""
    shutil.copy(str(packed), str(tmp_path))
    return tmp_path


def run_archive(folder: Path, *words: Any) -> str:
    """Run the archive in its folder, isolated from everything else, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-I", "finops.pyz", *(str(word) for word in words)],
        cwd=str(folder),
        env=isolated_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_archive_holds_the_package_its_licence_and_nothing_else(packed: Path) -> None:
    with zipfile.ZipFile(str(packed)) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    shipped = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "finops").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == {*shipped, "__main__.py", "LICENSE"}


def test_data_and_reports_are_below_the_current_folder(alone: Path) -> None:
    run_archive(alone, "generate", "--size", "1MB", "--workers", "1")
    shown = run_archive(alone, "analyze", "--workers", "1")
    reports = alone / "reports" / "html"
    assert shown.splitlines()[-1] == f"open {reports / 'index.html'}"
    assert {path.stem for path in reports.glob("*.html")} == {"index", *ANALYZER_REGISTRY}
    assert sorted(path.name for path in alone.iterdir()) == ["data", "finops.pyz", "reports"]


def test_a_checkout_beside_the_archive_is_not_taken_for_its_own(alone: Path) -> None:
    (alone / "finops.py").write_text("raise SystemExit('this is not the product')\n")
    (alone / "below").mkdir()
    code = "import sys; sys.path.insert(0, '../finops.pyz'); from finops import config\n"
    code += "print(config.DATA_CSV_PATH)"
    command = [sys.executable, "-I", "-c", code]
    shown = subprocess.check_output(command, cwd=str(alone / "below"), env=isolated_environment())
    assert Path(shown.decode().strip()) == alone / "below" / "data" / "simulated_calls.csv"


def test_what_was_kept_of_a_file_serves_a_checkout_too(packed: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(packed)!r}); import json\n"
        "from finops.resources import sources\n"
        "print(json.dumps(list(sources('finops.rollups'))))"
    )
    command = [sys.executable, "-I", "-c", code]
    shown = subprocess.check_output(command, cwd=str(packed.parent), env=isolated_environment())
    assert json.loads(shown.decode("utf-8")) == list(sources("finops.rollups"))
