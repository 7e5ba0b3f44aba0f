"""Who sends wasteful prompts as a habit, and not now and then like anybody.

A customer's number of such prompts is held against what the share of all others lets expect.
The others are those who are no wasters themselves, so that a few cannot hide each other: customers
that stand out are taken out, until none does any more.
"""

from __future__ import annotations

from typing import Mapping, Set

from finops import config
from finops.stats import improbable, percent


def wasteful_customers(wasteful: Mapping[str, int], calls: Mapping[str, int]) -> Set[str]:
    """Return the customers to whom wasteful prompts are a habit.

    `wasteful` and `calls` are numbers of calls by customer; who has no wasteful ones may be left
    out of the first.  Needed are `config.PROMPT_WASTER_MIN_CALLS` such prompts, a share of
    `config.PROMPT_WASTER_MIN_SHARE_PCT` of the customer's calls that is so many times the share
    of the others as `config.PROMPT_WASTER_FACTOR` says, and a number that chance hardly makes
    (`config.PROMPT_WASTER_CHANCE`) of as many calls of others.
    """
    suspects = [name for name, number in wasteful.items() if _many(number, calls[name])]
    habitual: Set[str] = set()
    while True:
        left = [name for name in calls if name not in habitual]
        prompts = sum(wasteful.get(name, 0) for name in left)
        whole = sum(calls[name] for name in left)
        more = {
            name
            for name in suspects
            if name not in habitual and _stands_out(wasteful[name], calls[name], prompts, whole)
        }
        if not more:
            return habitual
        habitual |= more


def _many(number: int, calls: int) -> bool:
    share = percent(number, calls)
    return number >= config.PROMPT_WASTER_MIN_CALLS and share >= config.PROMPT_WASTER_MIN_SHARE_PCT


def _stands_out(number: int, calls: int, prompts: int, whole: int) -> bool:
    """Return whether so many of a customer's calls are beyond what the other calls lead to expect.

    One prompt in `config.PROMPT_WASTER_PRIOR_CALLS` calls is added to the others: that none was
    seen does not mean never, and a customer may have no others.
    """
    usual = (prompts - number + 1) / (whole - calls + config.PROMPT_WASTER_PRIOR_CALLS)
    expected = calls * usual
    return number > config.PROMPT_WASTER_FACTOR * expected and improbable(
        number, expected, config.PROMPT_WASTER_CHANCE
    )
