"""The ground truth: which incidents were planted, in a file beside the CSV.

Only the evaluation of detectors reads it; no analyzer ever does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Union

from finops import config
from finops.dataset.files import FILES, Files
from finops.simulator import incidents as kinds
from finops.simulator.incidents import Incident
from finops.simulator.traffic import Calendar

# After so many hours an incident can be seen in the data, if it is not over before.
EVIDENT_AFTER_HOURS: Mapping[str, float] = {
    kinds.HOUR_BURST: 0.5,
    kinds.RATE_LIMIT_ABUSER: 0.5,
    kinds.SLOW_PROVIDER: 0.5,
    kinds.REGION_HOPPER: 3,
    kinds.PROMPT_WASTER: 24,
    kinds.VIRAL_CUSTOMER: 24,
    kinds.DEPARTED_CUSTOMER: config.DEPARTURE_DAYS * 24,
}


def truth_path(path: Union[str, Path]) -> Path:
    """Return where the truth about a simulated CSV is."""
    return Path(path).with_suffix(".truth.json")


def entries(incidents: Iterable[Incident], calendar: Calendar, clock: str) -> List[Dict[str, Any]]:
    """Return what there is to be found in rows up to `clock`, by start, kind and subject.

    An incident is listed once it has lasted long enough to be seen: nobody can tell on the
    first day of silence that a customer has left.
    """
    found = [
        {
            "kind": incident.kind,
            "scenario": incident.scenario,
            "start": calendar.timestamp(incident.start),
            "end": calendar.timestamp(incident.end),
            "subject": incident.subject,
            "size": round(incident.size, 3),
        }
        for incident in incidents
        if calendar.timestamp(_evident(incident)) <= clock
    ]
    return sorted(found, key=lambda e: (e["start"], e["kind"], e["subject"]))


def _evident(incident: Incident) -> float:
    return min(incident.end, incident.start + EVIDENT_AFTER_HOURS[incident.kind])


def write_truth(
    path: Union[str, Path], seed: int, found: List[Dict[str, Any]], files: Files = FILES
) -> None:
    """Put the truth beside the CSV, whole or not at all.  Raises OSError where that fails."""
    text = json.dumps({"seed": seed, "incidents": found}, indent=1, sort_keys=True)
    files.put(str(truth_path(path)), text.encode("ascii") + b"\n")
