"""Which partitions are made."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ironstream.sinks.postgres.partitions import create_statements, missing
from ironstream.sinks.postgres.tables import READINGS

days = st.lists(st.integers(0, 200), max_size=20)


@given(days, days, st.integers(1, 40), st.integers(1, 40))
def test_every_day_gets_exactly_one_partition_whatever_the_interval_was_before(
    before: list[int], now: list[int], first_interval: int, second_interval: int
) -> None:
    there = sorted(missing(before, [], first_interval))

    made = missing(now, there, second_interval)

    everything = sorted([*there, *made])
    assert all(one[1] <= other[0] for one, other in pairwise(everything))
    assert all(sum(first <= day < end for first, end in everything) == 1 for day in now)
    assert all(any(first <= day < end for day in now) for first, end in made)
    assert missing(now, everything, second_interval) == []


def test_a_partition_begins_at_a_multiple_of_its_interval_and_is_named_after_its_first_day() -> None:
    assert missing([20_775], [], 7) == [(20_769, 20_776)]

    create, attach = create_statements("plant", READINGS, (20_769, 20_776))

    assert create.startswith('CREATE TABLE "plant"."readings_p20261112" (LIKE "plant"."readings"')
    assert attach.endswith("FROM ('2026-11-12 00:00:00+00') TO ('2026-11-19 00:00:00+00')")
