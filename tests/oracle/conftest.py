"""The datasets that the oracle and the product are both asked about."""

from __future__ import annotations

import csv
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple

import pytest

from finops.business.catalog import CATALOG, SUPERSEDED, PriceTable
from finops.pipeline import Job, compute
from finops.rollups.dataset import open_dataset
from finops.schema import WRITTEN_NAMES
from finops.simulator.engine import generate
from tests.support.reference import call
from tests.support.shared import made_once, shared_folder

SEEDS = (11, 222, 3333)
SIMULATED_BYTES = 20 * 1_048_576
# What the oracle knows: no successor of a retired model is among these.
PRICES = PriceTable((*CATALOG, *SUPERSEDED))


if TYPE_CHECKING:
    from tests.oracle.database import Oracle


class Case(NamedTuple):
    """One dataset: the oracle's view of it and the results of all thirteen analyses."""

    oracle: Oracle
    results: Dict[str, Dict[str, Any]]


@pytest.fixture(scope="session", params=[*SEEDS, "by hand"], ids=str)
def case(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Case:
    # Here: it needs DuckDB, without which the modules of tests skip themselves.
    from tests.oracle.database import Oracle

    folder = shared_folder(tmp_path_factory) / f"oracle-{request.param}"
    path = folder / "calls.csv"

    def make() -> None:
        if request.param == "by hand":
            write_by_hand(path)
        else:
            generate(str(path), SIMULATED_BYTES, seed=request.param, workers=2)
        results = compute(Job(open_dataset(path, workers=2, prices=PRICES), folder, prices=PRICES))
        (folder / "results").write_bytes(pickle.dumps(results))

    made_once(folder, make)
    return Case(Oracle(path), pickle.loads((folder / "results").read_bytes()))


def write_by_hand(path: Path) -> None:
    """Write a file that no simulator made.

    Ten customers over eleven weeks with gaps, all error types, an unknown model, empty
    organizations, rows out of order, costs to be priced, a customer who changes tier, one
    without a known price, short and long prompts, and travellers between regions.
    """
    with open(str(path), "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, WRITTEN_NAMES, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(_rows_by_hand())


def _rows_by_hand() -> List[Dict[str, str]]:
    rows = []
    models = [
        ("openai", "gpt-4"),
        ("openai", "gpt-4o-mini"),
        ("anthropic", "claude-haiku-4-5"),
        ("bedrock", "nova-pro"),
        ("nobody", "mystery-1"),
        ("cohere", "command-r"),
        ("google", "gemini-2.5-pro"),
    ]
    errors = ["timeout", "rate_limit", "auth_error", "server_error"]
    tasks = ["chat", "reasoning", "classification", "code_generation", ""]
    for k in range(2400):
        provider, model = models[(k * k + k // 7) % 7]
        customer = (k * 7 + k // 13) % 10
        day = 1 + (k * 31) % 77  # the rows jump about in time
        if (customer == 3 and day > 30) or (customer == 4 and day < 65):
            continue
        failed = k % 9 == 0
        error = errors[k // 9 % 4] if failed else ""
        inputs = (k * 97) % 1900 + (1200 if k % 17 == 0 else 0)
        outputs = 0 if error == "rate_limit" else (k * 31) % 700 // (15 if k % 17 == 0 else 1)
        free = error in ("rate_limit", "auth_error")
        month, date = (1, day) if day <= 31 else (2, day - 31) if day <= 59 else (3, day - 59)
        rows.append(
            call(
                timestamp=f"2025-{month:02d}-{date:02d}T{k * 11 % 24:02d}:{k * 7 % 60:02d}"
                f":{k % 60:02d}.{k % 1000:03d}000",
                call_id=f"call_{k:08d}",
                provider=provider,
                model=model,
                input_tokens=inputs,
                output_tokens=outputs,
                cost_usd="0.000000" if free else "" if k % 23 == 0 else f"{k % 97 / 991:.6f}",
                latency_ms=(k * 37) % 3100,
                customer_id=f"cust_{customer:04d}",
                subscription_tier=["starter", "pro", "enterprise"][customer % 3]
                if customer != 9
                else "custom",
                tier_price_usd=""
                if customer in (2, 9)
                else ["49.0", "199.0", "999.0"][customer % 3],
                organization_id="" if k % 29 == 0 else f"org_{customer % 4:03d}",
                product_id="" if k % 31 == 0 else ["product_a", "product_b"][customer % 2],
                feature_id=["chat", "analysis", "translation", "rare"][
                    3 if k % 101 == 0 else k % 3
                ],
                task_type=tasks[k % 5],
                environment=["production", "staging"][k % 8 == 0],
                region=["us-east", "eu-west", "us-west", ""][(customer + (k % 6 == 0)) % 4],
                status="error" if failed else "success",
                error_type=error,
                customer_archetype=["light", "power", "heavy"][customer % 3],
            )
        )
    return rows
