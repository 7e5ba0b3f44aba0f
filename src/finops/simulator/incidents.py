"""What goes wrong: incidents, and the core's own planting of them at a growing rate.

Some incidents are part of a scenario (its bursts, its viral customers, its leavers); the
others may happen at any time and are planted here, each in an hour in which it can show:
nobody notices a slow provider that nobody calls.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

from finops import config
from finops.business.catalog import PROVIDER_SPEED
from finops.simulator.population import Customer, long_share
from finops.simulator.rng import Rng
from finops.simulator.traffic import DAY_HOURS, Calendar

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
CORE = "core"  # the scenario of incidents that the core plants
_MONTH_DAYS = 30
_SATURDAY = 5


class Incident(NamedTuple):
    """One planted incident, from hour `start` to hour `end` (excluded) of the simulation.

    `subject` is a customer or provider.  `size` is the multiple of the usual volume (bursts,
    viral customers, how much slower a provider is), a number of calls, or a share of them.
    """

    kind: str
    scenario: str
    start: int
    end: int
    subject: str
    size: float


def departure(scenario: str, index: int, subject: str) -> Incident:
    """Return the incident of a customer whose last hour is the one before `index`."""
    end = index + config.DEPARTURE_DAYS * DAY_HOURS
    return Incident(DEPARTED_CUSTOMER, scenario, index, end, subject, 1)


class Casting:
    """Gives customers their parts, one each: who abuses does not grow, who grows does not leave.

    `customers` are those of the population, also of those to come.
    """

    def __init__(self, customers: Sequence[Customer]) -> None:
        self._customers = customers
        self._taken: Set[int] = set()
        self.leaving = 0

    def pick(
        self, count: int, fits: Callable[[int, Customer], bool], day: int, rng: Rng
    ) -> List[int]:
        """Return the positions of up to `count` customers with a new part.

        They have been there for `config.SETTLED_DAYS`.
        """
        free = [
            position
            for position, customer in enumerate(self._customers)
            if position not in self._taken
            and (customer.joined == 0 or customer.joined + config.SETTLED_DAYS <= day)
            and fits(position, customer)
        ]
        picked = rng.shuffled(free)[:count]
        self._taken.update(picked)
        return picked

    def may_leave(self, count: int) -> int:
        """Return how many of so many may leave; nobody does where too many have."""
        spare = int(len(self._customers) * config.MOST_DEPARTED_SHARE) - self.leaving
        allowed = max(0, min(count, spare))
        self.leaving += allowed
        return allowed


class Schedule:
    """Says how many incidents of a kind are due, at a rate that grows with simulated time."""

    def __init__(self, kind: str, rng: Rng) -> None:
        self._per_day = config.INCIDENTS_PER_30_DAYS[kind] / _MONTH_DAYS
        self._rng = rng
        self._expected = 0.0
        self._next = rng.between(0.3, 1.0)

    def due(self, day: int) -> bool:
        """Take one more day into account; True when one more incident is due."""
        growth = 1 + config.INCIDENT_RATE_GROWTH * day / _MONTH_DAYS
        self._expected += self._per_day * min(growth, config.INCIDENT_RATE_CEILING)
        if self._expected < self._next:
            return False
        self._next += self._rng.between(0.75, 1.25)
        return True


Planter = Callable[[int, Rng], Sequence[Incident]]


class IncidentScheduler:
    """The core's incidents, day by day.  Abusers and wasters are the same few again and again."""

    def __init__(
        self, seed: int, customers: Sequence[Customer], casting: Casting, calendar: Calendar
    ) -> None:
        self._customers = customers
        self._casting = casting
        self._calendar = calendar
        self._planters: Dict[str, Planter] = {
            DEPARTED_CUSTOMER: self._departure,
            RATE_LIMIT_ABUSER: self._abuser,
            REGION_HOPPER: self._hopper,
            PROMPT_WASTER: self._waster,
            SLOW_PROVIDER: self._slow_provider,
        }
        self._rng = {kind: Rng(seed, "incidents", kind) for kind in self._planters}
        self._schedules = {kind: Schedule(kind, rng) for kind, rng in self._rng.items()}
        self._waiting = dict.fromkeys(self._planters, 0)
        self._busy_until: Dict[Tuple[str, str], int] = {}
        self._casting_rng = Rng(seed, "incidents", "casting")
        self._abusers: List[int] = []
        self._wasters: List[int] = []

    def plant(self, day: int) -> Iterator[Incident]:
        """Yield the incidents that begin on this day, counted from the start."""
        self._cast(day)
        if day < config.INCIDENT_FREE_DAYS:
            return
        for kind, planter in self._planters.items():
            self._waiting[kind] += self._schedules[kind].due(day)
            if self._waiting[kind]:
                for incident in planter(day, self._rng[kind]):
                    self._waiting[kind] -= 1
                    yield incident

    def _cast(self, day: int) -> None:
        """Find somebody for the parts that a population of this size has."""
        count = len(self._customers)
        for cast, each, fits in (
            (self._abusers, config.CUSTOMERS_PER_ABUSER, _may_abuse),
            (self._wasters, config.CUSTOMERS_PER_WASTER, _may_waste),
        ):
            if len(cast) < max(1, count // each):
                cast += self._casting.pick(1, fits, day, self._casting_rng)

    def _departure(self, day: int, rng: Rng) -> Sequence[Incident]:
        if not self._casting.may_leave(1):
            return []
        leaving = self._casting.pick(1, _may_leave, day, rng)
        return [departure(CORE, day * DAY_HOURS, self._customers[i].id) for i in leaving]

    def _abuser(self, day: int, rng: Rng) -> Sequence[Incident]:
        hour = day * DAY_HOURS + rng.below(DAY_HOURS)
        calls = rng.whole_between(*config.RATE_LIMIT_CALLS)
        return self._by_customer(RATE_LIMIT_ABUSER, hour, 1, self._abusers, calls, rng)

    def _hopper(self, day: int, rng: Rng) -> Sequence[Incident]:
        hours = config.HOPPER_HOURS
        calls = rng.whole_between(*config.HOPPER_CALLS_PER_HOUR) * hours
        # It is one day's business.
        hour = day * DAY_HOURS + rng.below(DAY_HOURS + 1 - hours)
        return self._by_customer(REGION_HOPPER, hour, hours, self._abusers, calls, rng)

    def _waster(self, day: int, rng: Rng) -> Sequence[Incident]:
        hours = rng.whole_between(*config.WASTER_HOURS)
        share = config.WASTER_SHARE_OF_CALLS
        return self._by_customer(PROMPT_WASTER, day * DAY_HOURS, hours, self._wasters, share, rng)

    def _slow_provider(self, day: int, rng: Rng) -> Sequence[Incident]:
        fitting = [
            provider
            for provider, weight in config.PROVIDER_WEIGHTS.items()
            if weight >= config.SLOW_PROVIDER_MIN_WEIGHT
            and PROVIDER_SPEED.get(provider, 1.0) <= config.SLOW_PROVIDER_MOST_SPEED
        ]
        first = day * DAY_HOURS
        midnight, weekday = self._calendar.local(first)
        if weekday >= _SATURDAY:
            return []
        start = first - midnight + rng.whole_between(*config.SLOW_PROVIDER_FIRST_HOURS)
        if start < first:
            start += DAY_HOURS
        end = start + rng.whole_between(*config.SLOW_PROVIDER_HOURS)
        size = config.SLOW_PROVIDER_FACTOR
        return self._free(Incident(SLOW_PROVIDER, CORE, start, end, rng.pick(fitting), size))

    def _by_customer(
        self, kind: str, start: int, hours: int, positions: Sequence[int], size: float, rng: Rng
    ) -> Sequence[Incident]:
        if not positions:
            return []
        subject = self._customers[rng.pick(positions)].id
        return self._free(Incident(kind, CORE, start, start + hours, subject, size))

    def _free(self, incident: Incident) -> Sequence[Incident]:
        """Return the incident, unless one of its kind has its subject busy that day."""
        key = (incident.kind, incident.subject)
        if incident.start < self._busy_until.get(key, 0):
            return []
        self._busy_until[key] = incident.end + DAY_HOURS
        return [incident]


def _may_abuse(position: int, customer: Customer) -> bool:
    return customer.archetype == "power" and customer.tier != "enterprise"


def _may_waste(position: int, customer: Customer) -> bool:
    """Return whether it calls often, and mostly for what has short prompts."""
    return (
        customer.activity * customer.size >= config.WASTER_LEAST_WEIGHT
        and customer.tier != "enterprise"
        and long_share(customer.profile) <= 0.5
    )


def _may_leave(position: int, customer: Customer) -> bool:
    return customer.archetype != "heavy" and not customer.expensive
