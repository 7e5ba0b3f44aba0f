"""Children: they find what their parent runs, end when it ends, and say what they died of."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipapp
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from finops.errors import WorkerError
from finops.processes import Worker, command_line, script_command_line
from tests.support.patience import allowed_s
from tests.support.processes import Served, gone_within, running, wait_for_children
from tests.support.tools import ROOT, clean_environment

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and groups")
SOURCE = ROOT / "src"


# --- what a child finds --------------------------------------------------------------------------

SAFE_PATH = ["-P"] if sys.version_info >= (3, 11) else []
SWITCHES = ["-I", "-S", "-E", "-s", "-O", *SAFE_PATH]
# Four of them leave one way to find the package: beside the program.
WAYS = ["-I", "-S -E -s -O", *SAFE_PATH, "PYTHONSAFEPATH", "relative", "archive -I"]
Start = Tuple[List[str], Dict[str, str]]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package in one file, as `zipapp` makes it."""
    folder = tmp_path_factory.mktemp("archive")
    target = folder / "finops.pyz"
    zipapp.create_archive(
        SOURCE,
        target,
        main="finops.cli:entry_point",
        filter=lambda path: path.suffix != ".pyc",
    )
    return target


@pytest.fixture(scope="module", params=WAYS)
def start(request: pytest.FixtureRequest, archive: Path) -> Start:
    """How the parent is started: the words before its own, and its environment.

    Each finds the package by one way that a child must not depend on.
    """
    way: str = request.param
    environment = {k: v for k, v in clean_environment().items() if not k.startswith("PYTHON")}
    if way == "archive -I":
        return [sys.executable, "-I", archive.name], environment
    if way == "relative":
        relative = os.path.relpath(str(SOURCE), str(archive.parent))
        return [sys.executable, "-m", "finops"], {**environment, "PYTHONPATH": relative}
    if way == "PYTHONSAFEPATH":
        return [sys.executable, str(ROOT / "finops.py")], {**environment, way: "1"}
    return [sys.executable, *way.split(), str(ROOT / "finops.py")], environment


