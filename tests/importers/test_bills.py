"""Bills: read as charges, compared with calls, their differences explained, and never added."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest

from finops import bill_comparison as kinds
from finops.bill_comparison import Comparison, compare
from finops.cli import main
from finops.errors import DataError
from finops.importers.base import CORRECTION, CREDIT, TAX, USAGE, Charge
from finops.importers.charges import read_bill
from tests.support.imports import json_lines, write_all
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import write_csv

DAY_US = 86_400 * 10**6
EPOCH = datetime(1970, 1, 1)


def day(text: str) -> int:
    return (datetime.strptime(text, "%Y-%m-%d") - EPOCH).days * DAY_US


def charge(
    date: str, amount: str, model: str = "gpt-4o", kind: str = USAGE, days: int = 1, **more: Any
) -> Charge:
    start = day(date)
    values = {"provider": "openai", "model": model, "kind": kind, **more}
    identity = f"{date} {amount} {sorted(values.items())}"
    return Charge(identity, start, start + days * DAY_US, amount=Decimal(amount), **values)


def spent(
    date: str, cost: str, model: str = "gpt-4o", hour: int = 12, **more: Any
) -> Dict[str, str]:
    time = f"{date}T{hour:02d}:00:00.000000"
    return call(
        timestamp=time, call_id=f"{time} {model} {more}", model=model, cost_usd=cost, **more
    )


def compared(charges: Sequence[Charge], rows: List[Dict[str, str]]) -> Comparison:
    return compare(charges, ReferenceDataset(rows))


def reasons(comparison: Comparison) -> Dict[str, Decimal]:
    return {reason.kind: reason.amount for reason in comparison.reasons()}


def lines(comparison: Comparison) -> List[Tuple[Any, ...]]:
    return [(line.period, line.model, line.billed, line.recorded) for line in comparison.lines]


# --- each kind of difference ---------------------------------------------------------------------


def test_a_bill_that_says_what_the_calls_say_has_no_difference() -> None:
    rows = [spent("2026-09-01", "1.25"), spent("2026-09-01", "0.5", hour=13)]
    comparison = compared([charge("2026-09-01", "1.75")], rows)
    assert lines(comparison) == [("2026-09-01", "gpt-4o", Decimal("1.75"), Decimal("1.75"))]
    assert reasons(comparison) == {}


def test_calls_without_a_price_explain_what_is_billed_beyond_the_others() -> None:
    rows = [spent("2026-09-01", "1"), spent("2026-09-01", "", model="my-model")]
    comparison = compared([charge("2026-09-01", "3", model="")], rows)
    assert reasons(comparison) == {kinds.UNPRICED: Decimal(2)}
    assert comparison.billed - comparison.recorded == 2


def test_credits_of_the_bill_and_of_the_calls_explain_what_only_one_has() -> None:
    rows = [spent("2026-09-01", "5")]
    of_bill = [charge("2026-09-01", "5"), charge("2026-09-01", "-2", kind=CREDIT)]
    assert reasons(compared(of_bill, rows)) == {kinds.CREDITS: Decimal(-2)}
    with_credit = [*rows, spent("2026-09-01", "-2", hour=14)]
    assert reasons(compared(of_bill, with_credit)) == {}
    assert reasons(compared(of_bill[:1], with_credit)) == {kinds.CREDITS: Decimal(2)}


def test_a_correction_of_an_earlier_bill_is_called_one() -> None:
    of_bill = [charge("2026-09-01", "5"), charge("2026-09-01", "-1", kind=CORRECTION)]
    comparison = compared(of_bill, [spent("2026-09-01", "5")])
    assert reasons(comparison) == {kinds.CORRECTIONS: Decimal(-1)}


def test_tax_is_apart_from_what_was_billed_and_explains_the_difference() -> None:
    of_bill = [charge("2026-09-01", "5"), charge("2026-09-01", "0.95", kind=TAX)]
    comparison = compared(of_bill, [spent("2026-09-01", "5")])
    assert (comparison.tax, comparison.billed) == (Decimal("0.95"), Decimal(5))
    assert reasons(comparison) == {kinds.TAXES: Decimal("0.95")}
    (line,) = comparison.lines
    assert (line.period, line.provider, line.model) == ("2026-09-01", "openai", "gpt-4o")
    assert line.difference == line.tax == Decimal("0.95")


def test_a_tax_of_a_month_leaves_the_days_as_they_are() -> None:
    days = [("2026-09-01", "5"), ("2026-09-02", "7")]
    of_bill = [charge(date, amount) for date, amount in days]
    tax = charge("2026-09-01", "2", kind=TAX, days=30, model="")
    comparison = compared([*of_bill, tax], [spent(date, cost) for date, cost in days])
    assert lines(comparison)[-2:] == [
        ("2026-09-01", "gpt-4o", 5, 5),
        ("2026-09-02", "gpt-4o", 7, 7),
    ]
    assert reasons(comparison) == {kinds.TAXES: Decimal(2)}
    assert comparison.difference == 2


def test_a_bill_of_tax_alone_is_one() -> None:
    comparison = compared([charge("2026-09-01", "2", kind=TAX)], [])
    assert reasons(comparison) == {kinds.TAXES: Decimal(2)}
    assert comparison.billed == 0


def test_days_of_another_time_zone_cancel_out() -> None:
    """The vendor's day begins at eight in the evening: its calls are of the next day."""
    hours = [("2026-09-01", 10, "4"), ("2026-09-01", 21, "1"), ("2026-09-02", 10, "4")]
    hours += [("2026-09-02", 22, "3"), ("2026-09-03", 10, "4")]
    rows = [spent(date, cost, hour=hour) for date, hour, cost in hours]
    of_bill = [
        charge("2026-09-01", "4"),
        charge("2026-09-02", "5"),
        charge("2026-09-03", "7"),
    ]
    comparison = compared(of_bill, rows)
    assert [line.difference for line in comparison.lines] == [-1, -2, 3]
    assert {reason.kind for line in comparison.lines for reason in line.reasons} == {
        kinds.OTHER_ZONE
    }


