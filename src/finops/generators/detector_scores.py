"""How good the detectors are, where the truth of a simulation was at hand to ask."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart
from finops.generators.components import Part, section
from finops.generators.tables import Column, table

Data = Mapping[str, Any]

# How the kinds of incident are called on a page.
TITLES: Dict[str, str] = {
    "hour_burst": "Hours of bursting traffic",
    "viral_customer": "Customers gone viral",
    "departed_customer": "Customers who left",
    "rate_limit_abuser": "Customers hammering rate limits",
    "region_hopper": "Accounts hopping between regions",
    "prompt_waster": "Customers with wasteful prompts",
    "slow_provider": "Slowed-down providers",
}


def detectors(data: Data) -> List[Part]:
    """Return the section on `data["evaluation"]`, nothing where there is none.

    `evaluation` is a list of {kind, planted, found, missed, false_alarms, precision, recall,
    f1}, counts and rates from 0 to 1.
    """
    kinds = [dict(one, title=_title(one.get("kind"))) for one in data.get("evaluation") or []]
    if not kinds:
        return []
    labels = [one["title"] for one in kinds]
    return [
        section(
            "How good are these detectors",
            bar_chart(
                "detectors",
                "How much of what was planted was found, and how much of what was raised was true",
                Axis("Incident", "text"),
                Axis("Share (%)", "share"),
                labels,
                [
                    Series("Recall: found of planted", [one.get("recall") for one in kinds]),
                    Series(
                        "Precision: true of raised",
                        [one.get("precision") for one in kinds],
                        "success",
                    ),
                ],
                horizontal=True,
            ),
            table(
                "detectors",
                "Detectors against what the simulation planted",
                [
                    Column("title", "Incident"),
                    Column("planted", "Planted", "count"),
                    Column("found", "Found", "count"),
                    Column("missed", "Missed", "count"),
                    Column("false_alarms", "False alarms", "count"),
                    Column("precision", "Precision", "share"),
                    Column("recall", "Recall", "share"),
                    Column("f1", "F1", "share", bar=True),
                ],
                kinds,
            ),
            lead=_lead(kinds),
        )
    ]


def _title(kind: Any) -> str:
    return TITLES.get(str(kind), str(kind))


def _lead(kinds: List[Dict[str, Any]]) -> str:
    planted = sum(one.get("planted") or 0 for one in kinds)
    found = sum(one.get("found") or 0 for one in kinds)
    false = sum(one.get("false_alarms") or 0 for one in kinds)
    return (
        "This data is simulated, and the simulation recorded what it planted; the detectors "
        f"never see that. They found {formatting.count(found)} of "
        f"{formatting.count(planted)} incidents and raised {formatting.count(false)} false alarms."
    )
