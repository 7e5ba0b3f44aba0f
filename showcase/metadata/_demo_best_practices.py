"""Measure names, cardinality, width and anti-patterns, and print what is judged."""

from __future__ import annotations

from typing import Dict, List

from _calls import CallFile
from _console import benefits, note, require, results, step, title
from _corpus import clean_corpus
from _dataset import dataset
from best_practices import (
    ANTI_PATTERNS,
    GOOD,
    MAX_DISTINCT,
    MEASURED,
    WIDTHS,
    Cardinality,
    Width,
    measure_width,
)
from validators import MetadataValidator

BATCH = 500


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
    sets = clean_corpus(BATCH, seed=5)
    widths = [measure_width(fields, sets) for fields in WIDTHS]
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
    with dataset(path) as chosen:
        calls = CallFile(*chosen)
        measured.consume({name: call.value(name) for name in MEASURED} for call in calls)
        note(calls.described())
    for name, count, verdict in measured.judged():
        counted = f"{count:,}{'+' if count >= MAX_DISTINCT else ''}"
        note(f"{name:<18} {counted:>9} values: {verdict}")
    note(f"{measured.strays():,} customers appear under more than one organization")
    return measured


def demonstrate(path: str = "") -> Dict[str, float]:
    """Measure and judge; return the figures."""
    title("Metadata: best practices")
    validator = MetadataValidator.strict()
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
