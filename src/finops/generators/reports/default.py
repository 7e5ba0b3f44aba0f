"""A page for any result that keeps the contract: for an analysis without a page of its own.

Numbers of `summary` become cards, every list of dicts a table, every list with a date or a
week also a line chart.  Kinds are guessed from the names of the keys.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple, Union

from finops.generators.charts import Axis, Series, bar_chart, line_chart
from finops.generators.components import Card, Part, section
from finops.generators.contrast import Contrast
from finops.generators.formatting import readable
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, table, texts
from finops.results.base import to_dict
from finops.results.long_lists import LongList, listed

Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_TIME_KEYS = ("date", "hour", "week", "day")
_NOT_SECTIONS = ("summary", "basis", "findings", "recommendations", "_context")
_DRAWN_BARS = 20
# Ending or part of a key: kind of its values.  The first that fits decides.
_KINDS: Tuple[Tuple[str, str], ...] = (
    (r"percent$", "percent"),
    (r"^(calls|customers)_", "count"),
    (r"_ms$", "ms"),
    (r"(^|_)(calls|count|customers|violations|rows)$", "count"),
    (r"tokens$", "tokens"),
    (r"(^|_)(cost|costs|revenue|margin|loss|savings|usd|price|exposure)(_|$)", "money"),
    (r"bytes$", "bytes"),
    (r"seconds$", "seconds"),
)


def generate_default_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write a page for any result; its id, title and purpose come from
    `data["_context"]["report"]`, else from the file's name.  Raises OSError if it cannot be
    written.
    """
    about = (data.get("_context") or {}).get("report") or {}
    name = re.sub(r"[^A-Za-z0-9_-]", "_", about.get("id") or Path(output_path).stem) or "report"
    report = Report(name, about.get("title") or _words(name), about.get("purpose") or "")
    sections = list(_sections(data))
    write_report(
        report,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}),
        body=[_section(key, rows) for key, rows in sections if rows],
        about=Contrast((), "", ""),
        not_found=[
            f"Checked, none found: {_words(key).lower()}." for key, rows in sections if not rows
        ],
    )


def kind_of(key: str, values: Sequence[Any]) -> str:
    """Return the kind of a key's values: by its name if they are numbers, else text."""
    present = [value for value in values if value is not None]
    if not present or not all(isinstance(value, (int, float)) for value in present):
        if re.search(r"(^|_)week$", key):
            return "week"
        return key if key in ("provider", "model", "region") else "text"
    if all(isinstance(value, bool) for value in present):
        return "flag"
    for pattern, kind in _KINDS:
        if re.search(pattern, key):
            return kind
    return "number"


def _words(key: str) -> str:
    return key.replace("_", " ").strip().capitalize()


def _name(key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-") or "section"


def _cards(summary: Data) -> List[Card]:
    return [
        Card(_words(str(key)), value, kind_of(str(key), [value]))
        for key, value in summary.items()
        if value is None or (isinstance(value, (int, float, str)) and not isinstance(value, bool))
    ]


def _sections(data: Data) -> Iterator[Tuple[str, List[Dict[str, Any]]]]:
    """Yield key and rows of every section; a dict's rows are its pairs."""
    for key, value in data.items():
        if key in _NOT_SECTIONS:
            continue
        if isinstance(value, dict):
            yield from _of_dict(str(key), value)
        elif isinstance(value, list):
            yield str(key), _rows(value)


def _of_dict(key: str, value: Data) -> Iterator[Tuple[str, List[Dict[str, Any]]]]:
    plain = {str(k): v for k, v in value.items() if not isinstance(v, (list, dict))}
    if plain:  # each value of another kind, so with its unit
        shown = {k: readable(kind_of(k, [v]), v) for k, v in plain.items()}
        yield key, [{"name": _words(k), "value": v} for k, v in shown.items()]
    for inner, rows in value.items():
        if isinstance(rows, list):
            yield f"{key} {inner}", _rows(rows)


def _rows(values: Sequence[Any]) -> List[Dict[str, Any]]:
    """Return what a list holds as dicts: all rows of one that is cut in the JSON."""
    whole = values.rows if isinstance(values, LongList) else None
    if whole is not None:
        return [to_dict(row) for row in whole]
    return [row if isinstance(row, dict) else {"value": row} for row in listed(values)]


def _section(key: str, rows: Rows) -> Part:
    return section(_words(key), *_charts(key, rows), _table(key, rows))


def _charts(key: str, rows: Rows) -> List[Part]:
    numeric = [k for k in rows[0] if kind_of(str(k), [row.get(k) for row in rows]) in _DRAWABLE]
    words = [k for k in rows[0] if isinstance(rows[0][k], str)]
    if not numeric or not words or len(rows) < 2:
        return []
    measure = numeric[-1]
    kind = kind_of(str(measure), [row.get(measure) for row in rows])
    timed = [k for k in _TIME_KEYS if k in rows[0]]
    label = timed[0] if timed else words[0]
    drawn = rows if timed else rows[:_DRAWN_BARS]
    draw = line_chart if timed else bar_chart
    return [
        draw(
            _name(key),
            f"{_words(measure)} by {label.replace('_', ' ')}",
            Axis(_words(label), ("week" if label == "week" else "date") if timed else "text"),
            Axis(_words(measure), kind),
            texts(row.get(label) for row in drawn),
            [Series(_words(measure), [row.get(measure) for row in drawn])],
        )
    ]


_DRAWABLE = ("money", "count", "tokens", "ms", "percent")


def _table(key: str, rows: Rows) -> Part:
    keys = list(dict.fromkeys(str(k) for row in rows for k in row))
    listed = [_flat(row) for row in rows]
    columns = [
        Column(partial(_value_of, k), _words(k), kind_of(k, [row.get(k) for row in listed]))
        for k in keys
    ]
    return table(_name(key), _words(key), columns, listed)


def _value_of(key: str, row: Data) -> object:
    return row.get(key)


def _flat(row: Data) -> Dict[str, Any]:
    """Return a row whose nested values are text: a table cell holds one value."""
    return {str(k): _text(v) if isinstance(v, (list, dict)) else v for k, v in row.items()}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_text(v)}" for k, v in value.items())
    return ", ".join(_text(v) for v in value) if isinstance(value, list) else str(value)
