"""A circuit breaker: stop asking a service that is down, and find out carefully when it is up.

closed: requests pass; `threshold` failures in a row open it.  open: nothing passes for
`cooldown_s`.  half-open: one request passes as a probe; its success closes the breaker, its
failure opens it again.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, List, NamedTuple

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"


class Transition(NamedTuple):
    """A change of state, `at_s` seconds after the breaker was made, and its reason."""

    at_s: float
    before: str
    after: str
    reason: str


class CircuitBreaker:
    """Decide whether a request may go out.  Safe to share between threads.

    `threshold` is failures in a row, `cooldown_s` seconds; `clock` is for tests.
    """

    def __init__(
        self,
        threshold: int = 5,
        cooldown_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = CLOSED
        self.transitions: List[Transition] = []
        self._threshold, self._cooldown_s, self._clock = threshold, cooldown_s, clock
        self._failures = 0
        self._probing = False
        self._began = self._opened = clock()
        self._lock = threading.Lock()

    def allow(self) -> bool:
        """Whether a request may go out now.  Each permitted one must report its outcome."""
        with self._lock:
            if self.state == OPEN and self._clock() - self._opened >= self._cooldown_s:
                self._change(HALF_OPEN, f"{self._cooldown_s:g} s have passed")
            if self.state == HALF_OPEN:
                permitted = not self._probing
                self._probing = True
                return permitted
            return self.state == CLOSED

    def success(self) -> None:
        """Report that the service answered."""
        with self._lock:
            self._failures = 0
            self._probing = False
            if self.state == HALF_OPEN:
                self._change(CLOSED, "the probe succeeded")

    def failure(self) -> None:
        """Report that the service failed."""
        with self._lock:
            self._failures += 1
            self._probing = False
            if self.state == HALF_OPEN:
                self._change(OPEN, "the probe failed")
            elif self.state == CLOSED and self._failures >= self._threshold:
                self._change(OPEN, f"{self._failures} failures in a row")

    def _change(self, state: str, reason: str) -> None:
        """Change the state and record it.  The caller holds the lock."""
        now = self._clock()
        self.transitions.append(Transition(now - self._began, self.state, state, reason))
        self.state = state
        self._failures = 0
        if state == OPEN:
            self._opened = now
