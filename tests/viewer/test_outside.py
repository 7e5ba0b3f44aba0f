"""The viewer as programs of others meet it: the vendor's SDK, a fuzzer, the command line."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest

from finops import config
from finops.viewer import app
from finops.viewer.server import ViewerServer
from tests.support.live import FakeCommands, live, some_rows
from tests.support.patience import allowed_s
from tests.support.tools import ROOT, clean_environment, need
from tests.viewer.test_collector import stored


def test_a_tracker_of_the_showcase_speaks_to_the_collector(tmp_path: Path) -> None:
    example = ROOT / "showcase" / "instrumentation" / "revenium_basic.py"
    with live(tmp_path, collect=True, collect_key="demo-key") as running:
        environ = {
            **os.environ,
            "REVENIUM_BASE_URL": f"http://127.0.0.1:{running.port}",
            "REVENIUM_API_KEY": "demo-key",
        }
        ran = subprocess.run(
            [sys.executable, str(example)],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        assert ran.returncode == 0, ran.stdout.decode()
        assert stored(running)


# --- a fuzzer driven by the description ---------------------------------------------------------


@pytest.mark.long
@pytest.mark.unmeasured
def test_a_fuzzer_finds_no_undocumented_answer(tmp_path: Path) -> None:
    need("schemathesis")
    some_rows(tmp_path)
    (tmp_path / "showcase" / "queries").mkdir(parents=True)
    (tmp_path / "showcase" / "queries" / "quick.py").write_text('"""Quick."""\nprint("done")\n')
    options: Dict[str, Any] = {"collect": True, "showcase": tmp_path / "showcase"}
    with live(tmp_path, FakeCommands(generate_s=0.0), **options) as running:
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"http://127.0.0.1:{running.port}/api/openapi.json",
                *("--max-examples", "15", "--seed", "7", "--generation-database", "none"),
                *("--checks", FUZZ_CHECKS, "--phases", "examples,coverage,fuzzing"),
                *("--request-timeout", "10", "--no-color"),
            ],
            cwd=str(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=400,
        )
        assert ran.returncode == 0, ran.stdout.decode()[-6000:]
        assert not [line for line in running.log if "defect" in line]


FUZZ_CHECKS = ",".join(
    (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
        "unsupported_method",
    )
)


def test_every_address_of_the_interface_is_described(tmp_path: Path) -> None:
    with live(tmp_path, collect=True) as running:
        described = running.get("/api/openapi.json").json["paths"]
        routes = running.running.server.gate._routes
        wanted = {
            (path, method.lower())
            for path, methods in routes.items()
            for method in methods
            if path.startswith(("/api/", "/v1/", "/meter/")) or path == "/healthz"
        }
        assert {(path, method) for path, kinds in described.items() for method in kinds} == wanted


# --- as a process -------------------------------------------------------------------------------


def serve(tmp_path: Path, *words: str) -> Tuple[Any, str]:
    """Start `finops serve` on a free port and return the process and its address."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "finops", "serve", "--port", "0"),
            *("--data", str(tmp_path / "data" / "calls.csv"), "--reports", str(tmp_path / "r")),
            *words,
        ],
        cwd=str(ROOT),
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    address = line.split("http://localhost:")[1].split("/")[0]
    return process, f"http://127.0.0.1:{address}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    some_rows(tmp_path)
    return tmp_path


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.unmeasured
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it(data: Path, number: int, status: int) -> None:
    process, address = serve(data)
    with urllib.request.urlopen(address + "/healthz", timeout=300) as answer:
        assert answer.read() == b"ok"
    process.send_signal(number)
    out, err = process.communicate(timeout=300)
    assert process.returncode == status
    assert b"Traceback" not in out + err
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), timeout=1)


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.02)


def is_refused(address: str) -> bool:
    """Return whether nothing listens at an address any more."""
    try:
        socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it is just being closed
        return False
    return False


@pytest.mark.unmeasured
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_running_jobs_are_ended_and_leave_no_process(data: Path) -> None:
    process, address = serve(data, "--quiet")
    request = urllib.request.Request(
        address + "/api/generate",
        data=json.dumps({"size_mb": 2000}).encode(),
        headers={"Content-Type": "application/json"},
    )
    (data / "data" / "calls.csv").unlink()
    assert urllib.request.urlopen(request, timeout=300).status == 202
    until(lambda: b'"status":"running"' in urllib.request.urlopen(f"{address}/api/status").read())
    process.send_signal(signal.SIGTERM)
    until(lambda: is_refused(address))
    process.send_signal(signal.SIGTERM)  # the second does not wait for the job
    process.communicate(timeout=300)
    assert process.returncode == 143
    listed = subprocess.run(["ps", "-eo", "args"], stdout=subprocess.PIPE, check=True)
    assert str(data).encode() not in listed.stdout


def refusal(*words: str) -> List[str]:
    ran = subprocess.run(
        [sys.executable, "-m", "finops", "serve", *words],
        cwd=str(ROOT),
        env=clean_environment(),
        capture_output=True,
        timeout=300,
    )
    assert ran.returncode == 2
    assert ran.stdout == b""
    return ran.stderr.decode().splitlines()


def test_port_in_use() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        (line,) = refusal("--port", str(port))
        assert f"port {port} is in use" in line
        assert "--port" in line


def test_port_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for an account that may not take low ports, whoever runs the tests."""

    def refuse(self: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(ViewerServer, "server_bind", refuse)
    assert app.serve(port=80, data=tmp_path / "calls.csv", reports=tmp_path / "r") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "finops: port 80 may not be used by this account; give a --port above 1023"


@pytest.mark.parametrize("port", ["70000", "-1", "x"])
def test_port_invalid(port: str) -> None:
    (line,) = refusal("--port", port)
    assert port in line


LARGE_MB = 1024  # reading all of it takes longer than an answer may


@pytest.mark.unmeasured
@pytest.mark.once
def test_it_starts_in_under_a_second_beside_a_large_file(data: Path) -> None:
    with open(str(data / "data" / "calls.csv"), "wb") as out:
        out.truncate(LARGE_MB * config.MEGABYTE)
    process, address = serve(data, "--quiet", "--no-monitor")
    try:
        seconds = []
        for _ in range(5):
            begun = time.monotonic()
            with urllib.request.urlopen(address + "/api/status", timeout=300) as answer:
                status = json.loads(answer.read().decode())
            seconds.append(time.monotonic() - begun)
        assert min(seconds) < allowed_s(0.5)
        assert status["csv"]["size_mb"] == LARGE_MB
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
