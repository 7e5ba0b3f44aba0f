"""Times as numbers and back: what the calls of an unordered file are sorted by."""

from __future__ import annotations

from datetime import datetime
from typing import List

from hypothesis import given
from hypothesis import strategies as st

from finops.rollups.customer_activity import _ordinals, _timestamp
from finops.timestamps import timestamp

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999))


@given(st.lists(MOMENTS, min_size=1, max_size=20))
def test_numbers_ascend_with_the_times_and_say_them_again(moments: List[datetime]) -> None:
    times = sorted(timestamp(moment).encode() for moment in moments)
    numbers = list(_ordinals(times))
    assert [_timestamp(number) for number in numbers] == times
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == len(set(times))
    assert max(numbers) < 1 << 64