def test_days_of_a_zone_are_recognized_where_calls_go_on_before_and_after_the_bill() -> None:
    """The differences of the days do not cancel out: the first and the last have calls of days
    that are not billed.  The vendor's days are those of UTC-7.
    """
    costs = {day: (1 + day, 10 * day) for day in range(1, 9)}  # at 3:00 and at 12:00 UTC
    rows = [
        spent(f"2026-09-{day:02d}", str(cost), hour=hour)
        for day, both in costs.items()
        for hour, cost in zip((3, 12), both)
    ]
    of_bill = [
        charge(f"2026-09-{day:02d}", str(costs[day][1] + costs[day + 1][0])) for day in (3, 4, 5)
    ]
    comparison = compared(of_bill, rows)
    billed = [line for line in comparison.lines if line.billed]
    assert [line.difference for line in billed] == [1, 1, 1]
    assert {reason.kind for line in billed for reason in line.reasons} == {kinds.OTHER_ZONE}
    # Any zone from 4 to 12 hours behind has the same days; the nearest is named.
    assert comparison.zones == {"openai": -4}
    assert reasons(comparison)[kinds.OUTSIDE] < 0


def test_days_of_another_zone_beside_credits_and_tax_are_each_named() -> None:
    rows = [
        spent(f"2026-09-{day:02d}", str(cost), hour=hour)
        for day in range(1, 5)
        for hour, cost in ((2, day), (12, 10))
    ]
    of_bill = [charge(f"2026-09-{day:02d}", str(10 + day + 1)) for day in (2, 3)]
    of_bill += [charge("2026-09-02", "-4", kind=CREDIT), charge("2026-09-03", "2", kind=TAX)]
    comparison = compared(of_bill, rows)
    by_day = {line.period: {r.kind: r.amount for r in line.reasons} for line in comparison.lines}
    assert by_day["2026-09-02"] == {kinds.CREDITS: -4, kinds.OTHER_ZONE: 1}
    assert by_day["2026-09-03"] == {kinds.TAXES: 2, kinds.OTHER_ZONE: 1}
    for line in comparison.lines:
        assert sum(reason.amount for reason in line.reasons) == line.difference


def test_a_difference_that_no_zone_explains_is_not_called_one() -> None:
    rows = [spent(f"2026-09-{day:02d}", "4", hour=12) for day in (1, 2, 3)]
    of_bill = [charge(f"2026-09-{day:02d}", "5") for day in (1, 2, 3)]
    comparison = compared(of_bill, rows)
    assert comparison.zones == {}
    assert reasons(comparison) == {kinds.UNEXPLAINED: Decimal(3)}


def test_what_does_not_cancel_out_is_not_explained() -> None:
    rows = [spent("2026-09-01", "4"), spent("2026-09-02", "4")]
    of_bill = [charge("2026-09-01", "5"), charge("2026-09-02", "3.5")]
    assert reasons(compared(of_bill, rows)) == {kinds.UNEXPLAINED: Decimal("0.5")}


