"""The other processes of a scan: started here, fed their part, read back.

Run as a module (`python -m finops.rollups.workers`) it is such a process: a job as one line of
JSON comes in on standard input, the part's result goes out on standard output.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Type

from finops.business.catalog import Model, PriceTable
from finops.errors import DataError
from finops.reader.header import open_csv, read_header
from finops.reader.layout import FileLayout, Span
from finops.rollups import serialization
from finops.rollups.partition import scan_partition
from finops.rollups.planner import Plan
from finops.rollups.spec import Table

# The folder that holds the package: started there, `-m` finds it and nothing that shadows it.
_HOME = Path(__file__).resolve().parents[2]
# Columns and tables are hundreds of thousands of tuples without a cycle among them: looking for
# cycles as often as Python does by itself takes a quarter of the time after reading.
OBJECTS_BETWEEN_COLLECTIONS = 200_000


class PartitionWorkers:
    """Processes that read parts of a file while this one reads its own.

    Use it as a context: however it is left, no process stays.
    """

    def __init__(
        self,
        found: FileLayout,
        spans: Sequence[Span],
        tables: Sequence[Table],
        prices: PriceTable,
    ) -> None:
        self._jobs = [
            {
                "path": found.path,
                "span": span,
                "tables": tables,
                "prices": list(prices),
                "latest": found.latest.decode("ascii"),
            }
            for span in spans
        ]
        self._running: List[subprocess.Popen[bytes]] = []

    def __enter__(self) -> PartitionWorkers:
        for job in self._jobs:
            process = subprocess.Popen(
                [sys.executable, "-m", "finops.rollups.workers"],
                cwd=str(_HOME),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._running.append(process)
            assert process.stdin is not None
            process.stdin.write(json.dumps(job).encode("utf-8") + b"\n")
            process.stdin.close()
        return self

    def results(self) -> List[Dict[str, Any]]:
        """Return the parts' results in order; raises DataError where a process died."""
        found: List[Dict[str, Any]] = []
        for process in self._running:
            assert process.stdout is not None
            data = process.stdout.read()
            if process.wait() != 0:
                raise DataError("a reading process ended early; try again with --workers 1")
            found.append(serialization.load(data))
        return found

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def main() -> None:
    """Do the one job that comes in on standard input."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    job = json.loads(sys.stdin.buffer.readline().decode("utf-8"))
    tables = [Table(tuple(by), tuple(measures), *rest) for by, measures, *rest in job["tables"]]
    prices = PriceTable(tuple(Model(*fields) for fields in job["prices"]))
    with open_csv(job["path"]) as stream:
        header = read_header(stream, job["path"])
        latest = job["latest"].encode("ascii")
        result = scan_partition(stream, tuple(job["span"]), header, Plan(tables), prices, latest)
    sys.stdout.buffer.write(serialization.dump(result))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
