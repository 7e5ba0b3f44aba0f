"""The loop that fills cubes: what it may take for granted, how it is shown, what times it keeps."""

from __future__ import annotations

import csv
import inspect
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import AbstractSet, Dict, List, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.rollups.dataset import Dataset
from finops.rollups.expressions import above, all_of, band_of, known, negated, one_of
from finops.rollups.fill_loop import SHOW_LOOPS
from finops.rollups.measures import IS_CREDIT, OF_MOMENTS, Dimension, Measure
from finops.rollups.row_loop import RowLoop, RowShape, compiled
from finops.rollups.spec import Table
from scripts.stages import STAGES
from tests.support.reference import ReferenceDataset, call

ROOT = Path(__file__).resolve().parents[2]
BAND = Dimension("band", band_of("input_tokens", 250))
SLOW = Dimension("slow", above("latency_ms", 900))
TABLES = (
    Table(("hour", "provider"), ("calls", "cost", "errors", "latencies")),
    Table(("day", "customer_id", SLOW), ("calls", "tokens"), OF_MOMENTS),
    Table(("week", "customer_id", "model"), ("cost", "latency_known"), negated(IS_CREDIT)),
    Table((BAND,), ("calls", Measure("slow", above("latency_ms", 900)))),
    Table(("hour_of_day",), ("latency",), one_of("status", "success")),
    Table(("customer_id",), ("first_seen", "last_seen")),
    Table(("day", "provider"), ("first_seen", "last_seen"), above("input_tokens", 700)),
    Table(("region", "status"), ("input_sizes",), all_of(OF_MOMENTS, known("latency_ms"))),
    Table((), ("calls", "credits", "unpriced")),
)


def a_row(draw: random.Random, hour: int) -> Dict[str, str]:
    """Return a row that may be a credit, an aggregate, or without one of its numbers."""
    day, clock = 1 + hour // 24 % 28, hour % 24
    failed = draw.random() < 0.2
    return call(
        timestamp=f"2025-01-{day:02d}T{clock:02d}:{draw.randrange(60):02d}:00.000000",
        customer_id=f"c{draw.randrange(4)}",
        provider=draw.choice(["openai", "mistral"]),
        model=draw.choice(["a", "b", "c"]),
        region=draw.choice(["us-east", "eu-west"]),
        input_tokens=draw.randrange(1500),
        latency_ms=draw.choice(["", draw.randrange(2500), draw.randrange(2500)]),
        status="error" if failed else "success",
        error_type="timeout" if failed else "",
        cost_usd=draw.choice(["", "0", "0.004200", "1.5", "-0.25"]),
        calls=draw.choice(["", "1", "3", "200"]),
        bucket_s=draw.choice(["", "", "", "3600", "86400"]),
    )


def written(
    path: Path, rows: Sequence[Dict[str, str]], left_out: AbstractSet[str] = frozenset()
) -> Path:
    """Write rows without some columns, and return the path."""
    names = [name for name in rows[0] if name not in left_out]
    with open(str(path), "w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, 700), min_size=1, max_size=60),
    st.sets(st.sampled_from(["latency_ms", "calls", "bucket_s", "cost_usd"])),
    st.booleans(),
)
def test_rows_of_any_shape_and_order_are_filled_as_row_by_row(
    tmp_path_factory: pytest.TempPathFactory,
    draw: random.Random,
    hours: List[int],
    left_out: AbstractSet[str],
    ordered: bool,
) -> None:
    rows = [a_row(draw, hour) for hour in (sorted(hours) if ordered else hours)]
    rows = [{**row, **dict.fromkeys(left_out, "")} for row in rows]
    path = written(tmp_path_factory.mktemp("shapes") / "calls.csv", rows, left_out)
    filled = Dataset(str(path), workers=1).rollups(TABLES)
    expected = ReferenceDataset(rows).rollups(TABLES)
    for table in TABLES:
        assert filled[table] == expected[table]


def test_what_all_rows_have_is_not_asked_of_each() -> None:
    certain = RowShape(frozenset({"latency_ms"}))
    uncertain = RowShape(frozenset({"latency_ms"}), frozenset({"latency_ms"}))
    condition = all_of(known("latency_ms"), above("latency_ms", 5))
    sources = []
    for shape in (certain, uncertain):
        loop = RowLoop(shape)
        sources.append(loop.inline(shape.remaining(condition)))
    assert sources[0] == "(latency_ms > 5)"
    assert "is not None" in sources[1]
    absent = RowShape(frozenset())
    assert RowLoop(absent).inline(absent.remaining(above("calls", 5))) == "False"


def test_source_has_no_builtin_functions_at_hand() -> None:
    with pytest.raises(NameError):
        compiled("def value(): return open('x')")()


def test_a_scan_shows_its_loops_where_it_is_asked_to(tmp_path: Path) -> None:
    path = written(tmp_path / "calls.csv", [call(), call(latency_ms="")])
    program = (
        "import sys, finops\n"
        "table = finops.Table(('provider',), ('calls', 'cost'))\n"
        "finops.open_dataset(sys.argv[1]).rollups([table])\n"
    )
    for shown in ("", "1"):
        ran = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            env={**os.environ, SHOW_LOOPS: shown},
            stderr=subprocess.PIPE,
            check=True,
        )
        loops = ran.stderr.decode("utf-8")
        assert loops.startswith("def fill(rows, ") == bool(shown)
        assert ("+= sums\n" in loops.replace("\r\n", "\n")) == bool(shown)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_of_the_profile_is_a_function(stage: str) -> None:
    owner, name = STAGES[stage]
    assert callable(getattr(owner, name))


def test_the_stages_of_the_profile_are_the_steps_of_the_documentation() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    chapter = text.split("## From a row to a number on a page\n")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in chapter.splitlines() if line.endswith("` |")]
    files = {row[0].replace("| ", "").replace("… ", "  "): row[-1] for row in rows}
    assert list(files) == list(STAGES)
    for stage, (owner, name) in STAGES.items():
        source = inspect.getsourcefile(inspect.unwrap(getattr(owner, name)))
        path = Path(str(source)).relative_to(ROOT / "src/finops")
        assert f"`{path.as_posix()}`" in files[stage], stage
