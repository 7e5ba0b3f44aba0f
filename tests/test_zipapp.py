"""The product in one file: packed, copied alone into an empty folder, and run there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator

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
    assert {path.stem for path in reports.glob("*.html")} == {
        "index",
        "explore",
        *ANALYZER_REGISTRY,
    }
    assert sorted(path.name for path in alone.iterdir()) == ["data", "finops.pyz", "reports"]


def test_two_workers_make_what_one_makes(alone: Path) -> None:
    one, two = alone / "one.csv", alone / "two.csv"
    for path, workers in ((one, 1), (two, 2)):
        words = ["--size", "6MB", "--seed", "7", "--data", path, "--workers", workers]
        run_archive(alone, "generate", *words)
    assert one.read_bytes() == two.read_bytes()
    words = ["--data", two, "--only", "features", "--only", "performance", "--json", "-"]
    printed = [run_archive(alone, "analyze", *words, "--workers", n, "--no-cache") for n in (1, 2)]
    assert printed[0] == printed[1]
    assert json.loads(printed[1])["features"]["summary"]["total_calls"] > 0


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve from the archive in its folder; give the address."""
    process = subprocess.Popen(
        [sys.executable, "-I", "finops.pyz", "serve", "--port", "0", "--no-monitor"],
        cwd=str(folder),
        env=isolated_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        address = re.search(r"http://localhost:(\d+)/", process.stdout.readline())
        assert address, "the server did not start"
        yield f"http://127.0.0.1:{address[1]}"
    finally:
        process.terminate()
        process.communicate(timeout=300)


def ask(address: str, body: Any = None) -> Any:
    """Return what an address answers, posting the body as JSON where there is one."""
    data = None if body is None else json.dumps(body).encode("utf-8")
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.loads(answer.read().decode("utf-8"))


def job_ended(address: str, path: str, body: Any) -> Dict[str, Any]:
    """Start a job and return it when it has ended; fails where it does not in four minutes."""
    job: Dict[str, Any] = ask(f"{address}{path}", body)["job"]
    end = time.monotonic() + 240
    while job["status"] in ("queued", "running"):
        assert time.monotonic() < end, job
        time.sleep(0.1)
        job = ask(f"{address}/api/job?job={job['id']}")["job"]
    return job


def test_the_viewer_runs_jobs(alone: Path) -> None:
    reports = alone / "reports" / "html"
    with served(alone) as address:
        grown = job_ended(address, "/api/generate", {"size_mb": 1})
        assert grown["status"] == "complete", grown
        analyzed = job_ended(address, "/api/run-analyzer?id=features", {})
        assert analyzed["status"] == "complete", analyzed
        page = urllib.request.urlopen(f"{address}/reports/features.html", timeout=300).read()
        dashboard = urllib.request.urlopen(f"{address}/", timeout=300).read()
    assert page == (reports / "features.html").read_bytes()
    assert b"Feature Economics" in dashboard
    assert (alone / "data" / "simulated_calls.csv").stat().st_size >= 1_048_576


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
