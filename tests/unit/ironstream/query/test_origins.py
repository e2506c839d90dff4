from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.contract import SeriesId
from ironstream.query.origins import Origins, times_of_days
from ironstream.query.postgres_copy import CopiedOrigins

DAY_US = 86_400_000_000
NAMES = [SeriesId("acme", "north", "pump", f"p{number}") for number in range(3)]
IDS = [2, 5, 900]


@given(st.sets(st.integers(0, 3_000_000), max_size=300))
def test_few_ranges_hold_every_day(days: set[int]) -> None:
    ranges = times_of_days(days)
    assert len(ranges) <= 64
    assert all(any(first <= day * DAY_US < end for first, end in ranges) for day in days)
    assert all(end < first for (_, end), (first, _) in pairwise(ranges))
    if len(ranges) < 64:
        assert sum(end - first for first, end in ranges) == len(days) * DAY_US


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(-9, 2**31 - 1), st.integers(0, 2**63 - 1)), max_size=50)


@given(ROWS, st.integers(1, 100))
async def test_a_binary_copy_is_read_however_it_is_cut(rows: list[tuple[int, int, int]], size: int) -> None:
    copy = b"PGCOPY\n\xff\r\n\0" + bytes(8)
    copy += b"".join(struct.pack(">hiiiiiq", 3, 4, IDS[at], 4, number, 8, offset) for at, number, offset in rows)
    copy += b"\xff\xff"
    found: list[tuple[SeriesId, int, int]] = []

    def take(some: Origins) -> None:
        series = [some.names[at] for at in some.series.tolist()]
        found.extend(zip(series, some.partitions.tolist(), some.offsets.tolist(), strict=True))

    copied = CopiedOrigins(IDS, NAMES, take)
    for begin in range(0, len(copy), size):
        await copied.feed(copy[begin : begin + size])
    copied.finish()
    assert found == [(NAMES[at], number, offset) for at, number, offset in rows]


async def test_a_copy_without_its_end_is_an_error() -> None:
    copied = CopiedOrigins(IDS, NAMES, lambda some: None)
    await copied.feed(b"PGCOPY\n\xff\r\n\0" + bytes(8) + bytes(30))
    with pytest.raises(ValueError, match="middle"):
        copied.finish()
