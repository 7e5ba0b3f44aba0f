"""Prepare a machine for development: virtual environments, browser, JavaScript packages.

Every step looks first whether its work is done, so that running this again costs nothing.
Runs on any Python 3.7+ and needs nothing installed.  Steps:

- `venv`: `.venv` on the newest Python found (pyenv's first), with `requirements-dev.txt`
- `fuzz`: `.venv-fuzz` with atheris, on the newest Python that it has a wheel for
- `yardsticks`: `.venv-yardsticks` with the programs that `make bench` compares with; only
  where it is named
- `venv37`: `.venv37` on Python 3.7 where there is one, with `requirements-3.7.txt`
- `focus`: `.venv-focus` with focus-validator; only where it is named
- `engines`: `.venv-engines` with Spark, on the newest Python; only where it is named
- `chartjs`, `axe`: packages from npm, unpacked under `node_modules`
- `chromium`: the browser from Debian's packages, without windows, where root may install it
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Tuple

import chromium as browser

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
NODE_MODULES = ROOT / "node_modules"
AXE_VERSION = "4.14.1"
OLDEST_FOR_TOOLS = (3, 10)
OLDEST_FOR_FOCUS = (3, 12)
FOCUS_VALIDATOR = "focus-validator==2.2.1"
OLDEST_FOR_ATHERIS, NEWEST_FOR_ATHERIS = (3, 12), (3, 14)

Version = Tuple[int, int, int]


@lru_cache(maxsize=None)
def pythons() -> Dict[Version, str]:
    """Return every final Python 3 found on this machine, by version."""
    paths: Dict[Version, str] = {}
    for path in _candidates():
        version = _version(path)
        if version:
            paths.setdefault(version, path)
    return paths


def _candidates() -> Iterator[str]:
    root = os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    for program in sorted(Path(root).glob("versions/3.*/bin/python")):
        yield str(program)
    for name in ["python3"] + [f"python3.{minor}" for minor in range(7, 30)]:
        path = shutil.which(name)
        if path:
            yield path
    yield sys.executable


def _version(path: str) -> Optional[Version]:
    code = "import sys; print('%d.%d.%d %s' % sys.version_info[:4])"
    try:
        done = subprocess.run(
            [path, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(r"(3)\.(\d+)\.(\d+) final", done.stdout.decode().strip())
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def make_venv(folder: Path, python: str, requirements: Path) -> None:
    """Create the environment and install what is listed, unless that is done already."""
    stamp = folder / "ready"
    wanted = f"{python} {hashlib.sha256(requirements.read_bytes()).hexdigest()}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    say(f"preparing {folder.name} with {python}")
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if _version(str(inside)) != _version(python):
        shutil.rmtree(str(folder), ignore_errors=True)
        run([python, "-m", "venv", str(folder)])
    install = [str(inside), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run([*install, "-r", str(requirements)])
    stamp.write_text(wanted)


def venv() -> None:
    """Make `.venv`, the environment of tests, checks and tools."""
    newest = max(pythons())
    if newest[:2] < OLDEST_FOR_TOOLS:
        raise SystemExit("setup: the development tools need Python 3.10 or newer; install one")
    make_venv(ROOT / ".venv", pythons()[newest], SCRIPTS / "requirements-dev.txt")


def venv37() -> None:
    """Make `.venv37`, the environment of the runtime tests, where Python 3.7 is installed."""
    oldest = {v: path for v, path in pythons().items() if v[:2] == (3, 7)}
    if not oldest:
        say("no Python 3.7 here; the runtime tests run on the newest alone")
        return
    make_venv(ROOT / ".venv37", oldest[max(oldest)], SCRIPTS / "requirements-3.7.txt")


def fuzz() -> None:
    """Make `.venv-fuzz`, the environment of the coverage-guided fuzzer, where it has wheels."""
    usable = {
        v: p for v, p in pythons().items() if OLDEST_FOR_ATHERIS <= v[:2] <= NEWEST_FOR_ATHERIS
    }
    if not usable or not sys.platform.startswith("linux"):
        say("no Python here that atheris has a wheel for; 'make fuzz' cannot run")
        return
    make_venv(ROOT / ".venv-fuzz", usable[max(usable)], SCRIPTS / "requirements-fuzz.txt")


def focus() -> None:
    """Make `.venv-focus`, the environment of the FinOps Foundation's validator of FOCUS files."""
    newest = max(pythons())
    if newest[:2] < OLDEST_FOR_FOCUS:
        say("no Python here that focus-validator runs on; FOCUS files are checked by us alone")
        return
    folder = ROOT / ".venv-focus"
    make_venv(folder, pythons()[newest], SCRIPTS / "requirements-focus.txt")
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run([str(inside), "-m", "pip", "install", "-q", "--no-deps", FOCUS_VALIDATOR])


