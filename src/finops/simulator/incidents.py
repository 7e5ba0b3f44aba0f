"""What goes wrong: incidents, and the core's own planting of them at a growing rate.

Some incidents are part of a scenario (its bursts, its viral customers, its leavers); the
others may happen in any scenario and are planted here.  Each waits for an hour in which it
can show: nobody notices a slow provider that nobody calls.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

from finops import config
from finops.simulator.population import Population
from finops.simulator.rng import Rng
from finops.simulator.traffic import Moment

HOUR_BURST = "hour_burst"
VIRAL_CUSTOMER = "viral_customer"
DEPARTED_CUSTOMER = "departed_customer"
RATE_LIMIT_ABUSER = "rate_limit_abuser"
REGION_HOPPER = "region_hopper"
PROMPT_WASTER = "prompt_waster"
SLOW_PROVIDER = "slow_provider"
KINDS: Tuple[str, ...] = (
    HOUR_BURST,
    VIRAL_CUSTOMER,
    DEPARTED_CUSTOMER,
    RATE_LIMIT_ABUSER,
    REGION_HOPPER,
    PROMPT_WASTER,
    SLOW_PROVIDER,
)
_HOURS_30_DAYS = 30 * 24
# An incident that is due begins in a fitting hour with this probability, so not at once.
_BEGIN_CHANCE = 0.15


class Incident(NamedTuple):
    """One planted incident, from hour `start` to hour `end` (excluded) of the simulation.

    `subject` is a customer or provider, "" for a burst.  `size` is the multiple of the usual
    volume (bursts, viral customers, how much slower a provider is) or a number of calls.
    """

    kind: str
    scenario: str
    start: int
    end: int
    subject: str
    size: float


class Churn:
    """Who has left, and who may still be picked for leaving."""

    def __init__(self, population: Population) -> None:
        self._ids = [customer.id for customer in population.customers]
        kept = set(population.troubled) | set(population.wasteful)
        self._may_leave = [
            customer.id
            for i, customer in enumerate(population.customers)
            if i not in kept and not customer.expensive
        ]
        self._gone: Set[str] = set()

    def pick(self, rng: Rng, share: float) -> List[str]:
        """Pick leavers, a share of those still there (one at least), and never them again."""
        staying = len(self._ids) - len(self._gone)
        spare = int(len(self._ids) * config.MOST_DEPARTED_SHARE) - len(self._gone)
        number = max(0, min(spare, max(1, round(staying * share))))
        leaving = rng.shuffled([id for id in self._may_leave if id not in self._gone])[:number]
        self._gone.update(leaving)
        return leaving


class Schedule:
    """Says how many incidents of a kind are due, at a rate that grows with simulated time."""

    def __init__(self, kind: str, rng: Rng) -> None:
        self._per_hour = config.INCIDENTS_PER_30_DAYS[kind] / _HOURS_30_DAYS
        self._dice = rng
        self._expected = 0.0
        self._next = rng.between(0.5, 1.0)

    def due(self, index: int) -> bool:
        """Take one more hour into account; True when one more incident is due."""
        growth = 1 + config.INCIDENT_RATE_GROWTH * index / _HOURS_30_DAYS
        self._expected += self._per_hour * min(growth, config.INCIDENT_RATE_CEILING)
        if self._expected < self._next:
            return False
        self._next += self._dice.between(0.75, 1.25)
        return True


Planter = Callable[[Moment, float, str, Rng], Sequence[Incident]]


class IncidentScheduler:
    """The core's incidents, hour by hour; `level` is the hour's volume over the base volume."""

    def __init__(self, seed: int, population: Population, churn: Churn) -> None:
        self._population = population
        self._churn = churn
        self._planters: Dict[str, Planter] = {
            HOUR_BURST: self._burst,
            DEPARTED_CUSTOMER: self._departure,
            RATE_LIMIT_ABUSER: self._abuser,
            REGION_HOPPER: self._hopper,
            PROMPT_WASTER: self._waster,
            SLOW_PROVIDER: self._slow_provider,
        }
        self._dice = {kind: Rng(seed, "incidents", kind) for kind in self._planters}
        self._schedules = {kind: Schedule(kind, rng) for kind, rng in self._dice.items()}
        self._waiting = dict.fromkeys(self._planters, 0)
        self._busy_until: Dict[Tuple[str, str], int] = {}

    def plant(
        self, moment: Moment, level: float, scenario: str, usual_mix: bool
    ) -> Iterator[Incident]:
        """Yield the incidents that begin in this hour.

        `usual_mix`: the usual customers call the usual models.  What shows in the cost of an
        hour, or in a latency, waits for that: a burst of cheap calls is on nobody's bill.
        """
        for kind, planter in self._planters.items():
            self._waiting[kind] += self._schedules[kind].due(moment.number)
            fitting = usual_mix or kind not in (HOUR_BURST, SLOW_PROVIDER)
            if self._waiting[kind] and fitting and self._dice[kind].chance(_BEGIN_CHANCE):
                for incident in planter(moment, level, scenario, self._dice[kind]):
                    self._waiting[kind] -= 1
                    yield incident

    def _burst(self, moment: Moment, level: float, scenario: str, rng: Rng) -> Sequence[Incident]:
        size = burst_size(level, rng)
        return [_at(HOUR_BURST, scenario, moment, 1, "", size)] if size else []

    def _departure(
        self, moment: Moment, level: float, scenario: str, rng: Rng
    ) -> Sequence[Incident]:
        return [departure(scenario, moment.number, id) for id in self._churn.pick(rng, 0.0)]

    def _abuser(self, moment: Moment, level: float, scenario: str, rng: Rng) -> Sequence[Incident]:
        calls = rng.whole_between(*config.RATE_LIMIT_CALLS)
        return self._by_customer(
            RATE_LIMIT_ABUSER, scenario, moment, 1, self._population.troubled, calls, rng
        )

    def _hopper(self, moment: Moment, level: float, scenario: str, rng: Rng) -> Sequence[Incident]:
        calls = rng.whole_between(*config.HOPPER_CALLS_PER_HOUR)
        if moment.hour_of_day + config.HOPPER_HOURS > 24:
            return []  # it is one day's business
        return self._by_customer(
            REGION_HOPPER,
            scenario,
            moment,
            config.HOPPER_HOURS,
            self._population.troubled,
            calls * config.HOPPER_HOURS,
            rng,
        )

    def _waster(self, moment: Moment, level: float, scenario: str, rng: Rng) -> Sequence[Incident]:
        hours = rng.whole_between(*config.WASTER_HOURS)
        share = config.WASTER_SHARE_OF_CALLS
        return self._by_customer(
            PROMPT_WASTER, scenario, moment, hours, self._population.wasteful, share, rng
        )

    def _slow_provider(
        self, moment: Moment, level: float, scenario: str, rng: Rng
    ) -> Sequence[Incident]:
        weights = config.PROVIDER_WEIGHTS
        large = [p for p, weight in weights.items() if weight >= config.SLOW_PROVIDER_MIN_WEIGHT]
        if level < config.BUSY_HOUR_LEVEL or moment.hour_of_day not in _WORKING_HOURS:
            return []
        hours = rng.whole_between(*config.SLOW_PROVIDER_HOURS)
        size = config.SLOW_PROVIDER_FACTOR
        return self._free(_at(SLOW_PROVIDER, scenario, moment, hours, rng.pick(large), size))

    def _by_customer(
        self,
        kind: str,
        scenario: str,
        moment: Moment,
        hours: int,
        positions: Sequence[int],
        size: float,
        rng: Rng,
    ) -> Sequence[Incident]:
        subject = self._population.customers[rng.pick(positions)].id
        return self._free(_at(kind, scenario, moment, hours, subject, size))

    def _free(self, incident: Incident) -> Sequence[Incident]:
        """Return the incident, unless one of its kind has its subject busy that day."""
        key = (incident.kind, incident.subject)
        if incident.start < self._busy_until.get(key, 0):
            return []
        self._busy_until[key] = incident.end + 24
        return [incident]


# A slow provider is slow while there is enough traffic to see it.
_WORKING_HOURS = range(8, 16)


def _at(
    kind: str, scenario: str, moment: Moment, hours: int, subject: str, size: float
) -> Incident:
    return Incident(kind, scenario, moment.number, moment.number + hours, subject, size)


def burst_size(level: float, rng: Rng) -> float:
    """Return by how much an hour of this level bursts, 0 where no allowed burst would fit.

    The size is from `BURST_SIZE`, and such that the hour stands out whatever its level.
    """
    least = max(config.BURST_SIZE[0], config.BURST_VOLUME[0] / level)
    most = min(config.BURST_SIZE[1], config.BURST_VOLUME[1] / level)
    drawn = rng.unit()
    return least + (most - least) * drawn if least <= most else 0.0


def departure(scenario: str, index: int, subject: str) -> Incident:
    """Return the incident of a customer whose last hour is the one before `index`."""
    end = index + config.DEPARTURE_DAYS * 24
    return Incident(DEPARTED_CUSTOMER, scenario, index, end, subject, 1)
