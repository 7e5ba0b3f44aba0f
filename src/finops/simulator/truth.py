"""The ground truth: which incidents were planted, in a file beside the CSV.

Only the evaluation of detectors reads it; no analyzer ever does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, Union

from finops.dataset.files import FILES, Files
from finops.simulator.incidents import PROMPT_WASTER, VIRAL_CUSTOMER, Incident
from finops.simulator.traffic import Calendar

_HOURS_A_DAY = 24


def truth_path(path: Union[str, Path]) -> Path:
    """Return where the truth about a simulated CSV is."""
    return Path(path).with_suffix(".truth.json")


def entries(incidents: Iterable[Incident], calendar: Calendar, clock: str) -> List[Dict[str, Any]]:
    """Return what there is to be found in rows up to `clock`, by start, kind and subject.

    An incident counts once it is over; a long one (a viral customer, wasted prompts) after
    its first day, and a departure after the days of silence that make it one.
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


def _evident(incident: Incident) -> int:
    if incident.kind in (VIRAL_CUSTOMER, PROMPT_WASTER):
        return min(incident.end, incident.start + _HOURS_A_DAY)
    return incident.end


def write_truth(
    path: Union[str, Path], seed: int, found: List[Dict[str, Any]], files: Files = FILES
) -> None:
    """Put the truth beside the CSV, whole or not at all.  Raises OSError where that fails."""
    text = json.dumps({"seed": seed, "incidents": found}, indent=1, sort_keys=True)
    files.put(str(truth_path(path)), text.encode("ascii") + b"\n")
