"""Progress for programs: every event there and back, and what a torn stream may cost."""

from __future__ import annotations

import doctest
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import List, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import cli, commands, progress_events
from finops.commands.base import EVENTS
from finops.progress import EventProgress
from finops.progress_events import (
    EVENT_TYPES,
    FAILED,
    OK,
    VERSION,
    ErrorEvent,
    Event,
    EventDecoder,
    EventWriter,
    FinishedEvent,
    NoteEvent,
    PhaseEvent,
    ProgressEvent,
    ReportFinishedEvent,
    ReportStartedEvent,
    StartEvent,
    decode,
    encode,
)
from finops.registry import ANALYZER_REGISTRY
from tests.support.tools import ROOT

any_event = st.one_of(*(st.builds(event_type) for event_type in EVENT_TYPES.values()))
any_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


def is_representable(event: Event) -> bool:
    """Return whether each number of an event is one that JSON and the reader take."""
    numbers = [value for value in event if isinstance(value, (int, float))]
    return all(abs(number) < 2**63 for number in numbers)


def in_words(event_or_line: object) -> str:
    return event_or_line if isinstance(event_or_line, str) else repr(event_or_line)


@given(any_event.filter(is_representable))
def test_an_event_is_one_line_and_comes_back(event: Event) -> None:
    line = encode(event)
    assert "\n" not in line
    assert decode(line) == event
    assert decode(line.encode("utf-8")) == event


@given(any_event.filter(is_representable), st.data())
def test_a_torn_line_is_no_event(event: Event, data: st.DataObject) -> None:
    line = encode(event)
    assert decode(line[: data.draw(st.integers(0, len(line) - 1))]) is None


@given(st.binary())
def test_bytes_of_any_kind_do_no_harm(data: bytes) -> None:
    assert all(isinstance(event, tuple) for event in EventDecoder().feed(data + b"\n"))


@given(st.sampled_from(sorted(EVENT_TYPES)), st.data())
def test_values_of_other_types_are_no_event(name: str, data: st.DataObject) -> None:
    fields = get_type_hints(EVENT_TYPES[name])
    values = {field: data.draw(any_json) for field in fields}
    event = decode(json.dumps(dict(values, event=name, version=VERSION)))
    if event is None:
        return
    for value, kind in zip(event, fields.values()):
        assert not isinstance(value, bool)
        assert kind is not str or isinstance(value, str)
        assert kind is not int or isinstance(value, int)
        assert kind is not float or isinstance(value, (int, float))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "analyzing pricing (1 of 13)",
        '{"event": "phase", "name": "reading"}',
        '{"event": "phase", "version": 2, "name": "reading"}',
        '{"event": "phase", "version": 1}',
        '{"event": "phase", "version": 1, "name": 3}',
        '{"event": "progress", "version": 1, "done": NaN, "total": 1, "unit": "bytes"}',
        '{"event": "progress", "version": 1, "done": true, "total": 1, "unit": "bytes"}',
        '{"event": "progress", "version": 1, "done": 1e400, "total": 1, "unit": "bytes"}',
        f'{{"event": "finished", "version": 1, "status": "ok", "exit_status": 1{"0" * 400}}}',
        '{"event": "start", "version": 1, "command": "analyze", "reports": [1]}',
        '{"event": ["phase"], "version": 1, "name": "reading"}',
        "[" * 100_000,
        json.dumps({"event": "phase", "version": 1, "name": "x" * 200_000}),
    ],
)
def test_what_is_no_event(line: str) -> None:
    assert decode(line) is None


def test_fields_with_a_default_may_be_missing_and_unknown_ones_are_ignored() -> None:
    line = '{"event": "report_finished", "version": 1, "id": "a", "status": "ok", "colour": "red"}'
    assert decode(line) == ReportFinishedEvent("a", OK)


