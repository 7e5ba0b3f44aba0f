"""The jobs of the viewer: analyze, generate, run an example; each is a command of its own.

An analysis of everything is one process with one pass over the data.  What it prints says
which analyzer it is at, so that one that hangs or takes the interpreter down is named, and the
others are run without it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.processes import command_line, script_command_line
from finops.viewer.datasets import Dataset, data_file, regular_file
from finops.viewer.job_output import Output
from finops.viewer.jobs import ACTIVE, Ending, Job, Task
from finops.viewer.process import CANCELLED, COMPLETE, ERROR, TIMEOUT, Command, Outcome

_FOLDERS = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^\s/\\:;,'\"()]+[/\\])*(?=[^\s/\\])")
# What `analyze` prints as it goes: "analyzing pricing (8 of 13)".
_STEP = re.compile(r"^analyzing ([a-z_]+) \(", re.MULTILINE)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?)%")
_TAIL_BYTES = 4096
_REASON_CHARACTERS = 300
SOME_FAILED = 1
# Every end that the command has of its own; with another one the interpreter died.
_ORDERLY = (0, SOME_FAILED, 2, 130, 143)


class GenerateRequest(NamedTuple):
    """What to generate: the size in MB to grow to, and how."""

    size_mb: float
    seed: Optional[int] = None
    scenarios: Tuple[str, ...] = ()


class Commands:
    """Builds the commands; a test puts its own in place."""

    def analyze(self, dataset: Dataset, ids: Sequence[str]) -> Command:
        """Return the command that analyzes a dataset; no ids are all."""
        only = [word for name in ids for word in ("--only", name)]
        return self._finops(
            "analyze",
            *("--data", str(dataset.path.resolve()), "--reports", str(dataset.reports.resolve())),
            *only,
        )

    def generate(self, dataset: Dataset, growth: GenerateRequest) -> Command:
        """Return the command that grows a dataset."""
        words = ["generate", "--size", f"{growth.size_mb:g}MB"]
        words += ["--data", str(dataset.path.resolve()), "--quiet"]
        if growth.seed is not None:
            words += ["--seed", str(growth.seed)]
        for scenario in growth.scenarios:
            words += ["--scenario", scenario]
        return self._finops(*words)

    def example(self, path: Path, dataset: Dataset) -> Command:
        """Return the command that runs an example; it reads and writes what the viewer shows."""
        environ = {"FINOPS_REPORTS": str(dataset.reports.resolve())}
        if data_file(dataset.path) is not None:  # without one, examples make a small one
            environ["FINOPS_DATA"] = str(dataset.path.resolve())
        return Command(script_command_line(str(path)), str(path.parent), environ)

    def _finops(self, *words: str) -> Command:
        return Command(command_line("finops.cli:entry_point", *words), None)


def presentable(line: str) -> str:
    """Return a line of output for the browser: no folders, no control characters, cut.

    >>> presentable("finops: no such file: /home/ann/data/calls.csv")
    'no such file: calls.csv'
    """
    text = _FOLDERS.sub("", "".join(c for c in line if c.isprintable())).strip()
    if text.startswith("finops: "):
        text = text[len("finops: ") :]
    return text[:_REASON_CHARACTERS]


def last_line(output: Output) -> str:
    """Return the last line that a job has printed, presentable."""
    lines = [line for line in output.tail(_TAIL_BYTES).split("\n") if line.strip()]
    return presentable(lines[-1]) if lines else ""


def why(outcome: Outcome, output: Output, limit_s: Optional[float]) -> str:
    """Return in one sentence why a command did not succeed."""
    if outcome.kind == TIMEOUT:
        return f"Timed out after {limit_s:g} s."
    if outcome.kind == CANCELLED:
        return "Cancelled."
    if outcome.code is None:
        return "The command could not be started."
    said = last_line(output)
    if outcome.code < 0:
        return f"Ended by signal {-outcome.code}. {said}".strip()
    return said or f"Ended with status {outcome.code}."


class AnalyzeTask(Task):
    """Makes one report, or all of them in one pass.

    `limit_s` counts for one analyzer, and for the pass over the data before the first.
    `version` is that of the data when the work was asked for; whoever asks notes it there.
    """

    def __init__(
        self,
        label: str,
        dataset: Dataset,
        ids: Sequence[str],
        commands: Commands,
        limit_s: float,
    ) -> None:
        keys = tuple(f"{dataset.name}/{name}" for name in ids)
        super().__init__(label, dataset.name, keys)
        self.kind = "all" if len(ids) > 1 else "analyzer"
        self.analyzers = tuple(ids)
        self.where = dataset
        self._commands = commands
        self._limit_s = limit_s
        self.version: Optional[Tuple[int, int]] = None
        self._percent: Optional[float] = None

    def run(self, job: Job) -> Ending:
        """Run the command; again without an analyzer that hung or crashed, for the others."""
        before = self._reports()
        remaining = list(self.analyzers)
        while True:
            watch = _Watch(job, remaining, self._note)
            ids = [] if len(remaining) == len(self.analyzers) > 1 else remaining
            command = self._commands.analyze(self.where, ids)
            outcome = job.launch(command, self._limit_s, watch)
            watch()  # what it printed at the very end
            self._settle(job, remaining, before, outcome, watch.current)
            remaining = [name for name in remaining if job.analyzers[name].status in ACTIVE]
            if not _was_lost(outcome) or not remaining:
                return self._ending(job, outcome)

    def progress_pct(self) -> Optional[float]:
        """Return the share of the pass over the data, where the command tells it."""
        return self._percent

    def _note(self, percent: Optional[float]) -> None:
        self._percent = percent

    def _settle(
        self,
        job: Job,
        ids: Sequence[str],
        before: Mapping[str, Tuple[int, int]],
        outcome: Outcome,
        current: Optional[str],
    ) -> None:
        """Give each analyzer the end that it had; one that is to be tried again has none."""
        fresh = {name for name, mark in self._reports().items() if before.get(name) != mark}
        reason = why(outcome, job.output, self._limit_s)
        for name in ids:
            if outcome.kind == COMPLETE or (name in fresh and name != current):
                ending = Ending(COMPLETE)
            elif _was_lost(outcome) and current is not None and name != current:
                continue
            elif outcome.code == SOME_FAILED and len(ids) > 1:
                said = line_about(job.output, name)
                ending = Ending(COMPLETE) if name in fresh else Ending(ERROR, said or reason)
            else:
                kind = ERROR if outcome.kind == CANCELLED else outcome.kind
                ending = Ending(kind, reason)
            job.analyzers[name].end(ending)

    def _ending(self, job: Job, outcome: Outcome) -> Ending:
        """Return the end of the whole job from that of its analyzers."""
        failed = [name for name, s in job.analyzers.items() if s.status != COMPLETE]
        if not failed:
            return Ending(COMPLETE)
        if outcome.kind == CANCELLED:
            return Ending(CANCELLED, "Cancelled.")
        if len(job.analyzers) == 1 or len(failed) == len(job.analyzers):
            state = job.analyzers[failed[0]]
            return Ending(state.status, state.error)
        return Ending(ERROR, f"{len(failed)} of {len(job.analyzers)} reports could not be made.")

    def _reports(self) -> Dict[str, Tuple[int, int]]:
        """Return what tells a new report file from an old one, for each that is there."""
        found = {}
        for name in self.analyzers:
            status = regular_file(self.where.reports / f"{name}.html")
            if status is not None:
                found[name] = (status.st_ino, status.st_mtime_ns)
        return found


def _was_lost(outcome: Outcome) -> bool:
    """Return whether a command ended because of the analyzer it was at."""
    crashed = outcome.code is not None and outcome.code not in _ORDERLY
    return outcome.kind == TIMEOUT or (outcome.kind == ERROR and crashed)


class _Watch:
    """Reads from a job's output which analyzer it is at; a new one restarts the clock."""

    def __init__(
        self, job: Job, ids: Sequence[str], note: Callable[[Optional[float]], None]
    ) -> None:
        self.current: Optional[str] = None
        self._output = job.output
        self._ids = set(ids)
        self._note = note
        self._size = -1

    def __call__(self) -> bool:
        size = self._output.size()
        if size == self._size:
            return False
        self._size = size
        lines = [line for line in self._output.tail(_TAIL_BYTES).split("\n") if line.strip()]
        percent = _PERCENT.search(lines[-1]) if lines else None
        self._note(float(percent.group(1)) if percent else None)
        named = [name for name in _STEP.findall("\n".join(lines)) if name in self._ids]
        if not named or named[-1] == self.current:
            return False
        self.current = named[-1]
        return True


