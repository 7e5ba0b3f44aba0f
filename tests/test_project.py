"""The project's own files: metadata, the source distribution, style, what a host runs."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Dict, List, Set

import pytest

import finops
from tests.support.tools import ROOT, clean_environment, need

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

# Made by a build, not by us.
MADE = re.compile(r"PKG-INFO|setup\.cfg|src/[^/]+\.egg-info/.*")
BINARY = {".png"}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def tracked() -> List[str]:
    """Return the files of the repository, new ones included, what its host adds left out."""
    if (ROOT / "PKG-INFO").is_file():
        pytest.skip("an unpacked source distribution is no repository")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.check_output(command, cwd=str(ROOT)).decode("utf-8").split("\0")
    files = {name for name in listed if name and (ROOT / name).is_file()}
    return sorted(name for name in files if not name.startswith(".ci/"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built without a network from a copy, and unpacked."""
    need("setuptools")
    folder = tmp_path_factory.mktemp("sdist")
    for name in tracked():
        (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(ROOT / name), str(folder / "copy" / name))
    # What a checkout also holds, and must not be packed.
    (folder / "copy" / "data" / "my_calls.csv").write_text("mine\n")
    (folder / "copy" / "reports" / "html").mkdir()
    (folder / "copy" / "reports" / "html" / "index.html").write_text("mine\n")
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    build = [sys.executable, "-c", code]
    subprocess.run(build, cwd=str(folder / "copy"), check=True, capture_output=True)
    with tarfile.open(str(next(folder.glob("*.tar.gz")))) as archive:
        archive.extractall(str(folder), filter="data")
    return next(path.parent for path in folder.glob("*/PKG-INFO"))


def test_the_source_distribution_is_the_repository(unpacked: Path) -> None:
    files = (path for path in unpacked.rglob("*") if path.is_file())
    packed = {path.relative_to(unpacked).as_posix() for path in files}
    assert {name for name in packed if not MADE.fullmatch(name)} == set(tracked())


def test_tests_run_from_an_unpacked_source_distribution(unpacked: Path) -> None:
    words = ["tests/test_progress.py", "tests/test_readme.py", "tests/test_promises.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "-p", "no:cacheprovider"],
        cwd=str(unpacked),
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-4000:]


def test_the_metadata_is_complete(unpacked: Path) -> None:
    metadata = email.message_from_string((unpacked / "PKG-INFO").read_text(encoding="utf-8"))
    assert metadata["Name"] == "revenium-finops-showcase"
    assert metadata["Version"] == finops.__version__
    assert f"\n{metadata['Summary']}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert metadata["Requires-Python"] == ">=3.7"
    assert metadata["License-File"] == "LICENSE"
    assert len(metadata["Keywords"].split(",")) >= 5
    assert metadata.get_all("Requires-Dist") is None or all(
        "extra ==" in one for one in metadata.get_all("Requires-Dist", [])
    )
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_classifiers_name_every_python_from_the_oldest() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    minors = [
        int(one) for one in re.findall(r'"Programming Language :: Python :: 3\.(\d+)"', project)
    ]
    assert minors == list(range(7, minors[-1] + 1))


def test_every_text_file_keeps_the_style_of_the_editor_configuration() -> None:
    wrong: Dict[str, str] = {}
    for name in tracked():
        content = (ROOT / name).read_bytes()
        kept_as_it_is = Path(name).parts[:2] == ("tests", "corpus")
        if Path(name).suffix in BINARY or kept_as_it_is or not content:
            continue
        lines = content.decode("utf-8").split("\n")
        if lines[-1] or "\r" in content.decode("utf-8"):
            wrong[name] = "line ends"
        elif any(line != line.rstrip() for line in lines):
            wrong[name] = "white space at a line's end"
        elif name != "Makefile" and any(line.startswith("\t") for line in lines):
            wrong[name] = "a tab"
    assert wrong == {}


def targets() -> Set[str]:
    return set(re.findall("^([a-z0-9-]+):", MAKEFILE, re.M))


def test_the_workflow_runs_what_everybody_runs() -> None:
    yaml = need("yaml")
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert runs[-1] == "make test"
    assert all(job["env"]["CI"] == "true" for job in jobs.values())


def test_the_hook_before_a_commit_is_a_target() -> None:
    yaml = need("yaml")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = [hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]]
    assert entries
    assert {entry.replace("make ", "") for entry in entries} <= targets()


def test_every_target_is_explained_or_a_part_of_another() -> None:
    lines = re.findall(r"^([a-z0-9-]+):([^\n]*)", MAKEFILE, re.M)
    unexplained = {name for name, rest in lines if "#" not in rest}
    assert unexplained == set()
