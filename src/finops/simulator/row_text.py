"""Every table and every piece of text that rows are put together from.

Pieces contain their commas, so that a row is nothing but pieces one after the other.
Personas (see `plan`) stand for a customer in one of its behaviours: all tables that are "by
persona" are lists of as many entries, most of them the same objects again and again.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from finops import config
from finops.business.catalog import PROVIDER_SPEED
from finops.schema import STATUS_ERROR, STATUS_SUCCESS
from finops.simulator import sampling_tables
from finops.simulator.plan import ABUSER, HOPPER, WASTER, Choice, Plan
from finops.simulator.population import Customer

REQUEST_BYTES = 6
_MOST_TABLES = 64
# Prices are whole numbers of this part of a dollar a token; costs, of a millionth.
_NANO = 10**9
_PICO = 10**12
# Factors of the latency are whole numbers of this part.
_JITTER_BITS = 10
_SPEED_BITS = 16


class RowText:
    """The tables of one plan.  `prices` are USD per 1,000 tokens, in and out, by model."""

    def __init__(self, plan: Plan, prices: Sequence[Sequence[float]]) -> None:
        self._plan = plan
        customers = plan.population.customers
        behaviours = HOPPER + len(config.REGIONS)
        self._personas = [(c, behaviour) for behaviour in range(behaviours) for c in customers]
        self.first_abuser = ABUSER * len(customers)
        self.abusers = range(self.first_abuser, (ABUSER + 1) * len(customers))
        self._customer_tables: Dict[Choice, Sequence[int]] = {}
        self._model_tables: Dict[Tuple[Choice, Choice], List[Sequence[int]]] = {}
        self._use_tables: Dict[Optional[Tuple[str, float]], List[bytes]] = {}
        self._make_tokens()
        self._make_money(prices)
        self._make_latency()
        self._make_outcomes()
        self._make_uses()
        self._make_text()

    # --- choices ---------------------------------------------------------------------------

    def customer_table(self, weights: Choice) -> Sequence[int]:
        """Return the table of personas for these weights."""
        if weights not in self._customer_tables:
            _bound(self._customer_tables)
            self._customer_tables[weights] = sampling_tables.of_numbers(
                weights, sampling_tables.WHO_SIZE
            )
        return self._customer_tables[weights]

    def model_tables(self, models: Tuple[Choice, Choice]) -> List[Sequence[int]]:
        """Return the tables of models by persona, for the weights of the two tastes."""
        if models not in self._model_tables:
            _bound(self._model_tables)
            ordinary, expensive = (
                sampling_tables.of_numbers(choice, sampling_tables.SIZE) for choice in models
            )
            self._model_tables[models] = [
                expensive if c.expensive else ordinary for c, _ in self._personas
            ]
        return self._model_tables[models]

    def use_tables(self, feature: Optional[Tuple[str, float]]) -> List[bytes]:
        """Return the tables of uses by persona, a feature taking a share of the calls."""
        if feature not in self._use_tables:
            _bound(self._use_tables)
            by_profile = [
                sampling_tables.of_positions(self._use_weights(profile, feature))
                for profile in config.FEATURE_PROFILES
            ]
            self._use_tables[feature] = [by_profile[c.profile] for c, _ in self._personas]
        return self._use_tables[feature]

    def _use_weights(
        self, profile: Mapping[str, int], feature: Optional[Tuple[str, float]]
    ) -> List[float]:
        taken, share = feature or ("", 0.0)
        usual = float(sum(profile.values()))
        weights: List[float] = []
        for name, task, environment in self._uses:
            weight = profile.get(name, 0) / usual * (1 - share)
            weight += share if name == taken else 0.0
            tasks = config.FEATURE_TASKS[name]
            weight *= tasks[task] / sum(tasks.values())
            weights.append(weight * config.ENVIRONMENT_SHARES[environment])
        return weights

    def _make_uses(self) -> None:
        self._uses = [
            (feature, task, environment)
            for feature in config.FEATURES
            for task in config.FEATURE_TASKS[feature]
            for environment in config.ENVIRONMENTS
        ]
        features = list(config.FEATURES)
        self.use_text = [f"{f},{t},{e},req_" for f, t, e in self._uses]
        self.use_code = [f"{features.index(f):x}" for f, _, _ in self._uses]

    # --- numbers ---------------------------------------------------------------------------

    def _make_tokens(self) -> None:
        """Make tables of prompts, and of answers that go along with them, by persona."""
        prompts: Dict[str, List[int]] = {}
        answers: Dict[str, List[int]] = {}
        for name, archetype in config.CUSTOMER_ARCHETYPES.items():
            scale = archetype.token_scale
            prompts[name] = sampling_tables.clamped_normal(config.INPUT_TOKENS, scale)
            answers[name] = sampling_tables.folded(
                sampling_tables.clamped_normal(config.OUTPUT_TOKENS, scale)
            )
        wasted = [int(x) for x in sampling_tables.uniform(*config.WASTER_INPUT_TOKENS)]
        wasted_on = sampling_tables.folded(
            [int(x) for x in sampling_tables.uniform(*config.WASTER_OUTPUT_TOKENS)]
        )
        self.prompts = [wasted if m == WASTER else prompts[c.archetype] for c, m in self._personas]
        self.answers = [
            wasted_on if m == WASTER else answers[c.archetype] for c, m in self._personas
        ]
        most = config.INPUT_TOKENS.most + config.OUTPUT_TOKENS.most
        self.total_text = [str(i) for i in range(most + 1)]
        self.tokens = [f"{i}," for i in range(most + 1)]

    def _make_money(self, prices: Sequence[Sequence[float]]) -> None:
        """Make prices of a token by model, and the text of costs in two halves."""
        exact = all(_is_whole(p * _NANO / 1000) for pair in prices for p in pair)
        parts = _NANO if exact else _PICO
        self.money_unit = parts // 10**6
        twice = [*prices, *prices]  # the same models while their provider is slow
        self.input_price = [round(pair[0] * parts / 1000) for pair in twice]
        self.output_price = [round(pair[1] * parts / 1000) for pair in twice]
        priciest = config.INPUT_TOKENS.most * max(self.input_price)
        priciest += config.OUTPUT_TOKENS.most * max(self.output_price)
        thousandths = priciest // self.money_unit // 1000 + 2
        self.milli_dollars = [f"{i // 1000}.{i % 1000:03d}" for i in range(thousandths)]
        self.micro_dollars = [f"{i:03d}," for i in range(1000)]

    def _make_latency(self) -> None:
        """Make fixed-point factors of region, jitter and speed, and the text of latencies.

        Latency = (tokens / 10 + base) × region × speed × jitter; in tenths of a ms inside.
        """
        per_ms = config.LATENCY_TOKENS_PER_MS
        low, high = config.LATENCY_BASE_MS
        self.base_latency = [int(x) for x in sampling_tables.uniform(low * per_ms, high * per_ms)]
        steps = sampling_tables.uniform(*config.LATENCY_JITTER)
        by_region = {
            region: [round(factor * step * (1 << _JITTER_BITS)) for step in steps]
            for region, factor in config.REGIONS.items()
        }
        self.jitter = [by_region[_region(c, behaviour)] for c, behaviour in self._personas]
        usual = [PROVIDER_SPEED.get(m.provider, 1.0) * m.speed for m in self._plan.mix.models]
        slow = [factor * config.SLOW_PROVIDER_FACTOR for factor in usual]
        self.speed = [round(factor / per_ms * (1 << _SPEED_BITS)) for factor in usual + slow]
        self.latency_shift = _JITTER_BITS + _SPEED_BITS
        longest = len(self.total_text) + self.base_latency[-1]
        factors = max(self.speed) * max(max(steps) for steps in by_region.values())
        slowest = longest * factors >> self.latency_shift
        self.client_timeout = config.CLIENT_TIMEOUT_MS
        self.latency_text = [f"{min(i, self.client_timeout)}," for i in range(slowest + 2)]
        self.refusal_latency = [int(x) for x in sampling_tables.uniform(*config.REFUSAL_LATENCY_MS)]

    def _make_outcomes(self) -> None:
        """Make tables of success and kinds of error, and their text by persona."""
        kinds = config.ERROR_TYPES
        failing = [config.ERROR_SHARE * config.ERROR_TYPE_SHARES[kind] for kind in kinds]
        limited = [config.RATE_LIMIT_ERROR_SHARE * (kind == "rate_limit") for kind in kinds]
        self.outcomes = sampling_tables.of_positions([1 - sum(failing), *failing])
        self.abused_outcomes = sampling_tables.of_positions([1 - sum(limited), *limited])
        self.refusals = frozenset(i + 1 for i, k in enumerate(kinds) if k in config.REFUSALS)
        self.timeout = kinds.index("timeout") + 1
        by_region = {
            region: [f",{region},{STATUS_SUCCESS},,"]
            + [f",{region},{STATUS_ERROR},{kind}," for kind in kinds]
            for region in config.REGIONS
        }
        self.outcome_text = [by_region[_region(c, behaviour)] for c, behaviour in self._personas]

    # --- text ------------------------------------------------------------------------------

    def _make_text(self) -> None:
        self.minute_second = [f"{i // 60:02d}:{i % 60:02d}." for i in range(3600)]
        self.millisecond = [f"{i:03d}000,call_" for i in range(1000)]
        models = [f",{m.provider},{m.name}," for m in self._plan.mix.models]
        self.model_text = models + models
        customers = [c for c, _ in self._personas]
        self.customer_text = [f"{c.id},{c.tier},{c.organization},{c.product}," for c in customers]
        self.trace_text = [f",trace_{_digits(c)}" for c in customers]
        self.plan_text = [
            f"{c.archetype},{config.SUBSCRIPTION_TIERS[c.tier]:.1f}\n" for c in customers
        ]
        agents = config.USER_AGENTS
        self._agents = [
            [
                f",{agents[(int(_digits(c)) + turn) % len(agents)]},sess_{_digits(c)}"
                for c in customers
            ]
            for turn in (0, 1)
        ]

    def agents(self, hour: int) -> List[str]:
        """Return user agent and session of each persona in this hour; the two go together."""
        return self._agents[hour % len(self._agents)]


def _digits(customer: Customer) -> str:
    return customer.id.split("_")[1]


def _region(customer: Customer, behaviour: int) -> str:
    """Return where a persona calls from: its home, unless it hops."""
    return customer.region if behaviour < HOPPER else list(config.REGIONS)[behaviour - HOPPER]


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6


def _bound(kept: Dict[Any, Any]) -> None:
    """Forget tables when there are many; they are made again when needed."""
    if len(kept) >= _MOST_TABLES:
        kept.clear()
