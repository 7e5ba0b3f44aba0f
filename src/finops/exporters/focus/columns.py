"""The columns of FOCUS 1.2 and 1.4: which there are, what they hold, which may be empty."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

V1_2, V1_4 = VERSIONS = ("1.2", "1.4")

TEXT, DECIMAL, TIME, JSON = KINDS = ("text", "decimal", "time", "json")
MANDATORY, RECOMMENDED, CONDITIONAL, ABSENT = LEVELS = (
    *("mandatory", "recommended", "conditional"),
    "",
)


class Rule(NamedTuple):
    """What one version says of a column: its level, and whether it may be empty."""

    level: str = ABSENT
    may_be_empty: bool = False


class Column(NamedTuple):
    """A column by its name, its kind, and the rules of the versions."""

    name: str
    kind: str
    rules: Dict[str, Rule]


_M, _M0 = Rule(MANDATORY), Rule(MANDATORY, True)
_R, _R0 = Rule(RECOMMENDED), Rule(RECOMMENDED, True)
_C, _C0 = Rule(CONDITIONAL), Rule(CONDITIONAL, True)
_NO = Rule()


def _column(name: str, kind: str, in_1_2: Rule, in_1_4: Rule) -> Column:
    return Column(name, kind, {V1_2: in_1_2, V1_4: in_1_4})


COLUMNS: Tuple[Column, ...] = (
    _column("AllocatedMethodDetails", JSON, _NO, _R0),
    _column("AllocatedMethodId", TEXT, _NO, _C0),
    _column("AllocatedResourceId", TEXT, _NO, _C0),
    _column("AllocatedResourceName", TEXT, _NO, _C0),
    _column("AllocatedTags", JSON, _NO, _C0),
    _column("AvailabilityZone", TEXT, _R0, _R0),
    _column("BilledCost", DECIMAL, _M, _M),
    _column("BillingAccountId", TEXT, _M, _M),
    _column("BillingAccountName", TEXT, _M0, _M0),
    _column("BillingAccountType", TEXT, _C, _C),
    _column("BillingCurrency", TEXT, _M, _M),
    _column("BillingPeriodEnd", TIME, _M, _M),
    _column("BillingPeriodStart", TIME, _M, _M),
    _column("CapacityReservationId", TEXT, _C0, _C0),
    _column("CapacityReservationStatus", TEXT, _C0, _C0),
    _column("ChargeCategory", TEXT, _M, _M),
    _column("ChargeClass", TEXT, _M0, _M0),
    _column("ChargeDescription", TEXT, _M0, _M0),
    _column("ChargeFrequency", TEXT, _R, _R),
    _column("ChargePeriodEnd", TIME, _M, _M),
    _column("ChargePeriodStart", TIME, _M, _M),
    _column("CommitmentDiscountCategory", TEXT, _C0, _C0),
    _column("CommitmentDiscountId", TEXT, _C0, _C0),
    _column("CommitmentDiscountName", TEXT, _C0, _C0),
    _column("CommitmentDiscountQuantity", DECIMAL, _C0, _C0),
    _column("CommitmentDiscountStatus", TEXT, _C0, _C0),
    _column("CommitmentDiscountType", TEXT, _C0, _C0),
    _column("CommitmentDiscountUnit", TEXT, _C0, _C0),
    _column("CommitmentProgramEligibilityDetails", JSON, _NO, _C0),
    _column("ConsumedQuantity", DECIMAL, _C0, _C0),
    _column("ConsumedUnit", TEXT, _C0, _C0),
    _column("ContractApplied", JSON, _NO, _C0),
    _column("ContractedCost", DECIMAL, _M, _M),
    _column("ContractedUnitPrice", DECIMAL, _C0, _C0),
    _column("EffectiveCost", DECIMAL, _M, _M),
    _column("HostProviderName", TEXT, _NO, _M0),
    _column("InvoiceDetailId", TEXT, _NO, _C0),
    _column("InvoiceId", TEXT, _R0, _C0),
    _column("InvoiceIssuerName", TEXT, _M, _M),
    _column("ListCost", DECIMAL, _M, _M),
    _column("ListUnitPrice", DECIMAL, _C0, _C0),
    _column("PricingCategory", TEXT, _C0, _C0),
    _column("PricingCurrency", TEXT, _C0, _C),
    _column("PricingCurrencyContractedUnitPrice", DECIMAL, _C0, _C0),
    _column("PricingCurrencyEffectiveCost", DECIMAL, _C0, _C),
    _column("PricingCurrencyListUnitPrice", DECIMAL, _C0, _C0),
    _column("PricingQuantity", DECIMAL, _M0, _M0),
    _column("PricingUnit", TEXT, _M0, _M0),
    _column("ProviderName", TEXT, _M, _NO),
    _column("PublisherName", TEXT, _M, _NO),
    _column("RegionId", TEXT, _C0, _C0),
    _column("RegionName", TEXT, _C0, _C0),
    _column("ResourceId", TEXT, _C0, _C0),
    _column("ResourceName", TEXT, _C0, _C0),
    _column("ResourceType", TEXT, _C0, _C0),
    _column("ServiceCategory", TEXT, _M, _M),
    _column("ServiceName", TEXT, _M, _M),
    _column("ServiceProviderName", TEXT, _NO, _M),
    _column("ServiceSubcategory", TEXT, _R, _R),
    _column("SkuId", TEXT, _C0, _C0),
    _column("SkuMeter", TEXT, _C0, _C0),
    _column("SkuPriceDetails", JSON, _C0, _C0),
    _column("SkuPriceId", TEXT, _C0, _C0),
    _column("SubAccountId", TEXT, _C0, _C0),
    _column("SubAccountName", TEXT, _C0, _C0),
    _column("SubAccountType", TEXT, _C0, _C0),
    _column("Tags", JSON, _C0, _C0),
)


def columns_in(version: str) -> Tuple[Column, ...]:
    """Return the columns of a version."""
    return tuple(column for column in COLUMNS if column.rules[version].level)
