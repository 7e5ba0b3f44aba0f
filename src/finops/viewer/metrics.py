"""`/metrics`: the counters of the dataset for Prometheus, made by a command of their own.

Reading the data may take longer than a scrape waits, so a request waits for a while and else
gets the counters as they were last; they are made anew only when the data has changed, and of
data that takes that long only a part of the time.  The file that the command writes lies beside
the data: what is in it is continued, so that neither a restart of the viewer nor data that
shrinks makes a counter go back unnoticed.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Optional, Tuple

from finops import config
from finops.reading_choices import ReadingChoices
from finops.regular_files import read_regular
from finops.storage.sidecars import sidecar
from finops.viewer.datasets import Dataset, data_file
from finops.viewer.job_output import Output
from finops.viewer.process import COMPLETE, run_limited
from finops.viewer.tasks import Commands, last_words

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SUFFIX = ".metrics"
_MOST_BYTES = 16 * config.MEGABYTE
Stamp = Optional[Tuple[int, int, int]]


class MetricsError(Exception):
    """The counters cannot be made; the text says why, without folders."""


class _Wanted(NamedTuple):
    """What counters are of: a dataset, how it is read, and the files that decide them."""

    dataset: Dataset
    choices: ReadingChoices
    files: Tuple[Stamp, ...]


class Metrics:
    """The counters of the dataset that is shown.  Safe to call from any thread.

    `limit_s` is how long the command may take, `patience_s` how long a request waits for it:
    less than Prometheus does by default, which is 10 s.  After a command that took longer than
    that none is started for `rest` times as long.
    """

    def __init__(
        self,
        commands: Commands,
        limit_s: float = config.JOB_TIME_LIMIT_S,
        patience_s: float = config.METRICS_PATIENCE_S,
        rest: float = config.METRICS_REST,
    ) -> None:
        self._commands = commands
        self._limit_s = limit_s
        self._patience_s = patience_s
        self._rest = rest
        self._not_before = 0.0
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._worker: Optional[threading.Thread] = None
        self._made: Optional[_Wanted] = None
        self._problem = ""

    def text(self, dataset: Dataset, choices: ReadingChoices) -> Optional[bytes]:
        """Return the counters, those of before where new ones take long; None where there are
        none yet.  Raises MetricsError where they cannot be made.
        """
        named = filter(None, (*choices.prices, choices.config))
        paths = [*dataset.files(), *map(Path, named)]
        wanted = _Wanted(dataset, choices, tuple(map(_stamp, paths)))
        worker = self._refreshing(wanted)
        if worker is not None:
            worker.join(self._patience_s)
        with self._lock:
            if self._problem:
                raise MetricsError(self._problem)
        try:
            return read_regular(_place(dataset), _MOST_BYTES, follow=False)
        except OSError:
            return None

    def stop(self) -> None:
        """End the command, if it runs, and wait for its end."""
        self._cancel.set()
        with self._lock:
            worker = self._worker
        if worker is not None:
            worker.join()

    def _refreshing(self, wanted: _Wanted) -> Optional[threading.Thread]:
        """Return what makes the counters anew, started where that is needed; None where it is
        not.
        """
        with self._lock:
            if self._worker is not None and self._worker.is_alive():
                return self._worker
            if self._made == wanted or self._cancel.is_set():
                return None
            if time.monotonic() < self._not_before:
                return None
            worker = threading.Thread(
                target=self._refresh, args=(wanted,), name="metrics", daemon=True
            )
            self._worker = worker
            worker.start()
            return worker

    def _refresh(self, wanted: _Wanted) -> None:
        output = Output()
        command = self._commands.metrics(wanted.dataset, wanted.choices, _place(wanted.dataset))
        begun = time.monotonic()
        try:
            outcome = run_limited(command, output, self._limit_s, self._cancel)
            is_made = outcome.kind == COMPLETE
            ended = time.monotonic()
            is_long = ended - begun > self._patience_s
            with self._lock:
                self._not_before = ended + self._rest * (ended - begun) if is_long else ended
                self._made = wanted if is_made else None
                self._problem = "" if is_made else last_words(output) or "The command failed."
        finally:
            with suppress(OSError):
                output.close()


def _place(dataset: Dataset) -> Path:
    """Return where the counters are kept: beside the data, of several files with the reports."""
    return sidecar(dataset.path if dataset.is_one_file else dataset.reports / "finops", SUFFIX)


def _stamp(path: Path) -> Stamp:
    status = data_file(path)
    return (status.st_ino, status.st_size, status.st_mtime_ns) if status else None
