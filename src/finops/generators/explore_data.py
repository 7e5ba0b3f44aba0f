"""The cube of the Explore page as text: sorted keys and columns of sums, deflated, in base64.

The places of a cell are one number in a mixed radix, ascending, of which each gap to the one
before is written in groups of seven bits.  Sums are written a column at a time, the low bytes of
all cells first, so that what is alike stands together.  The page's script reads it back.
"""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from finops.generators import formatting
from finops.generators.charts import colour_of
from finops.generators.event_marks import event_words
from finops.generators.markup import inert
from finops.results.explore import CELL_MEASURES, Account, ExploreCube

_WIDE = 8  # the bytes of the widest number of an array


def explore_data(
    cube: ExploreCube, customers: Mapping[str, Any], events: Sequence[Mapping[str, str]] = ()
) -> Dict[str, Any]:
    """Return what the page's script reads; `customers` are facts by the name of a customer,
    `events` are {start, end, title, subject}.
    """
    keys = _gaps(cube.keys)
    columns = list(map(_planes, cube.sums))
    packed = b"".join([keys, *(data for _, _, data in columns)])
    names = [
        _distinct(account[at] for account in cube.accounts) for at in range(len(Account._fields))
    ]
    known = {
        "provider": _known(model.provider for model in cube.models),
        "model": _known(model.name for model in cube.models),
        "feature": _known(work.feature for work in cube.work),
        "product": _known(account.product for account in cube.accounts),
    }
    return {
        "buckets": [cube.buckets[0].first if cube.buckets else "", *_runs(cube)],
        "accounts": [
            [place[account[at]] for account in cube.accounts] for at, place in enumerate(names)
        ],
        "names": [list(map(_shown, name)) for name in names],
        "work": [list(map(_shown, work)) for work in cube.work],
        **{
            f"{kind}_names": {name: formatting.name(kind, name) for name in known[kind]}
            for kind in ("feature", "product", "provider")
        },
        "colours": {
            kind: {name: colour_of(kind, name) for name in names} for kind, names in known.items()
        },
        "environments": list(map(_shown, cube.environments)),
        "models": [[_shown(m.provider), _shown(m.name), m.rates] for m in cube.models],
        "decimals": cube.decimals,
        "whole": cube.whole_days,
        "cache_is_known": cube.cache_is_known,
        "cells": len(cube.keys),
        "keys": len(keys),
        "columns": [[name, low, size] for name, (low, size, _) in zip(CELL_MEASURES, columns)],
        "size": len(packed),
        "packed": base64.b64encode(zlib.compress(packed)).decode("ascii"),
        "customers": {inert(name): facts for name, facts in customers.items()},
        "grouped": list(cube.grouped),
        "events": [[event["start"], inert(event_words(event))] for event in events],
    }


def _gaps(numbers: Iterable[int]) -> bytes:
    """Return the gaps between ascending numbers, seven bits a byte, the low ones first.

    >>> list(_gaps([1, 130]))
    [1, 129, 1]
    """
    out = bytearray()
    before = 0
    for number in numbers:
        gap = number - before
        before = number
        while gap > 127:
            out.append(gap & 127 | 128)
            gap >>= 7
        out.append(gap)
    return bytes(out)


def _planes(values: Sequence[int]) -> Tuple[int, int, bytes]:
    """Return the lowest value, the bytes that the others take above it, and these bytes."""
    low = min(values, default=0)
    size = ((max(values, default=0) - low).bit_length() + 7) // 8
    above = [value - low for value in values] if low else values
    if size > _WIDE:
        wide = b"".join([value.to_bytes(size, "little") for value in above])
        return low, size, b"".join([wide[plane::size] for plane in range(size)])
    data = array("Q", above)
    if sys.byteorder == "big":
        data.byteswap()
    content = data.tobytes()
    return low, size, b"".join([content[plane::_WIDE] for plane in range(size)])


def _distinct(names: Iterable[Any]) -> Dict[Any, int]:
    places: Dict[Any, int] = {}
    for name in names:
        places.setdefault(name, len(places))
    return places


def _known(names: Iterable[Optional[str]]) -> List[str]:
    """Return each name once, in order, without that of all others."""
    return [name for name in _distinct(names) if name is not None]


def _shown(name: Any) -> Any:
    return None if name is None else inert(name)


def _runs(cube: ExploreCube) -> List[List[int]]:
    """Return how many buckets in a row have how many days each."""
    runs: List[List[int]] = []
    for bucket in cube.buckets:
        if runs and runs[-1][1] == bucket.days:
            runs[-1][0] += 1
        else:
            runs.append([1, bucket.days])
    return runs
