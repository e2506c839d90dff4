"""Of which raw records the readings of a store were made: what is asked, and what a store answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ironstream.contract import SeriesId

_DAY_US: Final = 86_400_000_000
_MOST_TIMES: Final = 64
"""Ranges of time in one question, at most: beyond it those that lie next to each other become one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Readings by the raw records that they were made of.

    A row is meant when its raw partition has a range in `offsets` (first and last, both meant) that holds its raw
    offset, its time lies in one of `times` (µs, without the end), and its raw record reached Kafka at `kafka_from_us`
    or later, as far as that is known: before it, topics of the same name may have had other records at these offsets.
    """

    offsets: Mapping[int, tuple[int, int]]
    times: Sequence[tuple[int, int]]
    kafka_from_us: int | None = None


@dataclass(frozen=True, slots=True)
class Origins:
    """Raw partition and offset of some rows; `series` is the place of each row's series in `names`."""

    partitions: NDArray[np.int64]
    offsets: NDArray[np.int64]
    series: NDArray[np.int64]
    names: Sequence[SeriesId]


TakeOrigins = Callable[[Origins], None]
"""Is given the rows of a store in pieces of bounded size, in any order, each row as often as it is stored."""


def times_of_days(days: Iterable[int]) -> list[tuple[int, int]]:
    """Ranges of time (µs, without the end) that have all of these days (since 1970, UTC) in them; not many."""
    ranges: list[tuple[int, int]] = []
    for day in sorted(set(days)):
        if ranges and ranges[-1][1] == day:
            ranges[-1] = ranges[-1][0], day + 1
        else:
            ranges.append((day, day + 1))
    if len(ranges) > _MOST_TIMES:
        gaps = sorted(range(1, len(ranges)), key=lambda at: ranges[at][0] - ranges[at - 1][1])
        closed = set(gaps[: len(ranges) - _MOST_TIMES])
        joined: list[tuple[int, int]] = []
        for at, (first, end) in enumerate(ranges):
            if at in closed:
                joined[-1] = joined[-1][0], end
            else:
                joined.append((first, end))
        ranges = joined
    return [(first * _DAY_US, end * _DAY_US) for first, end in ranges]