def line_about(output: Output, name: str) -> str:
    """Return what the output says of a failed analyzer, presentable; "" if nothing."""
    lines = output.tail().split("\n")
    about = [line for line in lines if line.startswith(f"finops: {name} failed")]
    return presentable(about[-1]) if about else ""


class GenerateTask(Task):
    """Grows the dataset to a size."""

    kind = "generate"

    def __init__(self, dataset: Dataset, growth: GenerateRequest, commands: Commands) -> None:
        super().__init__(
            f"Generate data up to {growth.size_mb:g} MB", dataset.name, (f"{dataset.name}:data",)
        )
        self._where = dataset
        self._growth = growth
        self._commands = commands
        self._first: Optional[int] = None

    def run(self, job: Job) -> Ending:
        """Run the generator; it has no time limit, but it can be cancelled."""
        self._first = self._size()
        outcome = job.launch(self._commands.generate(self._where, self._growth), None)
        if outcome.kind == COMPLETE:
            return Ending(COMPLETE)
        return Ending(outcome.kind, why(outcome, job.output, None))

    def progress_pct(self) -> Optional[float]:
        """Return how much of the growth is there."""
        if self._first is None:
            return 0.0
        wanted = self._growth.size_mb * config.MEGABYTE - self._first
        share = (self._size() - self._first) / wanted if wanted > 0 else 1.0
        return round(100 * min(1.0, max(0.0, share)), 1)

    def _size(self) -> int:
        status = data_file(self._where.path)
        return status.st_size if status else 0


class ExampleTask(Task):
    """Runs one example of the showcase."""

    kind = "example"

    def __init__(
        self, name: str, title: str, path: Path, dataset: Dataset, commands: Commands
    ) -> None:
        super().__init__(f"Run {title}", "", (f"example:{name}",))
        self._path = path
        self._where = dataset
        self._commands = commands

    def run(self, job: Job) -> Ending:
        """Run it; what it prints is the job's output."""
        limit = float(config.EXAMPLE_TIME_LIMIT_S)
        outcome = job.launch(self._commands.example(self._path, self._where), limit)
        if outcome.kind == COMPLETE:
            return Ending(COMPLETE)
        return Ending(outcome.kind, why(outcome, job.output, limit))
