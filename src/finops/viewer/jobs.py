"""Background work: a bounded queue, a bounded number at once, one of each kind at a time.

The runner knows nothing of analyses; a `Task` says what to do and how it ended.  All state is
read through `snapshot`, which copies under one lock and never waits for running work.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List, NamedTuple, Optional, Tuple

from finops import config
from finops.timestamps import utc_text
from finops.viewer.job_output import Output
from finops.viewer.process import CANCELLED, ERROR, Command, Outcome, run_limited

QUEUED = "queued"
RUNNING = "running"
ACTIVE = (QUEUED, RUNNING)


def now_text() -> str:
    """Return the time now, UTC, as ISO 8601 in whole milliseconds with Z."""
    return utc_text(time.time(), "milliseconds")


class JobConflictError(Exception):
    """A job of the same key is queued or running."""


class QueueFullError(Exception):
    """The queue has no more room."""


class Ending(NamedTuple):
    """How a task ended: complete, error, timeout or cancelled, and why in one sentence."""

    status: str
    error: Optional[str] = None


class State:
    """Progress of one piece of work, as the API shows it."""

    def __init__(self) -> None:
        self.status = QUEUED
        self.started_at: Optional[str] = None
        self.completed_at: Optional[str] = None
        self.error: Optional[str] = None
        self._begun: Optional[float] = None
        self._seconds: Optional[float] = None

    def begin(self) -> None:
        """Note that work has begun."""
        self.started_at, self._begun = now_text(), time.monotonic()
        self.status = RUNNING  # last: a reader without a lock sees a whole state

    def end(self, ending: Ending) -> None:
        """Note that work has ended."""
        if self._begun is not None:
            self._seconds = time.monotonic() - self._begun
        self.error, self.completed_at = ending.error, now_text()
        self.status = ending.status

    def as_dict(self) -> Dict[str, Any]:
        """Return status, times (ISO 8601), success (None before the end), error, seconds."""
        seconds = self._seconds
        if seconds is None and self._begun is not None:
            seconds = time.monotonic() - self._begun
        done = self.status not in ACTIVE
        return {
            "status": self.status,
            "started_at": self.started_at,
            "completed_at": self.completed_at,
            "success": self.status == "complete" if done else None,
            "error": self.error,
            "seconds": None if seconds is None else round(seconds, 2),
        }


class Task:
    """What a job does.  Subclasses say how in `run`; it is called in a thread of the runner.

    `kind` and `label` are shown; `keys` may each be held by one job at a time; `dataset` is
    the name of the file that the work is about; `analyzers` are the ids whose state it moves.
    """

    kind = "task"

    def __init__(self, label: str, dataset: str, keys: Tuple[str, ...]) -> None:
        self.label = label
        self.dataset = dataset
        self.keys = keys
        self.analyzers: Tuple[str, ...] = ()

    def run(self, job: Job) -> Ending:
        """Do the work; call `job.launch` for commands."""
        raise NotImplementedError

    def progress_pct(self) -> Optional[float]:
        """Return how far the work is, 0 to 100, or None where that is not known."""
        return None


class Job:
    """One task on its way through the queue."""

    def __init__(self, number: int, task: Task) -> None:
        self.id = f"job-{number}"
        self.task = task
        self.output = Output()
        self.cancel = threading.Event()
        self.state = State()
        self.analyzers: Dict[str, State] = {name: State() for name in task.analyzers}

    def launch(
        self,
        command: Command,
        limit_s: Optional[float],
        watch: Callable[[], bool] = lambda: False,
    ) -> Outcome:
        """Run a command of this job; see `run_limited`."""
        return run_limited(command, self.output, limit_s, self.cancel, watch)

    def begin(self) -> None:
        """Note the beginning of the job; its analyzers begin together."""
        self.state.begin()
        for state in self.analyzers.values():
            state.begin()

    def end(self, ending: Ending) -> None:
        """Note the end of the job and of all its analyzers that have no end of their own."""
        self.state.end(ending)
        for state in self.analyzers.values():
            if state.status in ACTIVE:
                # An analyzer knows no state "cancelled"; the previous report is kept.
                status = ERROR if ending.status == CANCELLED else ending.status
                state.end(Ending(status, ending.error))

    def as_dict(self) -> Dict[str, Any]:
        """Return the job as the API shows it."""
        progress = 100.0 if self.state.status == "complete" else self.task.progress_pct()
        return {
            "id": self.id,
            "kind": self.task.kind,
            "label": self.task.label,
            "dataset": self.task.dataset,
            "progress_pct": progress,
            **self.state.as_dict(),
        }


class JobRunner:
    """Runs tasks in at most `running` threads, with at most `queued` waiting.

    `on_end` is called with every job that has ended, outside the lock.
    """

    def __init__(
        self,
        running: int = config.MAX_RUNNING_JOBS,
        queued: int = config.MAX_QUEUED_JOBS,
        on_end: Callable[[Job], None] = lambda job: None,
    ) -> None:
        self._max_queued = queued
        self._on_end = on_end
        self._changed = threading.Condition()
        self._queue: Deque[Job] = deque()
        self._jobs: Dict[str, Job] = {}
        self._count = 0
        self._idle = 0
        self._closing = False
        self._threads = [
            threading.Thread(target=self._work, name=f"jobs-{i}", daemon=True)
            for i in range(running)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> Job:
        """Queue a task.  Raises Busy where one of its keys is held, Full without room."""
        with self._changed:
            held = {key for job in self._active() for key in job.task.keys}
            if held.intersection(task.keys):
                raise JobConflictError(task.label)
            if self._closing or len(self._queue) >= self._max_queued + self._free():
                raise QueueFullError(task.label)
            self._count += 1
            job = Job(self._count, task)
            self._jobs[job.id] = job
            self._queue.append(job)
            self._forget_old()
            self._changed.notify_all()
        return job

    def cancel(self, job_id: str) -> Optional[Job]:
        """Stop a job, waiting or running; return it, None where there is no such active one."""
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.state.status not in ACTIVE:
                return None
            job.cancel.set()
            if job in self._queue:
                self._queue.remove(job)
                job.end(Ending(CANCELLED, "Cancelled before it began."))
        return job

    def active(self) -> bool:
        """Return whether any job is queued or running."""
        with self._changed:
            return bool(self._active())

    def find(self, job_id: str) -> Optional[Job]:
        """Return a job that is still known."""
        with self._changed:
            return self._jobs.get(job_id)

    def snapshot(self) -> List[Job]:
        """Return the known jobs, oldest first."""
        with self._changed:
            return list(self._jobs.values())

    def analyzer_states(self, dataset: str) -> Dict[str, Dict[str, Any]]:
        """Return the latest state of each analyzer that has run over a dataset."""
        states: Dict[str, Dict[str, Any]] = {}
        for job in self.snapshot():
            if job.task.dataset == dataset:
                states.update((name, s.as_dict()) for name, s in job.analyzers.items())
        return states

    def stop(self, grace_s: float) -> None:
        """Drop what waits, give running jobs `grace_s` seconds, then end them.

        No process of a job is left.
        """
        deadline = time.monotonic() + grace_s
        with self._changed:
            self._closing = True
            while self._queue:
                self._queue.popleft().end(Ending(CANCELLED, "The server stopped."))
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for job in self.snapshot():
            job.cancel.set()
        for thread in self._threads:
            thread.join()

    def hurry(self) -> None:
        """End running jobs now; for a second Ctrl-C during `stop`."""
        for job in self.snapshot():
            job.cancel.set()

    def _active(self) -> List[Job]:
        return [job for job in self._jobs.values() if job.state.status in ACTIVE]

    def _free(self) -> int:
        """Return how many threads wait for work; jobs that they will take do not queue."""
        return self._idle

    def _forget_old(self) -> None:
        finished = [job for job in self._jobs.values() if job.state.status not in ACTIVE]
        for job in finished[: max(0, len(finished) - config.FINISHED_JOBS_KEPT)]:
            del self._jobs[job.id]

    def _work(self) -> None:
        while True:
            job = self._next()
            if job is None:
                return
            try:
                ending = job.task.run(job)
            except Exception as error:  # a defect in a task must not cost a thread
                ending = Ending(ERROR, f"The job could not be run ({type(error).__name__}).")
            job.output.close()
            with self._changed:
                job.end(ending)
            self._on_end(job)

    def _next(self) -> Optional[Job]:
        with self._changed:
            self._idle += 1
            while not self._queue and not self._closing:
                self._changed.wait()
            self._idle -= 1
            if not self._queue:
                return None
            job = self._queue.popleft()
            job.begin()
            return job
