"""The business over years: who moves up a tier, and what AI costs of what customers pay."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from itertools import chain, islice
from pathlib import Path
from typing import DefaultDict, Dict, Iterable, Iterator, List, Set, Tuple

import pytest

from finops import config
from finops.schema import SIMULATED_HEADER_LINE
from finops.simulator.engine import generate
from finops.simulator.incidents import DEPARTED_CUSTOMER
from finops.simulator.plan import BEHAVIOURS, Day, Plan
from finops.simulator.population import Customer, Population, long_share
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.subscriptions import Subscriptions
from finops.simulator.traffic import Calendar
from finops.simulator.worker import generate_batches

YEARS_DAYS = 3 * 365
QUARTER_DAYS = 91
QUARTERS = YEARS_DAYS // QUARTER_DAYS
PRICES = config.SUBSCRIPTION_TIERS
LADDER = ("starter", "pro", "enterprise")


def days(plan: Plan, count: int) -> Iterator[Day]:
    """Yield the first days of a plan."""
    for hour in plan.hours():
        if hour.number % 24 == 0:
            yield hour.day
        if hour.number == count * 24 - 1:
            return


# --- one customer ------------------------------------------------------------------------------


def starters(count: int) -> List[Customer]:
    some = Population(1).customers[:count]
    return [customer._replace(tier="starter") for customer in some]


def test_who_calls_so_many_times_as_often_moves_up_on_a_day_of_renewal() -> None:
    customers = starters(2)
    subscriptions = Subscriptions(7)
    for customer in customers:
        subscriptions.add(customer, 10.0)
    low, high = config.TIER_UP_GROWTH
    moved = []
    for day in range(90, 180):
        # From day 125 on the first makes more than anybody waits for.
        calls = 10 * high + 0.01 if day >= 125 else 10 * low - 0.01
        subscriptions.renew(day, customers, [calls, 10 * low - 0.01], set())
        moved.append([c.tier for c in customers])
    # Renewals of the first are on days 90, 120 and 150, of the second one day later each.
    assert moved[: 150 - 90] == [["starter", "starter"]] * 60
    assert moved[150 - 90 :] == [["pro", "starter"]] * 30
    assert subscriptions.current == [2, 1]
    assert [c.tier for c in subscriptions.slots] == ["starter", "starter", "pro"]
    assert subscriptions.slots[2] == customers[0] == subscriptions.slots[0]._replace(tier="pro")


def test_the_next_step_is_counted_from_the_calls_of_the_last() -> None:
    customers = starters(1)
    subscriptions = Subscriptions(7)
    subscriptions.add(customers[0], 1.0)
    low, high = config.TIER_UP_GROWTH
    tiers = []
    for day, calls in ((120, 100.0), (150, 100 * low - 1), (180, 100 * high), (210, 1e9)):
        subscriptions.renew(day, customers, [calls], set())
        tiers.append(customers[0].tier)
    assert tiers == ["pro", "pro", "enterprise", "enterprise"]
    assert len(subscriptions.slots) == 3


def test_nobody_moves_up_who_is_about_to_leave() -> None:
    customers = starters(1)
    subscriptions = Subscriptions(7)
    subscriptions.add(customers[0], 1.0)
    subscriptions.renew(120, customers, [1000.0], {0})
    assert customers[0].tier == "starter"


# --- the whole business ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [42, 11])
def test_tiers_go_up_only_one_step_of_the_price_list_at_a_time(seed: int) -> None:
    plan = Plan(SimulationSpec.of(seed))
    there: Dict[str, str] = {}
    moves: List[Tuple[int, str]] = []
    leaving: Set[str] = set()
    for day in days(plan, YEARS_DAYS):
        seen = [plan.slots[p // BEHAVIOURS] for callers in day.regions for p, _ in callers]
        for customer in dict.fromkeys(seen):
            before = there.get(customer.id, customer.tier)
            if customer.tier != before:
                assert LADDER.index(customer.tier) == LADDER.index(before) + 1
                assert PRICES[customer.tier] > PRICES[before]
                assert customer.id not in leaving
                moves.append((day.number, customer.id))
            there[customer.id] = customer.tier
        leaving |= {
            incident.subject
            for episode in plan.episodes
            for incident in episode.incidents
            if incident.kind == DEPARTED_CUSTOMER
        }
    # A segment that declines is one of a tier, also years later.
    declines = [e for e in plan.episodes if e.scenario == "gradual_decline"]
    assert len(declines) > 5
    for episode in declines:
        names = {plan.population.customers[position].id for position in episode.customers}
        assert {there[name] for name in names} == {config.DECLINE_TIER}
    # Not in the default dataset, whose customers stay what they are.
    assert min(day for day, _ in moves) > 100
    # One who has moved is a customer still, and nobody's other fields have changed.
    assert len(plan.slots) == len(plan.population.customers) + len(moves)
    by_id: DefaultDict[str, Set[Customer]] = defaultdict(set)
    for slot in plan.slots:
        by_id[slot.id].add(slot._replace(tier=""))
    assert {len(slots) for slots in by_id.values()} == {1}
    assert 0.05 < len(moves) / len(plan.population.customers) < 0.3


# What a call costs after the first quarter, when programmes and migrations save, of what it cost
# in it: measured once, on three years of generated calls.
UNIT_COST_LATER = 0.62


def relative_costs(seed: int) -> List[float]:
    """Return AI cost as a share of what customers pay, by quarter, the first being 1.

    A call weighs by its long contexts, which are some twenty times as expensive, and by the
    taste for expensive models.
    """
    plan = Plan(SimulationSpec.of(seed))
    costs, paid = [0.0] * QUARTERS, [0.0] * QUARTERS
    for day in days(plan, QUARTERS * QUARTER_DAYS):
        quarter = day.number // QUARTER_DAYS
        payers: Dict[str, float] = {}
        for callers in day.regions:
            for persona, weight in callers:
                customer = plan.slots[persona // BEHAVIOURS]
                taste = 2 if customer.expensive else 1
                costs[quarter] += weight * (0.05 + long_share(customer.profile)) * taste
                payers[customer.id] = PRICES[customer.tier]
        paid[quarter] += math.fsum(payers.values())
    shares = [cost / price for cost, price in zip(costs, paid)]
    return [1.0, *(share / shares[0] * UNIT_COST_LATER for share in shares[1:])]


@pytest.mark.parametrize("seed", [42, 1, 7, 11])
def test_ai_cost_keeps_pace_with_revenue_for_three_years(seed: int) -> None:
    shares = relative_costs(seed)
    assert min(shares) > 0.65
    assert max(shares) < 1.25


# --- the rows ----------------------------------------------------------------------------------


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the business make a part of its calls; return how many fewer, about.

    So rows of years are few.  It makes at least one in an hour, so the part is not small.
    """
    part = 40
    monkeypatch.setattr(config, "BASE_CALLS_PER_HOUR", config.BASE_CALLS_PER_HOUR / part)
    return part


