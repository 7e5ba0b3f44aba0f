"""The jobs of the viewer: analyze, generate, run an example; each is a command of its own.

An analysis of everything is one process with one pass over the data.  Its events tell which
report it is at, so that one that hangs or takes the interpreter down is named, and the others
are made without it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Match, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.processes import command_line, script_command_line
from finops.progress_events import OK, decode
from finops.reading_choices import ReadingChoices
from finops.viewer.datasets import Dataset, data_file
from finops.viewer.job_output import Output
from finops.viewer.job_progress import JobProgress
from finops.viewer.jobs import ACTIVE, Ending, Job, Task
from finops.viewer.process import CANCELLED, COMPLETE, ERROR, TIMEOUT, Command, Outcome

_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\][^\s:;,'\"()]*")
_EVENTS = ("--progress", "json")
_EVENT_BEGINS = '{"event"'
_TAIL_BYTES = 4096
_REASON_CHARACTERS = 300
SOME_FAILED = 1
ALERTED = 3  # all done; what a budget or a finding says is in the reports
# Every end that the command has of its own; with another one the interpreter died.
_ORDERLY = (0, SOME_FAILED, 2, 130, 143)


class GenerateRequest(NamedTuple):
    """What to generate: the size in MB to grow to, and how."""

    size_mb: float
    seed: Optional[int] = None
    scenarios: Tuple[str, ...] = ()


class Commands:
    """Builds the commands; a test puts its own in place."""

    def analyze(
        self, dataset: Dataset, ids: Sequence[str], choices: ReadingChoices = ReadingChoices()
    ) -> Command:
        """Return the command that analyzes a dataset, read as chosen; no ids are all."""
        only = [word for name in ids for word in ("--only", name)]
        return self._finops(
            "analyze",
            *(word for location in dataset.data for word in ("--data", location)),
            *("--reports", str(dataset.reports.resolve())),
            *choices.words(),
            *only,
            *_EVENTS,
        )

    def metrics(self, dataset: Dataset, choices: ReadingChoices, out: Path) -> Command:
        """Return the command that writes the counters of a dataset, read as chosen."""
        return self._finops(
            *("export", "--format", "openmetrics", "--quiet", "--out", str(out)),
            *(word for location in dataset.data for word in ("--data", location)),
            *choices.words(),
        )

    def generate(self, dataset: Dataset, growth: GenerateRequest) -> Command:
        """Return the command that grows a dataset."""
        words = ["generate", "--size", f"{growth.size_mb:g}MB"]
        words += ["--data", str(dataset.path.resolve()), *_EVENTS]
        if growth.seed is not None:
            words += ["--seed", str(growth.seed)]
        for scenario in growth.scenarios:
            words += ["--scenario", scenario]
        return self._finops(*words)

    def example(self, path: Path, dataset: Dataset) -> Command:
        """Return the command that runs an example; it reads and writes what the viewer shows."""
        environ = {"FINOPS_REPORTS": str(dataset.reports.resolve())}
        # Without a file, examples make a small one.
        if dataset.is_one_file and data_file(dataset.path) is not None:
            environ["FINOPS_DATA"] = str(dataset.path.resolve())
        return Command(script_command_line(str(path)), str(path.parent), environ)

    def _finops(self, *words: str) -> Command:
        return Command(command_line("finops.cli:entry_point", *words), None)


def presentable(line: str) -> str:
    """Return a line of output for the browser: no folders, no control characters, cut.

    >>> presentable("finops: no such file: /home/ann/data/calls.csv")
    'no such file: calls.csv'
    """
    text = _PATH.sub(_last_name, "".join(c for c in line if c.isprintable())).strip()
    if text.startswith("finops: "):
        text = text[len("finops: ") :]
    return text[:_REASON_CHARACTERS]


def _last_name(path: Match[str]) -> str:
    names = [name for name in path.group().replace("\\", "/").split("/") if name]
    return names[-1] if names and not names[-1].endswith(":") else path.group()


def last_words(output: Output) -> str:
    """Return the last line that a command has printed and that is no event, presentable.

    It is shown to a person and never interpreted.
    """
    lines = output.tail(_TAIL_BYTES).split("\n")
    said = [line for line in lines if line.strip() and not _is_event(line)]
    return presentable(said[-1]) if said else ""


def _is_event(line: str) -> bool:
    return line.startswith(_EVENT_BEGINS) or decode(line) is not None


def why(outcome: Outcome, output: Output, limit_s: Optional[float], error: str = "") -> str:
    """Return in one sentence why a command did not succeed; `error` is what it reported itself."""
    if outcome.kind == TIMEOUT:
        return f"Timed out after {limit_s:g} s."
    if outcome.kind == CANCELLED:
        return "Cancelled."
    if outcome.code is None:
        return "The command could not be started."
    words = presentable(error) or last_words(output)
    if outcome.code < 0:
        return f"Ended by signal {-outcome.code}. {words}".strip()
    return words or f"Ended with status {outcome.code}."


class AnalyzeTask(Task):
    """Makes one report, or all of them in one pass.

    `limit_s` counts for one analyzer, and for the pass over the data before the first.
    `choices` is how the data is read.  `version` is that of the data when the work was asked
    for; the caller notes it there.
    """

    def __init__(
        self,
        label: str,
        dataset: Dataset,
        ids: Sequence[str],
        commands: Commands,
        limit_s: float,
        choices: ReadingChoices = ReadingChoices(),
    ) -> None:
        keys = tuple(f"{dataset.name}/{name}" for name in ids)
        super().__init__(label, dataset.name, keys)
        self.kind = "all" if len(ids) > 1 else "analyzer"
        self.analyzers = tuple(ids)
        self.where = dataset
        self._commands = commands
        self._limit_s = limit_s
        self._choices = choices
        self.version: Optional[Tuple[int, int]] = None
        self._progress: Optional[JobProgress] = None
        self._remaining = self.analyzers

    def run(self, job: Job) -> Ending:
        """Run the command; again without an analyzer that hung or crashed, for the others."""
        while True:
            outcome = self._run_once(job)
            self._remaining = self._unsettled(job)
            if not _was_lost(outcome) or not self._remaining:
                return self._ending(job, outcome)

    def _run_once(self, job: Job) -> Outcome:
        progress = self._progress = JobProgress(job.output)
        command = self._commands.analyze(self.where, self._ids(), self._choices)
        outcome = job.launch(command, self._limit_s, lambda: self._follow(job, progress))
        self._follow(job, progress)  # what it reported at the very end
        if progress.exit_status == ALERTED:
            outcome = Outcome(COMPLETE, ALERTED)
        self._settle(job, outcome, progress)
        return outcome

    def progress_pct(self) -> Optional[float]:
        """Return how far the command is; None before it runs."""
        if self._progress is None:
            return None
        return self._progress.analysis_percent(len(self._remaining))

    def _ids(self) -> Tuple[str, ...]:
        """Return the ids to give to the command; none stand for all."""
        everything = len(self.analyzers) > 1 and self._remaining == self.analyzers
        return () if everything else self._remaining

    def _unsettled(self, job: Job) -> Tuple[str, ...]:
        return tuple(name for name in self._remaining if job.analyzers[name].status in ACTIVE)

    def _follow(self, job: Job, progress: JobProgress) -> bool:
        """End the analyzers whose reports are finished; return whether another is in work."""
        changed = progress.refresh()
        for name in self._unsettled(job):
            report = progress.finished.get(name)
            if report is not None:
                failed = Ending(ERROR, presentable(report.reason))
                job.analyzers[name].end(Ending(COMPLETE) if report.status == OK else failed)
        return changed

    def _settle(self, job: Job, outcome: Outcome, progress: JobProgress) -> None:
        """End the analyzers that reported no end; one that is to be tried again has none."""
        unsettled = self._unsettled(job)
        guilty = progress.current if progress.current in unsettled else None
        if outcome.kind == COMPLETE:
            ending = Ending(COMPLETE)
        else:
            kind = ERROR if outcome.kind == CANCELLED else outcome.kind
            ending = Ending(kind, why(outcome, job.output, self._limit_s, progress.error))
        for name in unsettled:
            if guilty in (None, name) or not _was_lost(outcome):
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
        return Ending(ERROR, f"{len(failed)} of {len(job.analyzers)} reports failed.")


def _was_lost(outcome: Outcome) -> bool:
    """Return whether a command ended because of the analyzer it was at."""
    crashed = outcome.code is not None and outcome.code not in _ORDERLY
    return outcome.kind == TIMEOUT or (outcome.kind == ERROR and crashed)


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
        self._progress: Optional[JobProgress] = None

    def run(self, job: Job) -> Ending:
        """Run the generator; it has no time limit, but it can be cancelled."""
        progress = self._progress = JobProgress(job.output)
        command = self._commands.generate(self._where, self._growth)
        outcome = job.launch(command, None, progress.refresh)
        progress.refresh()  # what it reported at the very end
        if outcome.kind == COMPLETE:
            return Ending(COMPLETE)
        return Ending(outcome.kind, why(outcome, job.output, None, progress.error))

    def progress_pct(self) -> Optional[float]:
        """Return how much of the growth is there."""
        return 0.0 if self._progress is None else self._progress.growth_percent()


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
