"""Sentences on what the data as a whole has that is unusual: times, and ids that repeat."""

from __future__ import annotations

from typing import List, Sequence

from finops import config
from finops.reader.header import shown_name
from finops.rollups.merge import FileParts
from finops.rollups.part import PartitionResult
from finops.rollups.readings import dated_rows, implausible_rows

_SHOWN_IDS = 5


def notes_of(files: Sequence[FileParts]) -> List[str]:
    """Return the sentences on all parts of all files, in their order."""
    return [*_on_times([part for file in files for part in file.parts]), *_on_ids(files)]


def on_whole_days(rows: int, timezone: str) -> List[str]:
    """Return the sentence on so many totals of whole days in a time zone other than UTC."""
    if not rows:
        return []
    counted = "1 row" if rows == 1 else f"{rows:,} rows"
    return [f"Totals of whole days keep their day in UTC: {counted}, in reports for {timezone}."]


def _on_times(parts: Sequence[PartitionResult]) -> List[str]:
    used = sum(part.accounts["implausible_used"] for part in parts)
    if not used:
        return []
    odd, rows = implausible_rows(parts), dated_rows(parts)
    return [
        f"Implausible times (before {config.PLAUSIBLE_FROM[:4]} or more than"
        f" {config.FUTURE_TOLERANCE_HOURS} hours ahead): {odd:,} of {rows:,} rows"
        f" ({100 * odd / rows:.1f}%). Since that is {config.IMPLAUSIBLE_SHARE_PCT}% or more, they"
        " are used."
    ]


def _on_ids(files: Sequence[FileParts]) -> List[str]:
    ids = sum(part.accounts["conflicting_ids"] for file in files for part in file.parts)
    if not ids:
        return []
    shown: List[str] = []
    for file in files:
        name = f"{file.name}, " if len(files) > 1 else ""
        for before, part in file.with_lines_before:
            for line, text in part.accounts["first_conflicts"]:
                shown.append(f"{shown_name(text)} ({name}line {line + before})")
    more = ", …" if ids > _SHOWN_IDS else ""
    calls = "A call id stands" if ids == 1 else f"{ids:,} call ids stand"
    return [
        f"{calls} for records with different contents, which all count:"
        f" {', '.join(shown[:_SHOWN_IDS])}{more}."
    ]
