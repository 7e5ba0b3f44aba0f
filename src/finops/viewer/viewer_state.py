"""The state of the viewer in one object: what it shows, what runs, what happened.

The routes read it and ask it for things; neither routes nor handler keep state of their own.
Everything here is safe to call from any thread.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from pathlib import Path
from typing import Any, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.reading_choices import ReadingChoices
from finops.registry import ANALYZER_REGISTRY
from finops.viewer.datasets import Dataset, Datasets, regular_file
from finops.viewer.file_watcher import FileState, FilesWatcher, FileWatcher, Watcher
from finops.viewer.jobs import Job, JobConflictError, JobRunner, QueueFullError, now_text
from finops.viewer.metrics import Metrics
from finops.viewer.monitor import Intervals, Monitor
from finops.viewer.process import COMPLETE
from finops.viewer.remembered import are_redacted, reading_of
from finops.viewer.summary import Summary
from finops.viewer.tasks import AnalyzeTask, Commands, ExampleTask, GenerateRequest, GenerateTask

_ACTIVITY_KEPT = 100
ALL_IDS = tuple(ANALYZER_REGISTRY)


class NoDatasetError(Exception):
    """There is no dataset file to work on."""


class RedactedReportsError(Exception):
    """The names in the reports are replaced, and the viewer would write them with names."""


class Settings(NamedTuple):
    """How one viewer is set up.  `data` is the file; where there are several, `locations` are
    all that was given, and `data` the first.  `time_limit_s` is that of one analyzer, `reading`
    what the user asked for when it was started, `prices` those of collected events that name no
    cost.
    """

    data: Path
    reports: Path
    target_mb: float = config.TARGET_SIZE_MB
    monitor: bool = True
    collect: bool = False
    collect_key: Optional[str] = None
    time_limit_s: float = config.JOB_TIME_LIMIT_S
    pace: Intervals = Intervals()
    reading: ReadingChoices = ReadingChoices()
    prices: PriceTable = DEFAULT_PRICES
    locations: Sequence[str] = ()


class Analysed(NamedTuple):
    """Which version of the data a report was made from, and what tells its file from others."""

    version: Tuple[int, int]
    report: Tuple[int, int]


def _stamp(status: os.stat_result) -> Tuple[int, int]:
    return status.st_ino, status.st_mtime_ns


def _watcher_of(dataset: Dataset) -> Watcher:
    return FileWatcher(dataset.path) if dataset.is_one_file else FilesWatcher(dataset.files)


class Activity:
    """The last things that happened, as the dashboard lists them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: Deque[Dict[str, Any]] = deque(maxlen=_ACTIVITY_KEPT)
        self._count = 0

    def add(self, text: str, level: str = "info") -> None:
        """Add an entry; `level` is info, success or error."""
        with self._lock:
            self._count += 1
            self._entries.append(
                {"number": self._count, "time": now_text(), "text": text, "level": level}
            )

    def entries(self) -> List[Dict[str, Any]]:
        """Return the entries, newest first."""
        with self._lock:
            return list(reversed(self._entries))


