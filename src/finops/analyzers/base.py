"""What all thirteen analyzers share: opening the source, and findings in their order.

An analyzer is a pure function of the tables it declares.  It keeps no state between runs,
never writes, never prints, never opens the network.
"""

from __future__ import annotations

from typing import Any, ClassVar, Iterable, List, Optional, Tuple

from finops.results.base import Finding, ResultDict, to_dict
from finops.rollups.protocol import Source
from finops.rollups.spec import Rollups, Table

SEVERITIES: Tuple[str, ...] = ("critical", "warning", "info", "success")


class Analyzer:
    """Base of the analyzers: subclasses set `TABLES` and implement `result`.

    `NEEDS` names the columns without which the report says nothing.

    `source` is the path of a CSV, or an opened dataset, so that many share one pass.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = ()
    NEEDS: ClassVar[Tuple[str, ...]] = ()

    def __init__(self, source: Source) -> None:
        self.source = source

    def analyze(self) -> ResultDict:
        """Return the JSON-serialisable result for the whole source.

        Raises DataError where the file as a whole cannot be read.
        """
        from finops.rollups.dataset import open_dataset  # here: pure tables need no scan

        return self.compute(open_dataset(self.source).rollups(self.TABLES))

    def compute(self, data: Rollups) -> ResultDict:
        """Return the result dict for filled tables; `data` is not changed.

        Where a column is missing that the report needs, nothing is concluded from the rest.
        """
        made = to_dict(self.result(data))
        if (made.get("basis") or {}).get("missing"):
            made.update(findings=[], recommendations=[])
        return made

    def result(self, data: Rollups) -> Tuple[Any, ...]:
        """Return the result, a named tuple of `finops.results`; `data` is not changed."""
        raise NotImplementedError


def finding(
    severity: str, title: str, detail: str, impact_usd_per_month: Optional[float] = 0.0
) -> Finding:
    """Return one finding.

    `impact_usd_per_month` is what acting on it is worth: 0 where it is not about money, None
    (which becomes 0) where the data is too short to tell.
    """
    if severity not in SEVERITIES:
        raise ValueError(f"no such severity: {severity}")
    return Finding(severity, title, detail, float(impact_usd_per_month or 0.0))


def by_impact(findings: Iterable[Finding]) -> List[Finding]:
    """Return findings by impact descending, then severity, then in the order they were made.

    So an analyzer that makes several of a kind has them stay in its own order, the largest first.
    """
    return sorted(findings, key=lambda f: (-f.impact_usd_per_month, SEVERITIES.index(f.severity)))
