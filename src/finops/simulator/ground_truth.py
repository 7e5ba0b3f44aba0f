"""The ground truth: which incidents were planted, and which episodes there are, beside the CSV.

Only the evaluation of detectors reads it; no analyzer ever does.  An incident is to be found
once it has lasted long enough to be seen: nobody can tell on the first day of silence that a
customer has left.  One that has begun shortly before the rows end is listed apart, since
a detector that sees it already is not wrong.
"""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Union

from finops import config
from finops.simulator import incidents as kinds
from finops.simulator.incidents import Incident
from finops.simulator.scenarios.base import Episode
from finops.simulator.traffic import DAY_HOURS, Calendar
from finops.storage.file_operations import FILES, Files
from finops.storage.truth import events_path, truth_path

Entry = Dict[str, Any]

EVENT_COLUMNS = ("start", "end", "title", "subject")
# The incidents that everybody would know of.
EVENT_TITLES = {kinds.HOUR_BURST: "Burst", kinds.SLOW_PROVIDER: "Slow provider"}

# A customer that goes viral is at its peak after so many hours.
_VIRAL_RISE = config.VIRAL_PEAK_SHARE * config.SCENARIO_SHAPES["viral_spike"].hours
# After so many hours an incident can be seen in the data, if it is not over before.  A burst can
# be seen in what a whole hour costs, not in the part of one that the data ends with; a customer
# that goes viral, in the whole day in which it comes to its peak.
EVIDENT_AFTER_HOURS: Mapping[str, float] = {
    kinds.HOUR_BURST: 1,
    kinds.RATE_LIMIT_ABUSER: 0.5,
    kinds.SLOW_PROVIDER: 0.5,
    kinds.REGION_HOPPER: 7,
    kinds.PROMPT_WASTER: DAY_HOURS,
    kinds.VIRAL_CUSTOMER: math.ceil(_VIRAL_RISE / DAY_HOURS) * DAY_HOURS,
    kinds.DEPARTED_CUSTOMER: config.DEPARTURE_DAYS * DAY_HOURS,
}


def entries(incidents: Iterable[Incident], calendar: Calendar, clock: str) -> List[Entry]:
    """Return what there is to be found in rows up to `clock`, by start, kind and subject."""
    return _listed((i for i in incidents if _seen(i, calendar, clock)), calendar)


def unsettled(incidents: Iterable[Incident], calendar: Calendar, clock: str) -> List[Entry]:
    """Return what has begun by `clock` but cannot be seen yet, in the same form and order."""
    begun = (i for i in incidents if calendar.timestamp(i.start) <= clock)
    return _listed((i for i in begun if not _seen(i, calendar, clock)), calendar)


def _seen(incident: Incident, calendar: Calendar, clock: str) -> bool:
    evident = min(incident.end, incident.start + EVIDENT_AFTER_HOURS[incident.kind])
    return calendar.timestamp(evident) <= clock


def _listed(incidents: Iterable[Incident], calendar: Calendar) -> List[Entry]:
    listed = [
        {
            "kind": incident.kind,
            "scenario": incident.scenario,
            "start": calendar.timestamp(incident.start),
            "end": calendar.timestamp(incident.end),
            "subject": incident.subject,
            "size": round(incident.size, 3),
        }
        for incident in incidents
    ]
    return sorted(listed, key=lambda e: (e["start"], e["kind"], e["subject"]))


def stories(episodes: Iterable[Episode], calendar: Calendar, clock: str) -> List[Entry]:
    """Return the episodes that have begun by `clock`, by start and scenario."""
    begun = [e for e in episodes if calendar.timestamp(e.start) <= clock]
    return [
        {
            "scenario": episode.scenario,
            "title": episode.title,
            "start": calendar.timestamp(episode.start),
            "end": calendar.timestamp(episode.end),
            "subject": episode.subject,
        }
        for episode in sorted(begun, key=lambda e: (e.start, e.scenario))
    ]


def events(lists: Mapping[str, List[Entry]]) -> str:
    """Return what a team would tell its charts about: CSV with the columns of `EVENT_COLUMNS`.

    That is each episode, of bursts each one, and each incident of a provider.
    """
    told = [e for e in lists["episodes"] if e["scenario"] != "burst_traffic"]
    told += [
        {**incident, "title": EVENT_TITLES[incident["kind"]]}
        for incident in lists["incidents"]
        if incident["kind"] in EVENT_TITLES
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EVENT_COLUMNS)
    for event in sorted(told, key=lambda e: (e["start"], e["title"], e["subject"])):
        writer.writerow([event["start"][:19], event["end"][:19], event["title"], event["subject"]])
    return text.getvalue()


def write_truth(
    path: Union[str, Path], seed: int, lists: Mapping[str, List[Entry]], files: Files = FILES
) -> None:
    """Put the truth and the events beside the CSV, each whole or not at all.

    `lists` holds the lists `incidents`, `unsettled` and `episodes`.  Raises OSError where that
    fails.
    """
    text = json.dumps({"seed": seed, **lists}, indent=1, sort_keys=True)
    files.put(str(truth_path(path)), text.encode("ascii") + b"\n")
    files.put(str(events_path(path)), events(lists).encode("ascii"))
