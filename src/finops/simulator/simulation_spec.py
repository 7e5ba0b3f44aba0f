"""What makes a simulated file: with the same spec, the same bytes."""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.business.catalog import CATALOG, DEFAULT_PRICES, PriceTable
from finops.errors import UsageError
from finops.simulator.model_mix import prices_of
from finops.simulator.scenarios import SCENARIOS

# Raise this when the same spec makes other bytes: files are not continued across it.
SIMULATOR_VERSION = 4


class SimulationSpec(NamedTuple):
    """Seed, first instant, scenarios in their order, whether incidents happen, and prices.

    `prices` are those of input, output and cached input of each model of the catalogue, USD per
    1,000 tokens.
    """

    seed: int
    start: str
    scenarios: Tuple[str, ...]
    incidents: bool
    prices: Tuple[Tuple[float, ...], ...]

    @classmethod
    def of(
        cls,
        seed: int = config.DEFAULT_SEED,
        start: Optional[str] = None,
        scenarios: Optional[Sequence[str]] = None,
        incidents: bool = True,
        prices: PriceTable = DEFAULT_PRICES,
    ) -> SimulationSpec:
        """Return the spec for these wishes; None stands for the configured start, for all.

        `start` is a date or an hour, ISO 8601 in UTC.  Raises UsageError for a start that is
        no date or not between `config.FIRST_START` and `config.LAST_START`, and for a scenario
        that does not exist.
        """
        names = list(SCENARIOS) if not scenarios else list(scenarios)
        unknown = [name for name in names if name not in SCENARIOS]
        if unknown:
            raise UsageError(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
        in_order = tuple(name for name in SCENARIOS if name in names)
        when = _hour(start or config.SIMULATION_START)
        return cls(int(seed), when, in_order, bool(incidents), prices_of(CATALOG, prices))

    def identity(self) -> Dict[str, Any]:
        """Return what the commit mark keeps of it."""
        return {
            "version": SIMULATOR_VERSION,
            "seed": self.seed,
            "start": self.start,
            "scenarios": list(self.scenarios),
            "incidents": self.incidents,
            "prices": zlib.crc32(json.dumps(self.prices).encode("ascii")),
        }

    def to_json(self) -> str:
        """Return the spec as text for another process."""
        return json.dumps(self)

    @classmethod
    def from_json(cls, text: str) -> SimulationSpec:
        """Return the spec that `to_json` wrote."""
        seed, start, scenarios, incidents, prices = json.loads(text)
        return cls(
            seed,
            start,
            tuple(scenarios),
            incidents,
            tuple(tuple(some) for some in prices),
        )


def _hour(start: str) -> str:
    """Return the full hour of a start as text.

    Earlier rows would be skipped as implausible when they are read; the upper limit leaves the
    calendar room for all the days that follow.
    """
    for form in ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"):
        try:
            when = datetime.strptime(start, form)
        except ValueError:
            continue
        if not config.FIRST_START <= when.date().isoformat() <= config.LAST_START:
            raise UsageError(
                f"the start {start!r} is out of range; give a date from {config.FIRST_START}"
                f" to {config.LAST_START}"
            )
        return when.replace(minute=0, second=0).isoformat()
    raise UsageError(f"the start {start!r} is not a date; write it as 2025-01-31")
