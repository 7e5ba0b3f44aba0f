"""The file beside a simulated CSV that says which incidents were planted.

Only the evaluation of detectors asks for it; no analyzer ever does.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Dict, Optional

from finops.config import EVENTS_SUFFIX
from finops.json_files import read_object
from finops.regular_files import PathLike
from finops.storage.commit import read_commit
from finops.storage.sidecars import real_path


def truth_path(path: PathLike) -> Path:
    """Return where the truth about a simulated CSV is."""
    return Path(real_path(path)).with_suffix(".truth.json")


def events_path(path: PathLike) -> Path:
    """Return where the events of a simulated CSV are, for charts over time."""
    return Path(real_path(path)).with_suffix(EVENTS_SUFFIX)


def read_truth(path: PathLike) -> Optional[Dict[str, Any]]:
    """Return what the simulator planted in a CSV; None where that is not recorded or unreadable.

    A truth file beside rows that the simulator did not make belongs to other rows.
    """
    mark = read_commit(path)
    if mark is None or mark.simulation is None:
        return None
    truth = read_object(truth_path(path))
    if truth is None:
        return None
    lists = [truth.get(name) for name in ("incidents", "unsettled")]
    sound = all(isinstance(some, list) and all(map(_is_entry, some)) for some in lists)
    return truth if sound else None


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    texts = [entry.get(name) for name in ("kind", "scenario", "subject", "start", "end")]
    return all(isinstance(text, str) for text in texts) and all(map(_is_time, texts[3:]))


def _is_time(text: Any) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f")
    except ValueError:
        return False
    return True