def test_what_only_one_side_has_is_named() -> None:
    rows = [spent("2026-09-01", "4"), spent("2026-09-01", "2", model="gpt-5-mini")]
    of_bill = [charge("2026-09-01", "4"), charge("2026-09-01", "7", model="gpt-5")]
    comparison = compared(of_bill, rows)
    assert reasons(comparison) == {kinds.NO_CALLS: Decimal(7), kinds.NOT_BILLED: Decimal(-2)}


def test_calls_outside_the_period_of_the_bill_are_called_so() -> None:
    rows = [spent("2026-09-01", "4"), spent("2026-09-05", "2")]
    comparison = compared([charge("2026-09-01", "4")], rows)
    assert reasons(comparison) == {kinds.OUTSIDE: Decimal(-2)}


# --- how finely ----------------------------------------------------------------------------------


def test_a_bill_of_a_month_is_compared_as_one() -> None:
    rows = [spent("2026-09-03", "4"), spent("2026-09-20", "2")]
    comparison = compared([charge("2026-09-01", "6", days=30)], rows)
    assert lines(comparison) == [("2026-09-01 to 2026-09-30", "gpt-4o", 6, 6)]


def test_models_are_compared_together_where_the_bill_does_not_name_each() -> None:
    rows = [spent("2026-09-01", "4"), spent("2026-09-01", "2", model="gpt-5")]
    of_bill = [charge("2026-09-01", "4"), charge("2026-09-01", "2", model="")]
    assert lines(compared(of_bill, rows)) == [("2026-09-01", "all models", 6, 6)]


def test_a_model_is_known_by_its_spellings() -> None:
    rows = [spent("2026-09-01", "4", model="gpt-4o")]
    comparison = compared([charge("2026-09-01", "4", model="gpt-4o-2024-08-06")], rows)
    assert reasons(comparison) == {}


def test_providers_that_billed_nothing_are_left_out() -> None:
    rows = [spent("2026-09-01", "4"), spent("2026-09-01", "9", provider="anthropic")]
    comparison = compared([charge("2026-09-01", "4")], rows)
    assert [line.provider for line in comparison.lines] == ["openai"]


# --- the vendors' reports ------------------------------------------------------------------------


def openai_costs(*amounts: Tuple[float, Any]) -> str:
    results = [
        {
            "object": "organization.costs.result",
            "amount": {"value": value, "currency": "usd"},
            "line_item": line,
        }
        for value, line in amounts
    ]
    bucket = {"object": "bucket", "start_time": 1788220800, "end_time": 1788307200}
    return json.dumps({"object": "page", "data": [{**bucket, "results": results}]})


def anthropic_costs(*amounts: Tuple[str, str]) -> str:
    results = [{"currency": "USD", "amount": cents, "model": m} for cents, m in amounts]
    times = {"starting_at": "2026-09-01T00:00:00Z", "ending_at": "2026-09-02T00:00:00Z"}
    return json.dumps({"data": [{**times, "results": results}], "has_more": False})


FOCUS = """BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,\
ChargeCategory,ChargeClass,ProviderName,ServiceCategory
10,12,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,Usage,,AWS,AI and Machine Learning
-2,-2,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,Credit,,AWS,AI and Machine Learning
-1,-1,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,Usage,Correction,AWS,AI and Machine Learning
1.9,1.9,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,Tax,,AWS,AI and Machine Learning
99,99,USD,2026-09-01T00:00:00Z,2026-09-02T00:00:00Z,Usage,,AWS,Compute
"""


def bill_of(tmp_path: Path, text: str, name: str = "bill.json", **options: Any) -> List[Charge]:
    (path,) = write_all(tmp_path, {name: text})
    return list(read_bill([str(path)], **options).charges)


def test_openai_names_the_model_in_a_line_item(tmp_path: Path) -> None:
    charges = bill_of(tmp_path, openai_costs((0.25, "gpt-4o, input"), (0.5, None)))
    assert [(c.model, c.amount) for c in charges] == [
        ("gpt-4o", Decimal("0.25")),
        ("", Decimal("0.5")),
    ]
    assert {(c.provider, c.start, c.end) for c in charges} == {
        ("openai", day("2026-09-01"), day("2026-09-02"))
    }


