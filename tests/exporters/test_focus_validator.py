"""FOCUS 1.2 files against the validator of the FinOps Foundation; 'make focus' installs it.

It has no rules of version 1.4, and it does not notice a wrong product, a missing SKU or noise of
binary fractions: those are checked in `test_focus.py`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Set

import pytest

from finops.exporters.base import Request
from finops.exporters.focus.columns import V1_2
from finops.exporters.focus.export import export
from finops.importers import format_ids
from finops.rollups.dataset import Dataset
from finops.rollups.protocol import CallDataset
from tests.support.imports import import_files, prices, write_all
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import varied_rows
from tests.support.tools import ROOT, need
from tests.support.vendor_logs import VENDORS, Use

pytestmark = [pytest.mark.soak, pytest.mark.once, pytest.mark.unmeasured]

PROGRAM = ".venv-focus/bin/focus-validator"
CRITERIA = (
    *("USAGE_MEASUREMENT", "UNIT_PRICING", "PUBLIC_PRICE_LIST", "SUB_ACCOUNT"),
    *("TAGGING", "REGION", "RESOURCE_TYPE_ASSIGNMENT", "ACCOUNT_NAMING"),
)
# Two rules of which no file keeps both: an invoice for each charge, and none where none is issued.
CONTRADICTION = {"InvoiceId-C-004-C", "InvoiceId-C-005-C"}
_MANY_RULES = 200  # that pass, so that a file that was not read does not


def failures(dataset: CallDataset, folder: Path) -> Set[str]:
    """Return the rules that an export breaks."""
    program = need(PROGRAM)
    file = folder / "focus.csv"
    file.write_text(export(dataset, Request(focus=V1_2)).text, encoding="utf-8")
    # It reads its list of currencies below the working directory.
    (home,) = ROOT.glob(".venv-focus/lib/python3*/site-packages")
    words = ["--data-file", str(file), "--validate-version", V1_2, "--block-download"]
    words += ["--focus-dataset", "CostAndUsage", "--applicability-criteria"]
    words += [",".join(f"{name}_SUPPORTED" for name in CRITERIA)]
    done = subprocess.run(
        [program, *words], cwd=str(home), capture_output=True, timeout=600, encoding="utf-8"
    )
    totals = re.search(r"Pass: ([0-9]+) \| Fail: ([0-9]+)", done.stdout)
    assert totals, done.stdout[-2000:] + done.stderr[-2000:]
    broken = set(re.findall(r"([A-Za-z]+-[A-Z]-[0-9]+-[A-Z]): FAIL", done.stdout))
    assert int(totals.group(1)) > _MANY_RULES
    assert len(broken) == int(totals.group(2))
    return broken


def test_usage_credits_corrections_searches_and_recorded_charges(tmp_path: Path) -> None:
    claude = {"provider": "anthropic", "model": "claude-a", "output_tokens": 0}
    rows = [
        *varied_rows(200),
        call(**claude, input_tokens=1000, cost_usd="0.032", list_cost_usd="0.032"),
        call(**claude, input_tokens=0, cost_usd="-7.25"),
        call(**claude, input_tokens=0, cost_usd="-1.5", task_type="correction"),
        call(**claude, cost_usd="1", service_tier="batch", organization_id="unknown"),
        call(model="nobody-knows-it", cost_usd="0.5", region="unknown", product_id="unknown"),
    ]
    assert failures(ReferenceDataset(rows, prices()), tmp_path) <= CONTRADICTION


@pytest.mark.parametrize("format_id", format_ids())
def test_every_format_of_logs(format_id: str, tmp_path: Path) -> None:
    vendor = VENDORS[format_id]
    hidden = {"cached", "written", "reasoning"} - set(vendor.knows)
    uses = [use._replace(**dict.fromkeys(hidden, 0)) for use in (Use(100, 2000, 30, 40, 5), Use(7))]
    out = tmp_path / "calls.csv"
    import_files(format_id, write_all(tmp_path / "logs", vendor.write(uses, "x")), out)
    assert failures(Dataset(out, 1, prices()), tmp_path) <= CONTRADICTION
