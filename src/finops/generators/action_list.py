"""What to do: the findings of all reports in lists that are never added to one another.

Money that can be saved, money that is lost on customers, revenue at risk, revenue that is gone
and exposure are different things, so each has a list.  Findings about the same calls carry the
same key (`overlaps`), whichever report makes them; of these the largest is listed, so the
savings of the list never exceed what was spent.  The list that is worth most comes first: where
customers leave by the dozen, a cheaper model is not the first thing to do.
"""

from __future__ import annotations

import math
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

Data = Mapping[str, Any]

MOST_OF_A_LIST = 5
_SEVERITIES = ("critical", "warning", "info", "success")


class Kind(NamedTuple):
    """One list: its title, what stands in it, and what its amounts are."""

    title: str
    kinds: Tuple[str, ...]
    amounts: str


LISTS: Tuple[Kind, ...] = (
    Kind("Fix first", (), "spent per month"),  # where most calls fail, nothing else matters
    Kind("Savings", ("saving",), "can be saved per month"),
    Kind("Losses", ("loss",), "lost per month"),
    Kind("Revenue at risk", ("revenue_at_risk",), "at risk per month"),
    Kind("Revenue lost", ("revenue_lost",), "lost per month"),
    Kind("Exposure", ("exposure",), "per month beyond usual cost"),
    Kind("What else to know", (), ""),  # whatever is in no other list
)


class Ranked(NamedTuple):
    """A finding with the report it comes from."""

    report: Data
    finding: Data

    @property
    def worth(self) -> float:
        """Its amount in USD per month, 0 where that is not known."""
        return float(self.finding.get("impact_usd_per_month") or 0)

    @property
    def order(self) -> Tuple[float, int]:
        """By amount descending, then by severity."""
        severity = self.finding.get("severity")
        known = severity in _SEVERITIES
        return -self.worth, _SEVERITIES.index(str(severity)) if known else len(_SEVERITIES)


class ActionList(NamedTuple):
    """One list of findings, what is worth most first."""

    kind: Kind
    items: Sequence[Ranked]

    @property
    def total(self) -> Optional[float]:
        """The amounts of all items, in USD per month; None where none is known."""
        amounts = [item.worth for item in self.items if item.worth]
        return math.fsum(amounts) if amounts else None


def action_lists(results: Mapping[str, Data], reports: Sequence[Data]) -> List[ActionList]:
    """Return the lists that have something in them, what is worth most first.

    What is to be fixed first comes before all, and what else there is to know after all.
    `results` are the dicts of reports by id, `reports` {id, title, …} in the order of the pages.
    A title comes once, and so does what overlaps; good news is no action.
    """
    lists: Dict[Kind, List[Ranked]] = {kind: [] for kind in LISTS}
    for item in _once(_ranked(results, reports)):
        lists[_list_of(item)].append(item)
    made = [ActionList(kind, _first_steps_first(items)) for kind, items in lists.items() if items]
    return sorted(made, key=_place)


def _place(actions: ActionList) -> Tuple[bool, bool, float]:
    return actions.kind != LISTS[0], actions.kind == LISTS[-1], -(actions.total or 0.0)


def _first_steps_first(items: Sequence[Ranked]) -> List[Ranked]:
    """Return findings in their order, but what goes further right after its first step.

    What goes further has the key of that step and `|further`.
    """
    steps = {str(item.finding.get("overlaps")): item for item in items}
    placed: List[Ranked] = []
    for item in items:
        key, _, goes_further = str(item.finding.get("overlaps")).partition("|")
        for each in (steps.get(key) if goes_further else None, item):
            if each is not None and each not in placed:
                placed.append(each)
    return placed


def most_worth(results: Mapping[str, Data], reports: Sequence[Data]) -> List[Tuple[str, Ranked]]:
    """Return the first findings of each list with the list's title, at most five of each."""
    return [
        (actions.kind.title, item)
        for actions in action_lists(results, reports)
        for item in actions.items[:MOST_OF_A_LIST]
    ]


def _ranked(results: Mapping[str, Data], reports: Sequence[Data]) -> List[Ranked]:
    ranked = [
        Ranked(report, finding)
        for report in reports
        for finding in (results.get(report["id"]) or {}).get("findings") or ()
        if finding.get("severity") != "success"
    ]
    return sorted(ranked, key=lambda item: item.order)


def _once(ranked: Iterable[Ranked]) -> List[Ranked]:
    """Return those of which no title and no key came before, savings before what is only known."""
    titles, keys = set(), set()
    kept = []
    for item in sorted(ranked, key=lambda item: LISTS.index(_list_of(item)) == len(LISTS) - 1):
        title, key = str(item.finding.get("title")), str(item.finding.get("overlaps") or "")
        if title in titles or (key and key in keys):
            continue
        titles.add(title)
        keys.add(key)
        kept.append(item)
    return kept


def _list_of(item: Ranked) -> Kind:
    kind = item.finding.get("kind")
    if kind == "quality" and item.finding.get("severity") == "critical":
        return LISTS[0]
    return next((each for each in LISTS if kind in each.kinds), LISTS[-1])
