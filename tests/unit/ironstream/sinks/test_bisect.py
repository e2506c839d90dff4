import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.sinks.bisect import bisect


class Target:
    """Takes rows, all or none, but for the bad ones."""

    def __init__(self, bad: set[int]) -> None:
        self.bad, self.taken, self.asked = bad, list[int](), 0

    async def __call__(self, rows: Sequence[int]) -> str | None:
        assert rows, "an attempt of nothing"
        self.asked += 1
        if self.bad & set(rows):
            return f"one of {len(rows)}"
        self.taken += rows
        return None


@given(st.integers(0, 200).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(n - 1, 0)), max_size=9))))
async def test_exactly_the_bad_rows_are_refused_and_the_others_written_once_in_order(
    case: tuple[int, set[int]],
) -> None:
    count, bad = case[0], {row for row in case[1] if row < case[0]}
    target = Target(bad)
    assert await bisect(range(count), target) == [(row, "one of 1") for row in sorted(bad)]
    assert target.taken == [row for row in range(count) if row not in bad]
    assert target.asked <= 1 + len(bad) * (2 * math.ceil(math.log2(max(count, 2))))


async def test_good_rows_cost_one_attempt_and_none_cost_none() -> None:
    target = Target(set())
    assert await bisect(range(1000), target) == []
    assert target.asked == 1
    assert await bisect([], target) == []
    assert target.asked == 1


async def test_what_an_attempt_raises_ends_the_search() -> None:
    async def attempt(rows: Sequence[int]) -> str | None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await bisect([1, 2], attempt)
