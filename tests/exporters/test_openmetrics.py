"""OpenMetrics: read by the parser of prometheus-client, bounded, and never going back."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.cli import main
from finops.exporters.base import Request
from finops.exporters.openmetrics import EXPORTER, MOST_NAMES, OTHER, Sums, bounded, continued
from finops.rollups.spec import Table
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import varied_rows, write_csv

parser = pytest.importorskip("prometheus_client.openmetrics.parser")
pytestmark = pytest.mark.once

Series = Dict[Tuple[str, str], Decimal]
BY_MODEL = Table(("provider", "model"))
NOW = 1_800_000_000.0


def text_of(rows: List[Dict[str, str]]) -> str:
    return EXPORTER.export(ReferenceDataset(rows), Request()).text


def samples(text: str) -> Dict[str, Series]:
    """Return the samples by name and labels as the parser of Prometheus' own client reads them.

    Values are taken from the text: the parser makes floats of them.
    """
    read: Dict[str, Series] = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            labels = (sample.labels.get("provider", ""), sample.labels.get("model", ""))
            read.setdefault(sample.name, {})[labels] = Decimal(repr(sample.value))
    return read


def credit(cost: str, **more: Any) -> Dict[str, str]:
    return call(call_id="credit", input_tokens="0", output_tokens="0", cost_usd=cost, **more)


def test_the_metrics_are_named_and_typed_by_the_conventions() -> None:
    families = {f.name: f for f in parser.text_string_to_metric_families(text_of(varied_rows(30)))}
    kinds = {name: (family.type, family.unit) for name, family in families.items()}
    assert kinds == {
        "finops_cost_usd": ("counter", "usd"),
        "finops_credits_usd": ("counter", "usd"),
        "finops_net_cost_usd": ("gauge", "usd"),
        "finops_calls": ("counter", ""),
        "finops_errors": ("counter", ""),
        "finops_unpriced_calls": ("counter", ""),
        "finops_input_tokens": ("counter", "tokens"),
        "finops_output_tokens": ("counter", "tokens"),
        "finops_cached_input_tokens": ("counter", "tokens"),
        "finops_cache_write_tokens": ("counter", "tokens"),
        "finops_reasoning_tokens": ("counter", "tokens"),
        "finops_folded_names": ("gauge", ""),
    }
    assert all(family.documentation for family in families.values())
    labels = {frozenset(s.labels) for f in families.values() for s in f.samples}
    assert labels == {frozenset({"provider", "model"}), frozenset()}


def test_the_sums_are_those_of_the_rows() -> None:
    rows = varied_rows(300)
    read = samples(text_of(rows))
    expected: Dict[str, Series] = {"cost": {}, "calls": {}, "errors": {}, "input": {}}
    for row in rows:
        key = (row["provider"], row["model"])
        values = {
            "cost": Decimal(row["cost_usd"]),
            "calls": Decimal(1),
            "errors": Decimal(row["status"] == "error"),
            "input": Decimal(row["input_tokens"]),
        }
        for name, value in values.items():
            expected[name][key] = expected[name].get(key, Decimal(0)) + value
    assert read["finops_cost_usd_total"] == expected["cost"]
    assert read["finops_calls_total"] == expected["calls"]
    assert read["finops_errors_total"] == expected["errors"]
    assert read["finops_input_tokens_total"] == expected["input"]


def test_amounts_have_no_exponent_and_no_noise_and_the_text_ends() -> None:
    rows = [call(call_id=f"n{n}", cost_usd="0.0000003") for n in range(3)]
    text = text_of([*rows, call(call_id="a", cost_usd="0.1"), call(call_id="b", cost_usd="0.2")])
    assert 'finops_cost_usd_total{provider="openai",model="gpt-4o"} 0.3000009\n' in text
    assert text.endswith("\n# EOF\n")
    assert text.count("# EOF") == 1


def test_a_credit_is_a_counter_of_its_own_and_no_counter_falls() -> None:
    """2.00 + 3.00, then a credit of 1.00: read as a restart, 5 to 4 would add 4."""
    before = [
        call(call_id="a1", cost_usd="2.00"),
        call(timestamp="2025-01-02T10:00:00.000000", call_id="a2", cost_usd="3.00"),
    ]
    after = [*before, credit("-1.00", timestamp="2025-01-03T10:00:00.000000")]
    key = ("openai", "gpt-4o")
    for rows, credits, net in ((before, 0, 5), (after, 1, 4)):
        read = samples(text_of(rows))
        assert read["finops_cost_usd_total"][key] == 5
        assert read["finops_credits_usd_total"][key] == credits
        assert read["finops_net_cost_usd"][key] == net
        assert read["finops_calls_total"][key] == 2


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20))
def test_cost_without_credits_is_the_net_cost_to_the_last_digit(pico: List[int]) -> None:
    rows = [
        call(call_id=f"n{n}", cost_usd=format(Decimal(amount) / 10**12, "f"))
        for n, amount in enumerate(pico)
    ]
    lines = dict(line.split("} ") for line in text_of(rows).splitlines() if "} " in line)
    cost, credits, net = (
        Decimal(lines[f'{name}{{provider="openai",model="gpt-4o"'])
        for name in ("finops_cost_usd_total", "finops_credits_usd_total", "finops_net_cost_usd")
    )
    assert cost - credits == net == Decimal(sum(pico)) / 10**12


# --- labels --------------------------------------------------------------------------------------


def failed(model: str, number: int) -> Dict[str, str]:
    return call(
        call_id=f"bad{number}",
        model=model,
        cost_usd="0",
        input_tokens="0",
        output_tokens="0",
        status="error",
        error_type="other",
    )


def test_names_that_no_provider_has_fold_into_other_with_their_sums() -> None:
    good = [call(call_id=f"g{n}", cost_usd="0.0125") for n in range(2)]
    names = ["gpt-4o-mimi", "gpt4o", "GPT-4o-latestt", 'my "best" model', "a\\b", "line\nend"]
    export = EXPORTER.export(
        ReferenceDataset([*good, *(failed(name, n) for n, name in enumerate(names))]), Request()
    )
    read = samples(export.text)
    assert read["finops_calls_total"] == {("openai", "gpt-4o"): 2, ("openai", OTHER): 6}
    assert read["finops_errors_total"] == {("openai", "gpt-4o"): 0, ("openai", OTHER): 6}
    assert read["finops_cost_usd_total"] == {
        ("openai", "gpt-4o"): Decimal("0.025"),
        ("openai", OTHER): 0,
    }
    assert "# HELP finops_folded_names 6 names folded into other\n" in export.text
    assert read["finops_folded_names"] == {("", ""): 6}
    assert export.remarks == ("6 names folded into other",)


def test_ever_more_bad_names_give_the_same_text_but_for_the_count() -> None:
    def of(count: int) -> List[str]:
        series = {("openai", "gpt-4o"): Sums(calls=2, cost=1)}
        series.update({("openai", f"bad {n}"): Sums(calls=1, errors=1) for n in range(count)})
        shown, folded = bounded(series)
        assert folded == count
        assert sum(sums.calls for sums in shown.values()) == 2 + count
        return list(map(str, shown))

    assert of(6) == of(100_000)


@pytest.mark.parametrize(
    "name", ['my "best" model', "a\\b", "line\nend", "\\n", 'q"', "ünï{},=", "a\u2028b"]
)
def test_a_strange_name_that_had_a_success_is_escaped(name: str) -> None:
    rows = [call(model=name, provider="openai", cost_usd="1")]
    dataset = ReferenceDataset(rows)
    ((key, _),) = dataset.rollups([BY_MODEL])[BY_MODEL].items()
    read = samples(EXPORTER.export(dataset, Request()).text)
    assert read["finops_calls_total"] == {key: 1}


NAMES = st.sampled_from([f"n{number}" for number in range(8)])
SUMS = st.builds(Sums, cost=st.integers(0, 9), calls=st.integers(0, 5), errors=st.integers(0, 5))


@given(st.dictionaries(st.tuples(NAMES, NAMES), SUMS))
def test_folding_keeps_every_sum(series: Dict[Tuple[str, str], Sums]) -> None:
    shown, _ = bounded(series)
    for name in Sums._fields:
        assert sum(getattr(s, name) for s in shown.values()) == sum(
            getattr(s, name) for s in series.values()
        )
    assert all(sums.is_real for (_, model), sums in shown.items() if model != OTHER)


def test_the_most_expensive_hundred_models_of_a_provider_are_named() -> None:
    order = list(range(3 * MOST_NAMES))
    random.Random(5).shuffle(order)
    series = {("openai", f"m{n:03d}"): Sums(cost=n + 1, calls=1) for n in order}
    shown, folded = bounded(series)
    assert folded == 2 * MOST_NAMES
    assert len(shown) == MOST_NAMES + 1
    assert ("openai", "m299") in shown
    assert ("openai", "m199") not in shown
    assert shown["openai", OTHER].calls == 2 * MOST_NAMES


def test_providers_are_bounded_as_well() -> None:
    series = {(f"p{n:04d}", "m"): Sums(cost=n + 1, calls=1) for n in range(5 * MOST_NAMES)}
    series["made up", "m"] = Sums(calls=1, errors=1)
    shown, _ = bounded(series)
    assert len(shown) == MOST_NAMES + 1
    assert ("made up", OTHER) not in shown
    assert shown[OTHER, OTHER].calls == 4 * MOST_NAMES + 1


# --- times of creation ---------------------------------------------------------------------------

FIRST = call(call_id="a", cost_usd="2.00")
SECOND = call(timestamp="2025-01-02T10:00:00.000000", call_id="b", cost_usd="3.00")
# 2025-01-01T09:30:00Z
BEGINNING = Decimal(1_735_723_800)


def created(text: str, name: str = "finops_cost_usd") -> Mapping[Tuple[str, str], Decimal]:
    return samples(text)[f"{name}_created"]


def test_a_counter_is_created_with_the_first_call() -> None:
    assert created(text_of([FIRST, SECOND])) == {("openai", "gpt-4o"): BEGINNING}


def test_a_counter_that_grows_or_stays_keeps_its_time() -> None:
    earlier = continued("", text_of([FIRST]), NOW)
    later = continued(earlier, text_of([FIRST, SECOND]), NOW)
    assert later == text_of([FIRST, SECOND])
    assert continued(later, later, NOW + 5) == later


def test_a_counter_that_falls_is_a_new_one_and_stays_it() -> None:
    smaller = [dict(FIRST, cost_usd="1.00"), SECOND]
    text = continued(text_of([FIRST, SECOND]), text_of(smaller), NOW)
    assert created(text) == {("openai", "gpt-4o"): Decimal(int(NOW))}
    # What has not fallen goes on.
    assert created(text, "finops_calls") == {("openai", "gpt-4o"): BEGINNING}
    again = continued(text, text_of([*smaller, dict(SECOND, call_id="c")]), NOW + 60)
    assert created(again) == {("openai", "gpt-4o"): Decimal(int(NOW))}


def test_data_that_begins_at_another_time_is_counted_anew() -> None:
    text = continued(text_of([FIRST, SECOND]), text_of([SECOND, SECOND]), NOW)
    for name in ("finops_cost_usd", "finops_calls", "finops_input_tokens"):
        assert set(created(text, name).values()) == {Decimal(int(NOW))}


@pytest.mark.parametrize("name", ["gpt-4o", "a\u2028b\x85c", 'q"} 5', "line\nend"])
def test_a_counter_of_any_name_is_continued(name: str) -> None:
    first, second = (dict(row, model=name) for row in (FIRST, SECOND))
    fallen = continued(text_of([first, second]), text_of([dict(first, cost_usd="1"), second]), NOW)
    later = continued(fallen, fallen, NOW + 60)
    assert set(created(later).values()) == {Decimal(int(NOW))}


@pytest.mark.parametrize(
    "earlier", ["", "old", "# EOF\n", "finops_cost_usd_total{} x\n# EOF\n", "\x00", "{}" * 50]
)
def test_a_file_that_is_none_of_ours_is_replaced(earlier: str) -> None:
    text = text_of([FIRST])
    assert samples(continued(earlier, text, NOW)).keys() == samples(text).keys()


@given(st.text())
def test_any_earlier_text_is_survived(earlier: str) -> None:
    text = text_of([FIRST])
    for before in (earlier, earlier + "# EOF\n"):
        assert samples(continued(before, text, NOW)).keys() == samples(text).keys()


def test_the_command_continues_the_file_that_it_replaces(tmp_path: Path) -> None:
    data, out = tmp_path / "calls.csv", tmp_path / "finops.prom"
    words = ["export", "--quiet", "--format", "openmetrics", "--data", str(data), "--out", str(out)]
    write_csv(data, [FIRST, SECOND])
    assert main(words) == 0
    assert created(out.read_text()) == {("openai", "gpt-4o"): BEGINNING}
    write_csv(data, [dict(FIRST, cost_usd="0.5"), SECOND])
    assert main(words) == 0
    (time,) = created(out.read_text()).values()
    assert time > NOW - 10**8
    assert time != BEGINNING