def test_anthropic_writes_cents_in_the_api_and_dollars_in_the_console(tmp_path: Path) -> None:
    (of_api,) = bill_of(tmp_path, anthropic_costs(("7.65", "claude-haiku-4-5")))
    assert (of_api.amount, of_api.model) == (Decimal("0.0765"), "claude-haiku-4-5")
    console = "usage_date_utc,model,workspace,cost_usd\n2026-09-01,Claude Haiku 4.5,w,7.65\n"
    (of_console,) = bill_of(tmp_path, console, "costs.csv")
    assert of_console.amount == Decimal("7.65")
    assert of_console.end - of_console.start == DAY_US


def test_focus_has_all_kinds_of_charges(tmp_path: Path) -> None:
    charges = bill_of(tmp_path, FOCUS, "bill.csv")
    assert [(c.kind, c.amount) for c in charges] == [
        (USAGE, 10),
        (CREDIT, -2),
        (CORRECTION, -1),
        (TAX, Decimal("1.9")),
    ]
    assert {c.provider for c in charges} == {"aws-bedrock"}
    effective = bill_of(tmp_path, FOCUS, "bill.csv", effective=True)
    assert effective[0].amount == 12


def test_a_charge_in_two_exports_counts_once(tmp_path: Path) -> None:
    page = openai_costs((0.25, "gpt-4o, input"))
    paths = write_all(tmp_path, {"a.json": page, "b.json": page, "c.csv": FOCUS, "d.csv": FOCUS})
    charges = read_bill([str(path) for path in paths]).charges
    assert len(charges) == 5
    assert read_bill([str(tmp_path)]).charges == charges


def test_other_currencies_need_a_rate(tmp_path: Path) -> None:
    text = FOCUS.replace(",USD,", ",EUR,")
    with pytest.raises(DataError, match="--rate EUR=RATE"):
        bill_of(tmp_path, text, "bill.csv")
    charges = bill_of(tmp_path, text, "bill.csv", rates={"EUR": Decimal("1.1")})
    assert charges[0].amount == Decimal(11)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("calls.jsonl", json_lines([{"startTime": "2026-09-01", "spend": 1}]), "has no charges"),
        ("x.csv", "a,b\n1,2\n", "known format"),
    ],
)
def test_what_is_no_bill_is_refused(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        bill_of(tmp_path, text, name)
    with pytest.raises(DataError, match="no such file"):
        read_bill([str(tmp_path / "nothing")])


def test_charges_that_cannot_be_read_are_noted(tmp_path: Path) -> None:
    (path,) = write_all(tmp_path, {"bill.csv": FOCUS.replace("-2,", "x,")})
    bill = read_bill([str(path)])
    assert len(bill.charges) == 3
    assert any("1 charges cannot be read" in note for note in bill.notes)


# --- the command ---------------------------------------------------------------------------------


def test_analyze_prints_the_comparison_and_adds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [spent("2026-09-01", "5", provider="aws-bedrock"), spent("2026-09-01", "1")]
    calls = write_csv(tmp_path / "calls.csv", rows)
    (bill,) = write_all(tmp_path, {"bill.csv": FOCUS})
    words = ["analyze", "--data", str(calls), "--only", "dataset_overview", "--quiet"]
    words += ["--reports", str(tmp_path / "reports"), "--no-cache", "--bill", str(bill)]
    words += ["--timezone", "+05:00"]
    assert main([*words, "--json", str(tmp_path / "results")]) == 0
    printed = capsys.readouterr().out
    assert "2026-09-01  aws-bedrock  all models" in printed
    assert "1.90 USD: tax" in printed
    result = json.loads((tmp_path / "results" / "bill.json").read_text(encoding="utf-8"))
    assert (result["billed_usd"], result["recorded_usd"], result["tax_usd"]) == (7, 5, 1.9)
    assert {each["reason"]: each["usd"] for each in result["reasons"]} == {
        kinds.UNEXPLAINED: 5,
        kinds.CREDITS: -2,
        kinds.CORRECTIONS: -1,
        kinds.TAXES: 1.9,
    }
    assert result["difference_usd"] == pytest.approx(3.9)
    overview = json.loads(
        (tmp_path / "results" / "dataset_overview.json").read_text(encoding="utf-8")
    )
    assert overview["summary"]["total_cost"] == 6


def test_standard_input_cannot_be_read_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bill,) = write_all(tmp_path, {"bill.csv": FOCUS})
    assert main(["analyze", "--data", "-", "--bill", str(bill)]) == 2
    assert "give a file to --data" in capsys.readouterr().err
