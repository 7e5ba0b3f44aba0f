"""What every FOCUS file must keep that no validator checks: products, ids, plain numbers, sums."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Dict, List

from finops.exporters.focus.columns import COLUMNS, DECIMAL, JSON, MANDATORY, TIME

Row = Dict[str, str]
_FORMS = {
    DECIMAL: re.compile(r"-?[0-9]+\.[0-9]+").fullmatch,
    TIME: re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T00:00:00Z").fullmatch,
}
# Costs are recorded with twelve decimals; a product of six of a quantity and of a price has more.
_MOST_DECIMALS = 24
_QUANTITIES = ("ConsumedQuantity", "PricingQuantity")
_COSTS = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")


def rows_in(text: str) -> List[Row]:
    """Return the rows of a file."""
    return list(csv.DictReader(io.StringIO(text)))


def check(text: str, version: str) -> List[Row]:
    """Check a file against the list of columns and the rules of charges; return its rows."""
    header = next(csv.reader(io.StringIO(text)))
    rules = {column.name: column.rules[version] for column in COLUMNS}
    kinds = {column.name: column.kind for column in COLUMNS}
    assert {name for name in header if not rules[name].level} == set()
    mandatory = {name for name, rule in rules.items() if rule.level == MANDATORY}
    assert mandatory <= set(header)
    rows = rows_in(text)
    for row in rows:
        assert None not in row
        for name, value in row.items():
            assert value or rules[name].may_be_empty, f"{name} is empty"
            form = _FORMS.get(kinds[name])
            assert not (value and form) or form(value), f"{name}: {value}"
            if kinds[name] == JSON and value:
                assert isinstance(json.loads(value), dict)
            if kinds[name] == DECIMAL and value:
                assert len(value.partition(".")[2]) <= _MOST_DECIMALS, f"{name}: {value}"
        _check_charge(row)
    _check_price_ids(rows)
    texts = [name for name in header if kinds[name] != DECIMAL]
    assert len({tuple(row[name] for name in texts) for row in rows}) == len(rows)
    return rows


def _check_charge(row: Row) -> None:
    is_credit = row["ChargeCategory"] == "Credit"
    if is_credit or row["ChargeClass"] == "Correction":
        assert len({row[name] for name in _COSTS}) == 1
        assert not is_credit or Decimal(row["BilledCost"]) < 0
        for name in (*_QUANTITIES, "SkuId", "SkuPriceId", "SkuMeter", "ListUnitPrice"):
            assert row[name] == "", name
        return
    assert row["ChargeCategory"] == "Usage"
    assert row["SkuId"]
    assert row["SkuPriceId"].startswith(row["SkuId"] + "/")
    assert row["SkuMeter"]
    price, quantity = Fraction(row["ListUnitPrice"]), Fraction(row["PricingQuantity"])
    assert price >= 0
    assert quantity > 0
    assert price * quantity == Fraction(row["ListCost"])
    assert Fraction(row["BilledCost"]) >= 0
    if row["PricingUnit"] == "1000000 Tokens":
        assert quantity * 10**6 == Fraction(row["ConsumedQuantity"])
    start, end = row["ChargePeriodStart"], row["ChargePeriodEnd"]
    assert row["BillingPeriodStart"] <= start < end <= row["BillingPeriodEnd"]


def _check_price_ids(rows: List[Row]) -> None:
    """Check that a price id has one meter and unit, and on one day one price."""
    seen: Dict[object, object] = {}
    for row in rows:
        if row["SkuPriceId"]:
            key = (row["SkuPriceId"], row["ChargePeriodStart"])
            value = (row["SkuMeter"], row["PricingUnit"], row["ListUnitPrice"])
            assert seen.setdefault(key, value) == value


def billed(rows: List[Row]) -> Decimal:
    """Return the sum of what was billed."""
    return sum((Decimal(row["BilledCost"]) for row in rows), Decimal(0))
