"""What every test may use, and the rule that a complete machine skips nothing."""

from __future__ import annotations

import csv
import gc
import random
import signal
import sys
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from hypothesis import settings

from finops import config
from finops.business.catalog import CATALOG
from finops.schema import COLUMN_NAMES
from scripts.chromium import FLAGS
from tests.support.plain import call
from tests.support.promises import promised_tests
from tests.support.tools import STRICT, need

# How long an example takes says something about the machine, not about the code.  What holds for
# a hundred texts on the newest Python is tried with a third of them on the oldest.
settings.register_profile(
    "no deadline",
    parent=settings.default,
    deadline=None,
    max_examples=100 if sys.version_info >= (3, 10) else 34,
)
settings.load_profile("no deadline")

# A shell ignores Ctrl-C for what it runs in the background, and programs started from there inherit
# that.  What the tests start behaves as in a terminal, wherever they are started from.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The oracle's own conftest imports DuckDB, and a conftest that skips itself skips everything.
collect_ignore = ["oracle"] if find_spec("duckdb") is None and not STRICT else []


# Measurements of time and memory: these run before the others, one at a time and without
# coverage (`make test` does that by the marker `alone`).
ALONE: Dict[str, Tuple[str, ...]] = {
    "viewer/test_load.py": ("test_soak_10k", "test_200_clients"),
    "test_cli.py": ("test_starting_up_is_instant",),
}


# Tests that go through little of the source that no others do: what they go through need not be
# measured, which would only make them twice as long.
UNMEASURED = (
    "analyzers/advanced/test_abuse_detection_days.py",
    "reader/test_malformed.py",
    "rollups/test_dataset_shapes.py",
    "generators/test_browser.py",
    "generators/test_every_page.py",
    "generators/test_hostile_browser.py",
    "generators/test_hostile_text.py",
    "generators/test_date_range.py",
    "generators/test_date_range_oracle.py",
    "generators/test_date_range_wide.py",
    "oracle/",
    "showcase/",
    "simulator/test_calibration.py",
    "simulator/test_engine.py",
    "simulator/test_batches.py",
    "simulator/test_ground_truth.py",
    "test_architecture.py",
    "test_cli.py",
    "test_contributing.py",
    "test_faults.py",
    "test_installed.py",
    "test_promises.py",
    "test_readme.py",
    "test_robustness.py",
    "test_whole.py",
    "viewer/test_browser.py",
    "viewer/test_load.py",
    "viewer/test_outside.py",
    "viewer/test_sdk.py",
)


# Of those files, tests that do: nothing else goes through what these go through.
MEASURED: Dict[str, Tuple[str, ...]] = {
    "reader/test_malformed.py": (
        "test_malformed",
        "test_the_account",
        "test_a_skipped",
        "test_two_processes",
        "test_values",
        "test_columns",
        "test_required",
    ),
    "simulator/test_engine.py": (
        "test_what_a_result_says",
        "test_two_at_once",
        "test_workers_go_with_their_engine",
        "test_disk_full",
        "test_any_number_of_workers",
        "test_lines_appended_by_another_program_stay",
        "test_another_recipe",
        "test_a_file_that_was_not_simulated",
        "test_a_changed_file",
        "test_unknown_words",
        "test_a_folder_is_made",
    ),
    "test_cli.py": (
        "test_serve",
        "test_the_demo",
        "test_verify",
        "test_a_port_in_use",
        "test_a_wrong_port",
        "test_generate_continues",
        "test_analyze_only",
        "test_a_crash",
        "test_list",
        "test_trouble",
        "test_stdout_faults",
    ),
    "viewer/test_outside.py": (
        "test_a_tracker",
        "test_every_address",
        "test_a_signal",
        "test_running_jobs",
        "test_port",
    ),
}


# What these show of pages, sources and documents is the same on every Python, or they run the
# examples on every Python themselves.
ALL = ("test_",)
ONCE: Dict[str, Tuple[str, ...]] = {
    "analyzers/advanced/test_abuse_detection_days.py": ("test_fifty_thousand_customers",),
    "generators/test_hostile_text.py": ALL,
    "generators/test_page.py": ("test_pages_of_500_customers",),
    "generators/test_date_range_oracle.py": ALL,
    "showcase/test_every_example.py": ALL,
    "showcase/test_instrumentation_runs.py": ALL,
    "showcase/test_queries.py": ("test_same_rows", "test_json_and_csv"),
    "showcase/test_scenarios.py": ("test_another_input", "test_the_same_inputs", "test_page"),
    "test_architecture.py": ALL,
    "test_contributing.py": ALL,
    "test_readme.py": ALL,
    "test_whole.py": ("test_no_figure", "test_no_sentence"),
}


# The longest files go first, so that no process is left alone with one of them at the end.
LONGEST = (
    "simulator/test_calibration.py",
    "showcase/test_instrumentation_runs.py",
    "generators/test_every_page.py",
    "showcase/test_every_example.py",
    "viewer/test_browser.py",
    "simulator/test_engine.py",
    "generators/test_hostile_text.py",
    "test_cli.py",
    "test_pipeline.py",
    "test_faults.py",
    "rollups/test_cache.py",
    "rollups/test_dataset.py",
)


