"""A pytest plugin: of a test's many inputs, the oldest Python tries a fifth.

A test marked `sampled` runs the same code for each of its cases: they differ in data, or in the
moment at which something fails.  What holds for all of them on the newest Python is tried with
some on the oldest, as in property tests.
"""

from __future__ import annotations

from collections import Counter
from typing import List, Sequence, Tuple

import pytest

from tests.support.tools import OLDEST

SHARE = 5


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    """Leave out most cases of sampled tests on the oldest Python."""
    if OLDEST:
        items[:], left_out = sampled(items)
        config.hook.pytest_deselected(items=left_out)


def sampled(items: Sequence[pytest.Item]) -> Tuple[List[pytest.Item], List[pytest.Item]]:
    """Return which tests are kept, the first and each fifth case of a sampled one, and the rest."""
    seen: Counter[str] = Counter()
    kept: List[pytest.Item] = []
    left_out: List[pytest.Item] = []
    for item in items:
        name = item.nodeid.split("[")[0]
        is_kept = not item.get_closest_marker("sampled") or seen[name] % SHARE == 0
        (kept if is_kept else left_out).append(item)
        seen[name] += 1
    return kept, left_out
