"""The simulated hours one after the other: how many calls, by whom, for what, with which model.

Everything that scenarios and incidents decide is decided here, from the start of the simulation
on, so that any process can work out any batch of rows by itself: it walks the hours, which is
cheap, and makes only the rows that are its own.

What customers do changes from day to day: who is there, how much each calls, which features and
models they use.  Within a day, who calls follows the hour where it is, and single customers may
make further calls in single hours.  So an hour is a choice among few sources of calls: the
customers of each region, and each customer that makes more.
"""

from __future__ import annotations

import math
import random
from itertools import count
from struct import unpack
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple

from finops import config
from finops.simulator import incidents as kinds
from finops.simulator import model_mix
from finops.simulator.call_shapes import COLD, WARM
from finops.simulator.incidents import Casting, Incident, IncidentScheduler
from finops.simulator.population import Customer, Population, long_share
from finops.simulator.rng import Rng
from finops.simulator.scenarios import SCENARIOS
from finops.simulator.scenarios.base import Episode, Scenario, Stage
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.subscriptions import Subscriptions
from finops.simulator.traffic import DAY_HOURS, Calendar

# A customer calls in one of several behaviours; from HOPPER on there is one for each region.  A
# persona is a customer with the tier of its time (a slot) in one: slot × BEHAVIOURS + behaviour.
ORDINARY, ABUSER, WASTER, HOPPER = range(4)
REGIONS: Tuple[str, ...] = tuple(config.REGIONS)
_PLACES = {region: place for place, region in enumerate(REGIONS)}
BEHAVIOURS = HOPPER + len(REGIONS)

# What is chosen, and its weight.
Choice = Tuple[Tuple[int, float], ...]
_NOTHING_EXTRA: Choice = ()
_NONE_SLOW: FrozenSet[str] = frozenset()
_WEEK_HOURS = 7 * DAY_HOURS
_NOISE_BITS = 16


class FeatureState(NamedTuple):
    """A feature on one day: its level of use, 1 being steady, its savings, its prompts' cache."""

    level: float = 1.0
    step: int = 0
    cache: int = WARM


# A feature's models that have moved: (feature, old model, new model, share), by position.
Moves = Tuple[Tuple[str, int, int, float], ...]


class Day(NamedTuple):
    """What holds for a day.  `regions` are the personas of each region with their weights.

    `features` are the states of the features that are not in their usual one.
    """

    number: int
    regions: Tuple[Choice, ...]
    features: Tuple[Tuple[str, FeatureState], ...]
    moves: Moves


class Hour(NamedTuple):
    """One simulated hour of `calls` rows.

    Each call is of one of the sources: those of the day's regions by weight, then single
    personas, by weight, too.  `slow` are the providers that are slow.
    """

    number: int
    calls: int
    day: Day
    region_weights: Tuple[float, ...]
    extra: Choice
    slow: FrozenSet[str]


class _Running(NamedTuple):
    scenario: Scenario
    episode: Episode


