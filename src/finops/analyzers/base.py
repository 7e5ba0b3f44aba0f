"""What all analyzers share: opening the source, and findings in their order.

An analyzer is a pure function of the tables it declares.  It keeps no state between runs,
never writes, never prints, never opens the network.
"""

from __future__ import annotations

from typing import Any, ClassVar, Iterable, List, Mapping, Optional, Tuple

from finops import config
from finops.analyzers.shared import request_count
from finops.results.base import Finding, ResultDict, to_dict
from finops.rollups.protocol import Source
from finops.rollups.spec import Rollups, Table

SEVERITIES: Tuple[str, ...] = ("critical", "warning", "info", "success")
KINDS: Tuple[str, ...] = (
    *("saving", "loss", "revenue_at_risk", "revenue_lost", "exposure", "quality", "information"),
)
GRADES: Tuple[str, ...] = ("high", "medium", "low")
# Severities that a trifle does not have.
_LOUD = ("critical", "warning")


class Analyzer:
    """Base of the analyzers: subclasses set `TABLES` and implement `result`.

    `NEEDS` names the columns without which the report says nothing.

    `source` is the path of a CSV, or an opened dataset, so that many share one pass.
    `most_rows` is how many rows of a list the result has before one on the rest (see
    `finops.results.long_lists`), None for all.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = ()
    NEEDS: ClassVar[Tuple[str, ...]] = ()
    most_rows: Optional[int] = None

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
        Where the source has no request count, nothing counts calls, and lists are whole.
        A finding about a trifle is no warning, see `is_trivial`.
        """
        is_counted = request_count.is_known(data)
        made = to_dict(self.result(data), self.most_rows if is_counted else None)
        if not is_counted:
            made = request_count.without_counts(made)
        if (made.get("basis") or {}).get("missing"):
            made.update(findings=[], recommendations=[])
        cost = _monthly_cost(made)
        for each in made.get("findings") or ():
            if each["severity"] in _LOUD and is_trivial(each.get("impact_usd_per_month"), cost):
                each["severity"] = "info"
        return made

    def result(self, data: Rollups) -> Tuple[Any, ...]:
        """Return the result, a named tuple of `finops.results`; `data` is not changed."""
        raise NotImplementedError


def finding(
    severity: str,
    title: str,
    detail: str,
    impact_usd_per_month: Optional[float] = None,
    *,
    kind: str = "information",
    confidence: str = "high",
    effort: str = "low",
    subject: Optional[Mapping[str, str]] = None,
    overlaps: Optional[str] = None,
) -> Finding:
    """Return one finding.

    `impact_usd_per_month` is the money that it is about, in USD per month: None where it is not
    about money, or where the data does not say.  Findings with the same `overlaps` are about the
    same calls, so that their impacts are never added up.  Raises ValueError for a severity, kind,
    confidence or effort that there is not.
    """
    for value, allowed in (
        (severity, SEVERITIES),
        (kind, KINDS),
        (confidence, GRADES),
        (effort, GRADES),
    ):
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    impact = None if impact_usd_per_month is None else float(impact_usd_per_month)
    return Finding(
        severity, kind, title, detail, impact, confidence, effort, subject or {}, overlaps
    )


def by_impact(findings: Iterable[Finding]) -> List[Finding]:
    """Return findings by impact descending, then severity, then in the order they were made.

    So an analyzer that makes several of a kind has them stay in its own order, the largest first.
    An impact that is not known stands with those of 0.
    """
    return sorted(
        findings, key=lambda f: (-(f.impact_usd_per_month or 0.0), SEVERITIES.index(f.severity))
    )


def is_trivial(impact: Optional[float], monthly_cost: Optional[float]) -> bool:
    """Return whether an amount, in USD per month, is too little for a warning.

    That is one under `config.NOTABLE_USD_PER_MONTH` that is also under
    `config.NOTABLE_SHARE_PCT` of the monthly cost, where this is known.  An impact that is not
    known is not taken for a small one.

    >>> is_trivial(0.4, 100.0), is_trivial(0.6, 100.0), is_trivial(None, 100.0)
    (True, False, False)
    """
    if impact is None or impact >= config.NOTABLE_USD_PER_MONTH:
        return False
    return monthly_cost is None or impact < monthly_cost * config.NOTABLE_SHARE_PCT / 100


def _monthly_cost(made: ResultDict) -> Optional[float]:
    """Return the cost of a result per month, as far as it is known; None under 7 covered days."""
    days = (made.get("basis") or {}).get("covered_days") or 0.0
    cost = (made.get("summary") or {}).get("total_cost")
    if cost is None or days < config.SHORT_PERIOD_DAYS:
        return None
    return float(cost * config.DAYS_PER_MONTH / days)
