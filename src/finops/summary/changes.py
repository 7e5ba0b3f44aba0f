"""By how much the cost of a group changed."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

Names = Tuple[str, ...]


class Changes:
    """Costs of groups in a later and in an earlier time of the same length."""

    def __init__(self, later: Mapping[Names, float], earlier: Mapping[Names, float]) -> None:
        self._later = later
        self._earlier = earlier

    def percent(self, names: Names) -> Optional[float]:
        """Return the change of a group in percent; None where nothing was spent before.

        >>> changes = Changes({("a",): 3.0, ("b",): 1.0}, {("a",): 2.0, ("c",): 1.0})
        >>> changes.percent(("a",)), changes.percent(("b",)), changes.percent(("c",))
        (50.0, None, -100.0)
        """
        earlier = self._earlier.get(names, 0.0)
        if earlier <= 0:
            return None
        return 100 * (self._later.get(names, 0.0) - earlier) / earlier
