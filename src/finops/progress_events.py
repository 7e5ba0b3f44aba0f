"""Progress for programs: the events that `--progress json` writes, one JSON object a line.

A program that runs a command reads its standard error and nothing else.  Each line names its
`event` and the `version` of this protocol; the other keys are the fields of that event's class
below.  Fields and events may be added under the same version, so a reader ignores what it does
not know; a line that is torn, of another version or of the wrong types is no event.

In the order in which a run writes them:

- `start`: the command and the ids of the reports it will make;
- `phase`: what it does now (`reading`, `analyzing`, `generating`);
- `progress`: how much of the phase is done, a few times a second;
- `report_started` and `report_finished`: one report, `ok` or `failed` with the reason.  Two may
  be in work at a time, and one that is started again replaces its first start;
- `note`: a remark for a person;
- `error`: why the command as a whole ends, in one sentence;
- `finished`: always the last, unless the process is killed.
"""

from __future__ import annotations

import json
from typing import Dict, List, NamedTuple, Optional, TextIO, Tuple, Type, Union

from finops.typed_json import from_json, refuse_constant

VERSION = 1
# What the end of a report is called, here and in the manifest.
OK = "ok"
FAILED = "failed"
# A line that is longer is no event; it bounds what a reader holds of a line without an end.
MAX_LINE_BYTES = 131_072
_TEXT_CHARACTERS = 2_000


class StartEvent(NamedTuple):
    """The command has begun; `reports` are the ids of the reports it will make."""

    command: str
    reports: Tuple[str, ...] = ()


class PhaseEvent(NamedTuple):
    """The command does something else from now on."""

    name: str


class ProgressEvent(NamedTuple):
    """`done` of `total` units of the phase; `rate` is units per second, None where unknown."""

    done: int
    total: int
    unit: str
    rate: Optional[float] = None


class ReportStartedEvent(NamedTuple):
    """Work on the report of this id has begun, or is being waited for."""

    id: str


class ReportFinishedEvent(NamedTuple):
    """A report is written (`ok`) or could not be made (`failed`, with the reason).

    `seconds` is analysis and page together; `size_bytes` is the size of the page, 0 for none.
    """

    id: str
    status: str
    reason: str = ""
    seconds: float = 0.0
    size_bytes: int = 0


class NoteEvent(NamedTuple):
    """A remark that changes nothing, such as the traceback of an analyzer that crashed."""

    message: str


class ErrorEvent(NamedTuple):
    """Why the command ends without having done what was asked: what, where and what to do."""

    message: str


class FinishedEvent(NamedTuple):
    """The command ends: `ok` with exit status 0, else `failed`."""

    status: str
    exit_status: int


Event = Union[
    StartEvent,
    PhaseEvent,
    ProgressEvent,
    ReportStartedEvent,
    ReportFinishedEvent,
    NoteEvent,
    ErrorEvent,
    FinishedEvent,
]
EVENT_TYPES: Dict[str, Type[Event]] = {
    "start": StartEvent,
    "phase": PhaseEvent,
    "progress": ProgressEvent,
    "report_started": ReportStartedEvent,
    "report_finished": ReportFinishedEvent,
    "note": NoteEvent,
    "error": ErrorEvent,
    "finished": FinishedEvent,
}
_NAMES = {event_type: name for name, event_type in EVENT_TYPES.items()}


def encode(event: Event) -> str:
    """Return an event as its line, without the line's end.  Long texts lose their middle.

    >>> encode(ReportStartedEvent("pricing"))
    '{"event": "report_started", "version": 1, "id": "pricing"}'
    """
    fields: Dict[str, object] = {"event": _NAMES[type(event)], "version": VERSION}
    for name, value in event._asdict().items():
        fields[name] = _shortened(value) if isinstance(value, str) else value
    return json.dumps(fields, allow_nan=False)


def _shortened(text: str) -> str:
    """Return a long text without its middle: of a traceback both ends are needed."""
    if len(text) <= _TEXT_CHARACTERS:
        return text
    half = _TEXT_CHARACTERS // 2 - 1
    return f"{text[:half]} … {text[-half + 1 :]}"


def decode(line: Union[str, bytes]) -> Optional[Event]:
    """Return the event of a line, None where the line is none of this version.

    Fields with a default may be missing.

    >>> decode('{"event": "phase", "version": 1, "name": "reading", "more": 0}')
    PhaseEvent(name='reading')
    >>> decode('{"event": "phase", "ver')
    """
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        content = json.loads(line, parse_constant=refuse_constant)
        if not isinstance(content, dict) or content.get("version") != VERSION:
            return None
        event_type = EVENT_TYPES.get(str(content.get("event")))
        return None if event_type is None else from_json(event_type, content)
    except (ValueError, RecursionError):
        return None


class EventWriter:
    """Writes events to a stream, each as one whole line at once.

    A stream that is closed or full costs the events and never the work.
    """

    def __init__(self, stream: Optional[TextIO]) -> None:
        self._stream = stream

    def write(self, event: Event) -> None:
        """Write one event and flush it."""
        if self._stream is None:
            return
        try:
            self._stream.write(encode(event) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None


class EventDecoder:
    """Turns bytes, as they come, into events; what is no event is left out."""

    def __init__(self) -> None:
        self._unfinished = b""
        self._too_long = False

    def feed(self, data: bytes) -> List[Event]:
        """Return the events of the lines that `data` completes."""
        *lines, rest = (self._unfinished + data).split(b"\n")
        if lines and self._too_long:
            lines[0], self._too_long = b"", False
        if len(rest) > MAX_LINE_BYTES:
            rest, self._too_long = b"", True
        self._unfinished = rest
        events = (decode(line) for line in lines)
        return [event for event in events if event is not None]
