import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.domain.segments import segments
from ironstream.domain.windows import sketch
from ironstream.domain.windows.late import add_reading, merge_window, window_of
from ironstream.domain.windows.slots import Samples, Slots, Windows
from ironstream.domain.windows.stats import EXACT_VALUES


def finished(rows: list[tuple[int, float]]) -> Windows:
    """A closed window of readings, as (time, value)."""
    slots = Slots(1)
    slots.open(np.array([0]), np.array([0]), timed=True)
    time, value = np.array([time for time, _ in rows]), np.array([value for _, value in rows], np.float64)
    runs = segments(np.zeros(len(rows), np.int64))
    slots.add_samples(Samples(runs, time, value, np.zeros(len(rows), np.uint8)), np.array([0]))
    done = slots.all.take(np.array([0]))
    done.finish()
    return done


rows_of = st.lists(
    st.tuples(st.integers(0, 999_999), st.integers(-100, 100).map(float)),
    min_size=2,
    max_size=40,
    unique_by=lambda row: row[0],
)


@given(rows_of, st.integers(1, 39))
def test_late_readings_leave_a_small_window_as_if_they_had_come_in_time(
    rows: list[tuple[int, float]], split: int
) -> None:
    split = min(split, len(rows) - 1)
    window = finished(rows[:split])
    for time, value in rows[split:]:
        add_reading(window, time, value, 0)
    whole = finished(rows)
    assert window.head.tobytes() == whole.head.tobytes()


def test_a_bad_late_reading_is_counted_and_measured_by_nobody() -> None:
    window = finished([(0, 1.0)])
    before = window.head.copy()
    add_reading(window, 5, float("nan"), 3)
    assert window.head["bad"][0] == 1
    window.head["bad"] = 0
    assert window.head.tobytes() == before.tobytes()


@pytest.mark.parametrize("count", [EXACT_VALUES - 1, EXACT_VALUES, EXACT_VALUES + 1, 600])
def test_a_late_reading_beyond_the_limit_turns_values_into_a_sketch(count: int) -> None:
    window = finished([(at, float(at)) for at in range(count)])
    add_reading(window, count, 1000.0, 0)
    head = window.head[0]
    assert (head["n"], head["maximum"], head["last"]) == (count + 1, 1000, 1000)
    assert head["buffered"] + head["sketched"] == count + 1
    assert (head["sketched"] > 0) == (count + 1 > EXACT_VALUES)
    if head["sketched"]:
        assert sketch.quantile(window.sketches[0], 1.0) == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (200, 56), (200, 57), (300, 10), (10, 300), (300, 300)])
def test_merged_windows_hold_the_values_of_both(a: int, b: int) -> None:
    one, other = finished([(at, float(at)) for at in range(a)]), finished([(a + at, float(a + at)) for at in range(b)])
    merge_window(one, other)
    head = one.head[0]
    assert (head["n"], head["mean"], head["last"]) == (a + b, pytest.approx((a + b - 1) / 2), a + b - 1)
    assert head["buffered"] + head["sketched"] == a + b
    assert (head["sketched"] == 0) == (a + b <= EXACT_VALUES)


def test_a_window_of_one_reading_holds_it_without_its_time() -> None:
    window = window_of(3, 42, 1.5, 1)
    head = window.head[0]
    assert (head["index"], head["suspect"], head["n"], head["buffered"], head["timed"]) == (3, 1, 1, 1, 0)
    assert window_of(3, 42, 1.5, 3).head[0]["n"] == 0
