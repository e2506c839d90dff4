"""Count, sum, mean, variance, lowest and highest of tumbling windows, one open window per series."""

from __future__ import annotations

from typing import Any, Final

from ironstream.kernels.compiler import kernel

START: Final = 0
COUNT: Final = 1
SUM: Final = 2
MEAN: Final = 3
SQUARES: Final = 4
"""Sum of the squares of the distances from the mean."""
LOWEST: Final = 5
HIGHEST: Final = 6
MOMENTS: Final = 7
"""Columns of a window's state, all float64; its start is in the unit of the times. A count of 0: none is open."""


@kernel("UniTuple(int64, 2)(int64[::1], int64[::1], float64[::1], int64, float64[:, ::1], int64[::1], float64[:, ::1])")
def add_to_windows(
    series: Any, times: Any, values: Any, size: int, open_windows: Any, closed_series: Any, closed: Any
) -> tuple[int, int]:
    """Add readings to the open windows of their series; a reading beyond a window's end closes it.

    The closed ones go to `closed_series` and `closed`, which have room for one per reading. Returns how many were
    closed, and how many readings came after their window had closed and were left out.
    """
    done = 0
    late = 0
    for at in range(len(series)):
        start = float(times[at] // size * size)
        window = open_windows[series[at]]
        value = values[at]
        if window[COUNT] > 0.0 and start < window[START]:
            late += 1
            continue
        if window[COUNT] > 0.0 and start > window[START]:
            closed_series[done] = series[at]
            for column in range(MOMENTS):
                closed[done, column] = window[column]
            done += 1
            window[COUNT] = 0.0
        if window[COUNT] == 0.0:
            window[START] = start
            window[COUNT] = 1.0
            window[SUM] = value
            window[MEAN] = value
            window[SQUARES] = 0.0
            window[LOWEST] = value
            window[HIGHEST] = value
            continue
        window[COUNT] += 1.0
        window[SUM] += value
        distance = value - window[MEAN]
        window[MEAN] += distance / window[COUNT]
        window[SQUARES] += distance * (value - window[MEAN])
        window[LOWEST] = min(window[LOWEST], value)
        window[HIGHEST] = max(window[HIGHEST], value)
    return done, late
