"""Read AI calls from a CSV, row by row: which file, what counts as a call, what is skipped.

The columns go by name.  A row that breaks a rule is skipped and counted by reason.  Money is
kept in whole nano-dollars, so sums are exact and do not depend on the order of the rows.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import (
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Set,
    Tuple,
)
from typing import (
    Counter as CounterOf,
)

from _sample_calls import COLUMNS as COLUMN_LINE
from _sample_calls import write_sample

NANO = 1_000_000_000
MAX_TOKENS = 10**12
MAX_COST_USD = 1e9
REQUIRED = ("timestamp", "provider", "model", "input_tokens", "output_tokens", "customer_id")
UNKNOWN = "unknown"
COLUMNS = tuple(COLUMN_LINE.split(","))
DERIVED = ("day", "week", "month", "hour", "weekday")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_MONEY = re.compile(r"[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
_USUAL_TIME = re.compile(rf"(\d{{4}}-\d\d-\d\d)T{_CLOCK}", re.ASCII)
_OTHER_TIME = re.compile(
    rf"(\d{{4}}-\d\d-\d\d)[T ]({_CLOCK})(?:[Zz]|([+-]\d\d):?(\d\d))?", re.ASCII
)


class Call(NamedTuple):
    """One call: time as UTC text, `nano_usd` in billionths of a dollar, latency in ms.

    `text` holds every column of the row as it stands in the file.
    """

    timestamp: str
    input_tokens: int
    output_tokens: int
    nano_usd: int
    latency_ms: int
    text: Dict[str, str]

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    @property
    def day(self) -> str:
        """The UTC date, `2025-01-01`."""
        return self.timestamp[:10]

    @property
    def hour(self) -> str:
        """The UTC hour, `2025-01-01T09`."""
        return self.timestamp[:13]

    @property
    def failed(self) -> bool:
        """Whether the call ended in an error."""
        return self.text.get("status") == "error"


class CallFile:
    """Iterate over the calls of a CSV; afterwards `used` and `skipped` tell what was read.

    Raises OSError where the file cannot be read, ValueError where it holds no calls' header.
    """

    def __init__(self, path: Path, origin: str = "") -> None:
        self.path, self.origin = Path(path), origin
        self.used = 0
        self.skipped: CounterOf[str] = Counter()

    def __iter__(self) -> Iterator[Call]:
        self.used, self.skipped = 0, Counter()
        with open(
            str(self.path), encoding="utf-8-sig", errors="surrogateescape", newline="\n"
        ) as file:
            header = self._header(file.readline())
            for line in file:
                call = self._call(line, header)
                if call is not None:
                    self.used += 1
                    yield call

    def check(self, names: Iterable[str]) -> None:
        """Raise ValueError for a name that is neither a column of the file nor derived."""
        with open(str(self.path), encoding="utf-8-sig", errors="surrogateescape") as file:
            known = (*self._header(file.readline()), *DERIVED)
        for name in names:
            if name not in known:
                raise ValueError(f"no dimension {name!r}; use one of {', '.join(known)}")

    def _header(self, line: str) -> List[str]:
        header = next(csv.reader([line]), [])
        missing = [name for name in REQUIRED if name not in header]
        if missing:
            raise ValueError(f"{self.path}: no column {missing[0]}; expected a CSV of AI calls")
        return header

    def _call(self, line: str, header: List[str]) -> Optional[Call]:
        """Return the call of a line, or None and count why not."""
        if not line.endswith("\n"):
            self.skipped["incomplete last line"] += 1
            return None
        line = line.rstrip("\r\n")
        if not line or line.startswith("timestamp,"):
            return None
        try:
            return _parse(line, header)
        except ValueError as error:
            self.skipped[str(error)] += 1
            return None

    def described(self) -> str:
        """The file in words: path or origin, calls used and skipped."""
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(self.skipped.items()))
        return f"{self.origin or self.path}: {self.used:,} calls" + (
            f", skipped: {reasons}" if reasons else ""
        )


def _parse(line: str, header: List[str]) -> Call:
    """Return the call; raise ValueError with the reason for a row that breaks a rule."""
    if _CONTROL.search(line):
        raise ValueError("control character or bad UTF-8")
    cells = _cells(line)
    if len(cells) != len(header):
        raise ValueError("wrong number of fields")
    text = dict(zip(header, cells))
    if not (text["provider"] and text["model"] and text["customer_id"]):
        raise ValueError("empty required field")
    return Call(
        _utc(text["timestamp"]),
        _count(text["input_tokens"]),
        _count(text["output_tokens"]),
        _nano(text.get("cost_usd", "0")),
        _count(text.get("latency_ms", "0")),
        text,
    )


def _cells(line: str) -> List[str]:
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        raise ValueError("stray quote") from None


def _count(text: str) -> int:
    if not (text.isdigit() and text.isascii()) or len(text) > 13 or int(text) > MAX_TOKENS:
        raise ValueError("bad number")
    return int(text)


def _nano(text: str) -> int:
    if not _MONEY.fullmatch(text) or float(text) > MAX_COST_USD:
        raise ValueError("bad number")
    return round(float(text) * NANO)


def _utc(text: str, known: Set[str] = set()) -> str:  # noqa: B006 (remembers good dates)
    """Return the time in UTC as text; raise ValueError where there is no such time."""
    usual = _USUAL_TIME.fullmatch(text)
    if not usual:
        return _converted(text)
    if usual.group(1) not in known:
        _day(usual.group(1))
        known.add(usual.group(1))
    return text


def _day(text: str) -> date:
    try:
        return date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        raise ValueError("bad time") from None


def _converted(text: str) -> str:
    """Return a time with Z, an offset or a space as usual UTC text."""
    match = _OTHER_TIME.fullmatch(text)
    if not match:
        raise ValueError("bad time")
    day, clock, hours, minutes = match.groups()
    if not hours:
        return f"{_day(day)}T{clock}"
    offset = timedelta(hours=abs(int(hours)), minutes=int(minutes))
    local = datetime(
        _day(day).year, _day(day).month, _day(day).day, int(clock[:2]), int(clock[3:5])
    )
    try:
        moment = local + offset if hours.startswith("-") else local - offset
    except OverflowError:
        raise ValueError("bad time") from None
    return moment.isoformat()[:16] + clock[5:]


def dimension_of(name: str) -> Callable[[Call], str]:
    """Return the function that takes a dimension from a call: a column, or a derived one.

    Derived are day, week (ISO, `2025-W01`), month, hour (of the day, `09`) and weekday.
    """
    derived: Dict[str, Callable[[Call], str]] = {
        "day": lambda call: call.day,
        "week": lambda call: iso_week(call.day),
        "month": lambda call: call.timestamp[:7],
        "hour": lambda call: call.timestamp[11:13],
        "weekday": lambda call: date.fromisoformat(call.day).strftime("%u"),
    }
    return derived.get(name) or (lambda call: call.text.get(name) or UNKNOWN)


def iso_week(day: str, known: Dict[str, str] = {}) -> str:  # noqa: B006 (a cache of days)
    """Return the ISO week of a date, `2025-W01`."""
    if day not in known:
        year, week, _ = date.fromisoformat(day).isocalendar()
        known[day] = f"{year}-W{week:02d}"
    return known[day]


def combined(names: Tuple[str, ...]) -> Callable[[Call], str]:
    """Return the function that joins several dimensions of a call with ` | `."""
    parts = [dimension_of(name) for name in names]
    if len(parts) == 1:
        return parts[0]
    return lambda call: " | ".join(part(call) for part in parts)


@contextmanager
def open_calls(path: Optional[str] = None) -> Iterator[CallFile]:
    """Yield the calls of `path`, else of FINOPS_DATA, else of the project's default dataset.

    Where there is none, a small one is made in a temporary directory that goes away at the end.
    """
    default = _project() / "data" / "simulated_calls.csv"
    chosen = path or os.environ.get("FINOPS_DATA")
    if chosen or default.is_file():
        yield CallFile(Path(chosen or default))
        return
    with tempfile.TemporaryDirectory(prefix="finops_showcase_") as folder:
        made = Path(folder) / "calls.csv"
        if _generated_by_project(made):
            yield CallFile(made, "a small simulated dataset")
        else:
            write_sample(made)
            yield CallFile(made, "a small built-in sample")


def _project() -> Path:
    return Path(__file__).resolve().parents[2]


def _generated_by_project(target: Path) -> bool:
    """Let the project's simulator make a small dataset; False where that does not work."""
    if not (_project() / "finops.py").is_file():
        return False
    command = [sys.executable, "-m", "finops", "generate", "--size", "2MB", "--quiet"]
    try:
        done = subprocess.run(
            [*command, "--data", str(target)],
            cwd=str(_project()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=15,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and target.is_file()
