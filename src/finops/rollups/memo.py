"""What several analyses need of the same calls: computed once.

What is remembered lives as long as the tables that it was worked out of, in `Rollups.memo`: with
many customers it takes as much memory as these do.
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
        return data.memo.of((function, *arguments), lambda: function(data, *arguments))

    return cast(Function, remembered)
