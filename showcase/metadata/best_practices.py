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
import os
import sys
import time
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Set, Tuple

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


class Cardinality:
    """Distinct values of columns, and the organizations that each customer was seen under."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.calls = 0
        self.values: Dict[str, Set[str]] = {name: set() for name in columns}
        self.owners: Dict[str, Set[str]] = {}

    def consume(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Add calls, each as {column: text}, as `csv.DictReader` gives them.

        A value that is missing is none.  Counting of a column stops at MAX_DISTINCT values, to
        bound memory.
        """
        for row in rows:
            self.calls += 1
            for name, seen in self.values.items():
                if len(seen) < MAX_DISTINCT and row.get(name):
                    seen.add(row[name])
            if row.get("customer_id") and row.get("organization_id"):
                self.owners.setdefault(row["customer_id"], set()).add(row["organization_id"])

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


def measure_width(fields: int, sets: Sequence[Mapping[str, Any]]) -> Width:
    """Encode at least one metadata set, each brought to this many fields, and measure it."""
    batch = [_widened(metadata, fields, number) for number, metadata in enumerate(sets)]
    begin = time.perf_counter()
    body = json.dumps(batch, separators=(",", ":")).encode()
    seconds = time.perf_counter() - begin
    packed = gzip.compress(body, 6)
    count = len(batch)
    return Width(fields, len(body) / count, len(packed) / count, seconds / count * 1e6)


def _widened(metadata: Mapping[str, Any], fields: int, number: int) -> Dict[str, Any]:
    """Return exactly `fields` fields: the shared ones, then made-up ones with varied values."""
    kept = dict(list(metadata.items())[:fields])
    for extra in range(fields - len(kept)):
        kept[f"custom_field_{extra:02d}"] = f"value_{(number * 31 + extra * 17) % 997}"
    return kept


GOOD: Dict[str, Any] = {
    "customer_id": "cust_0042",
    "organization_id": "org_007",
    "product_id": "product_a",
    "feature_id": "chat",
    "subscription_tier": "pro",
    "environment": "production",
    "task_type": "chat",
}
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


def demonstrate(path: str = "") -> Dict[str, float]:
    """Measure and judge; return the figures."""
    from _demo_best_practices import demonstrate as demonstration

    return demonstration(path)


def main() -> int:
    """Parse the options and run the demonstration."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", nargs="?", default="", help="CSV of AI calls")
    arguments = parser.parse_args()
    return run_demonstration(lambda: demonstrate(arguments.path))


# --- the same as in _start.py ---------------------------------------------------------------------


def run_demonstration(demonstration: Callable[[], object]) -> int:
    """Run what needs the showcase's helper files; return the exit status.

    It is 2, after one line on standard error, where they are missing.
    """
    try:
        from _console import run

        return run(demonstration)
    except ImportError as error:
        print(
            f"{os.path.basename(sys.argv[0])}: its demonstration needs {error.name}.py and the "
            "other files of its folder whose names begin with _; to import it needs none of them",
            file=sys.stderr,
        )
        return 2


# --- end of _start.py -----------------------------------------------------------------------------


if __name__ == "__main__":
    sys.exit(main())