@given(st.text(min_size=1), st.integers(2_001, 5_000))
def test_long_texts_lose_their_middle_and_still_fit(part: str, size: int) -> None:
    text = part * (size // len(part) + 1)
    event = decode(encode(NoteEvent(text)))
    assert isinstance(event, NoteEvent)
    assert len(event.message) <= 2_000
    assert event.message[:900] == text[:900]
    assert event.message[-900:] == text[-900:]


def test_the_longest_event_is_still_one() -> None:
    worst = "\U0001f600" * 5_000
    assert decode(encode(ReportFinishedEvent(worst, worst, worst))) is not None


@given(st.lists(any_event.filter(is_representable), max_size=6), st.data())
def test_events_come_however_the_bytes_are_cut(events: List[Event], data: st.DataObject) -> None:
    stream = "".join(encode(event) + "\n" for event in events).encode("utf-8")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder = EventDecoder()
    pieces = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)])]
    assert [event for piece in pieces for event in decoder.feed(piece)] == events


def test_a_line_without_an_end_is_not_kept_and_the_next_line_counts() -> None:
    decoder = EventDecoder()
    for _ in range(100):
        assert decoder.feed(b"x" * 65_536) == []
        assert len(decoder._unfinished) <= progress_events.MAX_LINE_BYTES
    line = encode(PhaseEvent("reading")).encode("utf-8")
    assert decoder.feed(b"\n" + line + b"\n") == [PhaseEvent("reading")]


def test_a_stream_that_breaks_does_not_stop_the_work() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    writer = EventWriter(Broken())
    writer.write(PhaseEvent("reading"))
    writer.write(PhaseEvent("analyzing"))
    EventWriter(None).write(PhaseEvent("reading"))
    closed = io.StringIO()
    closed.close()
    EventWriter(closed).write(PhaseEvent("reading"))


def events_of(text: str) -> List[Event]:
    """Return the events of a whole stream; every line has to be one."""
    events = [decode(line) for line in text.splitlines()]
    assert None not in events, text
    return [event for event in events if event is not None]


def test_work_that_is_measured_is_told_twice_a_second_and_at_its_end() -> None:
    stream = io.StringIO()
    now = [100.0]
    progress = EventProgress(EventWriter(stream), "reading", lambda: now[0])
    for done in range(0, 101):
        progress.update(done, 100)
        now[0] += 0.01
    progress.step("analyzing pricing (1 of 13)")
    progress.finish()
    progress.finish()
    phase, first, *rest = events_of(stream.getvalue())
    assert phase == PhaseEvent("reading")
    assert first == ProgressEvent(0, 100, "bytes", None)
    assert rest[-1] == ProgressEvent(100, 100, "bytes", 100.0)
    assert 2 <= len(rest) <= 3  # at 0.5 s, at 1.0 s where the clock's sum is that, and at the end


# --- a real run ---------------------------------------------------------------------------------


def run(*words: str) -> List[Event]:
    """Run a command as a program would and return its events."""
    command = [sys.executable, "-m", "finops", *words, "--progress", EVENTS]
    done = subprocess.run(command, cwd=str(ROOT), capture_output=True)
    return events_of(done.stderr.decode("utf-8"))


def of_type(events: List[Event], event_type: type) -> List[Event]:
    return [event for event in events if isinstance(event, event_type)]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_analysis_tells_each_report_of_the_registry(
    workers: str, small_csv: Path, tmp_path: Path
) -> None:
    words = ("--data", str(small_csv), "--reports", str(tmp_path), "--workers", workers)
    events = run("analyze", *words)
    assert events[0] == StartEvent("analyze", tuple(ANALYZER_REGISTRY))
    assert events[-1] == FinishedEvent(OK, 0)
    assert of_type(events, PhaseEvent) == [PhaseEvent("reading"), PhaseEvent("analyzing")]
    last = of_type(events, ProgressEvent)[-1]
    size = small_csv.stat().st_size
    assert isinstance(last, ProgressEvent)
    assert last.done == last.total == size - len(small_csv.read_bytes().partition(b"\n")[0]) - 1
    assert last.unit == "bytes"
    started = [event.id for event in events if isinstance(event, ReportStartedEvent)]
    assert sorted(set(started)) == sorted(ANALYZER_REGISTRY)
    finished = {event.id: event for event in events if isinstance(event, ReportFinishedEvent)}
    assert sorted(finished) == sorted(ANALYZER_REGISTRY)
    for name, event in finished.items():
        assert (event.status, event.reason) == (OK, "")
        assert event.size_bytes == (tmp_path / f"{name}.html").stat().st_size
        assert event.seconds > 0


