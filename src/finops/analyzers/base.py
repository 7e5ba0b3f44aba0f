"""What all thirteen analyzers share: opening the source, findings, common small sums.

An analyzer is a pure function of the tables it declares.  It keeps no state between runs,
never writes, never prints, never opens the network.
"""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Iterable, List, Mapping, Sequence, Tuple, Union

from finops.rollups.spec import Rollups, Table

SEVERITIES: Tuple[str, ...] = ("critical", "warning", "info", "success")

Result = Dict[str, Any]
Row = Dict[str, Any]


class Analyzer:
    """Base of the analyzers: subclasses set `TABLES` and implement `compute`.

    `source` is the path of a CSV, or an opened dataset, so that many share one pass.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = ()

    def __init__(self, source: Union[str, Any]) -> None:
        self.source = source

    def analyze(self) -> Result:
        """Return the JSON-serialisable result for the whole source.

        Raises DataError where the file as a whole cannot be read.
        """
        from finops.rollups.dataset import open_dataset  # here: pure tables need no scan

        return self.compute(open_dataset(self.source).rollups(self.TABLES))

    def compute(self, data: Rollups) -> Result:
        """Return the result dict for filled tables; `data` is not changed."""
        raise NotImplementedError


def finding(severity: str, title: str, detail: str, impact_usd_per_month: float = 0.0) -> Row:
    """Return one finding; `impact_usd_per_month` is what acting on it is worth, 0 if unknown."""
    if severity not in SEVERITIES:
        raise ValueError(f"no such severity: {severity}")
    return {
        "severity": severity,
        "title": title,
        "detail": detail,
        "impact_usd_per_month": float(impact_usd_per_month),
    }


def by_impact(findings: Iterable[Row]) -> List[Row]:
    """Return findings by impact descending, then severity, then in the order they were made.

    So an analyzer that makes several of a kind has them stay in its own order, the largest first.
    """
    return sorted(
        findings, key=lambda f: (-f["impact_usd_per_month"], SEVERITIES.index(f["severity"]))
    )


def rows_of(
    cells: Mapping[Tuple[Any, ...], Tuple[Any, ...]], keys: Sequence[str], names: Sequence[str]
) -> List[Row]:
    """Return a filled table as a list of dicts: key parts under `keys`, measures under `names`."""
    return [dict(list(zip(keys, key)) + list(zip(names, values))) for key, values in cells.items()]


def ordered(rows: Iterable[Row], by: str, tie: Sequence[str], descending: bool = True) -> List[Row]:
    """Return rows by one number, ties by the identifying keys ascending."""
    sign = -1 if descending else 1
    return sorted(rows, key=lambda row: (sign * row[by], *tuple(row[key] for key in tie)))