def tiers_of(rows: Iterable[Dict[str, str]]) -> Dict[str, List[str]]:
    """Return the tiers of each customer, in the order in which they come."""
    tiers: DefaultDict[str, List[str]] = defaultdict(list)
    for row in rows:
        if row["subscription_tier"] not in tiers[row["customer_id"]][-1:]:
            tiers[row["customer_id"]].append(row["subscription_tier"])
    return tiers


def read(text: bytes) -> Iterator[Dict[str, str]]:
    return csv.DictReader(io.StringIO(text.decode("ascii")))


def test_each_call_has_the_tier_of_its_time(thin: int) -> None:
    header = SIMULATED_HEADER_LINE.encode("ascii")
    rows = b"".join(rows for _, rows in islice(generate_batches(SimulationSpec.of()), 6))
    assert {row["tier_price_usd"] for row in read(header + rows)} == {"49.0", "199.0", "999.0"}
    for row in read(header + rows):
        assert PRICES[row["subscription_tier"]] == float(row["tier_price_usd"])
    tiers = tiers_of(read(header + rows))
    up = [each for each in tiers.values() if len(each) > 1]
    assert up
    for each in tiers.values():
        first = LADDER.index(each[0])
        assert each == list(LADDER[first : first + len(each)])


def test_bytes_are_the_same_whoever_makes_them_and_in_how_many_runs(
    thin: int, tmp_path: Path
) -> None:
    """Long after the first have moved up: by one worker or three, in one run or three."""
    spec, count = SimulationSpec.of(), 6
    alone = [rows for _, rows in islice(generate_batches(spec), count)]
    by_three = [next(generate_batches(spec, number, 3))[1] for number in range(count)]
    assert by_three == alone
    whole = SIMULATED_HEADER_LINE.encode("ascii") + b"".join(alone)
    assert any(len(tiers) > 1 for tiers in tiers_of(read(whole)).values())
    path = tmp_path / "calls.csv"
    for size in (len(whole) // 2, len(whole) * 3 // 4, len(whole)):
        generate(path, size)
    assert path.read_bytes() == whole


@pytest.mark.slow
@pytest.mark.parametrize("seed", [42, 11])
def test_ai_cost_is_a_plausible_share_of_revenue_in_each_quarter(seed: int, thin: int) -> None:
    """A customer pays from its first call to its last, by its latest tier in the quarter."""
    calendar = Calendar(config.SIMULATION_START)
    costs = [0.0] * QUARTERS
    prices: List[Dict[str, float]] = [{} for _ in range(QUARTERS)]
    spans: Dict[str, Tuple[int, int]] = {}
    header = SIMULATED_HEADER_LINE.encode("ascii")
    batches = (read(header + rows) for _, rows in generate_batches(SimulationSpec.of(seed)))
    for row in chain.from_iterable(batches):
        day = calendar.hour_of(row["timestamp"]) // 24
        quarter, customer = day // QUARTER_DAYS, row["customer_id"]
        if quarter == QUARTERS:
            break
        costs[quarter] += thin * float(row["cost_usd"])
        prices[quarter][customer] = float(row["tier_price_usd"])
        spans[customer] = (spans.get(customer, (day, day))[0], day)
    shares = []
    for quarter, (cost, some) in enumerate(zip(costs, prices)):
        start, paid = quarter * QUARTER_DAYS, 0.0
        for customer, price in some.items():
            first, last = spans[customer]
            days_there = min(last + 1, start + QUARTER_DAYS) - max(first, start)
            paid += price * days_there / 30
        shares.append(100 * cost / paid)
    assert min(shares) > 12
    assert max(shares) < 25
