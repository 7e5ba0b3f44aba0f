"""Which cheaper model could have done the same calls: the one rule for alternatives.

A model may be replaced by one of its own capability class, or of one class lower where the
task tolerates it.  What the alternative would have cost is the same tokens at its prices.
Prices are linear in tokens, so a group of calls is priced by its token sums.  Where much more was
paid than the price list says, so it would be there, see `at_own_price`.
"""

from __future__ import annotations

import math
from itertools import groupby
from operator import attrgetter
from typing import Collection, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.business.catalog import CLASSES, Model, PriceTable
from finops.business.usage import TokenClasses
from finops.rollups.expressions import one_of
from finops.rollups.measures import Dimension
from finops.rollups.memo import memoized
from finops.rollups.spec import Rollups, Table

# Whether the task of a call tolerates a model one class lower.
DOWNGRADABLE = Dimension("downgradable", one_of("task_type", *config.DOWNGRADABLE_TASKS))
MODEL_ERRORS = Table(("provider", "model"), ("calls", "errors"))


def cost_on(model: Model, tokens: TokenClasses) -> float:
    """Return what tokens cost on a model by class, in USD.

    A class without a price of its own costs as much as other input or output does.
    """
    outputs = tokens.output + tokens.reasoning + tokens.output_audio
    if not (tokens.read or tokens.write or tokens.write_1h):
        return model.cost(tokens.text + tokens.audio, outputs)
    read, write = model.cache_read_price, model.cache_write_price
    write_1h = write if model.cache_write_1h_price is None else model.cache_write_1h_price
    parts = (
        (tokens.read, read),
        (tokens.write, write),
        (tokens.write_1h, write_1h),
    )
    cached = math.fsum(
        count / 1000 * (model.input_price if price is None else price) for count, price in parts
    )
    return model.cost(tokens.text + tokens.audio, outputs) + cached


def at_own_price(listed: float, paid: float, listed_now: Optional[float]) -> Optional[float]:
    """Return what tokens would cost on another model, in USD, for who paid so much on this one.

    `listed` and `listed_now` are what the tokens cost by list on the other model and on the
    present one, None where that is not known; `paid` is what was paid.  Who pays more than
    `config.LIST_PRICE_TOLERANCE_PCT` above the list would pay more on the other model, too: the
    reason is a better service or what is counted in no token.  A discount is not carried over: it
    holds for the model that it was given for.  None where the list knows no cost for what was
    paid, so that nothing can be compared.
    """
    if listed_now is None:
        return listed
    if paid <= listed_now * (1 + config.LIST_PRICE_TOLERANCE_PCT / 100):
        return listed
    return listed * paid / listed_now if listed_now > 0 else None


@memoized
def failing_models(data: Rollups) -> Collection[Tuple[str, str]]:
    """Return the models (provider, name) of which every call failed; needs `MODEL_ERRORS`.

    What they cost is lost, whatever another model costs: the failures come first.
    """
    return {
        (provider, model)
        for (provider, model), (calls, errors) in data[MODEL_ERRORS].items()
        if 0 < calls <= errors
    }


def in_service(model: Model, last_day: str) -> bool:
    """Return whether a provider still serves a model on a day."""
    return not model.retired or model.retired > last_day


class Switch(NamedTuple):
    """The best alternative for a group of calls.

    `cost` is what its tokens cost on the alternative in USD, `savings` what that is below
    the current cost (always positive), `savings_percent` the same in percent of it.
    """

    model: Model
    cost: float
    savings: float
    savings_percent: float


