"""How good the detectors are, where the truth of a simulation was at hand to ask."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart
from finops.generators.components import Part, section
from finops.generators.tables import Column, table
from finops.results.base import from_dict

Data = Mapping[str, Any]

# How the kinds of incident are called on a page.
TITLES: Dict[str, str] = {
    "hour_burst": "Traffic bursts",
    "viral_customer": "Viral customers",
    "departed_customer": "Customers who left",
    "rate_limit_abuser": "Customers hitting rate limits",
    "region_hopper": "Impossible travel",
    "prompt_waster": "Customers with wasteful prompts",
    "slow_provider": "Slow providers",
}


class Score(NamedTuple):
    """What one detector found of what was planted; rates from 0 to 1."""

    kind: str
    planted: int
    found: int
    missed: int
    false_alarms: int
    precision: Optional[float]
    recall: Optional[float]
    f1: Optional[float]

    @property
    def title(self) -> str:
        """Name of the kind of incident on a page."""
        return TITLES.get(self.kind, str(self.kind))


def detectors(data: Data) -> List[Part]:
    """Return the section on `data["evaluation"]`, a list of the dicts of scores; nothing where
    there is none.
    """
    scores = [_as_shown(from_dict(Score, score)) for score in data.get("evaluation") or []]
    if not scores:
        return []
    return [
        section(
            "Detector accuracy",
            *_chart(scores),
            table(
                "detectors",
                "Detectors against the simulated incidents",
                [
                    Column(lambda score: score.title, "Incident"),
                    Column(lambda score: score.planted, "Planted", "count"),
                    Column(lambda score: score.found, "Found", "count"),
                    Column(lambda score: score.missed, "Missed", "count"),
                    Column(lambda score: score.false_alarms, "False alarms", "count"),
                    Column(lambda score: score.precision, "Precision", "share"),
                    Column(lambda score: score.recall, "Recall", "share"),
                    Column(lambda score: score.f1, "F1", "share", bar=True),
                ],
                scores,
            ),
            lead=_lead(scores),
        )
    ]


def _as_shown(score: Score) -> Score:
    """Return a score without rates where there was nothing to find and nothing was raised."""
    if score.planted or score.false_alarms:
        return score
    return score._replace(precision=None, recall=None, f1=None)


def _chart(all_scores: Sequence[Score]) -> List[Part]:
    """Return recall and precision as bars; nothing where they are all equal, as the table says."""
    scores = [score for score in all_scores if score.recall is not None]
    recall = [score.recall for score in scores]
    precision = [score.precision for score in scores]
    if len({*recall, *precision}) < 2:
        return []
    return [
        bar_chart(
            "detectors",
            "Recall and precision of each detector",
            Axis("Incident", "text"),
            Axis("Share (%)", "share"),
            [score.title for score in scores],
            [
                Series("Recall (share of incidents found)", recall),
                Series("Precision (share of alarms that were true)", precision, "success"),
            ],
            horizontal=True,
        )
    ]


def _lead(scores: Sequence[Score]) -> str:
    planted = sum(score.planted or 0 for score in scores)
    seen = sum(score.found or 0 for score in scores)
    false = sum(score.false_alarms or 0 for score in scores)
    begin = (
        "This data is simulated, and the simulation recorded what it planted; the detectors "
        "never see that."
    )
    if not planted and not false:
        return f"{begin} Nothing was planted here that they look for, and they raised no alarm."
    return (
        f"{begin} They found {formatting.count(seen)} of "
        f"{formatting.counted(planted, 'incident')} and raised "
        f"{formatting.counted(false, 'false alarm')}."
    )