def test_a_failed_report_tells_why(small_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "pricing.html").mkdir()
    only = ("--only", "pricing", "--only", "features")
    events = run("analyze", "--data", str(small_csv), "--reports", str(tmp_path), *only)
    failed, fine = of_type(events, ReportFinishedEvent)
    assert isinstance(failed, ReportFinishedEvent)
    assert isinstance(fine, ReportFinishedEvent)
    assert (failed.id, failed.status, fine.id, fine.status) == ("pricing", FAILED, "features", OK)
    assert "pricing.html" in failed.reason
    assert any(
        "pricing failed" in event.message for event in events if isinstance(event, NoteEvent)
    )
    assert events[-1] == FinishedEvent(FAILED, 1)


def test_generating_tells_how_much_there_is(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    events = run("generate", "--size", "200KB", "--data", str(path), "--workers", "1")
    assert events[:2] == [StartEvent("generate"), PhaseEvent("generating")]
    last = of_type(events, ProgressEvent)[-1]
    assert isinstance(last, ProgressEvent)
    assert (last.total, last.unit) == (200 * 1024, "bytes")
    assert last.done == path.stat().st_size >= last.total
    assert events[-1] == FinishedEvent(OK, 0)


REFUSED = [
    ("analyze", "--frobnicate", "unrecognized arguments: --frobnicate"),
    ("generate", "--frobnicate", "unrecognized arguments: --frobnicate"),
    ("analyze", "--data=.", "no tables"),
    ("generate", "--data=.", "is not a regular file"),
]


@pytest.mark.parametrize(("command", "word", "said"), REFUSED)
def test_an_error_is_an_event_wherever_it_comes_from(
    command: str, word: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINOPS_REPORTS", str(tmp_path))
    events = run(command, word)
    errors = [event for event in events if isinstance(event, ErrorEvent)]
    assert len(errors) == 1
    assert said in errors[0].message
    assert events[-2:] == [errors[0], FinishedEvent(FAILED, 2)]


def test_each_kind_of_event_is_told_by_a_real_run(small_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "pricing.html").mkdir()
    run_with_trouble = run("analyze", "--data", str(small_csv), "--reports", str(tmp_path))
    refused = run("analyze", "--data", str(tmp_path / "nothing.csv"))
    told = {type(event) for event in run_with_trouble + refused}
    assert told == set(EVENT_TYPES.values())


def test_each_kind_of_event_is_described() -> None:
    described = progress_events.__doc__ or ""
    assert [name for name in EVENT_TYPES if f"`{name}`" not in described] == []
    assert [name for name, kind in EVENT_TYPES.items() if not kind.__doc__] == []


@pytest.mark.parametrize("form", [["--progress", EVENTS], [f"--progress={EVENTS}"]], ids=in_words)
def test_an_interrupt_is_told(
    form: List[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(commands.Command):
        def run(self, args: object, console: object) -> int:
            raise KeyboardInterrupt

    stand_in = Interrupted(*commands.COMMANDS["analyze"])
    monkeypatch.setitem(commands.COMMANDS, "analyze", stand_in)
    assert cli.main(["analyze", *form]) == cli.INTERRUPTED
    assert events_of(capsys.readouterr().err) == [
        ErrorEvent("stopped"),
        FinishedEvent(FAILED, cli.INTERRUPTED),
    ]


def test_a_defect_is_told_with_its_traceback_under_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(commands.Command):
        def run(self, args: object, console: object) -> int:
            raise ZeroDivisionError("by zero")

    monkeypatch.setitem(commands.COMMANDS, "generate", Broken(*commands.COMMANDS["generate"]))
    assert cli.main(["generate", "--debug", "--progress", EVENTS]) == cli.TROUBLE
    note, error, finished = events_of(capsys.readouterr().err)
    assert isinstance(note, NoteEvent)
    assert "Traceback" in note.message
    assert isinstance(error, ErrorEvent)
    assert "ZeroDivisionError: by zero" in error.message
    assert finished == FinishedEvent(FAILED, cli.TROUBLE)


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(progress_events).failed == 0
