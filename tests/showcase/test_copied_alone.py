"""Each example copied to an empty folder, with nothing beside it, is used there as a library."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Dict

import pytest

from tests.showcase.running import EXAMPLES, interpreters
from tests.showcase.server import FaultyServer

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

# A program for each example; what it prints as JSON is checked below.  `URL` and `KEY` are those
# of a collector, `calls.csv` is a file of two calls of one customer and one without a cost.
PROGRAMS: Dict[str, str] = {
    "revenium_basic": """
from revenium_basic import ReveniumBasicTracker
with ReveniumBasicTracker(KEY, URL) as tracker:
    event = tracker.track_ai_call("openai", "gpt-4o", 10, 5, 0.5, 90, {"customer_id": "c"})
print(json.dumps(event.to_record()["cost_usd"]))
""",
    "revenium_async": """
import asyncio
from revenium_async import ReveniumAsyncTracker
async def main():
    async with ReveniumAsyncTracker(KEY, batch_size=2, base_url=URL) as tracker:
        for _ in range(5):
            tracker.track_ai_call("openai", "gpt-4o", 10, 5, 0.5, 90, {"customer_id": "c"})
    return tracker.stats.delivered
print(json.dumps(asyncio.run(main())))
""",
    "revenium_metadata": """
from revenium_metadata import EventClient, MetadataTracker, add_environment, metadata_scope
tracker = MetadataTracker(EventClient(KEY, URL), (add_environment,))
with metadata_scope(organization_id="o", product_id="p", customer_id="c", feature_id="f"):
    with metadata_scope(subscription_tier="pro", task_type="chat"):
        tracker.track("openai", "gpt-4o", 10, 5)
print(json.dumps(tracker.flush()))
""",
    "revenium_error_handling": """
from pathlib import Path
import revenium_error_handling as r
tracker = r.ResilientTracker(r.EventClient(KEY, URL), r.Spool(Path("spool")), r.CircuitBreaker())
event = r.AICallEvent.create("openai", "gpt-4o", 10, 5, 0.5, 90, {"customer_id": "c"})
print(json.dumps(tracker.submit([event])))
""",
    "revenium_batch": """
from revenium_batch import BatchSubmitter, EventClient
records = [{"call_id": f"call_{n}", "model": "m"} for n in range(25)]
print(json.dumps(BatchSubmitter(EventClient(KEY, URL), batch_size=10).submit(records).accepted))
""",
    "revenium_otel": """
from revenium_otel import AgentTracer, cost_by_trace, from_otlp, metered, to_event, to_otlp
tracer = AgentTracer({"customer_id": "c"})
with tracer.span("invoke_agent", "a"):
    tracer.record_call("openai", "gpt-4o", 1000, 100, 0)
spans = from_otlp(to_otlp(tracer.finished, "service"))
event = to_event(metered(spans)[0])
print(json.dumps([event.metadata["customer_id"], round(sum(cost_by_trace(spans).values()), 6)]))
""",
    "cost_allocation": """
from cost_allocation import CallFile, CostAllocator
allocator = CostAllocator([("customer_id",)])
allocator.consume(CallFile("calls.csv"))
(row,) = allocator.rows(("customer_id",))
print(json.dumps([row["count"], row["total_cost"], row["unpriced_calls"], row["share_percent"]]))
""",
    "time_series": """
from time_series import CallFile, backtest, compare, daily, forecast_rows, trend
days = daily(CallFile("calls.csv"))
shown = [len(days), trend(days), backtest(days, 7), forecast_rows(days, 7), compare(days, 7)]
print(json.dumps(shown))
""",
    "aggregations": """
from aggregations import Aggregator, CallFile
aggregator = Aggregator([("model",)])
aggregator.consume(CallFile("calls.csv"))
rows = aggregator.rows(("model",))
print(json.dumps([[row["value"], row["avg_cost"], row["p95_latency_ms"]] for row in rows]))
""",
    "anomaly_detection": """
from anomaly_detection import DETECTORS, CallFile, Limits, Tables
tables = Tables()
tables.consume(CallFile("calls.csv"))
limits = Limits(budget_usd=0.7)
print(json.dumps({kind: len(detect(tables, limits)) for kind, detect, _ in DETECTORS}))
""",
    "chart_builder": """
from chart_builder import CallFile, ChartBuilder, ChartDefinition, render
builder = ChartBuilder(ChartDefinition("Cost", x="day", series="model"))
builder.consume(CallFile("calls.csv"))
page = render(builder.chart(), [("Cost", builder.total.money.shown())])
print(json.dumps([page.startswith("<!DOCTYPE html>"), page.count("<rect"), "\u2265 $0.75" in page]))
""",
    "builders": """
