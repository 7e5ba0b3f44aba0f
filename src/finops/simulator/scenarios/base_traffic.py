"""Base traffic: ordinary business, the yardstick of all others."""

from __future__ import annotations

from finops.simulator.scenarios.base import Scenario


class BaseTraffic(Scenario):
    """Nothing special happens."""

    id = "base_traffic"
