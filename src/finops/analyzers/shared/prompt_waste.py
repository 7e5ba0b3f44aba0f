"""Who sends wasteful prompts as a habit, and not just now and then as everyone does.

A customer's number of such prompts is held against what the share of all others lets expect.
The others are the customers that are not wasters themselves, so that a few cannot hide each other:
customers that stand out are taken out until none is left.

A habit may have begun lately or be over, and a year of other calls must not hide it: so each
month of a long period is judged like the whole of it.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Sequence, Set, Tuple

from finops import config
from finops.stats import improbable, percent

# Customer, date, number of calls.
DailyCalls = Iterable[Tuple[str, str, int]]
# Date, number of calls.
CallsByDay = Iterable[Tuple[str, int]]
_EVERYBODY = ""


def habitual_wasters(
    wasteful: DailyCalls, calls: DailyCalls, of_all: CallsByDay, whole_days: Sequence[str]
) -> Set[str]:
    """Return the customers to whom wasteful prompts are a habit, all the time or in some month.

    `wasteful` are calls with such prompts, `of_all` the numbers of all calls.  `calls` are all
    those of every customer with `config.PROMPT_WASTER_MIN_CALLS` wasteful ones; others may be left
    out.  The ascending `whole_days` are cut into equal stretches of at least
    `config.DAYS_PER_MONTH`.  The more stretches are judged, the less may chance explain.
    """
    month_of = _months(whole_days)
    everybody = ((_EVERYBODY, day, number) for day, number in of_all)
    prompts_by, calls_by, all_by = (
        _by_stretch(cells, month_of) for cells in (wasteful, calls, everybody)
    )
    chance = config.PROMPT_WASTER_CHANCE / len(all_by)
    habitual: Set[str] = set()
    for prompts, known, whole in zip(prompts_by, calls_by, all_by):
        habitual |= wasteful_customers(prompts, known, whole.get(_EVERYBODY, 0), chance)
    return habitual


def _months(days: Sequence[str]) -> Dict[str, int]:
    """Return the number of the stretch, from 1, that each day lies in; none where one is all.

    >>> months = _months([str(day) for day in range(75)])
    >>> months["0"], months["37"], months["38"], months["74"]
    (1, 1, 2, 2)
    >>> _months(["01", "02"])
    {}
    """
    count = len(days) // config.DAYS_PER_MONTH
    if count < 2:
        return {}
    return {day: 1 + place * count // len(days) for place, day in enumerate(days)}


def _by_stretch(cells: DailyCalls, month_of: Mapping[str, int]) -> List[Dict[str, int]]:
    """Return the numbers by customer: of all days, then of each month."""
    sums: List[Dict[str, int]] = [{} for _ in range(1 + max(month_of.values(), default=0))]
    for customer, day, number in cells:
        sums[0][customer] = sums[0].get(customer, 0) + number
        if day in month_of:
            month = sums[month_of[day]]
            month[customer] = month.get(customer, 0) + number
    return sums


def wasteful_customers(
    wasteful: Mapping[str, int], calls: Mapping[str, int], of_all: int, chance: float
) -> Set[str]:
    """Return the customers to whom wasteful prompts are a habit.

    `wasteful` and `calls` are numbers of calls by customer, of whom those with few wasteful ones
    may be left out; `of_all` is the number of all calls.  Needed are
    `config.PROMPT_WASTER_MIN_CALLS` such prompts, a share of `config.PROMPT_WASTER_MIN_SHARE_PCT`
    of the customer's calls that is so many times the share of the others as
    `config.PROMPT_WASTER_FACTOR` says, and a number that chance makes of as many calls of others
    less often than `chance` says, 0 to 1.
    """
    suspects = [name for name, number in wasteful.items() if _many(number, calls.get(name, 0))]
    habitual: Set[str] = set()
    prompts, whole = sum(wasteful.values()), of_all
    while True:
        more = {
            name
            for name in suspects
            if name not in habitual
            and _stands_out(wasteful[name], calls[name], prompts, whole, chance)
        }
        if not more:
            return habitual
        habitual |= more
        prompts -= sum(wasteful[name] for name in more)
        whole -= sum(calls[name] for name in more)


def _many(number: int, calls: int) -> bool:
    share = percent(number, calls)
    return number >= config.PROMPT_WASTER_MIN_CALLS and share >= config.PROMPT_WASTER_MIN_SHARE_PCT


def _stands_out(number: int, calls: int, prompts: int, whole: int, chance: float) -> bool:
    """Return whether so many of a customer's calls are beyond what the other calls lead to expect.

    One prompt in `config.PROMPT_WASTER_PRIOR_CALLS` calls is added to the others: that none was
    seen does not mean never, and a customer may have no others.
    """
    usual = (prompts - number + 1) / (whole - calls + config.PROMPT_WASTER_PRIOR_CALLS)
    expected = calls * usual
    return number > config.PROMPT_WASTER_FACTOR * expected and improbable(number, expected, chance)