def yardsticks() -> None:
    """Make `.venv-yardsticks`, the environment of what `make bench` compares with."""
    newest = max(pythons())
    requirements = SCRIPTS / "requirements-yardsticks.txt"
    make_venv(ROOT / ".venv-yardsticks", pythons()[newest], requirements)


def engines() -> None:
    """Make `.venv-engines`, the environment of the tests of Spark, which is 400 MB of its own."""
    newest = max(pythons())
    make_venv(ROOT / ".venv-engines", pythons()[newest], SCRIPTS / "requirements-engines.txt")


def chartjs() -> None:
    """Unpack the Chart.js release that the report pages name."""
    text = (ROOT / "src/finops/generators/chartjs.py").read_text(encoding="utf-8")
    match = re.search(r'CHARTJS_VERSION = "([0-9.]+)"', text)
    if match is None:
        raise SystemExit("setup: chartjs.py names no Chart.js version")
    unpack("chart.js", match[1], "dist/chart.umd.js")


def axe() -> None:
    """Unpack the accessibility checker."""
    unpack("axe-core", AXE_VERSION, "axe.min.js")


def unpack(package: str, version: str, proof: str) -> None:
    """Unpack one npm package under `node_modules`; `proof` is a file it must hold."""
    target = NODE_MODULES / package
    if (target / proof).is_file() and _unpacked_version(target) == version:
        return
    npm = shutil.which("npm")
    if not npm:
        say(f"no npm here; tests that need {package} are left out")
        return
    say(f"fetching {package} {version}")
    with tempfile.TemporaryDirectory() as folder:
        run([npm, "pack", "--silent", f"{package}@{version}"], cwd=folder)
        archive = next(Path(folder).glob("*.tgz"))
        with tarfile.open(str(archive)) as packed:
            packed.extractall(folder)
        if target.is_dir():
            shutil.rmtree(str(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(Path(folder) / "package"), str(target))


def _unpacked_version(target: Path) -> str:
    try:
        described = json.loads((target / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(described.get("version"))


def chromium() -> None:
    """Install the browser where root may do so: the one without windows, where there is one."""
    if shutil.which(browser.HEADLESS):
        return
    apt = shutil.which("apt-get")
    if not apt or not hasattr(os, "geteuid") or os.geteuid() != 0:
        if not browser.program():
            say("no Chromium here; tests that need a browser are left out")
        return
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if not browser.program():
        run([apt, "update", "-qq"], env=environment)
    package = browser.HEADLESS if _has_package(browser.HEADLESS) else "chromium"
    if package == "chromium" and browser.program():
        return
    say(f"installing {package}")
    install = [apt, "install", "-y", "-qq", "--no-install-recommends", package]
    if not browser.program():
        run(install, env=environment)
    elif not _works(install, env=environment):
        say(f"{package} cannot be had; tests use the browser that is there")


def _has_package(name: str) -> bool:
    """Return whether Debian's lists of packages know a name."""
    return _works(["apt-cache", "show", name])


def _works(command: List[str], **options: object) -> bool:
    """Run a command quietly and return whether it succeeds."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.run(command, **quiet, **options).returncode == 0  # type: ignore
    except OSError:
        return False


def run(command: List[str], **options: object) -> None:
    """Run a command quietly; show its output and stop where it fails."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,  # type: ignore
    )
    if done.returncode:
        sys.stderr.write(done.stdout.decode("utf-8", "replace")[-4000:])
        raise SystemExit(f"setup: failed: {' '.join(command)}")


def say(text: str) -> None:
    """Print one line."""
    print(f"setup: {text}", flush=True)


STEPS: Dict[str, Callable[[], None]] = {
    step.__name__: step for step in (venv, venv37, fuzz, chartjs, axe, chromium)
}
# Steps that only those need who ask for them.
EXTRA: Dict[str, Callable[[], None]] = {
    step.__name__: step for step in (focus, yardsticks, engines)
}


def main(names: List[str]) -> None:
    """Run the named steps, or all but the extra ones, at once: they mostly wait for the network."""
    steps = {**STEPS, **EXTRA}
    with ThreadPoolExecutor() as pool:
        for step in [pool.submit(steps[name]) for name in names or list(STEPS)]:
            step.result()


if __name__ == "__main__":
    main(sys.argv[1:])
