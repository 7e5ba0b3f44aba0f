"""A list of a result as CSV, for spreadsheets: `csv --table ANALYZER.SECTION`.

Rows are read through the types of the result, so that what JSON leaves out, since it has its
default, is there.  Unknown is an empty cell, 0 is 0.
"""

from __future__ import annotations

import io
import json
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple, get_type_hints

from finops.csv_lines import CsvLines
from finops.errors import UsageError
from finops.exporters.base import Export, Exporter, Request
from finops.exporters.numbers import number_text
from finops.registry import ANALYZER_REGISTRY, Analysis
from finops.results.base import from_dict, to_dict
from finops.rollups.protocol import CallDataset

BOM = "\ufeff"
# The wide forms of East Asian keyboards are taken for the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_GUARD = "'"
_KEY, _VALUE = "key", "value"
Row = Dict[str, object]


def guarded(text: str) -> str:
    """Return a text such that no spreadsheet takes it for a formula.

    >>> guarded("=1+1"), guarded("a-b"), guarded("-5 Points")
    ("'=1+1", 'a-b', "'-5 Points")
    """
    return _GUARD + text if text.startswith(_FORMULA_STARTS) else text


def table_names() -> List[str]:
    """Return what `--table` can name, analyzer by analyzer."""
    return [
        f"{analysis.id}.{name.rstrip('_')}"
        for analysis in ANALYZER_REGISTRY.values()
        for name in _hints(_result_type(analysis))
    ]


def export(dataset: CallDataset, request: Request) -> Export:
    """Return the list as CSV with a header.  Raises UsageError where there is no such list."""
    analysis, path = _named(request.table)
    kind = _result_type(analysis)
    section_kind = _kind_at(kind, path, request.table)
    result = from_dict(kind, analysis.analyzer(dataset).analyze())
    rows = list(_rows(_section(result, path)))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = as_csv(columns or _columns_of(section_kind), rows, guard=not request.no_guard)
    return Export([BOM + text if request.bom else text])


def as_csv(columns: Sequence[str], rows: Sequence[Row], guard: bool = True) -> str:
    """Return rows as CSV with a header; a cell that a row lacks is empty."""
    stream = io.StringIO()
    writer = CsvLines(stream)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name), guard) for name in columns])
    return stream.getvalue()


def _cell(value: object, guard: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    text = value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)
    return guarded(text) if guard else text


def _named(table: str) -> Tuple[Analysis, List[str]]:
    name, *path = table.split(".")
    analysis = ANALYZER_REGISTRY.get(name)
    if analysis is None or not path:
        raise UsageError(
            f"--table {table!r}: write ANALYZER.SECTION, as understanding.by_customer; 'finops"
            " list analyzers' names the analyzers, docs/results.md their sections"
        )
    return analysis, path


# --- types: which sections there are, and which columns one without rows has ---------------------


def _result_type(analysis: Analysis) -> Any:
    return get_type_hints(analysis.analyzer.result)["return"]


def _hints(kind: Any) -> Dict[str, Any]:
    """Return the fields of a section's type with theirs; {} for what is no section."""
    return dict(get_type_hints(kind)) if hasattr(kind, "_fields") else {}


def _element(kind: Any) -> Any:
    """Return the type of the rows of a section: of its elements, or its own."""
    arguments = getattr(kind, "__args__", None)
    return arguments[0 if type(None) in arguments else -1] if arguments else kind


def _kind_at(kind: Any, path: Sequence[str], table: str) -> Any:
    """Return the type of the section that a path leads to.  Raises UsageError without one."""
    for name in path:
        hints = {field.rstrip("_"): hint for field, hint in _hints(kind).items()}
        if name not in hints:
            choices = f"choose from {', '.join(hints)}" if hints else "it has no parts"
            raise UsageError(f"--table {table!r}: there is no {name!r}; {choices}")
        kind = hints[name]
    return kind


def _columns_of(kind: Any) -> List[str]:
    """Return the columns of a section by its type."""
    columns: List[str] = []
    for name, hint in _hints(_element(kind)).items():
        within = [f"{name}.{inner}" for inner in _hints(hint)]
        columns += [column.rstrip("_") for column in within or [name]]
    return columns or [_VALUE]


# --- values --------------------------------------------------------------------------------------


def _section(result: object, path: Sequence[str]) -> object:
    for name in path:
        result = _fields_of(result).get(name)
    return result


def _fields_of(section: object) -> Row:
    """Return what a section consists of by name; {} for lists and single values."""
    if isinstance(section, tuple) and hasattr(section, "_fields"):
        return {name.rstrip("_"): value for name, value in zip(section._fields, section)}
    return dict(section) if isinstance(section, Mapping) else {}


def _rows(section: object) -> Iterator[Row]:
    """Yield the rows of a section: its elements, or the section itself where it is no list."""
    if section is None:
        return
    if isinstance(section, Mapping):
        for key, value in section.items():
            yield {_KEY: key, **_flat(value)}
    elif isinstance(section, (list, tuple)) and not hasattr(section, "_fields"):
        for element in section:
            yield _flat(element)
    else:
        yield _flat(section)


def _flat(element: object) -> Row:
    """Return an element as cells; a section within it has its names behind a dot."""
    row: Row = {}
    for name, value in _fields_of(element).items():
        within = {} if isinstance(value, Mapping) else _fields_of(value)
        row.update({f"{name}.{inner}": cell for inner, cell in within.items()} or {name: value})
    return row or {_VALUE: element}


def _plain(value: object) -> object:
    """Return a value as JSON has it."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value


EXPORTER = Exporter(
    "csv",
    "a table of a report, for spreadsheets",
    export,
    options=("table", "no_guard", "bom"),
    needs=("table",),
)
