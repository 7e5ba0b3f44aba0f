"""Of a sampled test's cases the oldest Python tries some, the first among them."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple, cast

import pytest

from tests.support.sampling import sampled


class Item(NamedTuple):
    """What the plugin looks at of a test."""

    nodeid: str
    marks: Tuple[str, ...] = ()

    def get_closest_marker(self, name: str) -> Optional[str]:
        return name if name in self.marks else None


def test_each_fifth_case_of_a_sampled_test_is_kept_and_every_other_test() -> None:
    items = [
        *(Item(f"tests/test_a.py::test_of_data[{n}]", ("sampled",)) for n in range(11)),
        *(Item(f"tests/test_a.py::test_of_code[{n}]") for n in range(3)),
        Item("tests/test_b.py::test_of_data[0]", ("sampled",)),
        Item("tests/test_b.py::test_alone", ("sampled",)),
    ]
    kept, left_out = sampled(cast(List[pytest.Item], items))
    assert [item.nodeid.split("::")[1] for item in kept] == [
        *("test_of_data[0]", "test_of_data[5]", "test_of_data[10]"),
        *("test_of_code[0]", "test_of_code[1]", "test_of_code[2]", "test_of_data[0]"),
        "test_alone",
    ]
    assert sorted(item.nodeid for item in [*kept, *left_out]) == sorted(i.nodeid for i in items)