class Viewer:
    """Everything that one viewer knows and does.  Call `start` first and `stop` last."""

    def __init__(self, settings: Settings, commands: Optional[Commands] = None) -> None:
        self.settings = settings
        self.commands = commands or Commands()
        self.datasets = Datasets(settings.data, settings.reports, settings.locations)
        self.activity = Activity()
        self.summary = Summary()
        self.target_mb = settings.target_mb
        self._lock = threading.Lock()
        self._follower = _watcher_of(self.dataset)
        # Kept when another dataset is shown, so that a replaced file is noticed on return.
        self._followers = {self.dataset.path: self._follower}
        self._analysed: Dict[Tuple[str, str], Analysed] = {}
        self._collected = 0
        self.jobs = JobRunner(on_end=self._job_ended)
        self.metrics = Metrics(self.commands, settings.time_limit_s)
        self.monitor = Monitor(
            self._look,
            self._regenerate,
            settings.monitor,
            self.jobs.active,
            settings.pace,
        )

    def start(self) -> None:
        """Begin to follow the dataset."""
        self.activity.add(f"Viewer started on {self.dataset.name}")
        self.monitor.start()

    def stop(self, grace_s: float = config.SHUTDOWN_GRACE_S) -> None:
        """Stop the monitor and the jobs; running ones get `grace_s` seconds to finish."""
        self.monitor.stop()
        self.metrics.stop()
        self.jobs.stop(grace_s)

    @property
    def dataset(self) -> Dataset:
        """The current dataset."""
        return self.datasets.current

    def scenarios(self) -> List[Tuple[str, str]]:
        """Return (id, title) of what can be generated."""
        return [(name, shape.title) for name, shape in config.SCENARIO_SHAPES.items()]

    @property
    def collected_events(self) -> int:
        """How many events the collector has stored since the start."""
        with self._lock:
            return self._collected

    def metrics_text(self) -> Optional[bytes]:
        """Return the counters of the dataset, None where there are none yet.

        Raises NoDatasetError, and MetricsError where they cannot be made.
        """
        dataset = self.dataset
        if not self.file_state().exists:
            raise NoDatasetError
        return self.metrics.text(dataset, reading_of(dataset, self.settings.reading))

    def file_state(self) -> FileState:
        """Return the state of the current data: counts as of the last look, size as of now."""
        return self._follower.now()

    def is_stale(self, name: str, report: os.stat_result, older: bool) -> bool:
        """Return whether a report, whose file has this status, is older than the data.

        What this server had made is compared by the data's version; of other reports only the
        time is known, and `older` is what the manifest says.
        """
        state = self.file_state()
        if not state.exists:
            return True
        with self._lock:
            analysed = self._analysed.get((self.dataset.name, name))
        if analysed is not None and analysed.report == _stamp(report):
            return analysed.version != state.version
        return older or (state.modified_at is not None and state.modified_at > report.st_mtime)

    # --- what can be asked for ---------------------------------------------------------------

    def run_analyzer(self, name: str) -> Job:
        """Start one analyzer.

        Raises NoDatasetError, RedactedReportsError, JobConflictError or QueueFullError.
        """
        return self._analyze((name,), ANALYZER_REGISTRY[name].title)

    def run_all(self) -> Job:
        """Start all analyzers in one pass.

        Raises NoDatasetError, RedactedReportsError, JobConflictError or QueueFullError.
        """
        return self._analyze(ALL_IDS, "All reports")

    def generate(self, growth: GenerateRequest) -> Job:
        """Start to grow the dataset.  Raises JobConflictError or QueueFullError."""
        job = self.jobs.submit(GenerateTask(self.dataset, growth, self.commands))
        self.target_mb = max(self.target_mb, growth.size_mb)
        self.activity.add(f"{job.task.label}: started")
        self.monitor.look_again()
        return job

    def run_example(self, name: str, title: str, path: Path) -> Job:
        """Start an example of the showcase.  Raises JobConflictError or QueueFullError."""
        job = self.jobs.submit(ExampleTask(name, title, path, self.dataset, self.commands))
        self.activity.add(f"{job.task.label}: started")
        return job

    def cancel(self, job_id: str) -> Optional[Job]:
        """Stop a job; return None where none of this id is active."""
        job = self.jobs.cancel(job_id)
        if job is not None:
            self.activity.add(f"{job.task.label}: cancelled")
        return job

    def switch(self, name: str) -> bool:
        """Switch to a listed dataset; make its reports where there are none yet.

        Returns False for a name that is not listed.
        """
        chosen = self.datasets.switch(name)
        if chosen is None:
            return False
        with self._lock:
            self._follower = self._followers.setdefault(chosen.path, _watcher_of(chosen))
        self.monitor.dataset_switched()
        self.activity.add(f"Dataset switched to {chosen.name}")
        if regular_file(chosen.reports / "index.html") is None:
            self._try_all("first reports of this dataset")
        return True

    def collected(self, count: int) -> None:
        """Note that the collector stored so many new events."""
        with self._lock:
            self._collected += count
        if self.dataset.name == config.COLLECTED_NAME:
            self.monitor.look_again()

    # --- inside ------------------------------------------------------------------------------

    def _analyze(self, ids: Tuple[str, ...], label: str) -> Job:
        dataset, state = self.dataset, self.file_state()
        if not state.exists:
            raise NoDatasetError
        if are_redacted(dataset):
            raise RedactedReportsError
        choices = reading_of(dataset, self.settings.reading)
        limit_s = self.settings.time_limit_s
        task = AnalyzeTask(label, dataset, ids, self.commands, limit_s, choices)
        task.version = state.version
        job = self.jobs.submit(task)
        if task.kind == "all":
            self.monitor.analysis_began()
        self.activity.add(f"{label}: started")
        return job

    def _look(self) -> Watcher:
        """Return what the monitor follows; in its thread, so the summary is read here too."""
        self.summary.refresh(self.dataset)
        return self._follower

    def _regenerate(self) -> bool:
        return self._try_all("the data changed")

    def _try_all(self, reason: str) -> bool:
        try:
            job = self.run_all()
        except (NoDatasetError, RedactedReportsError, JobConflictError, QueueFullError):
            return False
        self.activity.add(f"{job.task.label}: {reason}")
        return True

    def _job_ended(self, job: Job) -> None:
        state = job.state
        level = "success" if state.status == COMPLETE else "error"
        text = f"{job.task.label}: {state.status}"
        self.activity.add(f"{text}. {state.error}" if state.error else text, level)
        if isinstance(job.task, AnalyzeTask):
            self._analysis_ended(job, job.task)
        self.monitor.look_again()

    def _analysis_ended(self, job: Job, task: AnalyzeTask) -> None:
        for name, analyzer in job.analyzers.items():
            report = regular_file(task.where.reports / f"{name}.html")
            if analyzer.status == COMPLETE and report is not None and task.version is not None:
                with self._lock:
                    self._analysed[task.dataset, name] = Analysed(task.version, _stamp(report))
        if task.kind == "all" and task.dataset == self.dataset.name:
            self.monitor.analysis_ended(task.version, job.state.error)
