"""The prices of one entry of a table, and what they make of the tokens of a call.

Prices have the names of LiteLLM's map: `input_cost_per_token`, where the context is long
`input_cost_per_token_above_200k_tokens`, in a tier of service `..._batches`, `..._flex` or
`..._priority`.  A price that is absent is not zero: each class of tokens has a chain of prices
that stand in for it, and a class without any is not priced.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops.business.usage import TokenClasses

INPUT = "input_cost_per_token"
OUTPUT = "output_cost_per_token"
CACHE_READ = "cache_read_input_token_cost"
CACHE_WRITE = "cache_creation_input_token_cost"
CACHE_WRITE_1H = "cache_creation_input_token_cost_above_1hr"
REASONING = "output_cost_per_reasoning_token"
INPUT_AUDIO = "input_cost_per_audio_token"
OUTPUT_AUDIO = "output_cost_per_audio_token"
WEB_SEARCH = "search_context_cost_per_query"
# Multipliers: of a place by its name, and of a provider's fast mode.
REGION = "region:"
FAST = "fast"

# The prices of each class in the order of `TokenClasses`, the first one that is there.
_CHAINS: Tuple[Tuple[str, ...], ...] = (
    (INPUT,),
    (INPUT_AUDIO, INPUT),
    (CACHE_READ, INPUT),
    (CACHE_WRITE, INPUT),
    (CACHE_WRITE_1H, CACHE_WRITE, INPUT),
    (OUTPUT,),
    (REASONING, OUTPUT),
    (OUTPUT_AUDIO, OUTPUT),
)
_REASONING_CLASS = TokenClasses._fields.index("reasoning")
_BASES = (INPUT, OUTPUT, CACHE_READ, CACHE_WRITE, CACHE_WRITE_1H, REASONING, INPUT_AUDIO)
# How the name of a price says for which tier of service it holds.
TIERS: Dict[str, str] = {"batch": "_batches", "flex": "_flex", "priority": "_priority"}
_BATCH_DISCOUNT = Fraction(1, 2)
# A call of these tiers costs nothing, whatever the model.
FREE_TIERS = frozenset({"free", "response-cache"})
# What names of prices for long contexts have in them.
ABOVE = "_above_"
_ABOVE = r"(?:_above_(\d+)(k?)_tokens)?"
_TOKEN_PRICE = re.compile(
    f"({'|'.join(sorted([*_BASES, OUTPUT_AUDIO], key=len, reverse=True))})"
    f"{_ABOVE}(?:{'|'.join(TIERS.values())})?"
).fullmatch
# Providers whose long-context price begins with the limit itself, not above it.
_INCLUSIVE = frozenset({"xai"})
NO_LIMIT = 1 << 62


def is_token_price(name: str) -> bool:
    """Return whether `name` is a price per token that these rules use."""
    return _TOKEN_PRICE(name) is not None


def times(price: float, factor: str) -> float:
    """Return a price times a factor, which is a decimal text.

    The product of the numbers as they are written: 0.07 * 1.8 is not 0.126 in binary.
    """
    return float(Fraction(repr(price)) * Fraction(factor))


class Conditions(NamedTuple):
    """What decides which prices hold for a call, besides its tokens."""

    tier: str = ""
    context: int = 0
    region: str = ""
    fast: bool = False


class Tariff(NamedTuple):
    """The prices of each class of tokens for some conditions, as whole numbers.

    USD per token are `numerators` over `denominator`; None is a price that is not known.
    """

    numerators: Tuple[Optional[int], ...]
    denominator: int

    def cost(self, classes: Sequence[int]) -> Optional[Fraction]:
        """Return what tokens cost in USD, None where a price of theirs is not known."""
        total = self.numerator(classes)
        return None if total is None else Fraction(total, self.denominator)

    def numerator(self, classes: Sequence[int]) -> Optional[int]:
        """Return the cost in USD times the denominator, None where it is not known."""
        total = 0
        for tokens, price in zip(classes, self.numerators):
            if tokens:
                if price is None:
                    return None
                total += tokens * price
        return total


class Rates:
    """All prices of one entry.

    `prices`: USD per `per` tokens, and fees and multipliers, by name.  `provider` is its id.
    """

    def __init__(self, prices: Mapping[str, float], per: int = 1, provider: str = "") -> None:
        self._prices = {
            name: _exact(price) / per if is_token_price(name) else _exact(price)
            for name, price in prices.items()
        }
        self._limits = _limits(self._prices)
        self._inclusive = provider in _INCLUSIVE
        self._tariffs: Dict[Tuple[str, int, str, bool], Optional[Tariff]] = {}

    @property
    def context_limits(self) -> Tuple[int, ...]:
        """The fewest tokens of context for which each long-context price holds, ascending."""
        above = 0 if self._inclusive else 1
        return tuple(limit + above for limit, _ in reversed(self._limits))

    @property
    def shortest_limit(self) -> int:
        """The fewest tokens of context for which some long-context price may hold."""
        return self.context_limits[0] if self._limits else NO_LIMIT

    def has(self, name: str) -> bool:
        """Return whether there is a price or multiplier of this name."""
        return name in self._prices

    @property
    def contexts(self) -> Tuple[int, ...]:
        """From how many tokens of context on other prices may hold, ascending."""
        return tuple(limit + (0 if self._inclusive else 1) for limit, _ in self._limits[::-1])

    @property
    def web_search(self) -> Optional[Fraction]:
        """USD for one web search, None where it is not known."""
        return self._prices.get(WEB_SEARCH)

    def tariff(self, conditions: Conditions) -> Optional[Tariff]:
        """Return the prices for some conditions; None where a multiplier is not known."""
        passed = self._passed(conditions.context)
        key = (conditions.tier, len(passed), conditions.region, conditions.fast)
        if key not in self._tariffs:
            self._tariffs[key] = self._make(conditions, passed)
        return self._tariffs[key]

    def _passed(self, context: int) -> List[str]:
        """Return what names of prices say of so long a context, the highest limit first."""
        inclusive = 1 if self._inclusive else 0
        return [words for limit, words in self._limits if context + inclusive > limit]

    def _make(self, conditions: Conditions, passed: List[str]) -> Optional[Tariff]:
        factor = self._factor(conditions)
        if factor is None:
            return None
        forms = list(_forms(passed, TIERS.get(conditions.tier, "")))
        plain = [self._price(chain, forms, n) for n, chain in enumerate(_CHAINS)]
        prices = [None if price is None else price * factor for price in plain]
        denominator = _common_denominator([price for price in prices if price is not None])
        return Tariff(
            tuple(None if price is None else int(price * denominator) for price in prices),
            denominator,
        )

    def _factor(self, conditions: Conditions) -> Optional[Fraction]:
        """Return the product of all multipliers; None where that of the fast mode is absent."""
        place = self._prices.get(REGION + conditions.region, Fraction(1))
        if not conditions.fast:
            return place
        fast = self._prices.get(FAST)
        return None if fast is None else place * fast

    def _price(
        self, chain: Tuple[str, ...], forms: List[Tuple[str, Fraction]], place: int
    ) -> Optional[Fraction]:
        """Return the price of a class: its own in any form, else that of what stands in.

        A tier that has a price for output has it for reasoning: there the form comes first.
        """
        ways = [(name, form) for name in chain for form in forms]
        if place == _REASONING_CLASS:
            ways = [(name, form) for form in forms for name in chain]
        for name, (ending, factor) in ways:
            price = self._prices.get(name + ending)
            if price is not None:
                return price * factor
        return None


def _forms(passed: List[str], tier: str) -> Iterator[Tuple[str, Fraction]]:
    """Yield the endings of names from the most special to the plain one, with their factors."""
    full = Fraction(1)
    plain = _BATCH_DISCOUNT if tier == TIERS["batch"] else full
    for context in [*passed, ""]:
        if tier:
            yield context + tier, full
        yield context, plain


def _limits(prices: Mapping[str, Fraction]) -> List[Tuple[int, str]]:
    """Return the limits of long contexts, the largest first, as names of prices have them."""
    limits: Dict[int, str] = {}
    for name in prices:
        match = _TOKEN_PRICE(name)
        if match and match.group(2):
            thousands = "k" if match.group(3) else ""
            tokens = int(match.group(2)) * (1000 if thousands else 1)
            limits[tokens] = f"_above_{match.group(2)}{thousands}_tokens"
    return sorted(limits.items(), reverse=True)


def _exact(price: float) -> Fraction:
    """Return the decimal number that stood in the table."""
    return Fraction(repr(price))


def _common_denominator(prices: Sequence[Fraction]) -> int:
    denominator = 1
    for price in prices:
        scaled = price * denominator
        denominator *= scaled.denominator
    return denominator
