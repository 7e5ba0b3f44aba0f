"""Validate and print the patterns of metadata."""

from __future__ import annotations

import json
import time
from typing import Dict

from _console import benefits, note, require, results, step, title
from examples import patterns
from validators import MetadataValidator


def demonstrate() -> Dict[str, float]:
    """Validate and print every pattern; return the measured figures."""
    title("Metadata: examples")
    step(1, "Twelve applications and what their metadata answers")
    every = patterns()
    for pattern in every:
        note(f"{pattern.name}: {pattern.answers}")
        note(f"    own fields: {', '.join(pattern.custom_fields) or 'none, the shared ones do'}")

    step(2, "Validate each as it stands")
    validator = MetadataValidator.strict()
    begin = time.perf_counter()
    valid = sum(validator.validate(pattern.metadata).ok for pattern in every)
    check_us = (time.perf_counter() - begin) / len(every) * 1e6
    require(valid == len(every), f"{valid} of {len(every)} patterns are valid")

    step(3, "One of them in full")
    print(json.dumps(every[5].metadata, indent=4))
    sizes = [len(json.dumps(pattern.metadata, separators=(",", ":"))) for pattern in every]
    results(
        [
            ("Patterns", f"{len(every)}"),
            ("Valid", f"{valid}"),
            ("Bytes of metadata", f"{min(sizes)} to {max(sizes)} a call"),
            ("Validating", f"{check_us:.1f} µs a set"),
        ]
    )
    benefits(
        [
            "Start from a pattern that is known to be valid",
            "Shared fields make applications comparable",
            "A question first, then the field that answers it",
        ]
    )
    return {"patterns": len(every), "valid": valid}
