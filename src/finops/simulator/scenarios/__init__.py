"""The scenarios: each says by what factor customers call, and what is special about the calls.

All scenarios of a run act at the same time.  A new one is a file here, a line below, and its title
and, for episodes, when they happen in the configuration.
"""

from __future__ import annotations

from typing import Dict

from finops.simulator.scenarios.base import Scenario
from finops.simulator.scenarios.base_traffic import BaseTraffic
from finops.simulator.scenarios.burst_traffic import BurstTraffic
from finops.simulator.scenarios.cost_optimization import CostOptimization
from finops.simulator.scenarios.feature_launch import FeatureLaunch
from finops.simulator.scenarios.gradual_decline import GradualDecline
from finops.simulator.scenarios.model_migration import ModelMigration
from finops.simulator.scenarios.multi_tenant import MultiTenant
from finops.simulator.scenarios.seasonal_pattern import SeasonalPattern
from finops.simulator.scenarios.steady_growth import SteadyGrowth
from finops.simulator.scenarios.timezone_pattern import TimezonePattern
from finops.simulator.scenarios.viral_spike import ViralSpike
from finops.simulator.scenarios.weekend_effect import WeekendEffect

SCENARIOS: Dict[str, Scenario] = {
    scenario.id: scenario
    for scenario in (
        BaseTraffic(),
        WeekendEffect(),
        TimezonePattern(),
        MultiTenant(),
        SeasonalPattern(),
        SteadyGrowth(),
        ModelMigration(),
        FeatureLaunch(),
        GradualDecline(),
        ViralSpike(),
        CostOptimization(),
        BurstTraffic(),
    )
}
