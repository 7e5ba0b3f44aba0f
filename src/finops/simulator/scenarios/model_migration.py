"""Model migration: one feature's traffic moves from one model to another, hour by hour."""

from __future__ import annotations

from typing import Optional, Sequence

from finops import config
from finops.simulator.scenarios.base import Episode, Scenario, Stage


class ModelMigration(Scenario):
    """After h of d hours, the share h/d of the old model's calls goes to the new one."""

    id = "model_migration"

    def begin(self, stage: Stage) -> Optional[Episode]:
        """Take the next of the configured migrations."""
        if stage.number >= len(config.MIGRATIONS):
            return None
        feature, provider, old, new = config.MIGRATIONS[stage.number]
        return Episode(
            self.id,
            f"Migration from {old} to {new}",
            stage.start,
            stage.start + self.shape.hours,
            feature,
            features=(feature,),
            models=((provider, old), (provider, new)),
        )

    def moved(self, episode: Episode, since: int) -> float:
        """Return the share of the time that is over, at most all of it."""
        return min(1.0, since / episode.hours)

    def prompts_changed(self, episode: Episode) -> Sequence[int]:
        """Return the begin: prompts are adapted to the new model."""
        return (0,)
