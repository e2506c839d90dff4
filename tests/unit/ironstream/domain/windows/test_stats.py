from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.domain.windows.stats import (
    EXACT_VALUES,
    QUANTILES,
    merge,
    percentiles,
    summarize,
    time_weighted_average,
)
from tests.support.oracle.windows import Window

# no minus zero: decoding adds an offset of zero, which leaves none
numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 4) + 0.0)
readings = st.lists(
    st.tuples(st.integers(0, 10_000_000), numbers), min_size=1, max_size=60, unique_by=lambda row: row[0]
)
END_US = 10_000_000


def columns(rows: list[tuple[int, float]], width: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pad = [0] * max(width - len(rows), 0)
    times, values = [time for time, _ in rows] + pad, [value for _, value in rows] + pad
    return np.array([values], np.float64), np.array([times]), np.array([len(rows)])


def fields(head: np.ndarray) -> dict[str, float]:
    average = time_weighted_average(head, np.array([END_US]))[0]
    variance = head["m2"][0] / head["n"][0]
    names = {"avg": "mean", "min": "minimum", "max": "maximum", "first": "first", "last": "last", "count": "n"}
    found = {name: head[column][0] for name, column in names.items()}
    return found | {"stddev": variance**0.5, "time_weighted_avg": average}


def expected(rows: list[tuple[int, float]]) -> dict[str, float]:
    told = Window([(time, value, "GOOD") for time, value in rows]).fields(END_US)
    return {
        name: told[name] for name in (*("avg", "min", "max", "first", "last", "count"), "stddev", "time_weighted_avg")
    }


@given(readings, st.integers(0, 100))
def test_a_summary_is_what_its_definition_says_in_whatever_order_and_padding(
    rows: list[tuple[int, float]], width: int
) -> None:
    rows = [row for row in rows if row[0] < END_US] or [(0, 1.0)]
    assert fields(summarize(*columns(rows, width))) == pytest.approx(expected(rows), rel=1e-9, abs=1e-5)
    assert summarize(*columns(rows, width)).tobytes() == summarize(*columns(sorted(rows))).tobytes()


@given(readings, st.lists(st.integers(0, 10_000_000), max_size=5))
def test_parts_one_after_the_other_merge_to_the_summary_of_all(
    rows: list[tuple[int, float]], bounds: list[int]
) -> None:
    rows = sorted(row for row in rows if row[0] < END_US) or [(0, 1.0)]
    edges = [0, *sorted(set(bounds)), END_US]
    parts = [[row for row in rows if first <= row[0] < last] for first, last in pairwise(edges)]
    merged = summarize(*columns([], 1))
    for part in parts:
        merge(merged, summarize(*columns(part, 1)))
    assert fields(merged) == pytest.approx(expected(rows), rel=1e-9, abs=1e-4)
    backwards = summarize(*columns([], 1))
    for part in reversed(parts):
        merge(backwards, summarize(*columns(part, 1)))
    assert fields(backwards) == pytest.approx(expected(rows), rel=1e-9, abs=1e-4)


@given(readings, readings)
def test_the_time_weighted_average_of_overlapping_parts_stays_between_their_extremes(
    a: list[tuple[int, float]], b: list[tuple[int, float]]
) -> None:
    merged = summarize(*columns(a))
    merge(merged, summarize(*columns(b)))
    low, high = merged["minimum"][0], merged["maximum"][0]
    average = time_weighted_average(merged, np.array([END_US + 1]))[0]
    assert low - 1e-6 <= average <= high + 1e-6


def test_a_constant_is_its_own_time_weighted_average_however_its_parts_overlap() -> None:
    merged = summarize(*columns([(at * 1000, 7.0) for at in range(0, 600, 2)]))
    merge(merged, summarize(*columns([(at * 1000, 7.0) for at in range(301, 900, 2)])))
    assert time_weighted_average(merged, np.array([END_US]))[0] == pytest.approx(7.0, rel=1e-12)


@given(st.lists(st.lists(numbers, max_size=EXACT_VALUES), min_size=1, max_size=4))
def test_percentiles_are_those_of_numpy(windows: list[list[float]]) -> None:
    width = max(map(len, windows))
    values = np.array([window + [0.0] * (width - len(window)) for window in windows]).reshape(len(windows), width)
    found = percentiles(values, np.array(list(map(len, windows))))
    for window, row in zip(windows, found, strict=True):
        if window:
            assert row.tolist() == np.percentile(window, [q * 100 for q in QUANTILES]).tolist()
        else:
            assert np.isnan(row).all()


def test_a_window_without_values_has_no_average() -> None:
    assert np.isnan(time_weighted_average(summarize(*columns([], 1)), np.array([END_US]))[0])
