"""The column of times: checked as a whole where it is in our own form, else cell by cell."""

from __future__ import annotations

import re
from datetime import timezone
from typing import Dict, List, Optional, Set, Tuple

from finops import timestamps
from finops.reader.faults import EMPTY, Faults
from finops.reader.fields import BadValueError, parse_time
from finops.reader.options import ReadingRules
from finops.reader.words import is_empty

COLUMN = "timestamp"
_DIGITS_TO_ZERO = bytes(ord("0") if 0x30 <= i <= 0x39 else i for i in range(256))
_SHAPE = b"0000-00-00T00:00:00.000000\n"
_WIDTH = len(_SHAPE)
_CANONICAL = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}"
).fullmatch
# A minute, seconds, a fraction, and whatever is said of a zone.
_TO_THE_SECOND = re.compile(
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}):([0-5][0-9])(?:[.,]([0-9]+))?"
    rb"((?:[ A-Za-z+-][ A-Za-z0-9:+-]*)?)"
).fullmatch
_UNIX_TIME = re.compile(rb"([0-9]{10})((?:[0-9]{3}){0,3})").fullmatch
_WHOLE_MINUTE = b":00.000000"
_HOUR_24 = b"T24"  # of which only the first moment is one
# Minutes are remembered, since calls come in their order: but not without end.
_MOST_MINUTES = 100_000


class TimeColumn:
    """Reads the times of blocks as timestamps in UTC, by the rules of a run."""

    def __init__(self, rules: ReadingRules) -> None:
        self._zone = timestamps.zone_of(rules.options.input_timezone)
        self._is_utc = self._zone is timezone.utc
        self._first_hour, self._last_hour = (time[:13] for time in rules.used_times)
        self._good_hours: Set[bytes] = set()
        self._minutes: Dict[Tuple[bytes, bytes], Optional[bytes]] = {}

    def read(self, cells: List[bytes], faults: Faults) -> List[bytes]:
        """Return the timestamps of a block, b"" where a row has no usable time.

        What is given is returned where it is in our own form and all of it counts.
        """
        if self._is_utc and self._are_canonical(cells):
            return cells
        return [self._judged(row, cell, faults) for row, cell in enumerate(cells)]

    def _are_canonical(self, cells: List[bytes]) -> bool:
        """Return whether all are timestamps in our own form, possible, and all count."""
        joined = b"\n".join(cells) + b"\n"
        if joined.translate(_DIGITS_TO_ZERO) != _SHAPE * len(cells):
            return False
        # Tens of minutes and of seconds; the rest of a time is its hour, checked once each.
        if max(joined[14::_WIDTH]) > 0x35 or max(joined[17::_WIDTH]) > 0x35:
            return False
        hours = {cell[:13] for cell in cells}
        return hours <= self._good_hours or all(map(self._is_good_hour, hours))

    def _is_good_hour(self, hour: bytes) -> bool:
        """Return whether every time within an hour is possible and counts."""
        if hour in self._good_hours:
            return True
        if hour.endswith(_HOUR_24) or not self._first_hour <= hour < self._last_hour:
            return False
        try:
            parse_time(hour + b":00:00")
        except BadValueError:
            return False
        self._good_hours.add(hour)
        return True

    def _judged(self, row: int, cell: bytes, faults: Faults) -> bytes:
        if self._is_utc and _CANONICAL(cell) and self._is_good_hour(cell[:13]):
            return cell
        try:
            return self._parsed(cell)
        except BadValueError as error:
            empty = is_empty(cell.decode("utf-8", "replace"))
            faults.skip(row, COLUMN, EMPTY if empty else str(error))
            return b""

    def _parsed(self, cell: bytes) -> bytes:
        """Return one time; what precedes its seconds is worked out once for each minute."""
        match = _TO_THE_SECOND(cell)
        if match is not None:
            minute, second, fraction, zone = match.groups()
        else:
            match = _UNIX_TIME(cell)
            if match is None:
                return parse_time(cell, self._zone)
            whole, fraction = match.groups()
            number = int(whole)
            minute, second, zone = b"%010d" % (number // 60 * 60), b"%02d" % (number % 60), b""
        start = None if minute[11:13] == b"24" else self._start_of(minute, zone)
        if start is None:
            return parse_time(cell, self._zone)
        return start + second + b"." + (fraction or b"").ljust(6, b"0")[:6]

    def _start_of(self, minute: bytes, zone: bytes) -> Optional[bytes]:
        """Return what the timestamps of a minute begin with; None where it begins within one."""
        key = (minute, zone)
        if key not in self._minutes:
            if len(self._minutes) >= _MOST_MINUTES:
                self._minutes.clear()
            in_full = minute if minute.isdigit() else minute + b":00" + zone
            time = parse_time(in_full, self._zone)
            self._minutes[key] = time[:17] if time.endswith(_WHOLE_MINUTE) else None
        return self._minutes[key]
