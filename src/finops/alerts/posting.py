"""Which alerts were posted: each once, however many runs report it, also two at the same time.

The record is a file beside the data.  A run that posts holds its lock, so that a second run waits
and then sees what the first has posted.  A post is recorded when the server has taken it: one that
failed is tried by the next run, and one whose run is killed between both is posted twice rather
than never.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Callable, Dict, List, Sequence

from finops.alerts.alert import Alert
from finops.atomic import write_aside
from finops.errors import StorageError
from finops.json_files import read_object
from finops.locations import STANDARD_INPUT, is_elsewhere
from finops.storage.lock import writer_lock
from finops.storage.sidecars import sidecar

SUFFIX = ".alerts.json"
_POSTED = "posted"
_FIELDS = ("key", "month", "level")
_KEPT = 10_000
# Other runs may be posting at the same time, for some seconds each.
_WAIT_S = 60.0

Entry = Dict[str, str]


def record_path(data: str, reports: Path) -> Path:
    """Return where it is recorded what was posted: beside the data, the same whichever link
    leads there; in the folder of the reports where the data is no file of this machine.
    """
    if data == STANDARD_INPUT or is_elsewhere(data):
        return reports / SUFFIX.lstrip(".")
    place = data
    while not os.path.exists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)  # of a pattern, the folder that it begins with
    return sidecar(place, SUFFIX)


def post_new(alerts: Sequence[Alert], record: Path, post: Callable[[str], None], about: str) -> int:
    """Post the alerts that were not posted yet and return how many; `about` is what they are of.

    Raises what `post` does, after which the rest waits for the next run; LockError where another
    run is posting for long; StorageError where nothing can be recorded, before anything is posted.
    """
    if not alerts:
        return 0
    with writer_lock(record, _WAIT_S):
        entries = _read(record)
        fresh = (alert for alert in alerts if _entry(alert) not in entries)
        new = list({alert[:-1]: alert for alert in fresh}.values())
        if new:
            _write(record, entries)  # an unrecorded post would be repeated at every run
        for alert in new:
            post(f"{about}: {alert.text}")
            entries.append(_entry(alert))
            _write(record, entries)
    return len(new)


def _entry(alert: Alert) -> Entry:
    return dict(zip(_FIELDS, alert))


def _read(record: Path) -> List[Entry]:
    """Return what was posted; nothing where the file is not one of ours."""
    listed = (read_object(record) or {}).get(_POSTED)
    return [entry for entry in listed if _is_entry(entry)] if isinstance(listed, list) else []


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and tuple(entry) == _FIELDS


def _write(record: Path, entries: Sequence[Entry]) -> None:
    try:
        write_aside(record, json.dumps({_POSTED: entries[-_KEPT:]}, indent=1) + "\n")
    except OSError as error:
        raise StorageError(
            f"cannot record in {record} what was posted: {error.strerror}; nothing was posted"
        ) from error
