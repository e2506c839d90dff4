"""Closed windows: which are in the store after which commit, whatever came in between."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agents.closed_windows import ClosedWindows
from ironstream.domain.rules import WindowSize
from ironstream.domain.series import NEVER
from ironstream.domain.windows.level import Closed
from ironstream.domain.windows.slots import Windows
from ironstream.domain.windows.stats import empty_windows
from tables.windows import CLOSED, parse_window_key
from tests.support.engine import MemoryStore

SECOND = 1_000_000
SIZE = WindowSize(size_us=SECOND, grace_us=2 * SECOND, late_retention_us=10 * SECOND)
NAMES = [b"t/s/a/p", b"t/s/a/p2"]  # one begins as the other does


class CommittedStore(MemoryStore):
    """`stored` knows only what `commit` has taken, as in a worker."""

    def __init__(self) -> None:
        super().__init__()
        self.committed: list[bytes] = []

    def commit(self) -> None:
        self.committed = sorted(self.rows)

    def stored(self, first: bytes, end: bytes):  # type: ignore[no-untyped-def]
        yield from (key for key in self.committed if first <= key < end)

    def numbers(self, series: int) -> list[int]:
        parsed = (parse_window_key(CLOSED, key) for key in self.rows)
        return sorted(number for _, name, number in parsed if name == NAMES[series])


def closed(series: int, numbers: list[int]) -> Closed:
    heads = empty_windows(len(numbers))
    heads["index"] = numbers
    windows = Windows(heads, np.zeros((len(numbers), 8)), np.zeros((len(numbers), 0), np.int64))
    return Closed(SECOND, np.full(len(numbers), series), windows)


def watermark(*seconds: int | None) -> np.ndarray:
    return np.array([NEVER if second is None else second * SECOND for second in seconds], np.int64)


def test_a_window_stays_as_long_as_it_can_be_restated_and_goes_by_the_64() -> None:
    store = CommittedStore()
    windows = ClosedWindows(store, [SIZE], NAMES)
    windows.keep(closed(0, list(range(100))))
    windows.keep(closed(1, list(range(100))))
    windows.expire(watermark(100, None))
    store.commit()
    assert store.numbers(0) == list(range(100))
    windows.expire(watermark(163, 100))
    assert store.numbers(0) == list(range(100))
    windows.expire(watermark(164, 100))
    assert store.numbers(0) == []
    assert store.numbers(1) == list(range(100))


def test_what_an_earlier_run_left_goes_too() -> None:
    store = CommittedStore()
    ClosedWindows(store, [SIZE], NAMES).keep(closed(0, list(range(5, 50))))
    store.commit()
    later = ClosedWindows(store, [SIZE], NAMES)
    later.expire(watermark(1000, None))
    assert len(store.numbers(0)) == 45
    later.expire(watermark(1064, None))
    assert store.numbers(0) == []


steps = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 90), st.integers(1, 12), st.booleans(), st.booleans()), max_size=40
)


@given(steps)
def test_no_window_that_counts_is_lost_and_none_is_kept_for_more_than_two_turns(
    steps: list[tuple[int, int, int, bool, bool]],
) -> None:
    store = CommittedStore()
    windows = ClosedWindows(store, [SIZE], NAMES)
    marks, put = [0, 0], [set[int](), set[int]()]
    for series, ahead, count, commits, restarts in steps:
        # Windows close up to the new watermark, the first of them where the last ones ended.
        first, marks[series] = marks[series], marks[series] + ahead
        numbers = list(range(first, marks[series], max(1, ahead // count)))
        if numbers:
            windows.keep(closed(series, numbers))
            put[series].update(numbers)
        if commits:
            windows.expire(watermark(*marks))
            store.commit()
            if restarts:
                windows = ClosedWindows(store, [SIZE], NAMES)
    for series in (0, 1):
        cutoff = marks[series] - 11
        assert {number for number in put[series] if number >= cutoff} <= set(store.numbers(series))
        assert set(store.numbers(series)) <= put[series]
    for turn in range(3):
        windows.expire(watermark(*(mark + 64 * turn for mark in marks)))
        store.commit()
    for series in (0, 1):
        assert all(number >= marks[series] - 11 for number in store.numbers(series))
