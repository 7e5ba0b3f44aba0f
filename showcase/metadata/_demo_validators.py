"""Measure the validator on a seeded corpus: what is caught, what is wrongly accused."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Sequence
from typing import Counter as CounterOf

from _console import benefits, note, require, results, step, title
from _corpus import IDS, Corrupted, clean_corpus, corrupted_corpus, organization_of
from validators import OPTIONAL, REQUIRED, STRICTLY_REQUIRED, MetadataValidator, belongs_to

CAUGHT_TARGET_PERCENT = 95.0
DEMO_SIZE = 5_000
DEMO_SEED = 11


@dataclass
class Measured:
    """How a validator did on a corpus."""

    corrupted: int = 0
    caught: int = 0
    clean: int = 0
    false_alarms: int = 0
    microseconds: float = 0.0
    missed_kinds: CounterOf[str] = field(default_factory=Counter)

    @property
    def caught_percent(self) -> float:
        """Share of corrupted sets that were found."""
        return 100 * self.caught / self.corrupted if self.corrupted else 0.0


def measure(
    validator: MetadataValidator,
    good: Sequence[Mapping[str, Any]],
    bad: Sequence[Corrupted],
) -> Measured:
    """Validate both corpora and count what is caught and what is wrongly accused."""
    got = Measured(corrupted=len(bad), clean=len(good))
    begin = time.perf_counter()
    got.false_alarms = sum(not validator.validate(metadata).ok for metadata in good)
    got.microseconds = (time.perf_counter() - begin) / max(1, len(good)) * 1e6
    for kind, metadata in bad:
        if validator.validate(metadata).ok:
            got.missed_kinds[kind] += 1
        else:
            got.caught += 1
    return got


def _show_report(validator: MetadataValidator) -> None:
    """Print the report on a set with several mistakes."""
    wrong = {
        "customer_id": "CUST-42",
        "organization_id": "cust_0042",
        "product_id": "product_a",
        "feature_id": "${FEATURE}",
        "subscription_tier": "entreprise",
        "enviroment": "production",
        "task_type": "chat",
    }
    for issue in validator.validate(wrong).issues:
        note(str(issue))


def _show_measured(got: Measured) -> None:
    note(f"{got.caught:,} of {got.corrupted:,} caught ({got.caught_percent:.2f} %)")
    note(f"{got.false_alarms} false alarms on {got.clean:,} clean sets")
    for kind, count in got.missed_kinds.most_common(3):
        note(f"missed: {kind} ({count:,})")


def _measure_basic(good: Sequence[Mapping[str, Any]]) -> Measured:
    """Measure the basic profile, for which only the ids have to be there."""
    basic = measure(MetadataValidator(), good, corrupted_corpus(DEMO_SIZE, DEMO_SEED + 1, IDS))
    note("The basic profile, which requires the ids only, on sets corrupted in the same ways:")
    _show_measured(basic)
    require(basic.caught_percent >= CAUGHT_TARGET_PERCENT, f"{basic.caught_percent:.2f} % caught")
    require(basic.false_alarms == 0, f"{basic.false_alarms} false alarms")
    return basic


def demonstrate() -> Dict[str, float]:
    """Show a report, then measure the validator on a seeded corpus; return the figures."""
    title("Metadata: validators")
    validator = MetadataValidator.strict()
    step(1, "One set with many mistakes, one report")
    _show_report(validator)

    step(2, f"Formats alone, on {DEMO_SIZE:,} corrupted and as many clean sets")
    good, bad = clean_corpus(DEMO_SIZE, DEMO_SEED), corrupted_corpus(DEMO_SIZE, DEMO_SEED + 1)
    plain = measure(validator, good, bad)
    _show_measured(plain)
    claim = f"{plain.caught_percent:.2f} % caught, at least {CAUGHT_TARGET_PERCENT:g} % wanted"
    require(plain.caught_percent >= CAUGHT_TARGET_PERCENT, claim)
    require(plain.false_alarms == 0, f"{plain.false_alarms} false alarms")

    basic = _measure_basic(good)

    step(3, "With a custom rule: a customer belongs to its organization")
    ruled = measure(validator.with_rule(belongs_to(organization_of)), good, bad)
    _show_measured(ruled)
    require(ruled.false_alarms == 0, f"{ruled.false_alarms} false alarms with the rule")
    results(
        [
            (
                "Fields",
                f"{len(REQUIRED)} required, {len(STRICTLY_REQUIRED)} in the strict profile, "
                f"{len(OPTIONAL)} optional",
            ),
            ("Caught by formats", f"{plain.caught_percent:.2f} %"),
            ("Caught by the basic profile", f"{basic.caught_percent:.2f} %"),
            ("Caught with the custom rule", f"{ruled.caught_percent:.2f} %"),
            ("False alarms", f"{plain.false_alarms + basic.false_alarms + ruled.false_alarms}"),
            ("Kinds of corruption", f"{len({kind for kind, _ in bad})}"),
            ("Duration", f"{plain.microseconds:.1f} µs a set"),
        ]
    )
    benefits(
        [
            "Wrong metadata is found where it is made, not on the invoice",
            "One report with every mistake and its remedy",
            "What formats cannot see, a rule of your own can",
        ]
    )
    return {
        "caught_percent": plain.caught_percent,
        "with_rule_percent": ruled.caught_percent,
        "basic_percent": basic.caught_percent,
        "false_alarms": plain.false_alarms + basic.false_alarms + ruled.false_alarms,
    }