class SwitchRule:
    """The rule for one price table; calling it is pure, and fast enough for every customer.

    >>> from finops.business.catalog import DEFAULT_PRICES
    >>> cheaper = SwitchRule(DEFAULT_PRICES)
    >>> cheaper("openai", "gpt-4", False, 1000, 1000, 0.09).model.name
    'gemini-2.5-pro'
    >>> round(cheaper("openai", "gpt-4", False, 1000, 1000, 9).cost, 3)  # 100 times the list
    1.125
    """

    def __init__(
        self, prices: PriceTable, last_day: str = "", failing: Collection[Tuple[str, str]] = ()
    ) -> None:
        """`last_day`: a model that its provider has retired by then is no alternative.

        `failing` are the models that have none, see `failing_models`.
        """
        self._prices = prices
        self._last_day = last_day
        self._failing = failing
        self._known: Dict[Tuple[str, str, bool], Tuple[Optional[Model], List[Model]]] = {}

    def __call__(
        self,
        provider: str,
        model: str,
        downgradable: bool,
        input_tokens: int,
        output_tokens: int,
        current_cost: float,
    ) -> Optional[Switch]:
        """Return the cheapest alternative for calls without cached tokens, see `best`."""
        current, candidates = self._candidates(provider, model, downgradable)
        if current is None or not candidates or current_cost <= 0:
            return None
        costs = [each.cost(input_tokens, output_tokens) for each in candidates]
        listed_now = current.cost(input_tokens, output_tokens)
        return _cheapest(candidates, costs, current_cost, listed_now)

    def best(
        self,
        provider: str,
        model: str,
        downgradable: bool,
        tokens: TokenClasses,
        current_cost: float,
    ) -> Optional[Switch]:
        """Return the cheapest alternative for these calls, or None where none is cheaper.

        The tokens are those of the billed calls: a failed call that cost nothing stays free,
        so its tokens must be left out.  `current_cost` is what was paid, in USD.  Equal costs
        are decided by provider, then model, ascending.  A model without a known price or
        class has no alternative; neither has a difference below
        `config.SWITCH_MIN_SAVINGS_PERCENT`, which is binary rounding and not a saving.
        """
        current, candidates = self._candidates(provider, model, downgradable)
        if current is None or not candidates or current_cost <= 0:
            return None
        costs = [cost_on(each, tokens) for each in candidates]
        return _cheapest(candidates, costs, current_cost, cost_on(current, tokens))

    def _candidates(
        self, provider: str, model: str, downgradable: bool
    ) -> Tuple[Optional[Model], List[Model]]:
        """Return the model, and those that may be the cheapest alternative, by provider, then by
        name.
        """
        key = (provider, model, downgradable)
        if key not in self._known:
            current = self._prices.find(provider, model)
            known = current is not None and current.capability in CLASSES
            known = known and (provider, model) not in self._failing
            self._known[key] = (
                current,
                (
                    sorted(
                        undominated(
                            m
                            for m in self._prices.alternatives(current, downgradable)
                            if in_service(m, self._last_day)
                        ),
                        key=attrgetter("provider", "name"),
                    )
                    if current is not None and known
                    else []
                ),
            )
        return self._known[key]


def rule_of(data: Rollups, last_day: str = "") -> SwitchRule:
    """Return the rule for the calls of a dataset, which holds `MODEL_ERRORS`; see `SwitchRule`."""
    return SwitchRule(data.prices, last_day, failing_models(data))


def _cheapest(
    candidates: Sequence[Model], costs: Sequence[float], current_cost: float, listed_now: float
) -> Optional[Switch]:
    """Return the first of the cheapest candidates, None where it saves too little."""
    listed = min(costs)
    cost = at_own_price(listed, current_cost, listed_now)
    if cost is None:
        return None
    savings = current_cost - cost
    percent = savings / current_cost * 100
    if percent < config.SWITCH_MIN_SAVINGS_PERCENT:
        return None
    return Switch(candidates[costs.index(listed)], cost, savings, percent)


def undominated(models: Iterable[Model]) -> List[Model]:
    """Return the models that no other one undercuts on input and output price alike.

    Only these can be the cheapest for some mix of tokens; of a long price list few remain.
    """
    kept: List[Model] = []
    lowest = float("inf")  # output price among the models with a lower input price
    by_input = sorted(models, key=attrgetter("input_price"))
    for _, group in groupby(by_input, key=attrgetter("input_price")):
        equals = list(group)
        kept += [m for m in equals if m.output_price <= lowest]
        lowest = min([lowest, *(m.output_price for m in equals)])
    return kept
