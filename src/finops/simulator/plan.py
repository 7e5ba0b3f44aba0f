"""The simulated hours one after the other: how many calls, by whom, with which model.

Everything that scenarios and incidents decide is decided here, hour by hour from the start
of the simulation, so that any process can work out any batch of rows by itself: it walks the
hours, which is cheap, and makes only the rows that are its own.
"""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from finops import config
from finops.simulator import incidents as kinds
from finops.simulator import model_mix, population
from finops.simulator.incidents import Churn, Incident, IncidentScheduler
from finops.simulator.model_mix import Weights
from finops.simulator.rng import Rng
from finops.simulator.scenarios import SCENARIOS
from finops.simulator.scenarios.base import Scenario, ScenarioRun
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.traffic import Calendar, Moment

# A customer calls in one of several behaviours; the row maker has a set of tables for each.
# Manners from HOPPER on are one for each region.
ORDINARY, ABUSER, WASTER, HOPPER = range(4)

# What is chosen, and its weight.
Choice = Tuple[Tuple[int, float], ...]
Answer = TypeVar("Answer")
_MOST_ANSWERS = 512


class Hour(NamedTuple):
    """One simulated hour.  `calls` rows; `customer_choice` chooses a persona, `models` a model.

    A persona is behaviour × number of customers + the customer's position.  `models` are the
    choices of customers with an ordinary taste and with one for expensive models; models from
    the number of models on are the same ones while their provider is slow.  `feature` is the
    feature that takes a share of the calls, and that share.
    """

    number: int
    calls: int
    customer_choice: Choice
    models: Tuple[Choice, Choice]
    feature: Optional[Tuple[str, float]]


