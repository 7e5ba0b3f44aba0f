"""Model migration: one model's traffic moves to another, hour by hour."""

from __future__ import annotations

from typing import Optional

from finops import config
from finops.simulator.model_mix import ModelMix, Weights
from finops.simulator.scenarios.base import Scenario


class ModelMigration(Scenario):
    """After h of d hours, the share h/d of the old model's calls goes to the new one."""

    id = "model_migration"

    def model_weights(self, since: int, mix: ModelMix) -> Optional[Weights]:
        """Return the model mix's weights with part of one model's moved to the other."""
        old = mix.position(*config.MIGRATION_FROM)
        new = mix.position(*config.MIGRATION_TO)
        weights = list(mix.weights)
        moved = weights[old] * since / self.shape.hours
        weights[old] -= moved
        weights[new] += moved
        return tuple(weights)
