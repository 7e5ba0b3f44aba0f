"""Twelve scenarios: each says how many calls an hour brings, and what is special about them.

A run cycles through them in this order.  A new one is a file here, a line below, and its
title, duration and rate in the configuration.
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
        SeasonalPattern(),
        BurstTraffic(),
        MultiTenant(),
        ModelMigration(),
        WeekendEffect(),
        TimezonePattern(),
        FeatureLaunch(),
        CostOptimization(),
        GradualDecline(),
        SteadyGrowth(),
        ViralSpike(),
    )
}
