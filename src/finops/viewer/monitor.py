"""The background monitor: follows the dataset and has the reports made anew when it grew.

`RegenerationPolicy` decides when, as plain arithmetic on a monotonic clock that tests can drive;
the thread only looks, asks it and starts the job.  The wall clock decides nothing.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from finops import config
from finops.viewer.file_watcher import FileState, Watcher
from finops.viewer.jobs import now_text

_BUSY_STEP_S = 1.0
_RETRY_DOUBLINGS = 10
_NONE = (-1, 0)  # a version that no file has


class Intervals(NamedTuple):
    """When the monitor looks and acts: seconds, and bytes of growth."""

    interval_s: float = config.MONITOR_INTERVAL_S
    gap_s: float = config.REGENERATE_GAP_S
    growth_bytes: int = config.REGENERATE_GROWTH_BYTES
    max_pause_s: float = config.REGENERATE_MAX_PAUSE_S


class RegenerationPolicy:
    """Decides whether the reports are due.

    They are when the content differs from what was last analysed, and it has grown by the
    configured number of bytes or stood still for one look, and the gap since the last time
    has passed.  Every failure in a row doubles the gap.
    """

    def __init__(self, pace: Intervals) -> None:
        self._pace = pace
        self._analysed: Optional[Tuple[int, int]] = None
        self._seen: Optional[Tuple[int, int]] = None
        self._last: Optional[float] = None
        self.failures = 0

    def is_due(self, now: float, state: FileState) -> bool:
        """Return whether to regenerate; call it once a look.  `now` in monotonic seconds."""
        version = state.version
        still = version == self._seen
        first = self._seen is None
        self._seen = version
        if first:
            self._analysed = version
        if version == self._analysed or not state.exists or not state.size_bytes:
            return False
        return (still or self._grown(version)) and self.wait_s(now) <= 0

    def _grown(self, version: Tuple[int, int]) -> bool:
        base = self._analysed if self._analysed is not None else (0, 0)
        before = base[1] if base[0] == version[0] else 0
        return version[1] - before >= self._pace.growth_bytes

    def wait_s(self, now: float) -> float:
        """Return the seconds before the next regeneration may begin, 0 where it may now."""
        if self._last is None:
            return 0.0
        doubled = self._pace.gap_s * float(2 ** min(self.failures, _RETRY_DOUBLINGS))
        pause = max(self._pace.gap_s, min(doubled, self._pace.max_pause_s))
        return max(0.0, self._last + pause - now)

    def began(self, now: float) -> None:
        """Note that a regeneration has begun."""
        self._last = now

    def ended(self, now: float, analysed: Optional[Tuple[int, int]]) -> None:
        """Note that it ended; `analysed` is the version of the file, None where it failed."""
        self._last = now
        self.failures = self.failures + 1 if analysed is None else 0
        self._analysed = _NONE if analysed is None else analysed


class Monitor:
    """The thread.  `regenerate` starts a job and returns whether it could.

    With `enabled` False the file is followed and counted all the same, but nothing is
    regenerated.  `busy` tells whether jobs run; then the file is checked every second.
    """

    def __init__(
        self,
        watcher: Callable[[], Watcher],
        regenerate: Callable[[], bool],
        enabled: bool = True,
        busy: Callable[[], bool] = lambda: False,
        pace: Optional[Intervals] = None,
    ) -> None:
        self.pace = pace or Intervals()
        self.enabled = enabled
        self._watcher = watcher
        self._regenerate = regenerate
        self._busy = busy
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._policy = RegenerationPolicy(self.pace)
        self._last_check: Optional[str] = None
        self._last_regeneration: Optional[str] = None
        self._last_error: Optional[str] = None
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for the thread; at most a second."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def look_again(self) -> None:
        """Have the thread look now; after a switch of the dataset or the end of a job."""
        self._wake.set()

    def dataset_switched(self) -> None:
        """Forget what was analysed; the next look is the first."""
        with self._lock:
            self._policy = RegenerationPolicy(self.pace)
        self.look_again()

    def analysis_began(self) -> None:
        """Note that all reports are being made."""
        with self._lock:
            self._policy.began(time.monotonic())

    def analysis_ended(self, version: Optional[Tuple[int, int]], error: Optional[str]) -> None:
        """Note that all reports were made from this version, or the error why not."""
        with self._lock:
            self._policy.ended(time.monotonic(), version if error is None else None)
            self._last_error = error
            if error is None:
                self._last_regeneration = now_text()

    def as_dict(self) -> Dict[str, Any]:
        """Return the monitor's part of the status."""
        with self._lock:
            return {
                "enabled": self.enabled,
                "interval_s": self.pace.interval_s,
                "last_check": self._last_check,
                "last_regeneration": self._last_regeneration,
                "last_error": self._last_error,
                "failures": self._policy.failures,
                "next_in_s": round(self._policy.wait_s(time.monotonic()), 1),
            }

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self._wake.clear()
            try:
                state = self._watcher().poll(self._stop.is_set)
                if time.monotonic() >= due:
                    due = time.monotonic() + self.pace.interval_s
                    self._check(state)
            except Exception as error:  # the thread outlives whatever goes wrong in one look
                self._note(f"The last check failed ({type(error).__name__}).")
            step = _BUSY_STEP_S if self._busy() else self.pace.interval_s
            self._wake.wait(max(0.01, min(step, due - time.monotonic())))

    def _check(self, state: FileState) -> None:
        with self._lock:
            self._last_check = now_text()
            due = self._policy.is_due(time.monotonic(), state)
        if due and self.enabled:
            self._regenerate()

    def _note(self, error: str) -> None:
        with self._lock:
            self._last_error = error
