"""The demo's pages of scenarios: made where there are scenarios, and what failed is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from finops import config
from finops.commands.scenario_pages import make_scenario_pages

pytestmark = pytest.mark.unmeasured

PAGE = "import sys\nopen(sys.argv[2] + '/{name}.html', 'w').write('page')\n"


def test_every_scenario_runs_and_those_that_fail_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "EXAMPLE_TIME_LIMIT_S", 5)
    scenarios, reports = tmp_path / "showcase" / "scenarios", tmp_path / "reports"
    scenarios.mkdir(parents=True)
    reports.mkdir()
    (scenarios / "scenario_a.py").write_text(PAGE.format(name="a"))
    (scenarios / "scenario_b.py").write_text("raise SystemExit(2)\n")
    (scenarios / "scenario_c.py").write_text("import time\ntime.sleep(600)\n")
    (scenarios / "_page.py").write_text("raise SystemExit(1)\n")
    failed = make_scenario_pages(reports, tmp_path / "showcase")
    assert failed == ["scenario_b", "scenario_c"]
    assert [path.name for path in reports.iterdir()] == ["a.html"]


def test_an_installation_has_no_scenarios(tmp_path: Path) -> None:
    assert make_scenario_pages(tmp_path, tmp_path / "nothing") == []
