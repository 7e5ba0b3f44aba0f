"""What a scenario is: a pattern over time, and nothing about how a row looks.

The engine owns the loop.  All scenarios of a run act at the same time: in every simulated hour
their factors are multiplied, and what they say of customers, models and features is applied.
A scenario is always on, or it is an episode: it begins, takes its time, and may come back.  At
the beginning of an episode it picks its subjects; from then on the engine asks it what holds
so many hours later, also after its end, since what has changed stays changed.
"""

from __future__ import annotations

from typing import Callable, ClassVar, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.simulator.incidents import Incident
from finops.simulator.population import Customer
from finops.simulator.rng import Rng
from finops.simulator.traffic import Calendar

# Picks up to so many customers that fit (by position and what they are) and have no part in
# another story: their positions.
Pick = Callable[[int, Callable[[int, Customer], bool]], List[int]]


class Stage(NamedTuple):
    """Where an episode begins: which one of its scenario it is, from 0, and its first hour.

    `customers` are all so far; `pick` gives some of them a part, who then get no other.
    `share` returns a customer's share of all calls, 0 to 1; `rhythm` by what factor customers
    call in an hour of their own clock on a weekday, 0 on Monday, with all scenarios: 1 on average.
    """

    number: int
    start: int
    rng: Rng
    calendar: Calendar
    customers: Sequence[Customer]
    pick: Pick
    share: Callable[[int], float]
    rhythm: Callable[[int, int], float]


class Episode(NamedTuple):
    """One episode, from hour `start` to hour `end` (excluded) of the simulation.

    `subject` is whom or what it is about, in words.  `customers` are the positions of those it
    befalls, `features` and `models` what it concerns; `incidents` are what detectors can find.
    """

    scenario: str
    title: str
    start: int
    end: int
    subject: str
    customers: Tuple[int, ...] = ()
    features: Tuple[str, ...] = ()
    models: Tuple[Tuple[str, str], ...] = ()
    incidents: Tuple[Incident, ...] = ()

    @property
    def hours(self) -> int:
        """How long it takes."""
        return self.end - self.start


class Scenario:
    """Base of the scenarios: a subclass sets `id` and overrides what is special about it."""

    id: ClassVar[str] = ""
    # Daily growth of each customer's calls, and customers who join in a week, as a share.
    growth: ClassVar[Tuple[float, float]] = (1.0, config.JOINING_PER_WEEK)
    # Features that nobody uses before an episode of this scenario brings them.
    later_features: ClassVar[Tuple[str, ...]] = ()

    @property
    def shape(self) -> config.ScenarioShape:
        """Title, and when it happens."""
        return config.SCENARIO_SHAPES[self.id]

    # --- always on -------------------------------------------------------------------------

    def rhythm(self, hour: int, weekday: int) -> float:
        """Return by what factor a customer calls in an hour of its own clock, 0 on Monday."""
        return 1.0

    def level(self, day: float) -> float:
        """Return by what factor everybody calls, so many days after the start."""
        return 1.0

    def weight(self, customer: Customer) -> float:
        """Return by what factor a customer calls, always."""
        return 1.0

    # --- episodes ----------------------------------------------------------------------------

    def begin(self, stage: Stage) -> Optional[Episode]:
        """Return the episode that begins here, None where there is nobody for it."""
        return None

    def customer_factor(self, episode: Episode, place: int, since: int) -> float:
        """Return by what factor the episode's customer at `place` calls, for one day.

        `since` is the hours since the episode began, here and below.
        """
        return 1.0

    def surge(self, episode: Episode, since: int) -> float:
        """Return how many times their usual calls its customers make on top, in this hour."""
        return 0.0

    def feature_level(self, episode: Episode, since: int) -> float:
        """Return how much its features are used, 1 being their steady level."""
        return 1.0

    def moved(self, episode: Episode, since: int) -> float:
        """Return the share of calls that has moved from its first to its second model."""
        return 0.0

    def saving_steps(self, episode: Episode, since: int) -> int:
        """Return how many steps its features have gone towards lower cost."""
        return 0

    def prompts_changed(self, episode: Episode) -> Sequence[int]:
        """Return after how many hours its features get other prompts, which no cache knows."""
        return ()