@pytest.fixture(scope="module")
def generated(start: Start, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that two workers made, beside a folder of modules that shadow others."""
    folder = tmp_path_factory.mktemp("generated")
    run(start, archive, "generate", "--size", "1MB", "--workers", "2", "--data", folder / "c.csv")
    return folder / "c.csv"


def run(start: Start, archive: Path, *words: Any) -> str:
    """Run a command beside the archive and return what it prints."""
    command, environment = start
    done = subprocess.run(
        [*command, *map(str, words)],
        cwd=str(archive.parent),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.unmeasured
def test_scan_workers_find_the_package(start: Start, archive: Path, generated: Path) -> None:
    reports = generated.parent / "reports"
    shown = run(
        start,
        archive,
        *("analyze", "--data", generated, "--reports", reports, "--workers", "2"),
        *("--only", "pricing"),
    )
    assert "Pricing Strategy" in shown
    assert (reports / "pricing.html").is_file()


@pytest.mark.unmeasured
def test_viewer_jobs_find_the_package(start: Start, archive: Path, generated: Path) -> None:
    command, environment = start
    words = ["serve", "--port", "0", "--no-monitor", "--quiet"]
    places = ["--data", str(generated), "--reports", str(generated.parent / "viewed")]
    with Served([*command, *words, *places], str(archive.parent), environment) as served:
        served.post("/api/run-analyzer?id=features")
        job = served.ended_job()
        assert (job["status"], job["error"]) == ("complete", None)
    assert (generated.parent / "viewed" / "features.html").is_file()


def test_nothing_in_the_current_folder_shadows_anything(tmp_path: Path) -> None:
    for name in ("importlib", "json", "os", "runpy", "subprocess", "threading", "finops"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    process = child(command_line("finops.cli:entry_point", "list", "scenarios"), tmp_path)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"base_traffic" in out


def child(words: List[str], folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start a command with its lifeline in our hands; `communicate` lets go of it at the end."""
    environment = {**clean_environment(), **options.pop("env", {})}
    process = subprocess.Popen(
        words,
        cwd=str(folder),
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    process.stdin, lifeline = None, process.stdin
    process.lifeline = lifeline  # type: ignore[attr-defined]
    return process


def test_a_script_runs_as_it_would_alone(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("NAME = 'beside'\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom beside import NAME\n"
        "if __name__ == '__main__':\n"
        "    print(NAME, sys.argv[1:], repr(sys.stdin.read()), '\\u00e9')\n"
        "    sys.exit(3)\n",
        encoding="utf-8",
    )
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    process = child(script_command_line(str(script), "a", "b"), ROOT, env=environment)
    out, _ = process.communicate()
    assert out.decode("utf-8") == "beside ['a', 'b'] '' \u00e9" + os.linesep
    assert process.returncode == 3


@pytest.mark.parametrize("switch", [*SWITCHES, "-B", "-Xutf8"])
def test_a_child_gets_the_switches_of_its_parent(switch: str) -> None:
    ask = "import sys; print(sys.flags)"
    tell = (
        f"import sys, subprocess; sys.path.insert(0, {str(SOURCE)!r});"
        "from finops.processes import interpreter_flags;"
        f"print(sys.flags, flush=True);"
        f"subprocess.run([sys.executable, *interpreter_flags(), '-c', {ask!r}])"
    )
    own, childs = subprocess.check_output([sys.executable, switch, "-c", tell]).splitlines()
    assert own == childs


# --- what a worker says and how it dies ----------------------------------------------------------

PROGRAM = """
import json, os, sys, time
from finops.errors import DataError

def echo(message):
    sys.stdout.buffer.write(message)

def refuse(message):
    raise DataError("no such row")

def crash(message):
    print("some noise", file=sys.stderr)
    raise ValueError("of all\\x1b[31m things")

def vanish(message):
    os._exit(7)

def chatter(message):
    sys.stderr.write("x" * 1000000)
    sys.stderr.write("\\nlast words")
    os.abort()

def sleep(message):
    time.sleep(60)

def spin(message):
    import re
    re.match(r"(a+)+$", "a" * 60 + "b")

def parent(message):
    import subprocess
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *sys.argv[1:]])
    time.sleep(60)
"""


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of functions that children can find."""
    (tmp_path / "helpers_of_children.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "helpers_of_children"


def test_a_message_goes_there_and_an_answer_comes_back(helpers: str) -> None:
    message = bytes(range(256)) * 4000  # more than a pipe holds
    with Worker(f"{helpers}:echo", b"") as empty, Worker(f"{helpers}:echo", message) as worker:
        assert worker.output.read() == message
        assert empty.output.read() == b""
        worker.finish()
        empty.finish()


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("refuse", "with status 1: no such row;"),
        ("crash", "with status 1: ValueError: of all[31m things;"),
        ("vanish", "with status 7;"),
        ("chatter", "by signal 6: last words;"),
        ("missing", "has no attribute 'missing';"),
    ],
)
def test_a_dead_worker_has_last_words(helpers: str, function: str, said: str) -> None:
    with Worker(f"{helpers}:{function}", b"x" * 200_000) as worker:
        assert worker.output.read() == b""
        with pytest.raises(WorkerError) as caught:
            worker.finish()
    text = str(caught.value)
    assert text.startswith("a worker process ended ")
    assert said in text
    assert text.isprintable()
    assert text.endswith("; try again with --workers 1")


def test_without_room_for_words_a_worker_works(
    helpers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    expected = pytest.raises(WorkerError, match="with status 7; try")
    with Worker(f"{helpers}:vanish", b"") as worker, expected:
        worker.finish()


@POSIX
def test_leaving_ends_a_worker(helpers: str) -> None:
    with Worker(f"{helpers}:sleep", b"") as worker:
        process = worker._process
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL


@POSIX
@pytest.mark.unmeasured
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_terminals_signals_are_not_for_workers(helpers: str, number: int) -> None:
    with Worker(f"{helpers}:echo", b"all the same") as worker:
        os.kill(worker._process.pid, number)  # before it has imported anything
        assert worker.output.read() == b"all the same"
        worker.finish()
    with suppress(ValueError):  # and this process gets them as before
        assert number not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


# --- the end of a parent -------------------------------------------------------------------------

PARENT = """
import subprocess, sys, time
sys.path.insert(0, SOURCE)
from finops.processes import Worker, _python, command_line
function, mark = sys.argv[1:]
if function.startswith("worker "):
    child = Worker(f"helpers_of_children:{function[7:]}", b"")
else:
    words = _python("worker", f"helpers_of_children:{function}", mark)
    child = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)
    child.stdin.write(bytes(8))
    child.stdin.flush()
print("started", flush=True)
time.sleep(60)
"""


@POSIX
@pytest.mark.parametrize("function", ["sleep", "spin", "parent", "worker sleep", "worker spin"])
@pytest.mark.unmeasured
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_children_end_with_their_parent(
    helpers: str, tmp_path: Path, function: str, number: int
) -> None:
    if "spin" in function and sys.platform != "linux":
        pytest.skip("only Linux ends a process that never lets go of the interpreter's lock")
    program = PARENT.replace("SOURCE", repr(str(SOURCE)))
    mark = str(tmp_path)
    parent = subprocess.Popen(
        [sys.executable, "-c", program, function, mark], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    children = wait_for_children(parent.pid, 2 if function == "parent" else 1)
    time.sleep(0.3)  # let it begin what it does
    parent.send_signal(number)
    parent.wait()
    assert gone_within(children, allowed_s(2)), running(children)
