"""FOCUS files: the charges of a dataset as rows of version 1.4, or 1.2 for older readers.

Costs are those of the call records: an estimate beside the vendor's bill, never to be added to it.
"""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Dict, Iterable, Iterator, List, Mapping, Optional

from finops import config
from finops.analyzers.shared.wording import counted
from finops.csv_lines import CsvLines
from finops.errors import UsageError
from finops.exporters.base import Export, Exporter, Request
from finops.exporters.focus.charges import (
    ADJUSTMENTS,
    CREDIT_CHARGE,
    UNPRICED,
    Charge,
    Charges,
    Place,
    UsageTable,
    charges_of,
)
from finops.exporters.focus.columns import V1_2, V1_4, VERSIONS, columns_in
from finops.exporters.focus.parties import Parties, parties_of
from finops.exporters.numbers import decimal_text
from finops.rollups.protocol import CallDataset

_USD = "USD"
_ROWS_AT_A_TIME = 1000
_ANY_DAY = "2026-01-01"
Row = Dict[str, str]


def export(dataset: CallDataset, request: Request) -> Export:
    """Return the charges as FOCUS rows.  Raises UsageError for an unknown version."""
    version = request.focus or V1_4
    if version not in VERSIONS:
        raise UsageError(f"--focus {version!r}: choose from {', '.join(VERSIONS)}")
    usage = UsageTable.of(dataset.prices)
    data = dataset.rollups([usage.table, ADJUSTMENTS, UNPRICED])
    charges = charges_of(data, usage)
    rows = (row_of(charge, version, request.billing_account) for charge in charges.charges)
    return Export(_as_csv(column_names(version), rows), tuple(_remarks(charges)))


def column_names(version: str) -> List[str]:
    """Return the columns of a file, in the order of the specification."""
    filled = row_of(Charge(Place(_ANY_DAY), CREDIT_CHARGE, Decimal(0), Decimal(0)), version)
    return [column.name for column in columns_in(version) if column.name in filled]


def row_of(charge: Charge, version: str, account: str = "") -> Row:
    """Return a charge by column; `account` is the billing account, by default the provider."""
    place = charge.place
    parties = parties_of(place.provider, place.model, place.source)
    row = {
        **_periods(place.day, charge.corrected_on or place.day),
        **_amounts(charge, version),
        **_parties(parties),
        **_sku(charge),
        "BillingAccountId": account or place.provider,
        "BillingAccountName": account or parties.issuer,
        "ChargeCategory": charge.category,
        "ChargeClass": "Correction" if charge.corrected_on else "",
        "ChargeDescription": _description(charge),
        "ChargeFrequency": "Usage-Based" if charge.sku else "One-Time",
        "CommitmentDiscountStatus": "",
        "InvoiceId": "",
        "RegionId": _known(place.region),
        "RegionName": _known(place.region),
        "ResourceType": "",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": parties.service,
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": _known(place.organization),
        "SubAccountName": _known(place.organization),
        "Tags": _tags(charge),
    }
    return row


def _periods(day: str, billing_day: str) -> Row:
    """Return the day of a charge and the month in which it is billed."""
    first, month = _date(day), _date(billing_day).replace(day=1)
    return {
        "BillingPeriodStart": _midnight(month),
        "BillingPeriodEnd": _midnight((month + timedelta(days=31)).replace(day=1)),
        "ChargePeriodStart": _midnight(first),
        "ChargePeriodEnd": _midnight(first + timedelta(days=1)),
    }


def _date(day: str) -> date:
    return date(int(day[:4]), int(day[5:7]), int(day[8:10]))


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _amounts(charge: Charge, version: str) -> Row:
    """Return the costs; what is paid by contract is not known to be other than list in 1.4."""
    is_list = version == V1_4 and charge.sku != ""
    billed = decimal_text(charge.billed)
    return {
        "BilledCost": billed,
        "EffectiveCost": billed,
        "ContractedCost": decimal_text(charge.list_cost) if is_list else billed,
        "ListCost": decimal_text(charge.list_cost),
        "BillingCurrency": _USD,
        "PricingCurrency": _USD,
        "PricingCurrencyEffectiveCost": billed,
        "PricingCurrencyListUnitPrice": _decimal(charge.unit_price),
        "PricingCurrencyContractedUnitPrice": "",
        "ListUnitPrice": _decimal(charge.unit_price),
    }


def _parties(parties: Parties) -> Row:
    return {
        "InvoiceIssuerName": parties.issuer,
        "ProviderName": parties.seller,
        "PublisherName": parties.maker,
        "ServiceProviderName": parties.seller,
        "HostProviderName": parties.host,
    }


def _sku(charge: Charge) -> Row:
    return {
        "SkuId": charge.sku,
        "SkuPriceId": charge.sku_price,
        "SkuMeter": charge.meter,
        "SkuPriceDetails": _details(charge),
        "ConsumedQuantity": _decimal(charge.consumed),
        "ConsumedUnit": charge.consumed_unit,
        "PricingQuantity": _decimal(charge.quantity),
        "PricingUnit": charge.unit,
        "PricingCategory": "Standard" if charge.sku else "",
    }


def _decimal(value: Optional[Decimal]) -> str:
    return "" if value is None else decimal_text(value)


def _known(name: str) -> str:
    return "" if name == config.UNKNOWN else name


def _description(charge: Charge) -> str:
    place = charge.place
    if not charge.sku:
        kind = "Correction of" if charge.corrected_on else "Credit for"
        return f"{kind} {place.provider} {place.model}"
    return f"{place.provider} {place.model}, {charge.meter}, {charge.tier}"


def _tags(charge: Charge) -> str:
    place = charge.place
    return _json({"environment": _known(place.environment), "product": _known(place.product)})


def _details(charge: Charge) -> str:
    """Return what the price id stands for; names of our own begin as the format wants it."""
    if not charge.sku:
        return ""
    return _json({"x_Model": charge.place.model, "x_ServiceTier": charge.tier})


def _json(values: Mapping[str, str]) -> str:
    known = {name: value for name, value in values.items() if value}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":")) if known else ""


def _as_csv(names: List[str], rows: Iterable[Row]) -> Iterator[str]:
    """Yield the file in pieces of many rows."""
    stream = io.StringIO()
    writer = CsvLines(stream)
    writer.writerow(names)
    for number, row in enumerate(rows, 1):
        writer.writerow([row[name] for name in names])
        if number % _ROWS_AT_A_TIME == 0:
            yield stream.getvalue()
            stream.seek(0)
            stream.truncate()
    yield stream.getvalue()


def _remarks(charges: Charges) -> Iterator[str]:
    yield (
        "the costs are those of the call records, an estimate: do not add this file to the"
        " provider's own"
    )
    if charges.unpriced:
        yield f"{counted(charges.unpriced, 'call')} without a cost and a price left out"
    if charges.unlisted_free:
        rows = counted(charges.unlisted_free, "row")
        yield f"{rows} at no cost and without a list price left out"


EXPORTER = Exporter(
    "focus",
    f"FOCUS {V1_4}, the FinOps Foundation's format of bills ({V1_2} for older readers)",
    export,
    options=("focus", "billing_account"),
    in_utc=True,
)
