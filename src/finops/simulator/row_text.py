"""Every table and every piece of text that rows are put together from.

Pieces contain their commas, so that a row is nothing but pieces one after the other.
Personas (see `plan`) stand for a customer with a tier in one of its behaviours: all tables that
are "by persona" are lists of as many entries, most of them the same objects again and again.
Tables "by shape" are by the number of a shape (see `call_shapes`).
"""

from __future__ import annotations

import math
from functools import lru_cache
from operator import itemgetter
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple, TypeVar

from finops import config
from finops.business.catalog import PROVIDER_SPEED
from finops.schema import STATUS_ERROR, STATUS_SUCCESS
from finops.simulator import model_mix, sampling_tables
from finops.simulator.call_shapes import (
    CALLERS,
    COLD,
    SHAPES,
    SHAPES_EACH,
    USES,
    USUAL,
    WASTING,
    Caller,
    Shape,
    offset_of,
)
from finops.simulator.model_mix import Weights
from finops.simulator.plan import (
    ABUSER,
    BEHAVIOURS,
    HOPPER,
    REGIONS,
    WASTER,
    Day,
    FeatureState,
    Moves,
    Plan,
)
from finops.simulator.population import Customer

REQUEST_BYTES = 6
_MOST_TABLES = 64
# Prices are whole numbers of this part of a dollar a token; costs, of a millionth.
_NANO = 10**9
_PICO = 10**12
# Factors of the latency are whole numbers of this part.
_JITTER_BITS = 10
_SPEED_BITS = 16
# The cached part of an input is a whole number of 4096ths; caches hold blocks of tokens.
CACHE_BITS = 12
_CACHE_SPREAD = 0.06  # the cached part of a prompt varies by so much of the whole
_USUAL_STATE = FeatureState()
_NOTHING: Sequence[int] = ()
# The uses of each feature, by position, and the part of it that each is.
_USE_SHARES: Dict[str, List[Tuple[int, float]]] = {}
for _place, (_feature, _task, _environment) in enumerate(USES):
    _tasks = config.FEATURE_TASKS[_feature]
    _share = _tasks[_task] / sum(_tasks.values()) * config.ENVIRONMENT_SHARES[_environment]
    _USE_SHARES.setdefault(_feature, []).append((_place, _share))

Value = TypeVar("Value")
# Looks up one table after the other.
_Each = Callable[[Sequence[Sequence[int]]], Sequence[Sequence[int]]]