class Plan:
    """Walks the simulated hours; `incidents` grows with those that have been planted."""

    def __init__(self, spec: SimulationSpec) -> None:
        self.population = population.build(spec.seed)
        self.mix = model_mix.build()
        self.calendar = Calendar(spec.start)
        self.incidents: List[Incident] = []
        self._recipe = spec
        self._noise = Rng(spec.seed, "noise")
        self._churn = Churn(self.population)
        self._scheduler = IncidentScheduler(spec.seed, self.population, self._churn)
        self._positions = {c.id: i for i, c in enumerate(self.population.customers)}
        self._active: List[Incident] = []
        self._gone: Dict[str, int] = {}
        self._answers: Dict[Tuple[object, ...], Any] = {}

    def hours(self) -> Iterator[Hour]:
        """Yield the hours for ever, cycling through the scenarios."""
        start = 0
        for number, name in enumerate(self._names()):
            scenario = SCENARIOS[name]
            rng = Rng(self._recipe.seed, "scenario", number)
            run = ScenarioRun(
                start,
                scenario.shape.hours,
                rng,
                self.calendar,
                self.population,
                self._churn,
            )
            planted = list(scenario.plant(run)) if self._recipe.incidents else []
            self._active += planted
            for since in range(run.hours):
                moment = self.calendar.moment(start + since, since, run.hours)
                yield self._hour(scenario, moment, planted)
            start += run.hours

    def _names(self) -> Iterator[str]:
        while True:
            yield from self._recipe.scenarios

    def _hour(self, scenario: Scenario, moment: Moment, planted: Sequence[Incident]) -> Hour:
        times = scenario.multiplier(moment.since, moment.hour_of_day, moment.weekday)
        customers = scenario.customer_weights(
            moment.since, moment.hour_of_day, self.population, planted
        )
        models = scenario.model_weights(moment.since, self.mix)
        level = scenario.shape.rate * times * moment.curve
        if self._recipe.incidents:
            usual_mix = customers is None and models is None
            self._active += self._scheduler.plant(moment, level, scenario.id, usual_mix)
        now = self._happening(moment.number)
        usual = self._usual_calls(level, now)
        extra = _extra_calls(now)
        return Hour(
            moment.number,
            usual + sum(calls for _, _, calls in extra),
            self._customers(customers or self.population.activities, now, usual, extra),
            self._models(models or self.mix.weights, now),
            scenario.feature_share(moment.since),
        )

    def _usual_calls(self, level: float, now: Sequence[Incident]) -> int:
        """Return the hour's calls but for what single customers add."""
        noise = self._noise.between(1 - config.HOUR_NOISE, 1 + config.HOUR_NOISE)
        burst = max([i.size for i in now if i.kind == kinds.HOUR_BURST], default=1.0)
        return max(1, round(config.BASE_CALLS_PER_HOUR * level * burst * noise))

    def _happening(self, index: int) -> List[Incident]:
        """Return the incidents of this hour; note those that begin."""
        if not self._active:
            return []
        now = [i for i in self._active if i.start <= index]
        for incident in now:
            if incident.start == index:
                self.incidents.append(incident)
                if incident.kind == kinds.DEPARTED_CUSTOMER:
                    self._gone[incident.subject] = index
        self._active = [
            i
            for i in self._active
            if i.end > index + 1 and (i.start > index or i.kind != kinds.DEPARTED_CUSTOMER)
        ]
        return now

    def _customers(
        self,
        weights: Weights,
        now: Sequence[Incident],
        usual: int,
        extra: Sequence[Tuple[str, int, int]],
    ) -> Choice:
        wasters = frozenset(i.subject for i in now if i.kind == kinds.PROMPT_WASTER)
        if not extra:
            key = (weights, len(self._gone), wasters)
            return self._remembered(key, lambda: self._regulars(weights, wasters))
        regulars = self._regulars(weights, wasters)
        per_call = sum(weight for _, weight in regulars) / usual
        return regulars + tuple(
            (self._persona(subject, behaviour), per_call * calls)
            for subject, behaviour, calls in extra
        )

    def _regulars(self, weights: Weights, wasters: FrozenSet[str]) -> Choice:
        """Return everybody who is still there; a waster wastes a share of its calls."""
        regulars: List[Tuple[int, float]] = []
        for position, (customer, weight) in enumerate(zip(self.population.customers, weights)):
            if customer.id in self._gone:
                continue
            if customer.id in wasters:
                wasted = weight * config.WASTER_SHARE_OF_CALLS
                regulars.append((self._persona(customer.id, WASTER), wasted))
                weight -= wasted
            regulars.append((position, weight))
        return tuple(regulars)

    def _persona(self, subject: str, behaviour: int) -> int:
        return behaviour * len(self._positions) + self._positions[subject]

    def _models(self, weights: Weights, now: Sequence[Incident]) -> Tuple[Choice, Choice]:
        slow = frozenset(i.subject for i in now if i.kind == kinds.SLOW_PROVIDER)

        def build() -> Tuple[Choice, Choice]:
            ordinary, expensive = self.mix.by_taste(weights, self.population.expensive_share)
            return self._offered(ordinary, slow), self._offered(expensive, slow)

        return self._remembered((weights, slow), build)

    def _offered(self, weights: Weights, slow: FrozenSet[str]) -> Choice:
        models = self.mix.models
        return tuple(
            (position + len(models) * (model.provider in slow), weight)
            for position, (model, weight) in enumerate(zip(models, weights))
        )

    def _remembered(self, key: Tuple[object, ...], build: Callable[[], Answer]) -> Answer:
        """Return one and the same object for the same answer, so that tables are made once."""
        if key not in self._answers:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            self._answers[key] = build()
        answer: Answer = self._answers[key]
        return answer


def _extra_calls(now: Sequence[Incident]) -> List[Tuple[str, int, int]]:
    """Return (customer, behaviour, calls) that incidents bring on top of the usual calls."""
    extra: List[Tuple[str, int, int]] = []
    for incident in now:
        if incident.kind == kinds.RATE_LIMIT_ABUSER:
            extra.append((incident.subject, ABUSER, int(incident.size)))
        if incident.kind == kinds.REGION_HOPPER:
            calls = int(incident.size) // (incident.end - incident.start)
            for region in range(len(config.REGIONS)):
                more = calls // len(config.REGIONS) + (region < calls % len(config.REGIONS))
                extra.append((incident.subject, HOPPER + region, more))
    return [entry for entry in extra if entry[2]]
