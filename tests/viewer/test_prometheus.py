"""A real Prometheus scrapes `/metrics`: with `make soak`, where the package is installed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from finops.viewer.tasks import Commands
from tests.support.live import live
from tests.support.reference import call
from tests.support.rows import write_csv
from tests.support.shared import PATIENCE_S

PROMETHEUS = shutil.which("prometheus")
pytestmark = [
    pytest.mark.soak,
    pytest.mark.once,
    pytest.mark.skipif(PROMETHEUS is None, reason="needs prometheus: apt-get install prometheus"),
]


def rows(*costs: str) -> List[Dict[str, str]]:
    return [
        call(call_id=f"n{n}", cost_usd=cost, timestamp=f"2025-01-{n + 1:02d}T09:30:00.000000")
        for n, cost in enumerate(costs)
    ]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[str]:
    """Run a Prometheus that scrapes a port every second and yield its address."""
    settings = folder / "prometheus.yml"
    settings.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                "scrape_configs": [
                    {
                        "job_name": "finops",
                        "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
                    }
                ],
            }
        )
    )
    port = free_port()
    words = [f"--config.file={settings}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    words += [f"--web.listen-address=127.0.0.1:{port}"]
    process = subprocess.Popen(
        [str(PROMETHEUS), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def value(address: str, query: str) -> float:
    """Return the value of a query, once there is one."""
    url = f"{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            result = []
        if result:
            return float(result[0]["value"][1])
        assert time.monotonic() < deadline, f"{query} has no value"
        time.sleep(0.2)


def test_prometheus_reads_the_counters_and_sees_none_fall(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    data = write_csv(tmp_path / "data" / "calls.csv", rows("2.00", "3.00"))
    with live(tmp_path, Commands()) as viewer, prometheus(tmp_path, viewer.port) as address:
        assert value(address, 'finops_cost_usd_total{provider="openai",model="gpt-4o"}') == 5
        assert value(address, "up") == 1
        write_csv(data, rows("2.00", "3.00", "-1.00"))
        deadline = time.monotonic() + PATIENCE_S
        while value(address, "finops_net_cost_usd") != 4:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert value(address, "finops_cost_usd_total") == 5
        assert value(address, "finops_credits_usd_total") == 1
        assert value(address, "resets(finops_cost_usd_total[10m])") == 0