class RowText:
    """The tables of one plan.  `prices` are USD per 1,000 tokens by model: in, out, cached."""

    def __init__(self, plan: Plan, prices: Sequence[Sequence[float]]) -> None:
        self._plan = plan
        self.models = plan.mix.models
        self._kept: Dict[Any, Any] = {}
        self._profiles: List[int] = []
        self.first_shape: List[int] = []
        # All that decides about the models of a shape, and what finds each shape's among so many.
        asked = [(s.feature, s.caller.expensive, s.step > 0) for s in SHAPES]
        self._asked_models = list(dict.fromkeys(asked))
        numbers = {each: number for number, each in enumerate(self._asked_models)}
        self._each_model: _Each = itemgetter(*(numbers[each] for each in asked))
        # The shapes whose tables of tokens, and of cached parts, are not made yet.
        self._without_tokens = _shapes_by(lambda s: (s.feature, _is_shorter(s.step)))
        self._without_cached = _shapes_by(lambda s: (s.feature, s.cache, _is_well_cached(s.step)))
        self.prompts: List[Sequence[int]] = [_NOTHING] * len(SHAPES)
        self.answers: List[Sequence[int]] = [_NOTHING] * len(SHAPES)
        self.cached: List[Sequence[int]] = [_NOTHING] * len(SHAPES)
        self._make_numbers()
        self._make_cache()
        self._make_money(prices)
        self._make_latency()
        self._make_outcomes()
        self._make_text()
        self.extend()

    def extend(self) -> None:
        """Take customers into the tables who have joined since, or moved to another tier."""
        for customer in self._plan.slots[len(self._profiles) // BEHAVIOURS :]:
            self._add(customer)

    # --- choices ---------------------------------------------------------------------------

    def source_table(self, weights: Sequence[float]) -> bytes:
        """Return the table of sources of calls, by position, for these weights."""
        return sampling_tables.of_positions(weights)

    def customer_tables(self, day: Day) -> List[Sequence[int]]:
        """Return the tables of personas by region."""
        return self._remembered(
            ("customers", day.number),
            lambda: [
                sampling_tables.of_numbers(callers, sampling_tables.WHO_SIZE)
                if callers
                else self.persona_table(0)
                for callers in day.regions
            ],
        )

    def persona_table(self, persona: int) -> Sequence[int]:
        """Return the table of one persona only."""
        return self._remembered(
            ("persona", persona),
            lambda: sampling_tables.of_numbers([(persona, 1.0)], sampling_tables.WHO_SIZE),
        )

    def use_tables(self, features: Tuple[Tuple[str, FeatureState], ...]) -> List[Sequence[int]]:
        """Return the tables of uses by persona, for the states of the features.

        A use and the persona's `first_shape` add up to the number of a shape.
        """
        tables = self._remembered(("uses", features), lambda: self._use_tables(dict(features)))
        return [tables[profile] for profile in self._profiles]

    def model_tables(self, moves: Moves) -> Sequence[Sequence[int]]:
        """Return the tables of models by shape."""
        return self._remembered(("models", moves), lambda: self._model_tables(moves))

    def _remembered(self, key: Tuple[object, ...], build: Callable[[], Value]) -> Value:
        """Return one and the same object for the same key; many are not kept."""
        if key not in self._kept:
            if len(self._kept) >= _MOST_TABLES:
                self._kept.clear()
            self._kept[key] = build()
        value: Value = self._kept[key]
        return value

    def _use_tables(self, features: Mapping[str, FeatureState]) -> List[Sequence[int]]:
        """Return the tables of uses by profile."""
        for feature in config.FEATURES:
            state = features.get(feature, _USUAL_STATE)
            if state.level:
                self._make_tokens(feature, _is_shorter(state.step))
                self._make_cached(feature, state.cache, _is_well_cached(state.step))
        return [_use_table(profile, features) for profile in config.FEATURE_PROFILES]

    def _model_tables(self, moves: Moves) -> Sequence[Sequence[int]]:
        return self._each_model([self._model_table(moves, *each) for each in self._asked_models])

    def _model_table(
        self, moves: Moves, feature: str, expensive: bool, saves: bool
    ) -> Sequence[int]:
        """Return the table of a feature, which it shares with others of which nothing moves."""
        is_long = feature in config.LONG_CONTEXTS
        own = tuple(move[1:] for move in moves if move[0] == feature)

        def build() -> Sequence[int]:
            weights = self._weights_of_taste(is_long, expensive, saves)
            for old, new, share in own:
                weights = model_mix.moved(weights, old, new, share)
            return sampling_tables.of_positions(weights)

        return self._remembered(("model", is_long, expensive, saves, own), build)

    def _weights_of_taste(self, is_long: bool, expensive: bool, saves: bool) -> Weights:
        def build() -> Weights:
            mix = self._plan.mix
            weights = mix.for_long_contexts(mix.weights) if is_long else mix.weights
            weights = mix.saving(weights) if saves else weights
            return mix.by_taste(weights, self._plan.expensive_shares[is_long])[expensive]

        return self._remembered(("taste", is_long, expensive, saves), build)

    # --- numbers ---------------------------------------------------------------------------

    def _make_tokens(self, feature: str, shorter: bool) -> None:
        """Make tables of prompts, and of answers that go along with them, by shape.

        Only for the shapes of a feature with prompts of this kind, when it comes to them.
        """
        tables: Dict[Tuple[Any, ...], Tuple[Sequence[int], Sequence[int]]] = {}
        for number in self._without_tokens.pop((feature, shorter), ()):
            shape = SHAPES[number]
            # Long contexts are the same for all tasks.
            key = ("" if shape.is_long else shape.task, shape.caller.archetype)
            if not shape.wastes and key not in tables:
                tables[key] = _token_tables(shape)
            pair = _wasting_tables() if shape.wastes else tables[key]
            self.prompts[number], self.answers[number] = pair

    def _make_cached(self, feature: str, cache: int, saves: bool) -> None:
        """Make the table of the cached part of a prompt, of a feature in this state."""
        numbers = self._without_cached.pop((feature, cache, saves), ())
        if numbers:
            table = _cache_table(feature, cache, saves)
            for number in numbers:
                self.cached[number] = table

    def _make_numbers(self) -> None:
        """Make the text of all numbers of tokens."""
        inputs = max(pair[0].most for pair in config.LONG_CONTEXTS.values())
        outputs = max(pair[1].most for pair in config.LONG_CONTEXTS.values())
        most = max(inputs, config.INPUT_TOKENS.most) + max(outputs, config.OUTPUT_TOKENS.most)
        self.tokens = sampling_tables.texts_of_numbers(most + 1)

    def _make_cache(self) -> None:
        """Make the text of the cached part of a prompt, and the models that cache."""
        self.caches = [int(m.cache_read_price is not None) for m in self._plan.mix.models] * 2
        blocks = len(self.tokens) // config.CACHE_BLOCK_TOKENS
        self.cached_text = [f"{i * config.CACHE_BLOCK_TOKENS}\n" for i in range(blocks + 1)]

    def _make_money(self, prices: Sequence[Sequence[float]]) -> None:
        """Make prices of a token by model, and the text of costs in two halves."""
        exact = all(_is_whole(p * _NANO / 1000) for some in prices for p in some)
        parts = _NANO if exact else _PICO
        self.money_unit = parts // 10**6
        twice = [*prices, *prices]  # the same models while their provider is slow
        self.input_price = [round(some[0] * parts / 1000) for some in twice]
        self.output_price = [round(some[1] * parts / 1000) for some in twice]
        block = config.CACHE_BLOCK_TOKENS
        self.cache_discount = [round((some[0] - some[2]) * parts / 1000) * block for some in twice]
        priciest = len(self.tokens) * max(
            *self.input_price, *self.output_price, *(round(p[2] * parts / 1000) for p in prices)
        )
        thousandths = priciest // self.money_unit // 1000 + 2
        parts_of_thousand = sampling_tables.digits(3)
        self.milli_dollars = [
            f"{dollars}.{part}"
            for dollars in range(thousandths // 1000 + 1)
            for part in parts_of_thousand
        ]
        self.micro_dollars = [f"{part}," for part in parts_of_thousand]

    def _make_latency(self) -> None:
        """Make fixed-point factors of region, jitter and speed, and the text of latencies.

        Latency = (tokens / 10 + base) × region × speed × jitter; in tenths of a ms inside.
        """
        per_ms = config.LATENCY_TOKENS_PER_MS
        low, high = config.LATENCY_BASE_MS
        bases = sampling_tables.uniform(low * per_ms, high * per_ms)
        self.base_latency = sampling_tables.numbers([int(base) for base in bases])
        steps = [x * (1 << _JITTER_BITS) for x in sampling_tables.uniform(*config.LATENCY_JITTER)]
        self._jitter_of = {
            region: sampling_tables.numbers([int(factor * step + 0.5) for step in steps])
            for region, factor in config.REGIONS.items()
        }
        usual = [PROVIDER_SPEED.get(m.provider, 1.0) * m.speed for m in self._plan.mix.models]
        slow = [factor * config.SLOW_PROVIDER_FACTOR for factor in usual]
        self.speed = [round(factor / per_ms * (1 << _SPEED_BITS)) for factor in usual + slow]
        self.latency_shift = _JITTER_BITS + _SPEED_BITS
        longest = len(self.tokens) + self.base_latency[-1]
        factors = max(self.speed) * max(max(steps) for steps in self._jitter_of.values())
        slowest = longest * factors >> self.latency_shift
        self.client_timeout = config.CLIENT_TIMEOUT_MS
        within = sampling_tables.texts_of_numbers(self.client_timeout)
        beyond = [f"{self.client_timeout},"] * max(1, slowest + 2 - self.client_timeout)
        self.latency_text = within + beyond
        self.refusal_latency = [int(x) for x in sampling_tables.uniform(*config.REFUSAL_LATENCY_MS)]

    def _make_outcomes(self) -> None:
        """Make tables of success and kinds of error."""
        kinds = config.ERROR_TYPES
        failing = [config.ERROR_SHARE * config.ERROR_TYPE_SHARES[kind] for kind in kinds]
        limited = [config.RATE_LIMIT_ERROR_SHARE * (kind == "rate_limit") for kind in kinds]
        self.outcomes = sampling_tables.of_positions([1 - math.fsum(failing), *failing])
        self.abused_outcomes = sampling_tables.of_positions([1 - math.fsum(limited), *limited])
        self.refusals = frozenset(i + 1 for i, k in enumerate(kinds) if k in config.REFUSALS)
        self.timeout = kinds.index("timeout") + 1

    # --- text ------------------------------------------------------------------------------

    def _make_text(self) -> None:
        features = list(config.FEATURES)
        sixty = sampling_tables.digits(2)[:60]
        self.minute_second = [f"{minute}:{second}." for minute in sixty for second in sixty]
        self.millisecond = [f"{number}000,call_" for number in sampling_tables.digits(3)]
        models = [f",{m.provider},{m.name}," for m in self._plan.mix.models]
        self.model_text = models + models
        # The uses follow each other again and again in the shapes.
        times = len(SHAPES) // len(USES)
        self.use_text = [f"{','.join(use)},req_" for use in USES] * times
        self.use_code = [f"{features.index(use[0]):x}" for use in USES] * times
        self.customer_text: List[str] = []
        self.trace_text: List[str] = []
        self.success_text: List[str] = []
        self.failure_text: List[List[str]] = []
        self.jitter: List[Sequence[int]] = []
        # User agent and session by persona, in every other hour; the two go together.
        self.agents: Tuple[List[str], List[str]] = ([], [])

    def _add(self, customer: Customer) -> None:
        """Add a customer's personas to all tables that are by persona."""
        digits = customer.id.split("_")[1]
        text = f"{customer.id},{customer.tier},{customer.organization},{customer.product},"
        price = config.SUBSCRIPTION_TIERS[customer.tier]
        plan = f"{customer.archetype},{price:.1f},"
        failures = {
            region: [f"{region},{STATUS_ERROR},{kind},{plan}" for kind in config.ERROR_TYPES]
            for region in REGIONS
        }
        for behaviour in range(BEHAVIOURS):
            manner = WASTING if behaviour == WASTER else USUAL
            caller = Caller(customer.archetype, customer.expensive, manner)
            self._profiles.append(customer.profile)
            self.first_shape.append(CALLERS.index(caller) * SHAPES_EACH)
            region = customer.region if behaviour < HOPPER else REGIONS[behaviour - HOPPER]
            self.jitter.append(self._jitter_of[region])
            self.success_text.append(f"{region},{STATUS_SUCCESS},,{plan}")
            self.failure_text.append(failures[region])
        self.customer_text += [text] * BEHAVIOURS
        self.trace_text += [f",trace_{digits}"] * BEHAVIOURS
        for turn, agents in enumerate(self.agents):
            agent = config.USER_AGENTS[(int(digits) + turn) % len(config.USER_AGENTS)]
            agents += [f",{agent},sess_{digits}"] * BEHAVIOURS


def is_abuser(persona: int) -> bool:
    """Return whether a persona runs into rate limits."""
    return persona % BEHAVIOURS == ABUSER


def _use_table(profile: Mapping[str, int], features: Mapping[str, FeatureState]) -> Sequence[int]:
    weights: List[Tuple[int, float]] = []
    for feature, uses in _USE_SHARES.items():
        state = features.get(feature, _USUAL_STATE)
        weight = profile.get(feature, 0) * state.level
        if weight:
            first = offset_of(state.step, state.cache)
            weights += [(first + place, weight * share) for place, share in uses]
    return sampling_tables.of_numbers(weights, sampling_tables.SIZE)


def _shapes_by(key: Callable[[Shape], Tuple[Any, ...]]) -> Dict[Tuple[Any, ...], List[int]]:
    """Return the numbers of shapes by a key that is the same for all callers."""
    numbers: Dict[Tuple[Any, ...], List[int]] = {}
    for number, shape in enumerate(SHAPES[:SHAPES_EACH]):
        alike = range(number, len(SHAPES), SHAPES_EACH)
        numbers.setdefault(key(shape), []).extend(alike)
    return numbers


@lru_cache(maxsize=None)
def _wasting_tables() -> Tuple[Sequence[int], Sequence[int]]:
    """Return quantiles of input and, folded, of output of calls that waste prompts."""
    wasted = sampling_tables.numbers(
        [int(x) for x in sampling_tables.uniform(*config.WASTER_INPUT_TOKENS)]
    )
    answer = [int(x) for x in sampling_tables.uniform(*config.WASTER_OUTPUT_TOKENS)]
    return wasted, sampling_tables.folded(answer)


def _token_tables(shape: Shape) -> Tuple[Sequence[int], Sequence[int]]:
    """Return quantiles of input and, folded, of output of a shape that does not waste."""
    scale = config.CUSTOMER_ARCHETYPES[shape.caller.archetype].token_scale
    is_shorter = _is_shorter(shape.step)
    shorter = config.PROGRAMME_PROMPT_FACTOR if is_shorter else 1.0
    briefer = config.PROGRAMME_OUTPUT_FACTOR if is_shorter else 1.0
    if shape.is_long:
        inputs, outputs = config.LONG_CONTEXTS[shape.feature]
        scale = round(math.pow(scale, config.LONG_SCALE_POWER), 9)
        return (
            sampling_tables.clamped_lognormal(inputs, scale * shorter),
            sampling_tables.folded(sampling_tables.clamped_lognormal(outputs, scale * briefer)),
        )
    by_task, by_feature = config.TASK_TOKENS[shape.task], config.FEATURE_TOKENS[shape.feature]
    given = scale * by_task[0] * by_feature[0] * shorter
    answered = scale * by_task[1] * by_feature[1] * briefer
    return (
        sampling_tables.clamped_normal(config.INPUT_TOKENS, given),
        sampling_tables.folded(sampling_tables.clamped_normal(config.OUTPUT_TOKENS, answered)),
    )


def _cache_table(feature: str, cache: int, saves: bool) -> Sequence[int]:
    """Return the part of a prompt that is read from the cache, in 4096ths, by random number."""
    rate, part = config.CACHE_HITS.get(feature, (0.0, 0.0))
    if saves and rate:
        rate, part = (1 - (1 - x) * config.PROGRAMME_CACHE_MISSES for x in (rate, part))
    if cache == COLD:
        part *= config.CACHE_COLD_SHARE
    hits = round(rate * sampling_tables.SIZE)
    whole = 1 << CACHE_BITS
    low = round((part - _CACHE_SPREAD) * whole)
    high = min(whole, round((part + _CACHE_SPREAD) * whole))
    missed = [0] * (sampling_tables.SIZE - hits)
    return sampling_tables.numbers([low + (high - low) * i // hits for i in range(hits)] + missed)


def _is_shorter(step: int) -> bool:
    """Return whether prompts and answers have been made shorter."""
    return step > 1


def _is_well_cached(step: int) -> bool:
    """Return whether more of the prompts is read from the cache."""
    return step > 2


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6
