"""What several analyses need of the same calls: computed once.

What is remembered lives as long as the reading that it was worked out of, in `Rollups.memo`.
"""

from __future__ import annotations

from functools import wraps
from typing import Callable, Hashable, TypeVar, cast

from finops.rollups.spec import Rollups

Function = TypeVar("Function", bound=Callable[..., object])


def memoized(function: Function) -> Function:
    """Return a function of `Rollups` that is worked out once for the same calls and arguments.

    It must be pure, take positional, hashable arguments only, and nobody may change what it
    returns: all callers get the same object.
    """

    @wraps(function)
    def remembered(data: Rollups, *arguments: Hashable) -> object:
        key = (function, *arguments)
        if key not in data.memo:
            data.memo[key] = function(data, *arguments)
        return data.memo[key]

    return cast(Function, remembered)
