"""Write `docs/results.md`, the keys of every result, from the types, or check it.

`results_reference.py` writes, `results_reference.py --check` only compares and returns 1 where
they differ.  Names, types and units are those of the fields in `finops.results`; a meaning is the
docstring of the field, or that of its key in `finops.results.glossary`.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set, Tuple

from finops.registry import ANALYZER_REGISTRY
from finops.results.glossary import MEANINGS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
RESULTS = ROOT / "src" / "finops" / "results"
# Name of a unit: type in JSON, unit in words.
UNITS: Dict[str, Tuple[str, str]] = {
    "Count": ("integer", ""),
    "Tokens": ("integer", "tokens"),
    "Bytes": ("integer", "bytes"),
    "Usd": ("number", "USD"),
    "UsdPerMonth": ("number", "USD per month"),
    "UsdPer1kTokens": ("number", "USD per 1,000 tokens"),
    "UsdPer1mTokens": ("number", "USD per 1M tokens"),
    "UsdPer1kCalls": ("number", "USD per 1,000 calls"),
    "Percent": ("number", "percent"),
    "Share": ("number", "0 to 1"),
    "Number": ("number", ""),
    "Milliseconds": ("number", "ms"),
    "Minutes": ("number", "minutes"),
    "Hours": ("number", "hours"),
    "Date": ("text", "YYYY-MM-DD"),
    "Hour": ("text", "YYYY-MM-DDTHH:00:00"),
    "Week": ("text", "YYYY-Www"),
    "Month": ("text", "YYYY-MM"),
    "Timestamp": ("text", "ISO 8601"),
    "str": ("text", ""),
    "bool": ("true or false", ""),
    "int": ("integer", ""),
    "float": ("number", ""),
}
HEAD = """# Results

What `finops analyze --json DIR` writes as `DIR/ID.json`, and what the analyzers return. This page
is written by `make reference` from the types in `src/finops/results/`.

Numbers are plain, `null` stands where something is not known, and percentages run from 0 to 100.
Where nothing else is said, a figure covers the whole period of the data, and a figure per month is
the period's, scaled to 30 of its covered days. With fewer than seven covered days it is `null`.
Savings and losses per month are rates of the last 30 whole days, those of a customer of its own
days. A list with nothing to show is empty. Keys are added, not renamed.

A list has at most 10,000 rows, and then one row on all others: `rest` is their number, and beside
it stand the sums of what adds up (calls, tokens, money), `null` where an amount is not known. A
series in time is whole, unless it has a row for each name at each time. `--all-rows` writes all
rows.
"""


class Field(NamedTuple):
    """One key: its annotation, its meaning ("" where it has none), whether it may be absent."""

    name: str
    annotation: str
    meaning: str
    optional: bool

    @property
    def key(self) -> str:
        """The key in the JSON."""
        return self.name.rstrip("_")


class Section(NamedTuple):
    """One type of a section: what it is, and its fields in the order of the JSON."""

    about: str
    fields: Tuple[Field, ...]


def sections_of(path: Path) -> Dict[str, Section]:
    """Return the sections that a module declares, by the name of the type."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: Section((ast.get_docstring(node) or "").strip(), tuple(_fields(node)))
        for node in tree.body
        if isinstance(node, ast.ClassDef) and [ast.unparse(b) for b in node.bases] == ["NamedTuple"]
    }


def _fields(node: ast.ClassDef) -> Iterator[Field]:
    for statement, after in zip(node.body, [*node.body[1:], None]):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            text = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                text = str(after.value.value)
            meaning = text or MEANINGS.get(name, "")
            annotation = ast.unparse(statement.annotation)
            yield Field(name, annotation, meaning, statement.value is not None)


def page() -> str:
    """Return the page.  Raises ValueError for a plain field without a meaning."""
    shared = sections_of(RESULTS / "base.py")
    parts = [HEAD]
    for name, analysis in ANALYZER_REGISTRY.items():
        known = {**shared, **sections_of(RESULTS / f"{name}.py")}
        root = next(key for key in known if key.endswith("Result"))
        parts.append(f"## {analysis.title} (`{name}.json`)\n\n{known[root].about}\n")
        parts += _tables(known, root)
    return "\n".join(parts)


def _tables(known: Dict[str, Section], root: str) -> List[str]:
    """Return a table for the root and for each type below it, a type once."""
    told: Set[str] = set()
    tables = [_table(known, root, "")]
    waiting = [(field.key, field.annotation) for field in known[root].fields]
    while waiting:
        path, annotation = waiting.pop(0)
        inner = section_in(known, annotation)
        if inner and inner not in told:
            told.add(inner)
            place = path + ("[]" if annotation.startswith("Sequence") else "")
            tables.append(_table(known, inner, place))
            below = [(f"{place}.{f.key}", f.annotation) for f in known[inner].fields]
            waiting = below + waiting
    return tables


def section_in(known: Dict[str, Section], annotation: str) -> str:
    """Return the section that an annotation names, "" for a plain value."""
    return next((word for word in re.findall(r"\w+", annotation) if word in known), "")


def _table(known: Dict[str, Section], name: str, place: str) -> str:
    rows = "\n".join(_row(known, name, field) for field in known[name].fields)
    title = f"### `{place}`\n\n{known[name].about}\n\n" if place else ""
    return f"{title}| key | type | unit | meaning |\n|---|---|---|---|\n{rows}\n"


def _row(known: Dict[str, Section], name: str, field: Field) -> str:
    inner = section_in(known, field.annotation)
    meaning = field.meaning
    if inner and not meaning:
        about = known[inner].about.split("\n")[0].rstrip(".")
        meaning = about[0].lower() + about[1:]
    if not meaning:
        raise ValueError(f"what does {name}.{field.name} mean? say so in the glossary")
    kind, unit = described(field.annotation, bool(inner))
    absent = "; may be absent" if field.optional else ""
    return f"| `{field.key}` | {kind}{absent} | {unit} | {meaning} |"


def described(annotation: str, section: bool) -> Tuple[str, str]:
    """Return type and unit of an annotation.

    >>> described("Sequence[Percent]", False), described("Optional[Usd]", False)
    (('list of number', 'percent'), ('number or null', 'USD'))
    """
    outer, _, inner = annotation.partition("[")
    if not inner:
        return ("object", "") if section else UNITS[annotation]
    kind, unit = described(inner[:-1].split(", ")[-1], section)
    forms = {
        "Sequence": f"list of {kind}",
        "Optional": f"{kind} or null",
        "Mapping": f"object of {kind} by name",
    }
    return forms[outer], unit


def main() -> int:
    """Write the page, or check it; return 1 where it is out of date."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/results.md is out of date: run 'make reference'", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