from builders import HierarchicalTagger, MetadataBuilder
base = MetadataBuilder().organization("o").product("p").customer("c", tier="pro")
tagger = HierarchicalTagger(environment="production")
try:
    base.build()
except ValueError as error:
    print(json.dumps([str(error), base.feature("f").build(), tagger.tag("o", "p")]))
""",
    "validators": """
from validators import MetadataValidator
report = MetadataValidator().validate({"customer_id": "CUST-1", "organization_id": "org_001"})
print(json.dumps([[issue.field for issue in report.issues], report.ok]))
""",
    "examples": """
from examples import patterns
print(json.dumps(sorted(pattern.name for pattern in patterns())[:2]))
""",
    "best_practices": """
import csv
from best_practices import Cardinality, measure_width
cardinality = Cardinality(["customer_id"])
with open("calls.csv", encoding="utf-8") as file:
    cardinality.consume(csv.DictReader(file))
print(json.dumps([cardinality.judged(), measure_width(3, [{"a": 1}]).fields]))
""",
    "scenario_unprofitable_customers": """
from scenario_unprofitable_customers import Inputs, compute
print(json.dumps(compute(Inputs()).stopped > 0))
""",
    "scenario_model_comparison": """
from scenario_model_comparison import Inputs, compute
print(json.dumps(compute(Inputs(calls_per_day=500)).percent > 90))
""",
    "scenario_viral_spike": """
from scenario_viral_spike import Inputs, compute
print(json.dumps(compute(Inputs()).prevented > 0))
""",
    "scenario_pricing_change": """
from scenario_pricing_change import Inputs, compute
print(json.dumps(compute(Inputs()).best.model))
""",
}
EXPECTED: Dict[str, object] = {
    "revenium_basic": 0.5,
    "revenium_async": 5,
    "revenium_metadata": 1,
    "revenium_error_handling": "delivered",
    "revenium_batch": 25,
    "revenium_otel": ["c", 0.0035],
    "cost_allocation": [3, 0.75, 1, None],
    "time_series": [1, None, None, [], [None, None, None]],
    "aggregations": [["gpt-4o", 0.375, None], ["secret", None, None]],
    "anomaly_detection": {
        "statistical": 0,
        "threshold": 1,
        "spike": 0,
        "behaviour": 0,
        "outlier": 0,
    },
    "chart_builder": [True, 3, True],
    "builders": [
        "missing feature_id",
        {
            "organization_id": "o",
            "product_id": "p",
            "customer_id": "c",
            "subscription_tier": "pro",
            "feature_id": "f",
        },
        {"environment": "production", "organization_id": "o", "product_id": "p"},
    ],
    "validators": [["customer_id", "product_id", "feature_id"], False],
    "examples": ["A/B test", "Agent"],
    "best_practices": [[["customer_id", 1, "look up by it, do not group"]], 3],
    "scenario_unprofitable_customers": True,
    "scenario_model_comparison": True,
    "scenario_viral_spike": True,
    "scenario_pricing_change": "tiered",
}
CALLS = """timestamp,provider,model,input_tokens,output_tokens,cost_usd,customer_id
2025-01-01T10:00:00,openai,gpt-4o,100,50,0.5,cust_1
2025-01-01T11:00:00,openai,gpt-4o,100,50,0.25,cust_1
2025-01-01T12:00:00,openai,secret,100,50,,cust_1
"""


def test_every_example_has_a_program() -> None:
    assert sorted(PROGRAMS) == sorted(EXPECTED) == sorted(path.stem for path in EXAMPLES)


@pytest.mark.parametrize("python", interpreters())
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_file_alone_is_a_library(path: Path, python: str, tmp_path: Path) -> None:
    (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "calls.csv").write_text(CALLS, encoding="utf-8")
    with FaultyServer() as server:
        start = f"import json\nURL, KEY = {server.url!r}, {server.key!r}\n"
        ran = subprocess.run(
            [python, "-B", "-c", start + PROGRAMS[path.stem]],
            cwd=str(tmp_path),
            env={},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == EXPECTED[path.stem]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_demonstration_without_its_helpers_is_one_line(path: Path, tmp_path: Path) -> None:
    (tmp_path / path.name).write_bytes(path.read_bytes())
    ran = subprocess.run(
        [interpreters()[0], "-B", path.name],
        cwd=str(tmp_path),
        env={},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"{path.name}: its demonstration needs _console.py")
    assert len(ran.stderr.splitlines()) == 1