def pytest_ignore_collect(collection_path: Path, config: Any) -> Optional[bool]:
    """Do not load a file of which `-m` can choose nothing, whatever its tests are."""
    chosen = config.getoption("markexpr")
    if not chosen or collection_path.suffix != ".py":
        return None
    return None if _may_choose(chosen, _name_of(collection_path)) else True


@lru_cache(maxsize=None)
def _may_choose(chosen: str, name: str) -> bool:
    """Whether an expression of marks can hold for a test of a file."""
    marks = {
        "unmeasured": {
            name.startswith(UNMEASURED),
            name.startswith(UNMEASURED) > (name in MEASURED),
        },
        "once": {name in ONCE, ONCE.get(name) == ALL},
        "alone": {False, name in ALONE},
        "slow": {False, True},
    }
    combinations = (dict(zip(marks, values)) for values in product(*marks.values()))
    try:
        return any(eval(chosen, {}, combination) for combination in combinations)
    except (NameError, SyntaxError, TypeError):  # of marks that are not known here
        return True


def pytest_collection_modifyitems(items: List[Any]) -> None:
    """Mark the tests that must not share the machine, and those not measured; order them."""
    first = {name: place for place, name in enumerate(LONGEST)}
    places = {}
    for item in items:
        name = _name_of(item.path)
        places[item] = first.get(name, len(first))
        # These are marks of files, by the lists above: whole files are left out by them.
        assert not any(item.get_closest_marker(mark) for mark in ("unmeasured", "once", "alone"))
        if name.startswith(UNMEASURED) and not item.name.startswith(MEASURED.get(name, ())):
            item.add_marker("unmeasured")
        if item.name.startswith(ONCE.get(name, ())):
            item.add_marker("once")
        if item.name.startswith(ALONE.get(name, ())):
            item.add_marker("alone")
    items.sort(key=places.__getitem__)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Spare the garbage collector from looking through thousands of tests again and again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let everything go in the end; some libraries complain of what is left."""
    gc.unfreeze()


@lru_cache(maxsize=None)
def _name_of(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).as_posix()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    """Turn "could not import" skips into failures where no tool may be missing."""
    outcome = yield
    report = outcome.get_result()
    _forbid_missing_tool(report)
    forbid_skipped_promise(getattr(item, "originalname", item.name) or item.name, report)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: Any) -> Iterator[None]:
    """The same for modules that skip themselves as a whole."""
    outcome = yield
    _forbid_missing_tool(outcome.get_result())


def _forbid_missing_tool(report: Any) -> None:
    if STRICT and report.skipped and "could not import" in str(report.longrepr):
        report.outcome = "failed"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    """Playwright: a process can hold one of it, and no other event loop beside it."""
    api = need("playwright.sync_api")
    with api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Any) -> Iterator[Any]:
    """A running Chromium."""
    path = need("chromium")
    chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
    yield chromium
    chromium.close()


def forbid_skipped_promise(name: str, report: Any) -> None:
    """Let a skipped test fail where the README names it as a proof and nothing may lack."""
    if STRICT and report.skipped and name in promised_tests():
        report.outcome = "failed"
        report.longrepr = f"{name} proves a promise and was skipped: {report.longrepr}"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the environment of whoever runs the tests out of them."""
    for name in ("FINOPS_DATA", "FINOPS_REPORTS", "FINOPS_PORT"):
        monkeypatch.delenv(name, raising=False)


def varied_rows(count: int, seed: int = 1) -> List[Dict[str, str]]:
    """Return plausible, varied rows over some weeks, in order of time."""
    draw = random.Random(seed)
    moment = datetime(2025, 1, 1, 8)
    rows = []
    for number in range(count):
        moment += timedelta(seconds=draw.randrange(1, 2 * 45 * 86400 // max(1, count)))
        model = draw.choice(CATALOG)
        tokens = draw.randrange(50, 2000), draw.randrange(10, 900)
        error = draw.choice(config.ERROR_TYPES) if draw.random() < 0.05 else ""
        customer = draw.randrange(1, 40)
        rows.append(
            call(
                timestamp=moment.isoformat() + ".000000",
                call_id=f"call_{number + 1:08d}",
                provider=model.provider,
                model=model.name,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
                cost_usd=f"{model.cost(*tokens):.6f}",
                latency_ms=draw.randrange(100, 3000),
                customer_id=f"cust_{customer:04d}",
                organization_id=f"org_{customer % 7:03d}",
                product_id=draw.choice(list(config.PRODUCTS)),
                feature_id=draw.choice(list(config.FEATURES)),
                task_type=draw.choice(config.TASK_TYPES),
                region=draw.choice(list(config.REGIONS)),
                status="error" if error else "success",
                error_type=error,
            )
        )
    return rows


def write_csv(path: Path, rows: List[Dict[str, str]]) -> Path:
    """Write rows as a dataset and return its path."""
    with open(str(path), "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMN_NAMES, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean dataset of 400 calls; do not change it."""
    return write_csv(tmp_path_factory.mktemp("data") / "calls.csv", varied_rows(400))
