"""What a call is like: everything about its tokens and models follows from its shape.

A shape is a use (feature, task, environment) by a kind of caller, at a stage of what the company
does about its cost.  Shapes are numbered, so that a row looks up one number for all of it.
"""

from __future__ import annotations

from itertools import product
from typing import List, NamedTuple, Tuple

from finops import config

# How a customer calls: as usual, or wasting prompts.
USUAL, WASTING = range(2)
# Steps towards lower cost (see `COST_PROGRAMMES`), and whether caches know the prompts.
STEPS = 4
WARM, COLD = range(2)


class Caller(NamedTuple):
    """A kind of caller: archetype, whether it insists on expensive models, how it calls."""

    archetype: str
    expensive: bool
    manner: int


class Shape(NamedTuple):
    """What a call is like; `step` and `cache` are those of its feature at the time."""

    feature: str
    task: str
    environment: str
    caller: Caller
    step: int
    cache: int

    @property
    def is_long(self) -> bool:
        """Whether it carries a long context."""
        return self.feature in config.LONG_CONTEXTS

    @property
    def wastes(self) -> bool:
        """Whether the prompt is needlessly long; long contexts are as they are."""
        return self.caller.manner == WASTING and not self.is_long


USES: Tuple[Tuple[str, str, str], ...] = tuple(
    (feature, task, environment)
    for feature in config.FEATURES
    for task in config.FEATURE_TASKS[feature]
    for environment in config.ENVIRONMENTS
)
CALLERS: Tuple[Caller, ...] = tuple(
    Caller(*parts) for parts in product(config.CUSTOMER_ARCHETYPES, (False, True), (USUAL, WASTING))
)
SHAPES: List[Shape] = [
    Shape(*use, caller, step, cache)
    for caller, step, cache in product(CALLERS, range(STEPS), (WARM, COLD))
    for use in USES
]
# Shapes of one caller follow each other.
SHAPES_EACH = len(SHAPES) // len(CALLERS)


def offset_of(step: int, cache: int) -> int:
    """Return the number of the first shape at this step and cache, from the caller's first.

    >>> SHAPES[offset_of(2, COLD)].step
    2
    """
    return (step * 2 + cache) * len(USES)
