import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ironstream.domain.rules import WindowSize
from ironstream.domain.segments import segments
from ironstream.domain.windows.level import Level, keyed
from ironstream.domain.windows.slots import Samples

sizes = st.tuples(st.integers(1, 10), st.integers(0, 40))


@given(sizes, st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_windows_that_can_be_open_at_once_never_want_the_same_slot(size: tuple[int, int], steps: list[int]) -> None:
    level = Level(WindowSize(size[0], size[1], 1000))
    level.grow(1)
    closed: dict[int, int] = {}
    given_to: dict[int, int] = {}
    watermark = 0
    for step in steps:
        # any reading that is not late: from the oldest open window up to a jump ahead
        oldest = max(watermark - size[0] - size[1] + 1, 0)
        time = oldest + step
        number = level.number(np.array([time]))
        if level.is_late(np.array([0]), number, np.array([watermark]))[0]:
            continue
        watermark = max(watermark, time)
        given_to[int(number[0])] = given_to.get(int(number[0]), 0) + 1
        runs = segments(np.zeros(1, np.int64))
        one = Samples(runs, np.array([time]), np.array([1.0]), np.zeros(1, np.uint8))
        done = level.advance(np.array([watermark]), np.array([0]), (np.array([0]), one), [])
        for at in range(len(done) if done else 0):
            assert done is not None
            head = done.windows.head[at]
            assert int(head["index"]) not in closed
            closed[int(head["index"])] = int(head["n"])
            assert (head["index"] + 1) * size[0] + size[1] <= watermark
    left = level.slots.head["index"]
    opened = {int(level.slots.head["index"][at]): int(level.slots.head["good"][at]) for at in np.flatnonzero(left >= 0)}
    assert closed | opened == given_to


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 2**38)), min_size=1, max_size=20))
def test_keys_sort_by_series_then_window(rows: list[tuple[int, int]]) -> None:
    series, number = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    order = np.argsort(keyed(series, number), kind="stable")
    assert [rows[at] for at in order] == sorted(rows)
