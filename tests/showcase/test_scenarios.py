"""The business scenarios: figures near the documented ones, computed, and shown on pages."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, List

import pytest

from tests.showcase.running import ROOT, SHOWCASE, interpreters, load, run_example

# One of them shows that every Python computes the same.
pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

FOLDER = SHOWCASE / "scenarios"
NAMES = ["unprofitable_customers", "model_comparison", "viral_spike", "pricing_change"]
losses, comparison, viral, pricing, pages = load(
    "scenarios", [f"scenario_{name}" for name in NAMES] + ["_page"]
)


def run_scenario(name: str, out: Path, *flags: str, **more: Any) -> Any:
    return run_example(FOLDER / f"scenario_{name}.py", "--out", str(out), *flags, **more)


def money(text: str) -> float:
    match = re.search(r"-?\$?-?[\d,]+\.?\d*", text)
    assert match is not None, text
    return float(match.group().replace("$", "").replace(",", ""))


# --- the documented figures, as printed ----------------------------------------------------------


def test_model_comparison_lands_on_its_figures(tmp_path: Path) -> None:
    ran = run_scenario("model_comparison", tmp_path)
    assert ran.status == 0, ran.err
    assert money(ran.figure("Saved")) == pytest.approx(2340, rel=0.02)
    assert money(ran.figure("Lower cost on simple tasks")) == pytest.approx(96, rel=0.02)


def test_viral_spike_lands_on_its_figures(tmp_path: Path) -> None:
    ran = run_scenario("viral_spike", tmp_path)
    assert ran.status == 0, ran.err
    assert money(ran.figure("Runaway cost prevented")) == pytest.approx(50_000, rel=0.02)
    hours = int(ran.figure("Hours to the alarm"))
    assert 1 <= hours <= 6
    assert f"Detected within {hours} hours" in ran.out


def test_pricing_change_lands_on_its_figures(tmp_path: Path) -> None:
    ran = run_scenario("pricing_change", tmp_path)
    assert ran.status == 0, ran.err
    assert money(ran.figure("Margin gained")) == pytest.approx(12_340, rel=0.02)
    assert money(ran.figure("Margin up by")) == pytest.approx(51, rel=0.02)
    assert "the highest margin is that of tiered" in ran.out


def test_unprofitable_customers_stop_most_of_the_loss(tmp_path: Path) -> None:
    ran = run_scenario("unprofitable_customers", tmp_path)
    assert ran.status == 0, ran.err
    lost, stopped = money(ran.figure("Lost on customers")), money(ran.figure("Loss stopped"))
    assert 0 < stopped <= lost
    assert stopped + money(ran.figure("Loss that remains")) == pytest.approx(lost, abs=0.02)


# --- computed, not typed in ----------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "label", "flags"),
    [
        ("model_comparison", "Saved", ["--cheap-output", "0.02"]),
        ("model_comparison", "Saved", ["--calls-per-day", "2000"]),
        ("viral_spike", "Runaway cost prevented", ["--growth", "5"]),
        ("viral_spike", "Hours to the alarm", ["--confirm-hours", "6"]),
        ("pricing_change", "Margin gained", ["--enterprise", "1200"]),
        ("pricing_change", "Margin up by", ["--cost-per-call", "0.03"]),
        ("unprofitable_customers", "Loss stopped", ["--usage", "1.5"]),
        ("unprofitable_customers", "Loss stopped", ["--frontier-cost", "0.02"]),
    ],
)
def test_another_input_gives_another_figure(
    tmp_path: Path, name: str, label: str, flags: List[str]
) -> None:
    default, changed = run_scenario(name, tmp_path), run_scenario(name, tmp_path, *flags)
    assert changed.status == 0, changed.err
    assert changed.figure(label) != default.figure(label)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_inputs_give_the_same_figures_on_every_python(tmp_path: Path, name: str) -> None:
    seen = {
        tuple(
            line
            for line in run_scenario(name, tmp_path, python=python).out.splitlines()
            if "Computed in" not in line
        )
        for python in interpreters()
    }
    assert len(seen) == 1


def test_model_savings_by_hand() -> None:
    inputs = comparison.Inputs(calls_per_day=500)
    got = comparison.compute(inputs)
    before = after = 0.0
    for call in comparison.workload(inputs):
        if call.task in ("chat", "classification", "extraction"):
            gpt4 = (call.input_tokens * 30 + call.output_tokens * 60) / 1e6
            instant = (call.input_tokens * 0.8 + call.output_tokens * 2.4) / 1e6
            before += gpt4
            after += instant + (gpt4 if call.luck >= inputs.cheap_accepted else 0)
    assert got.simple_before == pytest.approx(before)
    assert got.simple_after == pytest.approx(after)
    assert got.percent == pytest.approx(100 * (1 - after / before))


def test_a_worse_model_is_not_switched_to() -> None:
    got = comparison.compute(comparison.Inputs(cheap_accepted=0.90))
    assert not got.test.passed
    assert got.saved == 0
    assert got.test.bound < -0.05


def test_viral_prevention_by_hand() -> None:
    got = viral.compute(viral.Inputs())
    begin = viral.SPIKE_HOUR
    assert begin % 24 == 2, "overnight"
    prevented = sum(a - b for a, b in zip(got.without[begin:], got.with_it[begin:]))
    assert got.prevented == pytest.approx(prevented)
    assert len(got.without) - begin == 720
    assert got.without[: got.alarm_hour + 1] == got.with_it[: got.alarm_hour + 1]
    assert got.false_alarms == 0
    steady = sum(got.without[begin + 24 : begin + 48]) / sum(got.without[24:48])
    assert steady == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("seed", range(8))
def test_the_detector_is_quiet_without_a_spike_and_quick_with_one(seed: Any) -> None:
    inputs = viral.Inputs(seed=seed)
    assert 1 <= viral.compute(inputs).hours_to_alarm <= 6
    calm = viral.Inputs(seed=seed, growth=1)
    assert viral.compute(calm).alarm_hour is None
    assert viral.compute(calm).prevented == 0


def test_pricing_models_by_hand() -> Any:
    inputs = pricing.Inputs()
    bills = pricing.models(inputs)

    def customer(calls: Any, price: Any = 49.0) -> Any:
        return pricing.Customer("c", "light", price, [calls])

    for calls, tier in [(0, 49), (1000, 49), (1001, 199), (10_000, 199), (10_001, 999)]:
        assert bills["tiered"](customer(calls)) == tier
        assert bills["flat_rate"](customer(calls, 199.0)) == 199.0
        assert bills["usage_based"](customer(calls)) == pytest.approx(calls / 1000 * 100)
        assert bills["hybrid"](customer(calls)) == pytest.approx(99 + max(0, calls - 5000) * 0.05)


def test_pricing_outcome_by_hand() -> None:
    inputs = pricing.Inputs(light=3, medium=4, heavy=5)
    got = pricing.compute(inputs)
    cost = sum(customer.calls for customer in got.customers) * inputs.cost_per_call
    for name, bill in pricing.models(inputs).items():
        bills = [(bill(customer), customer.price) for customer in got.customers]
        billed = got.billed[name]
        assert billed.margin == pytest.approx(sum(amount for amount, _ in bills) - cost)
        assert billed.paying_more == sum(amount > price for amount, price in bills)
        assert billed.paying_less == sum(amount < price for amount, price in bills)
    assert got.best.margin == max(billed.margin for billed in got.billed.values())
    remaining = got.best.margin - got.bearable_churn / 100 * got.best.at_risk
    assert remaining == pytest.approx(got.today.margin) or got.bearable_churn == 100


@pytest.mark.parametrize("seed", range(5))
def test_actions_by_hand(seed: Any) -> None:
    inputs = losses.Inputs(seed=seed)
    got = losses.compute(inputs)
    everybody = losses.population(inputs)
    below = [c for c in everybody if c.cost(inputs) > c.tier.price]
    assert {case.customer.id for case in got.cases} == {customer.id for customer in below}
    assert got.loss == pytest.approx(sum(c.cost(inputs) - c.tier.price for c in below))
    for case in got.cases:
        customer = case.customer
        moved = int(customer.frontier_calls * 0.6)
        cost = (customer.frontier_calls - moved) * 0.033 + (
            customer.economy_calls + moved
        ) * 0.00112
        if cost <= customer.tier.price:
            assert case.action.name == "route simple calls"
            assert case.action.margin == pytest.approx(customer.tier.price - cost)
            assert case.action.loss == 0
        else:
            assert case.action.loss == pytest.approx(0.2 * (cost - customer.tier.price))
    assert got.loss_after <= got.loss


# --- wrong usage ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("viral_spike", ["--growth", "nan"]),
        ("viral_spike", ["--limit", "-1"]),
        ("pricing_change", ["--heavy", "many"]),
        ("model_comparison", ["--simple-share", "1.5"]),
        ("unprofitable_customers", ["--customers", "0"]),
    ],
)
def test_wrong_inputs_are_refused(tmp_path: Path, name: str, flags: List[str]) -> None:
    ran = run_scenario(name, tmp_path, *flags)
    assert ran.status == 2
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("viral_spike", ["--calls-per-hour", "0"]),
        ("viral_spike", ["--threshold", "1000", "--customers", "1"]),
        ("pricing_change", ["--light", "0", "--medium", "0", "--heavy", "0"]),
        ("pricing_change", ["--cost-per-call", "5"]),
        ("model_comparison", ["--simple-share", "0"]),
        ("model_comparison", ["--expensive-input", "0", "--expensive-output", "0"]),
        ("unprofitable_customers", ["--usage", "0"]),
        ("unprofitable_customers", ["--usage", "1000"]),
    ],
)
def test_extreme_inputs_still_give_a_page(tmp_path: Path, name: str, flags: List[str]) -> None:
    ran = run_scenario(name, tmp_path, *flags)
    assert ran.status == 0, ran.err
    page = (tmp_path / f"scenario_{name}.html").read_text(encoding="utf-8")
    assert not re.search(r"\b(nan|inf)\b", page.split("</style>")[1].split("<script")[0])


def test_an_unwritable_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run_scenario("viral_spike", tmp_path / "file" / "below")
    assert ran.status == 2
    assert len(ran.err.splitlines()) == 1


# --- pages ---------------------------------------------------------------------------------------


class Outline(HTMLParser):
    """Collect headings, tags and whether every element is closed."""

    VOID = frozenset({"meta", "link", "input", "line", "rect", "polyline", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.headings: List[Any] = []
        self.tags: List[Any] = []
        self.open: List[Any] = []

    def handle_starttag(self, tag: Any, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: Any) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: Any, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: Any) -> None:
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def outline(path: Path) -> Outline:
    parsed = Outline()
    parsed.feed(path.read_text(encoding="utf-8"))
    assert parsed.open == []
    return parsed


FOUR_CARDS = ["Problem", "Solution", "Results, before and after", "Implementation steps"]


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES)
def test_page_in_the_project_uses_the_report_parts(tmp_path: Path, name: str) -> None:
    ran = run_scenario(name, tmp_path)
    path = tmp_path / f"scenario_{name}.html"
    assert f"Page: {path}" in ran.out
    parsed = outline(path)
    assert [heading for heading in parsed.headings if heading in FOUR_CARDS] == FOUR_CARDS
    text = path.read_text(encoding="utf-8")
    assert 'id="page-data"' in text
    assert "Content-Security-Policy" in text
    assert 'href="index.html"' in text
    for label in ("Problem", "Results"):
        assert label in text
    assert "The other reports are about another dataset" in text
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.once
@pytest.mark.parametrize("python", interpreters())
@pytest.mark.parametrize("name", NAMES)
def test_page_of_a_copied_folder_stands_alone(tmp_path: Path, name: str, python: Any) -> None:
    copy = tmp_path / "copied"
    copy.mkdir()
    for path in [*FOLDER.glob("*.py"), *FOLDER.glob("*.css")]:
        (copy / path.name).write_bytes(path.read_bytes())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ran = run_example(copy / f"scenario_{name}.py", cwd=elsewhere, python=python)
    assert ran.status == 0, ran.err
    written = sorted(path.name for path in elsewhere.iterdir())
    assert written == [f"scenario_{name}.html", f"scenario_{name}.json"]
    parsed = outline(elsewhere / f"scenario_{name}.html")
    assert [heading for heading in parsed.headings if heading in FOUR_CARDS] == FOUR_CARDS
    tags = {tag for tag, _ in parsed.tags}
    assert "svg" in tags
    assert not tags & {"script", "link", "img", "iframe"}
    figures = [line for line in ran.out.splitlines() if line.startswith("  ") and "$" in line]
    page = (elsewhere / f"scenario_{name}.html").read_text(encoding="utf-8")
    shown = re.findall(r"\$[\d,]+\.\d\d", "\n".join(figures[-6:]))
    assert shown
    assert all(figure in page for figure in shown[-2:])


def test_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FINOPS_REPORTS", raising=False)
    assert pages.default_directory() == ROOT / "reports" / "html"
    monkeypatch.setenv("FINOPS_REPORTS", str(tmp_path))
    assert pages.default_directory() == tmp_path


def test_figures_as_text() -> None:
    assert pages.shown("money", 1204.553) == "$1,204.55"
    assert pages.shown("money", -3.0) == "-$3.00"
    assert pages.shown("money", -0.001) == "$0.00"
    assert pages.shown("percent", 51.28) == "51.3 %"
    assert pages.shown("count", 1250) == "1,250"
    assert not math.isnan(money(pages.shown("number", 10)))