class Plan:
    """Walks the simulated hours; `incidents` and `episodes` grow with what has begun."""

    def __init__(self, spec: SimulationSpec) -> None:
        self.population = Population(spec.seed)
        self.mix = model_mix.build()
        self.calendar = Calendar(spec.start)
        self.incidents: List[Incident] = []
        self.episodes: List[Episode] = []
        self._spec = spec
        self._scenarios = [SCENARIOS[name] for name in spec.scenarios]
        self._is_alone = len([s for s in self._scenarios if s.shape.hours]) <= 1
        self._noise = random.Random(f"{spec.seed}:noise").getrandbits
        self._casting = Casting(self.population.customers)
        self._scheduler = IncidentScheduler(
            spec.seed, self.population.customers, self._casting, self.calendar
        )
        self._growth, self._joining, self._joining_later = self._pace()
        self._joins = 0.5
        # How many times its first calls a customer of the start makes: who joins is like it.
        self._grown = 1.0
        self._positions = {c.id: i for i, c in enumerate(self.population.customers)}
        self._weights = [self._first_weight(c) for c in self.population.customers]
        self._subscriptions = Subscriptions(spec.seed)
        # All customers, once for each tier that they have had.
        self.slots: Sequence[Customer] = self._subscriptions.slots
        for customer, weight in zip(self.population.customers, self._weights):
            self._subscriptions.add(customer, weight)
        self._scale = config.BASE_CALLS_PER_HOUR / math.fsum(self._weights)
        # Of the calls of the start without and with long contexts, the share of customers with a
        # taste for expensive models.
        self.expensive_shares = tuple(self._expensive_share(is_long) for is_long in (False, True))
        self._curve = self._local_curve()
        self._curves = self._curves_of_regions()
        self._gone: Set[int] = set()
        self._running: List[_Running] = []
        self._active: List[Incident] = []
        self._starts = {s.id: 0 for s in self._scenarios if s.shape.hours}

    def hours(self) -> Iterator[Hour]:
        """Yield the hours for ever."""
        for day in count():
            self._begin_day(day)
            yield from self._hours_of(self._day(day))

    def beginnings(self) -> Iterator[int]:
        """Yield the numbers of the hours for ever, for what has begun by each of them alone.

        `incidents` and `episodes` are those of `hours`, without working out who calls how often.
        """
        for day in count():
            self._begin_day(day)
            for index in range(day * DAY_HOURS, (day + 1) * DAY_HOURS):
                self._happening(index)
                yield index

    # --- the day ---------------------------------------------------------------------------

    def _begin_day(self, day: int) -> None:
        """Let customers join, leave and grow, episodes begin, and incidents be planted."""
        self._let_join(day)
        self._begin_episodes(day)
        if self._spec.incidents:
            self._active += self._scheduler.plant(day)
        for incident in self._active:
            if incident.kind == kinds.DEPARTED_CUSTOMER and incident.start == day * DAY_HOURS:
                self._gone.add(self._positions[incident.subject])
        self._grow(day)
        self._subscriptions.renew(
            day, self.population.customers, self._weights, self._leaving() | self._gone
        )

    def _let_join(self, day: int) -> None:
        there = len(self._weights) - len(self._gone)
        joining = self._joining if day < config.GROWTH_DAYS else self._joining_later
        self._joins += there * joining / 7
        while self._joins >= 1:
            self._joins -= 1
            position = self.population.join(day)
            customer = self.population.customers[position]
            self._positions[customer.id] = position
            self._weights.append(self._first_weight(customer) * self._grown)
            self._subscriptions.add(customer, self._weights[position])

    def _begin_episodes(self, day: int) -> None:
        for scenario in self._scenarios:
            shape = scenario.shape
            first, again = shape.first, shape.again
            if self._is_alone:
                first, again = shape.alone_first, shape.alone_again
            if not shape.hours or day * DAY_HOURS != first + self._starts[scenario.id] * again:
                continue
            episode = scenario.begin(self._stage(scenario, self._starts[scenario.id], day))
            self._starts[scenario.id] += 1
            if episode is not None and (self._spec.incidents or not episode.incidents):
                self.episodes.append(episode)
                self._running.append(_Running(scenario, episode))
                self._active += episode.incidents

    def _stage(self, scenario: Scenario, number: int, day: int) -> Stage:
        rng = Rng(self._spec.seed, "scenario", scenario.id, number)
        total = math.fsum(w for i, w in enumerate(self._weights) if i not in self._gone)

        def pick(count: int, fits: Any) -> List[int]:
            return self._casting.pick(count, fits, day, rng)

        return Stage(
            number,
            day * DAY_HOURS,
            rng,
            self.calendar,
            self.population.customers,
            pick,
            lambda position: self._weights[position] / total,
            lambda hour, weekday: self._curve[weekday * DAY_HOURS + hour],
        )

    def _day(self, number: int) -> Day:
        start = number * DAY_HOURS
        factors = self._customer_factors(start)
        features = self._feature_states(start)
        used = [_use_level(profile, features) for profile in config.FEATURE_PROFILES]
        wasters = self._wasters(start)
        regions: Tuple[List[Tuple[int, float]], ...] = tuple([] for _ in REGIONS)
        level = self._scale
        for scenario in self._scenarios:
            level *= scenario.level(number)
        level *= 1 + config.DAY_NOISE * (self._noise(_NOISE_BITS) / 32768.0 - 1)
        spread = config.CUSTOMER_DAY_NOISE
        for position, (customer, weight, drawn) in enumerate(
            zip(self.population.customers, self._weights, self._drawn(len(self._weights)))
        ):
            if position in self._gone:
                continue
            weight *= level * (1 + spread * (drawn / 32768.0 - 1))
            weight *= factors.get(position, 1.0) * used[customer.profile]
            persona = self._subscriptions.current[position] * BEHAVIOURS
            callers = regions[_PLACES[customer.region]]
            if position in wasters:
                wasted = weight * config.WASTER_SHARE_OF_CALLS
                callers.append((persona + WASTER, wasted))
                weight -= wasted
            callers.append((persona, weight))
        return Day(
            number,
            tuple(tuple(callers) for callers in regions),
            tuple(sorted(features.items())),
            self._moves(start),
        )

    def _drawn(self, count: int) -> Sequence[int]:
        """Return so many random numbers of `_NOISE_BITS` (16)."""
        bits = self._noise(_NOISE_BITS * count)
        return unpack(f"<{count}H", bits.to_bytes(2 * count, "little"))

    def _grow(self, day: int) -> None:
        growth = self._growth
        self._grown *= _faded(growth, day)
        self._weights = [
            weight * _faded(growth * customer.drift, day - customer.joined)
            for weight, customer in zip(self._weights, self.population.customers)
        ]

    def _leaving(self) -> Set[int]:
        """Return who is known to leave."""
        return {
            self._positions[incident.subject]
            for incident in self._active
            if incident.kind == kinds.DEPARTED_CUSTOMER
        }

    def _customer_factors(self, start: int) -> Dict[int, float]:
        factors: Dict[int, float] = {}
        for scenario, episode in self._running:
            for place, position in enumerate(episode.customers):
                factor = scenario.customer_factor(episode, place, start - episode.start)
                factors[position] = factors.get(position, 1.0) * factor
        return factors

    def _feature_states(self, start: int) -> Dict[str, FeatureState]:
        """Return the states of the features that are not as usual."""
        states: Dict[str, FeatureState] = {}
        for scenario in self._scenarios:
            for feature in scenario.later_features:
                states[feature] = FeatureState(level=0.0)
        for scenario, episode in self._running:
            since = start - episode.start
            steps = scenario.saving_steps(episode, since)
            is_cold = _is_cold(since, scenario.prompts_changed(episode))
            for feature in episode.features:
                state = states.get(feature, FeatureState())
                level = state.level
                if feature in scenario.later_features:
                    level = scenario.feature_level(episode, since + DAY_HOURS // 2)
                cache = COLD if is_cold else state.cache
                states[feature] = FeatureState(level, max(state.step, steps), cache)
        return {name: state for name, state in states.items() if state != FeatureState()}

    def _wasters(self, start: int) -> Set[int]:
        return {
            self._positions[i.subject]
            for i in self._active
            if i.kind == kinds.PROMPT_WASTER and i.start <= start < i.end
        }

    def _moves(self, start: int) -> Moves:
        moves: List[Tuple[str, int, int, float]] = []
        for scenario, episode in self._running:
            if episode.models:
                old, new = (self.mix.position(*model) for model in episode.models)
                share = scenario.moved(episode, start + DAY_HOURS // 2 - episode.start)
                moves += [(feature, old, new, share) for feature in episode.features]
        return tuple(moves)

    # --- the hours of a day ------------------------------------------------------------------

    def _hours_of(self, day: Day) -> Iterator[Hour]:
        first = day.number * DAY_HOURS
        totals = [math.fsum(weight for _, weight in callers) for callers in day.regions]
        surging = self._surging(day)
        place = self._hour_of_week(first)
        for index in range(first, first + DAY_HOURS):
            now = self._happening(index)
            curves = self._curves[place]
            place = (place + 1) % _WEEK_HOURS
            noise = 1 + config.HOUR_NOISE * (self._noise(_NOISE_BITS) / 32768.0 - 1)
            weights = tuple([total * curve * noise for total, curve in zip(totals, curves)])
            calls = math.fsum(weights)
            extra, slow = _NOTHING_EXTRA, _NONE_SLOW
            if now or surging:
                extra = self._extra(index, curves, now, surging)
                calls += math.fsum(weight for _, weight in extra)
                slow = frozenset(i.subject for i in now if i.kind == kinds.SLOW_PROVIDER)
            yield Hour(index, max(1, round(calls)), day, weights, extra, slow)

    def _hour_of_week(self, index: int) -> int:
        hour, weekday = self.calendar.local(index)
        return weekday * DAY_HOURS + hour

    def _happening(self, index: int) -> List[Incident]:
        """Return the incidents of this hour; note those that begin."""
        if not self._active:
            return []
        now = [i for i in self._active if i.start <= index]
        self.incidents += [i for i in now if i.start == index]
        self._active = [
            i
            for i in self._active
            if i.end > index + 1 and (i.start > index or i.kind != kinds.DEPARTED_CUSTOMER)
        ]
        return now

    def _surging(self, day: Day) -> List[Tuple[_Running, int, int, float]]:
        """Return whose calls surge on a day: the episode, persona, place of its region, weight."""
        start = day.number * DAY_HOURS
        surging: List[Tuple[_Running, int, int, float]] = []
        for running in self._running:
            surges = type(running.scenario).surge is not Scenario.surge
            if surges and start < running.episode.end:
                slots = self._subscriptions.current
                personas = {slots[position] * BEHAVIOURS for position in running.episode.customers}
                surging += [
                    (running, persona, place, weight)
                    for place, callers in enumerate(day.regions)
                    for persona, weight in callers
                    if persona in personas
                ]
        return surging

    def _extra(
        self,
        index: int,
        curves: Sequence[float],
        now: Sequence[Incident],
        surging: Sequence[Tuple[_Running, int, int, float]],
    ) -> Choice:
        """Return the personas that make calls on top of the usual ones, and how many."""
        extra: List[Tuple[int, float]] = []
        for (scenario, episode), persona, place, weight in surging:
            times = scenario.surge(episode, index - episode.start)
            if times > 0:
                extra.append((persona, weight * curves[place] * times))
        for incident in now:
            if incident.kind == kinds.RATE_LIMIT_ABUSER:
                extra.append((self._persona(incident, ABUSER), incident.size))
            if incident.kind == kinds.REGION_HOPPER:
                each = incident.size / (incident.end - incident.start) / len(REGIONS)
                extra += [
                    (self._persona(incident, HOPPER + place), each) for place in range(len(REGIONS))
                ]
        return tuple(extra)

    def _persona(self, incident: Incident, behaviour: int) -> int:
        slot = self._subscriptions.current[self._positions[incident.subject]]
        return slot * BEHAVIOURS + behaviour

    # --- what holds all the time ---------------------------------------------------------------

    def _pace(self) -> Tuple[float, float, float]:
        """Return the daily growth of a customer, and the share that joins in a week, and later."""
        growth, joining = Scenario.growth
        later = joining
        for scenario in self._scenarios:
            if scenario.growth != Scenario.growth:
                growth, joining = growth * scenario.growth[0], scenario.growth[1]
                later = joining + config.JOINING_PER_WEEK_LATER
        return growth, joining, later

    def _first_weight(self, customer: Customer) -> float:
        weight = customer.activity
        for scenario in self._scenarios:
            weight *= scenario.weight(customer)
        return weight

    def _expensive_share(self, is_long: bool) -> float:
        calls = [
            (weight * (long_share(c.profile) if is_long else 1 - long_share(c.profile)), c)
            for weight, c in zip(self._weights, self.population.customers)
        ]
        total = math.fsum(weight for weight, _ in calls)
        return math.fsum(weight for weight, c in calls if c.expensive) / total

    def _local_curve(self) -> List[float]:
        """Return for each hour of the week what a customer there does; 1 on average."""
        factors = [self._rhythm(local) for local in range(_WEEK_HOURS)]
        mean = math.fsum(factors) / _WEEK_HOURS
        return [factor / mean for factor in factors]

    def _curves_of_regions(self) -> List[Tuple[float, ...]]:
        """Return for each hour of the week in UTC what each region does."""
        ahead = [config.REGION_UTC_OFFSET_HOURS[region] for region in REGIONS]
        return [
            tuple(self._curve[(at + hours) % _WEEK_HOURS] for hours in ahead)
            for at in range(_WEEK_HOURS)
        ]

    def _rhythm(self, local: int) -> float:
        weekday, hour = divmod(local, DAY_HOURS)
        factor = config.BUSINESS_HOURS_CURVE[hour] * config.WEEKDAY_CURVE[weekday]
        for scenario in self._scenarios:
            factor *= scenario.rhythm(hour, weekday)
        return factor


def _use_level(profile: Mapping[str, int], features: Mapping[str, FeatureState]) -> float:
    """Return how much a customer calls, 1 where all its features are at their usual level."""
    whole = sum(profile.values())
    other = math.fsum(profile.get(name, 0) * (state.level - 1) for name, state in features.items())
    return 1 + other / whole


def _faded(factor: float, age: int) -> float:
    """Return by what factor a customer's calls change on a day, given the one of its first days."""
    if age < config.GROWTH_DAYS:
        return factor
    left = 1 - (age - config.GROWTH_DAYS) / config.GROWTH_FADE_DAYS
    return 1 + (factor - 1) * left if left > 0 else 1.0


def _is_cold(since: int, changes: Sequence[int]) -> bool:
    hours = config.CACHE_COLD_DAYS * DAY_HOURS
    return any(change <= since < change + hours for change in changes)
