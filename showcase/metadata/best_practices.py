"""Metadata best practices: naming, hierarchy, cardinality, width, and what not to do.

Cardinality and hierarchy are measured on a real dataset, the cost of wide metadata on real
encodings, and every anti-pattern is shown failing validation, with the remedy.

Use case: a review of an integration's metadata, a guideline for teams.
Pattern: measure first, then judge.
Performance: one pass over the calls.  The demonstration measures bytes and microseconds for
narrow and wide metadata.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

from _calls import Call, open_calls
from _console import benefits, note, require, results, run, step, title
from _corpus import clean_corpus
from validators import MetadataValidator

MEASURED = (
    "subscription_tier",
    "environment",
    "product_id",
    "feature_id",
    "task_type",
    "organization_id",
    "customer_id",
    "session_id",
    "trace_id",
    "request_id",
)
DIMENSION_SHARE = 0.02  # Above this share of distinct values a field is an id, not a dimension.
MAX_DISTINCT = 200_000
WIDTHS = (7, 14, 30, 60)
BATCH = 500


class Cardinality:
    """Distinct values of columns, and the organizations that each customer was seen under."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.calls = 0
        self.values: Dict[str, Set[str]] = {name: set() for name in columns}
        self.owners: Dict[str, Set[str]] = {}

    def consume(self, calls: Iterable[Call]) -> None:
        """Add all calls; counting of a column stops at MAX_DISTINCT values, to bound memory."""
        for call in calls:
            self.calls += 1
            for name, seen in self.values.items():
                if len(seen) < MAX_DISTINCT:
                    seen.add(call.text.get(name, ""))
            owners = self.owners.setdefault(call.text["customer_id"], set())
            owners.add(call.text.get("organization_id", ""))

    def judged(self) -> List[Tuple[str, int, str]]:
        """Return (column, distinct values, verdict), fewest first."""
        rows = []
        for name, seen in self.values.items():
            share = len(seen) / self.calls if self.calls else 0.0
            verdict = "group by it" if share <= DIMENSION_SHARE else "look up by it, do not group"
            rows.append((name, len(seen), verdict))
        return sorted(rows, key=lambda row: (row[1], row[0]))

    def strays(self) -> int:
        """Count customers that were seen under more than one organization."""
        return sum(len(owners) > 1 for owners in self.owners.values())


class Width(NamedTuple):
    """What metadata of a given width costs: bytes per event, microseconds to encode."""

    fields: int
    raw_bytes: float
    gzip_bytes: float
    encode_us: float


def measure_width(fields: int) -> Width:
    """Encode a batch of events with this many metadata fields and measure it."""
    batch = [_widened(metadata, fields, n) for n, metadata in enumerate(clean_corpus(BATCH, 5))]
    begin = time.perf_counter()
    body = json.dumps(batch, separators=(",", ":")).encode()
    seconds = time.perf_counter() - begin
    packed = gzip.compress(body, 6)
    return Width(fields, len(body) / BATCH, len(packed) / BATCH, seconds / BATCH * 1e6)


def _widened(metadata: Dict[str, Any], fields: int, number: int) -> Dict[str, Any]:
    """Return exactly `fields` fields: the shared ones, then made-up ones with varied values."""
    kept = dict(list(metadata.items())[:fields])
    for extra in range(fields - len(kept)):
        kept[f"custom_field_{extra:02d}"] = f"value_{(number * 31 + extra * 17) % 997}"
    return kept


GOOD: Dict[str, Any] = clean_corpus(1, 3)[0]
ANTI_PATTERNS: Tuple[Tuple[str, Dict[str, Any]], ...] = (
    ("a person's e-mail address as customer id", {"customer_id": "jane@example.com"}),
    ("an id without its prefix", {"organization_id": "42"}),
    ("a display name as product id", {"product_id": "Product A"}),
    ("mixed case in a feature", {"feature_id": "CodeGeneration"}),
    ("a nickname for the environment", {"environment": "prod"}),
    ("a placeholder that reached production", {"customer_id": "undefined"}),
    ("a template that was not filled in", {"feature_id": "{feature}"}),
    ("the whole prompt as metadata", {"prompt": "Summarise this. " * 40}),
    ("nested objects", {"context": {"page": "home", "section": 2}}),
    ("names in camelCase", {"pageSection": "home"}),
    ("fields by the dozen", {f"extra_{n}": n for n in range(40)}),
)


