"""What a run knows besides the data: passed on, so that nothing below reads it for itself."""

from __future__ import annotations

import time
from typing import NamedTuple, Optional

from finops.timestamps import utc_text


class RunContext(NamedTuple):
    """The circumstances of one run.

    `now`: the wall clock when it began, in seconds since 1970; None where nobody says.
    """

    now: Optional[float] = None

    @classmethod
    def current(cls) -> RunContext:
        """Return the context of a run that begins at this moment."""
        return cls(time.time())

    @property
    def now_text(self) -> Optional[str]:
        """The wall clock as ISO 8601 in UTC, whole seconds; None where nobody says."""
        return None if self.now is None else utc_text(self.now)
