"""How a figure follows chosen dates: from which measures the page's script computes it anew.

A card, a line or a column says so by one of these; its `script_form` is what the script reads.
Measures are names of the page's sums; one that the page does not carry is an error when it is
made.
"""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple, Union

# A ratio times this: how the script calls it.
_RATIOS = {1: "per", 100: "percent", 1_000: "thousand", 1_000_000: "million"}


class Sum(NamedTuple):
    """The sum of a measure."""

    measure: str

    @property
    def script_form(self) -> List[str]:
        """What the script reads."""
        return [self.measure, "sum"]


class Mean(NamedTuple):
    """The sum of a measure by days with calls."""

    measure: str

    @property
    def script_form(self) -> List[str]:
        """What the script reads."""
        return [self.measure, "mean"]


class Ratio(NamedTuple):
    """The sum of a measure divided by that of another, times 1, 100, 1,000 or 1,000,000."""

    measure: str
    by: str
    times: int = 1

    @property
    def script_form(self) -> List[str]:
        """What the script reads."""
        return [self.measure, f"{_RATIOS[self.times]}:{self.by}"]


class Trend(NamedTuple):
    """The mean of the last `days` with calls against that of those before, in percent."""

    measure: str
    days: int

    @property
    def script_form(self) -> List[str]:
        """What the script reads."""
        return [self.measure, f"trend:{self.days}"]


class SharePercent(NamedTuple):
    """A row's part of the sum of all rows, 0 to 100."""

    measure: str

    @property
    def script_form(self) -> List[str]:
        """What the script reads."""
        return [self.measure, "share"]


class ShareOfAll(NamedTuple):
    """A row's part of the sum of all rows, 0 to 1."""

    measure: str

    @property
    def script_form(self) -> List[str]:
        """What the script reads."""
        return [self.measure, "part"]


class Distinct(NamedTuple):
    """How many values, of the dimension that the sums count, have some of a measure."""

    measure: str

    @property
    def script_form(self) -> List[str]:
        """What the script reads."""
        return [self.measure, "distinct"]


class Percentile(NamedTuple):
    """The percentile that a window of this name tells."""

    window: str

    @property
    def script_form(self) -> List[str]:
        """What the script reads."""
        return [self.window, "percentile"]


Recompute = Union[Sum, Mean, Ratio, Trend, SharePercent, ShareOfAll, Distinct, Percentile]


def measures_of(recompute: Recompute) -> Sequence[str]:
    """Return the measures, or the window, that a figure is computed from.

    >>> measures_of(Ratio("cost", "calls")), measures_of(Sum("cost"))
    (('cost', 'calls'), ('cost',))
    """
    names: Tuple[str, ...] = (recompute[0],)
    return (*names, recompute.by) if isinstance(recompute, Ratio) else names