def _show_naming(validator: MetadataValidator) -> int:
    """Print names that pass and names that fail, as the validator sees them."""
    tried = ("code-generation", "code_generation", "CodeGeneration", "code generation", "2nd-try")
    passed = 0
    for name in tried:
        ok = validator.validate({**GOOD, "feature_id": name}).ok
        passed += ok
        note(f"feature_id {name!r:<20} {'fine' if ok else 'refused'}")
    return passed


def _show_anti_patterns(validator: MetadataValidator) -> int:
    """Print each anti-pattern with the validator's remedy; return how many were refused."""
    refused = 0
    for meaning, wrong in ANTI_PATTERNS:
        report = validator.validate({**GOOD, **wrong})
        refused += not report.ok
        remedy = report.issues[0].remedy if report.issues else "NOT REFUSED"
        note(f"{meaning}: {remedy}")
    return refused


def _show_widths() -> List[Width]:
    widths = [measure_width(fields) for fields in WIDTHS]
    for width in widths:
        note(
            f"{width.fields:>3} fields: {width.raw_bytes:>6.0f} bytes, "
            f"{width.gzip_bytes:>5.0f} gzipped, "
            f"{width.encode_us:>5.1f} µs a call"
        )
    return widths


def _show_data(path: str) -> Cardinality:
    """Measure cardinality and hierarchy on a dataset."""
    measured = Cardinality(MEASURED)
    with open_calls(path) as calls:
        measured.consume(calls)
        note(calls.described())
    for name, count, verdict in measured.judged():
        counted = f"{count:,}{'+' if count >= MAX_DISTINCT else ''}"
        note(f"{name:<18} {counted:>9} values: {verdict}")
    note(f"{measured.strays():,} customers appear under more than one organization")
    return measured


def demonstrate(path: str = "") -> Dict[str, float]:
    """Measure and judge; return the figures."""
    title("Metadata: best practices")
    validator = MetadataValidator()
    require(validator.validate(GOOD).ok, "the set that everything starts from is valid")
    step(1, "Naming: lower case, one separator, no spaces")
    passed = _show_naming(validator)

    step(2, "Cardinality and hierarchy, measured on calls")
    measured = _show_data(path)

    step(3, "The cost of wide metadata, measured on encodings")
    widths = _show_widths()

    step(4, "Anti-patterns, each refused")
    refused = _show_anti_patterns(validator)
    require(refused == len(ANTI_PATTERNS), f"{refused} of {len(ANTI_PATTERNS)} refused")
    groupable = sum(verdict == "group by it" for _, _, verdict in measured.judged())
    growth = widths[-1].raw_bytes / widths[0].raw_bytes
    results(
        [
            ("Names accepted", f"{passed}"),
            ("Calls measured", f"{measured.calls:,}"),
            ("Fields to group by", f"{groupable} of {len(MEASURED)}"),
            (f"{WIDTHS[-1]} fields against {WIDTHS[0]}", f"{growth:.1f}× the bytes"),
            ("Saved by gzip when wide", f"{_saved(widths[-1]):.0f} %"),
            ("Anti-patterns refused", f"{refused}"),
        ]
    )
    benefits(
        [
            "Fields that group well are known before the dashboard is slow",
            "The price of a field is a number, not an opinion",
            "Mistakes that others made are refused by name",
        ]
    )
    return {"calls": measured.calls, "refused": refused, "growth": growth}


def _saved(width: Width) -> float:
    return 100 * (1 - width.gzip_bytes / width.raw_bytes)


def main() -> int:
    """Parse the options and run the demonstration."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", nargs="?", default="", help="CSV of AI calls")
    arguments = parser.parse_args()
    return run(lambda: demonstrate(arguments.path))


if __name__ == "__main__":
    sys.exit(main())
