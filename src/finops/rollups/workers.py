"""The other processes of a scan: started here, given their part, read back."""

from __future__ import annotations

import gc
import json
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Type

from finops.errors import DataError
from finops.processes import Worker
from finops.reader.header import open_csv, read_header
from finops.reader.layout import FileLayout, FileReplacedError, Span, inode_of
from finops.reader.options import ReadingRules
from finops.rollups import serialization
from finops.rollups.key_limit import TooManyKeysError
from finops.rollups.part import PartitionResult
from finops.rollups.partition import scan_partition
from finops.rollups.planner import Plan
from finops.rollups.spec import Table

# Columns and tables are hundreds of thousands of tuples without a cycle among them: looking for
# cycles as often as Python does by itself takes a quarter of the time after reading.
OBJECTS_BETWEEN_COLLECTIONS = 200_000

_TOO_MANY = "too_many"  # what a process answers instead of a part


class PartitionWorkers:
    """Processes that read parts of a file while this one reads its own.

    Use it as a context: however it is left, no process stays.
    """

    def __init__(
        self,
        layout: FileLayout,
        spans: Sequence[Span],
        tables: Sequence[Table],
        rules: ReadingRules,
        most_keys: Optional[int] = None,
    ) -> None:
        self._jobs = [
            {
                "path": layout.path,
                "inode": layout.inode,
                "span": span,
                "tables": tables,
                "rules": rules.plain(),
                "most_keys": most_keys,
            }
            for span in spans
        ]
        self._path = layout.path
        self._workers: List[Worker] = []
        self._stack = ExitStack()

    def __enter__(self) -> PartitionWorkers:
        with ExitStack() as stack:
            for job in self._jobs:
                message = json.dumps(job).encode("ascii")
                worker = stack.enter_context(Worker("finops.rollups.workers:main", message))
                self._workers.append(worker)
            self._stack = stack.pop_all()
        return self

    def results(self) -> List[PartitionResult]:
        """Return the parts' results in order.

        Raises WorkerError where a process died, FileReplacedError where one met another file,
        TooManyKeysError where one met too many keys.
        """
        results: List[PartitionResult] = []
        for worker in self._workers:
            data = worker.output.read()
            worker.finish()
            if not data:
                raise FileReplacedError(self._path)
            answer = serialization.load(data)
            if _TOO_MANY in answer:
                raise TooManyKeysError(*answer[_TOO_MANY])
            results.append(PartitionResult.from_plain(answer))
        return results

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._stack.close()


def main(message: bytes) -> None:
    """Scan one part in its own process; the result goes out on standard output.

    Where the path leads to another file than the one that was shared out, nothing goes out.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    job = json.loads(message.decode("ascii"))
    tables = [Table.from_plain(plain) for plain in job["tables"]]
    try:
        stream = open_csv(job["path"])
    except DataError:
        return  # the parent says what is wrong with what is there now
    with stream:
        if inode_of(stream) != tuple(job["inode"]):
            return
        rules = ReadingRules.from_plain(job["rules"])
        header = read_header(stream, job["path"], rules.options)
        span, plan, most_keys = tuple(job["span"]), Plan(tables), job["most_keys"]
        try:
            result = scan_partition(stream, span, header, plan, rules, most_keys=most_keys)
            answer: Dict[str, Any] = result.plain()
        except TooManyKeysError as error:
            answer = {_TOO_MANY: error.facts}
    sys.stdout.buffer.write(serialization.dump(answer))
    sys.stdout.buffer.flush()
