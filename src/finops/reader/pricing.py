"""What calls without a recorded cost cost by the price table, fast enough for every row.

The rules are those of `PriceTable.price_of`; here they are worked out once for each model and
tier, and a row is whole numbers only.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from finops.business.catalog import PriceTable
from finops.business.rates import FREE_TIERS, NO_LIMIT, Conditions, Rates, Tariff
from finops.business.usage import token_classes

PICO = 10**12
_FAST = "fast"
_DAY = len("2025-01-01")
_NOTHING = token_classes(0, 0)
_FREE = Tariff((0,) * len(_NOTHING), 1)
_TEXT, _OUTPUT = _NOTHING._fields.index("text"), _NOTHING._fields.index("output")
_Tariffs = Tuple[Tariff, ...]


class _ModelPrices:
    """The prices of a model on a day: one table's for each entry that fits as well as others."""

    def __init__(self, rates: List[Rates]) -> None:
        self._rates = rates
        # Contexts below the limit have the same prices, kept by tier as the row spells it.
        self.limit = min((one.shortest_limit for one in rates), default=NO_LIMIT)
        self.short: Dict[bytes, _Tariffs] = {}

    def tariffs(self, tier: bytes, context: int) -> _Tariffs:
        """Return the prices of calls; none where one of them is not known."""
        word = tier.decode("utf-8").strip().lower()
        if word in FREE_TIERS:
            return (_FREE,)
        conditions = Conditions(word, context, fast=word == _FAST)
        given = [rates.tariff(conditions) for rates in self._rates]
        known = tuple(tariff for tariff in given if tariff is not None)
        return known if len(known) == len(given) else ()


class CallPricer:
    """Prices calls by one table.  Providers and models are the raw bytes of a row."""

    def __init__(self, prices: PriceTable) -> None:
        self._table = prices
        # By day where prices depend on it; else None stands for every day.
        self._models: Dict[Tuple[bytes, bytes], Dict[Optional[bytes], _ModelPrices]] = {}

    def pico(
        self,
        provider: bytes,
        model: bytes,
        inputs: int,
        outputs: int,
        read: int = 0,
        written: int = 0,
        written_1h: int = 0,
        reasoning: int = 0,
        tier: bytes = b"",
        day: bytes = b"",
        context: Optional[int] = None,
    ) -> Optional[int]:
        """Return the cost of a call in pico-dollars, halves up; None where it is not known.

        Tokens are those of `Usage`, and so is `context`; of `day` the first ten bytes count.
        """
        days = self._models.get((provider, model))
        prices = None if days is None else days.get(None) or days.get(day[:_DAY])
        if prices is None:
            prices = self._learn(provider, model, day[:_DAY])
        context = inputs if context is None else context
        tariffs = prices.short.get(tier) if context < prices.limit else None
        if tariffs is None:
            tariffs = prices.tariffs(tier, context)
            if context < prices.limit:
                prices.short[tier] = tariffs
        if len(tariffs) == 1 and not (read or written or reasoning):
            numerators, shared = tariffs[0]
            per_input, per_output = numerators[_TEXT], numerators[_OUTPUT]
            if per_input is not None and per_output is not None:
                # To the nearest pico-dollar, halves up, as amounts in a file are read.
                exact = (inputs * per_input + outputs * per_output) * PICO
                return (2 * exact + shared) // (2 * shared)
        if not (inputs or outputs):
            return 0
        classes = token_classes(inputs, outputs, read, written, written_1h, reasoning)
        costs = {_rounded(tariff, tariff.numerator(classes)) for tariff in tariffs}
        return costs.pop() if len(costs) == 1 else None

    def _learn(self, provider: bytes, model: bytes, day: bytes) -> _ModelPrices:
        names = (provider.decode("utf-8").strip(), model.decode("utf-8"))
        days = self._models.setdefault((provider, model), {})
        changes = self._table.changes(*names)
        rates = self._table.rates_of(*names, day.decode("ascii") if changes else "")
        prices = days[day if changes else None] = _ModelPrices(rates)
        return prices


def _rounded(tariff: Tariff, total: Optional[int]) -> Optional[int]:
    if total is None:
        return None
    return (2 * total * PICO + tariff.denominator) // (2 * tariff.denominator)
