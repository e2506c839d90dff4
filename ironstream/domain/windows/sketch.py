"""A mergeable quantile sketch with 1 % relative error.

Source: DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", VLDB 2019). Bins are whole numbers, so merging is exact and its order leaves no trace.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.segments import Floats

RELATIVE_ERROR: Final = 0.01
_GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA: Final = float(np.log(_GAMMA))
_SHIFT: Final = 1 << 17
"""Added to the bin of a magnitude, so that sign and magnitude make one number in the order of the values."""
_SMALLEST: Final = 1e-300
_MOST_BINS: Final = 4096

Bins = tuple[NDArray[np.int32], NDArray[np.int64]]
"""Bin numbers, ascending, and how many values are in each."""

EMPTY: Final[Bins] = (np.empty(0, np.int32), np.empty(0, np.int64))


def bins_of(values: Floats) -> Bins:
    """Sketch of values (finite)."""
    magnitude = np.abs(values)
    some = magnitude >= _SMALLEST
    numbers = np.zeros(len(values), np.int32)
    numbers[some] = np.ceil(np.log(magnitude[some]) / _LOG_GAMMA).astype(np.int32) + _SHIFT
    numbers[values < 0] *= -1
    found, counts = np.unique(numbers, return_counts=True)
    return found.astype(np.int32), counts.astype(np.int64)


def merge_bins(a: Bins, b: Bins) -> Bins:
    """Sketch of the values of both."""
    found, inverse = np.unique(np.concatenate([a[0], b[0]]), return_inverse=True)
    counts = np.zeros(len(found), np.int64)
    np.add.at(counts, inverse, np.concatenate([a[1], b[1]]))
    if len(found) > _MOST_BINS:
        found, counts = _collapse(found, counts)
    return found, counts


def _collapse(found: NDArray[np.int32], counts: NDArray[np.int64]) -> Bins:
    """Keep memory bounded: the smallest magnitudes share one bin; their error grows, that of the others does not."""
    by_size = np.argsort(-np.abs(found), kind="stable")
    kept = np.sort(by_size[: _MOST_BINS - 1])
    lost = counts.sum() - counts[kept].sum()
    numbers = np.append(found[kept], 0).astype(np.int32)
    totals = np.append(counts[kept], lost)
    merged, inverse = np.unique(numbers, return_inverse=True)
    result = np.zeros(len(merged), np.int64)
    np.add.at(result, inverse, totals)
    return merged, result


def quantile(bins: Bins, q: float) -> float:
    """The value at quantile `q`, within 1 % of the value of the lower rank there; NaN for an empty sketch."""
    numbers, counts = bins
    if not len(numbers):
        return float("nan")
    rank = int(q * (int(counts.sum()) - 1))
    number = int(numbers[int(np.searchsorted(np.cumsum(counts), rank, side="right"))])
    if number == 0:
        return 0.0
    # γ^(k-1) first: γ^k alone can overflow for the largest floats.
    magnitude = float(np.exp((abs(number) - _SHIFT - 1) * _LOG_GAMMA)) * (2 * _GAMMA / (_GAMMA + 1))
    return magnitude if number > 0 else -magnitude


def pack(bins: Bins) -> bytes:
    """Bytes of a sketch."""
    return bins[0].astype("<i4").tobytes() + bins[1].astype("<i8").tobytes()


def unpack(raw: bytes) -> Bins:
    """The sketch that `pack` wrote."""
    count = len(raw) // 12
    return (
        np.frombuffer(raw, "<i4", count).astype(np.int32),
        np.frombuffer(raw, "<i8", count, offset=4 * count).astype(np.int64),
    )
