"""State of windows that can be merged: moments, extremes, ends, time-weighted sum, quality counts.

All sums run strictly from left to right (cumulative sums), so a result does not depend on how wide the arrays are
padded or how the log was cut into batches.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.segments import Bools, Floats, Ints
from ironstream.domain.series import NEVER

EXACT_VALUES: Final = 256
"""Percentiles are exact up to this many values, then from a sketch."""
QUANTILES: Final = (0.50, 0.95, 0.99)
_FOREVER: Final = np.iinfo(np.int64).max

WINDOW: Final = np.dtype(
    [
        ("index", "<i8"),  # start / size; FREE for an empty slot
        ("n", "<i8"),  # values in the moments below
        ("mean", "<f8"),
        ("m2", "<f8"),  # sum of squared distances from the mean
        ("minimum", "<f8"),
        ("maximum", "<f8"),
        ("first_time", "<i8"),
        ("first", "<f8"),
        ("last_time", "<i8"),
        ("last", "<f8"),
        ("integral", "<f8"),  # of the value held from each reading to the next, in unit·s, up to last_time
        ("good", "<i4"),
        ("suspect", "<i4"),
        ("uncertain", "<i4"),
        ("bad", "<i4"),
        ("buffered", "<i4"),  # values kept one by one
        ("sketched", "<i8"),  # values that are in the sketch instead
        ("revision", "<i4"),
        ("timed", "u1"),  # 1: the values are kept with their times, and are not in the moments yet
    ]
)
FREE: Final = NEVER


def _blank() -> NDArray[Any]:
    blank = np.zeros((), WINDOW)
    blank["index"], blank["last_time"], blank["first_time"] = FREE, NEVER, _FOREVER
    blank["minimum"], blank["maximum"] = np.inf, -np.inf
    return blank


_BLANK: Final = _blank()


def empty_windows(count: int) -> NDArray[Any]:
    """`count` free windows."""
    return np.full(count, _BLANK)


def reset(windows: NDArray[Any], at: Any) -> None:
    """Make windows free again."""
    windows[at] = _BLANK


def summarize(values: Floats, times: Ints, counts: Ints) -> NDArray[Any]:
    """Moments of k windows from their values and times ([k, width], `counts` of each valid); order does not matter."""
    width = values.shape[1]
    valid = np.arange(width) < counts[:, None]
    if not _in_order(times, valid):
        values, times = _by_time(values, times, valid)
    filled = np.where(valid, values, 0.0)
    summary = empty_windows(len(counts))
    divisor = np.maximum(counts, 1)
    summary["n"] = counts
    # Padding with zero leaves a running sum as it is, but for -0.0, which no sum is to be.
    summary["mean"] = mean = np.cumsum(filled, axis=1)[:, -1] / divisor + 0.0
    distance = np.where(valid, values - mean[:, None], 0.0)
    summary["m2"] = np.cumsum(distance * distance, axis=1)[:, -1]
    summary["minimum"] = np.where(valid, values, np.inf).min(axis=1)
    summary["maximum"] = np.where(valid, values, -np.inf).max(axis=1)
    some = counts > 0
    each, end = np.arange(len(counts)), np.maximum(counts - 1, 0)
    summary["first_time"] = np.where(some, times[:, 0], _FOREVER)
    summary["first"] = np.where(some, filled[:, 0], 0.0)
    summary["last_time"] = np.where(some, times[each, end], NEVER)
    summary["last"] = np.where(some, filled[each, end], 0.0)
    if width > 1:
        held = np.where(valid[:, 1:], times[:, 1:] - times[:, :-1], 0) / 1e6
        summary["integral"] = np.cumsum(filled[:, :-1] * held, axis=1)[:, -1] + 0.0
    return summary


def _in_order(times: Ints, valid: Bools) -> bool:
    return bool(((times[:, 1:] > times[:, :-1]) | ~valid[:, 1:]).all())


def _by_time(values: Floats, times: Ints, valid: Bools) -> tuple[Floats, Ints]:
    """Sort each row by time, equal times by value, so that the order of arrival leaves no trace."""
    by_value = np.argsort(np.where(valid, values, np.inf), axis=1, kind="stable")
    values, times = np.take_along_axis(values, by_value, 1), np.take_along_axis(times, by_value, 1)
    padded = np.where(np.take_along_axis(valid, by_value, 1), times, _FOREVER)
    by_time = np.argsort(padded, axis=1, kind="stable")
    return np.take_along_axis(values, by_time, 1), np.take_along_axis(times, by_time, 1)


def merge(into: NDArray[Any], part: NDArray[Any]) -> None:
    """Merge moments of k windows into k others, in place; quality counts too. Source: Chan et al., 1979."""
    for name in ("good", "suspect", "uncertain", "bad"):
        into[name] += part[name]
    a, b = into["n"].astype(np.float64), part["n"].astype(np.float64)
    total = np.maximum(a + b, 1.0)
    delta = part["mean"] - into["mean"]
    fresh = into["n"] == 0
    into["m2"] = np.where(fresh, part["m2"], into["m2"] + part["m2"] + delta * delta * (a * b / total))
    into["mean"] = np.where(fresh, part["mean"], into["mean"] + delta * (b / total))
    both = (into["n"] > 0) & (part["n"] > 0)
    after = both & (part["first_time"] >= into["last_time"])
    before = both & ~after & (part["last_time"] <= into["first_time"])
    # The value held between the two parts belongs to neither of them.
    bridge = np.zeros(len(into))
    bridge[after] = into["last"][after] * ((part["first_time"] - into["last_time"])[after] / 1e6)
    bridge[before] = part["last"][before] * ((into["first_time"] - part["last_time"])[before] / 1e6)
    into["integral"] += part["integral"] + bridge
    overlap = both & ~after & ~before
    if overlap.any():
        _stretch(into, part, overlap)
    into["minimum"] = np.minimum(into["minimum"], part["minimum"])
    into["maximum"] = np.maximum(into["maximum"], part["maximum"])
    earlier, later = part["first_time"] < into["first_time"], part["last_time"] >= into["last_time"]
    later &= part["n"] > 0
    for flag, ends in ((earlier, ("first_time", "first")), (later, ("last_time", "last"))):
        for name in ends:
            into[name] = np.where(flag, part[name], into[name])
    into["n"] += part["n"]


def _stretch(into: NDArray[Any], part: NDArray[Any], at: Bools) -> None:
    """Bring the summed integrals of two parts that overlap in time to the time that both span together.

    An estimate, since the order of their values is not known any more: the average of both is taken for all of it. A
    single late reading within the other part leaves its average as it was.
    """
    a, b = into[at], part[at]
    spans = (a["last_time"] - a["first_time"]) + (b["last_time"] - b["first_time"])
    together = np.maximum(a["last_time"], b["last_time"]) - np.minimum(a["first_time"], b["first_time"])
    into["integral"][at] *= together / spans


def percentiles(values: Floats, counts: Ints) -> Floats:
    """The `QUANTILES` of k windows from all their values ([k, width]), interpolated linearly; NaN without any."""
    result = np.full((len(counts), len(QUANTILES)), np.nan)
    some = counts > 0
    if not some.any():
        return result
    if not values.shape[1]:
        return np.full((len(counts), len(QUANTILES)), np.nan)
    valid = np.arange(values.shape[1]) < counts[:, None]
    ordered = np.sort(np.where(valid, values, np.inf), axis=1)
    each = np.arange(len(counts))
    for column, quantile in enumerate(QUANTILES):
        place = quantile * np.maximum(counts - 1, 0)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(counts - 1, 0))
        a, b, part = ordered[each, low], ordered[each, high], place - low
        with np.errstate(invalid="ignore", over="ignore"):
            between = np.where(part < 0.5, a + (b - a) * part, b - (b - a) * (1.0 - part))
        result[some, column] = between[some]
    return result


def time_weighted_average(windows: NDArray[Any], ends: Ints) -> Floats:
    """Average of the value held from each reading to the next, from the first reading to the window's end (µs)."""
    some = windows["n"] > 0
    first = np.where(some, windows["first_time"], 0)
    last = np.where(some, windows["last_time"], 0)
    covered = (ends - first) / 1e6
    held = windows["integral"] + windows["last"] * ((ends - last) / 1e6)
    return np.where(some, held / np.where(covered > 0, covered, 1.0), np.nan)
