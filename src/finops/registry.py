"""The analyses: id to title, domain, purpose, analyzer and report generator.

Adding an analysis is one line here and one file; command choices, index, manifest, status
and the contract tests follow.  Classes are imported when first asked for, which keeps
`finops list` and `--help` instant.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Callable, Dict, NamedTuple, Tuple, Type

from finops.analyzers.base import Analyzer

FINOPS = "FinOps"
UBR = "Usage-Based Revenue"
ADVANCED = "Advanced Analytics"
DOMAINS: Tuple[str, ...] = (FINOPS, UBR, ADVANCED)


class Analysis(NamedTuple):
    """One analysis.  `where` is "module:Class" below `finops.analyzers`."""

    id: str
    title: str
    domain: str
    purpose: str
    where: str

    @property
    def analyzer(self) -> Type[Analyzer]:
        """The analyzer's class."""
        module, name = self.where.split(":")
        analyzer: Type[Analyzer] = getattr(import_module(f"finops.analyzers.{module}"), name)
        return analyzer

    @property
    def generator(self) -> Callable[[Dict[str, Any], Any], None]:
        """The report generator: `generate_ID_report(data, output_path)`.

        An analysis without a page of its own gets the one that renders any result.
        """
        name = self.id
        if find_spec(f"finops.generators.reports.{name}") is None:
            name = "default"
        module = import_module(f"finops.generators.reports.{name}")
        generator: Callable[[Dict[str, Any], Any], None] = getattr(
            module, f"generate_{name}_report"
        )
        return generator

    @property
    def filename(self) -> str:
        """Name of the report file."""
        return f"{self.id}.html"


_ANALYSES: Tuple[Analysis, ...] = (
    Analysis(
        "dataset_overview",
        "Dataset Overview",
        ADVANCED,
        "What the data holds, over which period, and how much of it could be used.",
        "advanced.dataset_overview:DatasetOverviewAnalyzer",
    ),
    Analysis(
        "understanding",
        "Understanding Usage & Cost",
        FINOPS,
        "Where the money goes, by provider, model, customer and feature, and where it is heading.",
        "finops.understanding:UnderstandingAnalyzer",
    ),
    Analysis(
        "performance",
        "Performance Tracking",
        FINOPS,
        "How fast and how reliable the models are, against the SLA and their price.",
        "finops.performance:PerformanceAnalyzer",
    ),
    Analysis(
        "realtime",
        "Real-Time Decision Making",
        FINOPS,
        "Incidents that needed immediate attention.",
        "finops.realtime:RealtimeAnalyzer",
    ),
    Analysis(
        "optimization",
        "Rate Optimization",
        FINOPS,
        "Steps that save money, easiest first, and how much each saves.",
        "finops.optimization:OptimizationAnalyzer",
    ),
    Analysis(
        "alignment",
        "Organizational Alignment",
        FINOPS,
        "Who caused which cost: chargeback by organization, product and feature.",
        "finops.alignment:AlignmentAnalyzer",
    ),
    Analysis(
        "profitability",
        "Customer Profitability",
        UBR,
        "Which customers pay more than they cost, and which do not.",
        "ubr.profitability:ProfitabilityAnalyzer",
    ),
    Analysis(
        "pricing",
        "Pricing Strategy",
        UBR,
        "What four pricing models would earn on the same usage.",
        "ubr.pricing:PricingAnalyzer",
    ),
    Analysis(
        "features",
        "Feature Economics",
        UBR,
        "Which features earn their cost, and who uses them.",
        "ubr.features:FeaturesAnalyzer",
    ),
    Analysis(
        "token_economics",
        "Token Economics",
        ADVANCED,
        "What tokens cost on each model, and which tokens are wasted.",
        "advanced.token_economics:TokenEconomicsAnalyzer",
    ),
    Analysis(
        "geographic_latency",
        "Geographic Latency",
        ADVANCED,
        "How latency differs by region, and which provider serves each region best.",
        "advanced.geographic_latency:GeographicLatencyAnalyzer",
    ),
    Analysis(
        "churn_growth",
        "Churn & Growth",
        ADVANCED,
        "Who left, who is leaving, who is growing, and what that does to revenue.",
        "advanced.churn_growth:ChurnGrowthAnalyzer",
    ),
    Analysis(
        "abuse_detection",
        "Abuse Detection",
        ADVANCED,
        "Accounts with abnormal behavior.",
        "advanced.abuse_detection:AbuseDetectionAnalyzer",
    ),
)
ANALYZER_REGISTRY: Dict[str, Analysis] = {analysis.id: analysis for analysis in _ANALYSES}
