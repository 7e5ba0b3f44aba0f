"""Say where the CPU time of `analyze` goes, stage by stage, in one process.

    PYTHONPATH=src .venv/bin/python scripts/stages.py data/ai_calls.csv
    … --only realtime

The functions that a stage consists of are timed from outside, so what is measured is what runs
for everybody.  In `analyze` two processes share the reading and the analyses.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

from finops import pipeline
from finops.analyzers.base import Analyzer
from finops.reader.row_pattern import RowPattern
from finops.reader.values import ValueReader
from finops.rollups import dataset, file_scan
from finops.rollups.cubes import Cube
from finops.rollups.customer_activity import ActivityReader
from finops.rollups.fill_loop import FillLoops
from finops.rollups.linked_calls import LinkedCalls
from finops.rollups.workers import OBJECTS_BETWEEN_COLLECTIONS

# Where each stage is done: object, name of the function.  An indented stage is part of the one
# before it that is not.
STAGES: Dict[str, Tuple[Any, str]] = {
    "reading": (file_scan, "scan_partition"),
    "  columns of blocks": (RowPattern, "columns"),
    "  checks, numbers, codes of keys": (ValueReader, "batch"),
    "  rows into cells": (FillLoops, "fill"),
    "  packing what is complete": (Cube, "_pack"),
    "  activity of customers": (ActivityReader, "add"),
    "  sessions and retries": (LinkedCalls, "add"),
    "aggregating tables": (dataset, "tables_of"),
    "analyzers": (Analyzer, "analyze"),
    "results as JSON": (pipeline, "json_text"),
    "pages": (pipeline._Run, "_write"),
    "the Explore page": (pipeline._Run, "_write_explore"),
    "index and manifest": (pipeline, "publish"),
}


class Clock:
    """CPU seconds by stage, each without what other stages did in between."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._inner: List[float] = []

    def watch(self, stage: str, owner: Any, name: str) -> None:
        """Time a function from now on."""
        timed: Callable[..., Any] = getattr(owner, name)

        def watched(*args: Any, **named: Any) -> Any:
            begun = time.process_time()
            self._inner.append(0.0)
            try:
                return timed(*args, **named)
            finally:
                spent = time.process_time() - begun
                self.seconds[stage] += spent - self._inner.pop()
                if self._inner:
                    self._inner[-1] += spent

        setattr(owner, name, watched)


def main(words: Sequence[str]) -> int:
    """Analyze once, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="a dataset")
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="one analyzer")
    args = parser.parse_args(words)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    started = time.process_time()
    clock = Clock()
    for stage, (owner, name) in STAGES.items():
        clock.watch(stage, owner, name)
    with tempfile.TemporaryDirectory(prefix="finops-stages-") as folder:
        begun = time.process_time()
        pipeline.analyze(pipeline.Job(str(args.data), Path(folder), only=args.only, workers=1))
        whole = time.process_time() - begun
    print("| stage | CPU s |\n| --- | --- |")
    print(f"| start and imports | {started:.2f} |")
    for stage, seconds in clock.seconds.items():
        if not stage.startswith(" "):
            seconds += _parts(clock.seconds, stage)
        print(f"| {stage.replace('  ', '… ')} | {seconds:.2f} |")
    print(f"| the rest | {whole - sum(clock.seconds.values()):.2f} |")
    return 0


def _parts(seconds: Dict[str, float], stage: str) -> float:
    """Return the seconds of the indented stages that follow one."""
    names = list(seconds)
    total = 0.0
    for name in names[names.index(stage) + 1 :]:
        if not name.startswith(" "):
            break
        total += seconds[name]
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
