"""FOCUS files against charges worked out by hand, and against the rules of the format."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.business.price_table import PriceTable
from finops.business.prices import parse_prices
from finops.cli import main
from finops.context import RunContext
from finops.errors import UsageError
from finops.exporters.base import Export, Request
from finops.exporters.focus.charges import shared
from finops.exporters.focus.columns import COLUMNS, V1_2, V1_4, VERSIONS, columns_in
from finops.exporters.focus.export import column_names, export
from finops.exporters.focus.parties import parties_of
from finops.importers import format_ids
from finops.reader.options import ReadingOptions
from finops.rollups.dataset import Dataset
from tests.support.focus import Row, billed, check, rows_in
from tests.support.imports import PRICE_MAP, cost_of, import_files, prices, write_all
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import ROOT, need
from tests.support.vendor_logs import VENDORS, Use

ZERO = {"input_tokens": 0, "output_tokens": 0}


def exported(rows: Sequence[Mapping[str, str]], version: str = "", **request: Any) -> Export:
    return export(ReferenceDataset(rows, prices()), Request(focus=version, **request))


def charges(*rows: Mapping[str, str], version: str = V1_4) -> List[Row]:
    """Return the checked rows that calls become."""
    return check(exported(rows, version).text, version)


def claude(**changes: Any) -> Dict[str, str]:
    """Return a call of the model of which most is known."""
    given = {"provider": "anthropic", "model": "claude-a", "cost_usd": "", **changes}
    return call(**given)


def by_sku(rows: Sequence[Row]) -> Dict[str, Tuple[str, str, str, str]]:
    """Return quantity, price, list cost and billed cost by price id."""
    names = ("PricingQuantity", "ListUnitPrice", "ListCost", "BilledCost")
    return {row["SkuPriceId"]: tuple(row[name] for name in names) for row in rows}  # type: ignore[misc]


# --- what a call costs, by hand --------------------------------------------------------------


def test_each_class_of_tokens_is_a_charge() -> None:
    cost = Decimal("0.0002") + Decimal("0.00006") + Decimal("0.00015") + Decimal("0.0004")
    cost += Decimal("0.001")
    row = claude(
        input_tokens=550,
        cached_input_tokens=300,
        cache_write_tokens=150,
        cache_write_1h_tokens=100,
        output_tokens=100,
        reasoning_tokens=40,
        cost_usd=cost,
    )
    sku = "anthropic/claude-a"
    assert by_sku(charges(row)) == {
        f"{sku}/input/standard": ("0.0001", "2.0", "0.0002", "0.0002"),
        f"{sku}/cached-input/standard": ("0.0003", "0.2", "0.00006", "0.00006"),
        f"{sku}/cache-write-5m/standard": ("0.00005", "3.0", "0.00015", "0.00015"),
        f"{sku}/cache-write-1h/standard": ("0.0001", "4.0", "0.0004", "0.0004"),
        f"{sku}/output/standard": ("0.0001", "10.0", "0.001", "0.001"),
    }


def test_reasoning_with_a_price_of_its_own_is_a_charge_of_its_own() -> None:
    map_ = {"m": dict(PRICE_MAP["claude-b"], output_cost_per_reasoning_token=2e-05)}
    table = parse_prices(json.dumps(map_).encode(), "map.json", "2026-01-01")
    row = claude(model="m", input_tokens=0, output_tokens=100, reasoning_tokens=40, cost_usd="1")
    text = export(ReferenceDataset([row], table), Request()).text
    assert [(r["SkuMeter"], r["ConsumedQuantity"], r["ListUnitPrice"]) for r in rows_in(text)] == [
        ("Output Tokens", "60.0", "50.0"),
        ("Reasoning Output Tokens", "40.0", "20.0"),
    ]


def test_what_no_column_says_parts_no_charge() -> None:
    limits = {"m": dict(PRICE_MAP["claude-b"]), "n": dict(PRICE_MAP["claude-a"])}
    table = parse_prices(json.dumps(limits).encode(), "map.json", "2026-01-01")
    plain = {"provider": "anthropic", "model": "m", "output_tokens": 0, "cost_usd": "0.1"}
    rows = [
        call(**plain, input_tokens=1000),
        call(**plain, input_tokens=1000, service_tier="standard"),
        call(**plain, input_tokens=1000, source="litellm"),
        call(**plain, input_tokens=300_000),  # a long context for another model
        call(**plain, input_tokens=1000, source="openrouter"),
    ]
    text = export(ReferenceDataset(rows, table), Request()).text
    assert {
        row["ServiceProviderName"]: (row["ConsumedQuantity"], row["BilledCost"])
        for row in check(text, V1_4)
    } == {"OpenRouter": ("1000.0", "0.1"), "Anthropic": ("303000.0", "0.4")}


def test_calls_of_a_day_are_one_charge_and_other_days_are_others() -> None:
    rows = [claude(input_tokens=1000, output_tokens=0, cost_usd="0.002") for _ in range(3)]
    rows.append({**rows[0], "timestamp": "2025-01-31T23:59:59.999999"})
    first, second = charges(*rows)
    assert (first["ConsumedQuantity"], first["BilledCost"]) == ("3000.0", "0.006")
    assert first["ChargePeriodStart"] == "2025-01-01T00:00:00Z"
    assert first["ChargePeriodEnd"] == "2025-01-02T00:00:00Z"
    assert second["ChargePeriodEnd"] == "2025-02-01T00:00:00Z" == second["BillingPeriodEnd"]
    assert second["BillingPeriodStart"] == "2025-01-01T00:00:00Z"


def test_a_recorded_cost_other_than_list_is_shared_by_list_cost() -> None:
    # By list 0.0002 and 0.001: a sixth and five sixths.
    rows = charges(claude(input_tokens=100, output_tokens=100, cost_usd="0.000000000007"))
    assert [row["BilledCost"] for row in rows] == ["0.000000000001", "0.000000000006"]
    assert [row["ListCost"] for row in rows] == ["0.0002", "0.001"]


def test_long_contexts_have_their_price() -> None:
    rows = [
        claude(input_tokens=200_000, output_tokens=0, cost_usd="0.4"),
        claude(input_tokens=200_001, output_tokens=0, cost_usd="0.800004"),
    ]
    assert by_sku(charges(*rows)) == {
        "anthropic/claude-a/input/standard": ("0.2", "2.0", "0.4", "0.4"),
        "anthropic/claude-a/input/standard/context-200k": (
            *("0.200001", "4.0", "0.800004", "0.800004"),
        ),
    }


def test_an_aggregate_has_no_long_context_unless_its_list_cost_says_so() -> None:
    whole = {"input_tokens": 1_000_000, "output_tokens": 0, "calls": 9, "bucket_s": 86400}
    (plain,) = charges(claude(**whole, cost_usd="2"))
    assert plain["ListUnitPrice"] == "2.0"
    (listed,) = charges(claude(**whole, cost_usd="4", list_cost_usd="4"))
    assert listed["SkuPriceId"].endswith("/standard/context-200k")
    assert listed["ListUnitPrice"] == "4.0"


def test_tiers_of_service_have_their_prices() -> None:
    gpt = {"provider": "openai", "model": "gpt-a", "input_tokens": 1000, "output_tokens": 0}
    rows = charges(
        call(**gpt, cost_usd="0.0005", service_tier="batch"),
        call(**gpt, cost_usd="0.001"),
        call(**gpt, cost_usd="0", service_tier="response-cache"),
    )
    assert {row["SkuPriceId"]: row["ListUnitPrice"] for row in rows} == {
        "openai/gpt-a/input/batch": "0.5",
        "openai/gpt-a/input/standard": "1.0",
        "openai/gpt-a/input/response-cache": "0.0",
    }


def test_web_searches_are_what_the_list_cost_has_beside_tokens() -> None:
    rows = charges(
        claude(input_tokens=1000, output_tokens=0, cost_usd="0.032", list_cost_usd="0.032")
    )
    assert by_sku(rows) == {
        "anthropic/claude-a/input/standard": ("0.001", "2.0", "0.002", "0.002"),
        "anthropic/claude-a/web-search/standard": ("3.0", "0.01", "0.03", "0.03"),
    }
    assert {row["PricingUnit"] for row in rows} == {"1000000 Tokens", "Searches"}


def test_a_list_cost_that_no_price_explains_changes_no_price() -> None:
    (row,) = charges(
        claude(input_tokens=1000, output_tokens=0, cost_usd="0.003", list_cost_usd="0.0031")
    )
    assert (row["ListUnitPrice"], row["ListCost"], row["BilledCost"]) == ("2.0", "0.002", "0.003")


def test_the_region_of_the_model_counts_where_the_list_cost_says_so() -> None:
    us = {"input_tokens": 1000, "output_tokens": 0, "region": "us"}
    (listed,) = charges(claude(**us, cost_usd="0.0022", list_cost_usd="0.0022"))
    assert listed["SkuPriceId"] == "anthropic/claude-a/input/standard/us"
    assert listed["ListUnitPrice"] == "2.2"
    (other,) = charges(claude(**us, cost_usd="0.002"))
    assert (other["ListUnitPrice"], other["RegionId"]) == ("2.0", "us")


def test_prices_of_other_days_are_other_prices() -> None:
    entry = {"provider": "openai", "model": "m", "input_per_1k": 0.001, "output_per_1k": 0.002}
    dated = [{**entry}, {**entry, "input_per_1k": 0.004, "from": "2025-01-02"}]
    table = parse_prices(json.dumps({"models": dated}).encode(), "ours.json", "2026-01-01")
    rows = [
        call(model="m", timestamp=f"2025-01-0{day}T10:00:00.000000", output_tokens=0, cost_usd="1")
        for day in (1, 2)
    ]
    text = export(ReferenceDataset(rows, table), Request()).text
    assert [row["ListUnitPrice"] for row in check(text, V1_4)] == ["1.0", "4.0"]


def test_a_failed_call_that_cost_nothing_is_billed_nothing() -> None:
    (row,) = charges(
        claude(
            input_tokens=500, output_tokens=0, cost_usd="0", status="error", error_type="timeout"
        )
    )
    assert (row["ListCost"], row["BilledCost"]) == ("0.001", "0.0")


def test_a_credit_is_negative_and_has_no_quantity() -> None:
    rows = charges(claude(**ZERO, cost_usd="-20.5"), claude(cost_usd="1"), version=V1_2)
    *usage, credit = rows
    assert {row["ChargeCategory"] for row in usage} == {"Usage"}
    assert (credit["BilledCost"], credit["ListCost"]) == ("-20.5", "-20.5")
    assert credit["ChargeFrequency"] == "One-Time"
    assert credit["ChargeClass"] == ""
    assert billed(rows) == Decimal("-19.5")


def test_a_correction_is_of_its_own_day_and_billed_now(tmp_path: Path) -> None:
    bill = tmp_path / "bill.csv"
    names = "BilledCost,BillingCurrency,ChargePeriodStart,ChargePeriodEnd,ChargeCategory"
    names += ",ChargeClass,ProviderName,ServiceCategory"
    day = "USD,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage"
    ai = "AWS,AI and Machine Learning"
    rows = [f"-1.5,{day},Correction,{ai}", f"0.25,{day},Correction,{ai}", f"8,{day},,{ai}"]
    bill.write_text("\n".join([names, *rows, ""]), encoding="utf-8")
    out = tmp_path / "calls.csv"
    import_files("focus", [bill], out)
    now = RunContext(1_796_000_000.0)  # 30 November 2026
    text = export(Dataset(out, 1, prices(), context=now), Request(focus=V1_2)).text
    usage, correction = check(text, V1_2)
    assert (usage["BilledCost"], usage["ChargeClass"]) == ("8.0", "")
    assert (correction["BilledCost"], correction["ChargeClass"]) == ("-1.25", "Correction")
    assert correction["ChargePeriodStart"] == "2026-09-02T00:00:00Z"
    assert usage["BillingPeriodStart"] == "2026-09-01T00:00:00Z"
    assert correction["BillingPeriodStart"] == "2026-11-01T00:00:00Z"


def test_unpriced_calls_have_no_row_and_are_counted() -> None:
    export_ = exported([claude(model="nobody-knows-it"), claude(cost_usd="1")])
    assert billed(check(export_.text, V1_4)) == 1
    assert "1 call without a cost and a price left out" in export_.remarks


def test_a_cost_without_a_list_price_is_so_many_dollars() -> None:
    (row,) = charges(claude(model="nobody-knows-it", cost_usd="0.0123"))
    assert by_sku([row]) == {
        "anthropic/nobody-knows-it/charge/standard": ("0.0123", "1.0", "0.0123", "0.0123")
    }
    assert row["PricingUnit"] == "USD"


def test_a_cost_without_tokens_is_so_many_dollars() -> None:
    (row,) = charges(claude(**ZERO, cost_usd="3"))
    assert (row["SkuMeter"], row["BilledCost"]) == ("Recorded Charges", "3.0")


def test_free_calls_of_unknown_models_are_counted() -> None:
    export_ = exported([claude(model="nobody-knows-it", cost_usd="0")])
    assert rows_in(export_.text) == []
    assert any("1 row at no cost" in remark for remark in export_.remarks)


def test_who_is_who() -> None:
    row = claude(organization_id="+49 Team", product_id="unknown", environment="unknown")
    (first, _) = charges(row, version=V1_2)
    assert first["SubAccountId"] == "+49 Team"  # machines read it: no guard
    assert (first["BillingAccountId"], first["BillingAccountName"]) == ("anthropic", "Anthropic")
    assert (first["ProviderName"], first["PublisherName"]) == ("Anthropic", "Anthropic")
    assert (first["ServiceName"], first["Tags"]) == ("Anthropic API", "")
    (second, _) = charges(claude(organization_id="unknown"))
    assert (second["SubAccountId"], second["SubAccountName"]) == ("", "")
    assert json.loads(second["Tags"]) == {"environment": "production", "product": "product_a"}
    assert (second["ServiceProviderName"], second["HostProviderName"]) == ("Anthropic",) * 2


def test_the_billing_account_can_be_named() -> None:
    text = exported([claude(cost_usd="1")], billing_account="acme-42").text
    assert {row["BillingAccountId"] for row in rows_in(text)} == {"acme-42"}


@pytest.mark.parametrize(
    ("provider", "model", "source", "expected"),
    [
        (
            "aws-bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "",
            "AWS AWS Anthropic AWS",
        ),
        ("azure", "azure-gpt-4o", "", "Microsoft Microsoft_Azure OpenAI Microsoft"),
        ("openrouter", "meta-llama/llama-3", "openrouter", "OpenRouter openrouter Meta OpenRouter"),
        ("anthropic", "claude-opus-4-8", "openrouter", "OpenRouter Anthropic Anthropic OpenRouter"),
        ("groq", "openai/gpt-oss-120b", "", "groq groq OpenAI groq"),
        ("acme", "their-own", "", "acme acme acme acme"),
    ],
)
def test_sellers_hosts_and_makers(provider: str, model: str, source: str, expected: str) -> None:
    names = [name.replace("_", " ") for name in expected.split()]
    assert list(parties_of(provider, model, source)[:4]) == names


def test_contracted_cost_is_list_cost_in_1_4_and_billed_cost_in_1_2() -> None:
    row = claude(input_tokens=1000, output_tokens=0, cost_usd="0.001")
    for version, contracted in ((V1_4, "0.002"), (V1_2, "0.001")):
        (charge,) = charges(row, version=version)
        assert charge["ContractedCost"] == contracted


# --- versions and columns --------------------------------------------------------------------


def test_the_versions_have_their_columns() -> None:
    assert len(columns_in(V1_4)) == 65
    assert {"ProviderName", "PublisherName"} <= set(column_names(V1_2))
    assert {"ServiceProviderName", "HostProviderName"} <= set(column_names(V1_4))
    assert not {"ProviderName", "PublisherName"} & set(column_names(V1_4))
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_file_has_its_header(version: str) -> None:
    header = exported([], version).text
    assert header == ",".join(column_names(version)) + "\n"


def test_a_long_file_is_made_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = varied_rows(40)
    whole = exported(calls).text
    monkeypatch.setattr("finops.exporters.focus.export._ROWS_AT_A_TIME", 3)
    pieces = list(exported(calls).chunks)
    assert len(pieces) > 10
    assert "".join(pieces) == whole


def test_other_versions_are_refused() -> None:
    with pytest.raises(UsageError, match="choose from"):
        exported([], "1.0")


# --- sums --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_plain_data_adds_up_to_the_last_digit(version: str) -> None:
    calls = varied_rows(300)
    rows = check(export(ReferenceDataset(calls), Request(focus=version)).text, version)
    assert billed(rows) == sum(Decimal(row["cost_usd"]) for row in calls)
    priced = (row for row in rows if row["SkuMeter"] != "Recorded Charges")
    tokens = sum(Decimal(row["ConsumedQuantity"]) for row in priced)
    assert tokens == sum(int(row["input_tokens"]) + int(row["output_tokens"]) for row in calls)


MONEY = st.integers(-(10**13), 10**15).map(lambda pico: format(Decimal(pico) / 10**12, "f"))
CALLS = st.builds(
    claude,
    model=st.sampled_from(["claude-a", "claude-b", "gpt-a", "nobody-knows-it"]),
    provider=st.sampled_from(["anthropic", "openai"]),
    timestamp=st.sampled_from(["2025-01-31T23:00:00.000000", "2025-02-01T01:00:00.000000"]),
    input_tokens=st.integers(0, 10**6),
    output_tokens=st.integers(0, 10**6),
    cost_usd=MONEY | st.just("0"),
    list_cost_usd=st.just("") | MONEY.filter(lambda text: not text.startswith("-")),
    service_tier=st.sampled_from(["", "batch", "fast", "free"]),
    region=st.sampled_from(["us", "eu-west"]),
    calls=st.sampled_from(["", "1", "7", "0"]),
)


@given(st.lists(CALLS, max_size=8), st.sampled_from(VERSIONS))
def test_whatever_calls_cost_the_charges_add_up(calls: List[Dict[str, str]], version: str) -> None:
    rows = charges(*calls, version=version)
    assert billed(rows) == sum(Decimal(row["cost_usd"]) for row in calls)


@given(st.integers(0, 10**18), st.lists(st.fractions(min_value=0), min_size=1, max_size=8))
def test_shares_are_whole_and_lose_nothing(amount: int, weights: Any) -> None:
    parts = shared(amount, weights)
    assert sum(parts) == amount
    total = sum(weights)
    for part, weight in zip(parts, weights):
        exact = amount * weight / total if total else 0
        assert part >= 0
        assert part - exact < len(weights) or not total


@pytest.mark.parametrize("format_id", format_ids())
def test_every_format_of_logs_comes_out(format_id: str, tmp_path: Path) -> None:
    vendor = VENDORS[format_id]
    uses = [Use(100, 2000, 30, 40, 5), Use(7, 0, 0, 3, 0), Use(500, 0, 20, 9, 9)]
    hidden = {"cached", "written", "reasoning"} - set(vendor.knows)
    uses = [use._replace(**dict.fromkeys(hidden, 0)) for use in uses]
    out = tmp_path / "calls.csv"
    import_files(format_id, write_all(tmp_path / "logs", vendor.write(uses, "x")), out)
    for version in VERSIONS:
        text = export(Dataset(out, 1, prices()), Request(focus=version)).text
        assert billed(check(text, version)) == cost_of(out) > 0


def test_the_file_is_read_back_as_a_bill_of_the_same_amount(tmp_path: Path) -> None:
    calls = varied_rows(60)
    path = tmp_path / "bill.csv"
    path.write_text(export(ReferenceDataset(calls), Request(focus=V1_2)).text, encoding="utf-8")
    out = tmp_path / "calls.csv"
    result = import_files("focus", [path], out)
    assert result.tally.rejections == 0
    assert cost_of(out) == sum(Decimal(row["cost_usd"]) for row in calls)


@pytest.mark.unmeasured
@pytest.mark.once
def test_the_line_in_the_documents_makes_parquet_with_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb = need("duckdb")
    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    (statement,) = re.findall('^duckdb -c "([^"]*)"$', text, re.M)
    calls = [dict(row, organization_id="111122223333") for row in varied_rows(50)]
    file = export(ReferenceDataset(calls), Request()).text
    monkeypatch.chdir(tmp_path)
    Path("focus.csv").write_text(file, encoding="utf-8")
    duckdb.sql(statement)
    query = "select sum(BilledCost), any_value(SubAccountId) from 'focus.parquet'"
    assert duckdb.sql(query).fetchall() == [(billed(rows_in(file)), "111122223333")]


# --- how it is read ------------------------------------------------------------------------------


def test_days_are_those_of_utc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_csv(
        tmp_path / "calls.csv",
        [
            call(timestamp="2025-04-30T23:30:00.000000", cost_usd="1", call_id="a"),
            call(timestamp="2025-05-01T03:30:00.000000", cost_usd="2", call_id="b"),
        ],
    )
    words = ["export", "--format", "focus", "--quiet", "--data", str(data)]
    assert main([*words, "--timezone", "-04:00", "--since", "2025-04-30"]) == 0
    rows = check(capsys.readouterr().out, V1_4)
    assert sorted({row["ChargePeriodStart"][:10] for row in rows}) == ["2025-04-30", "2025-05-01"]
    assert billed(rows) == 3


def test_the_billing_account_is_configured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_csv(tmp_path / "calls.csv", [call()])
    (tmp_path / "finops.json").write_text('{"billing_account": "acme-ai"}', encoding="utf-8")
    words = ["export", "--format", "focus", "--quiet", "--data", str(data)]
    for more, expected in (([], "acme-ai"), (["--billing-account", "other"], "other")):
        assert main([*words, *more]) == 0
        rows = rows_in(capsys.readouterr().out)
        assert {row["BillingAccountId"] for row in rows} == {expected}


def test_the_scan_and_the_reference_agree(tmp_path: Path) -> None:
    calls = varied_rows(120)
    calls[5].update(list_cost_usd="0.5", cached_input_tokens="10", calls="1")
    calls[6].update(cost_usd="-3.25", input_tokens="0", output_tokens="0", total_tokens="0")
    path = write_csv(tmp_path / "calls.csv", calls)
    by_scan = export(Dataset(path, 1, options=ReadingOptions()), Request())
    assert by_scan.text == export(ReferenceDataset(calls), Request()).text


def test_contexts_of_a_table_without_limits() -> None:
    plain = {"m": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}}
    table: PriceTable = parse_prices(json.dumps(plain).encode(), "map.json", "2026-01-01")
    assert table.context_limits() == ()
    row = call(model="m", input_tokens=10**6, output_tokens=0, cost_usd="1")
    text = export(ReferenceDataset([row], table), Request()).text
    (charge,) = check(text, V1_4)
    assert charge["ListCost"] == "1.0"
    assert prices().context_limits() == (200_001,)
