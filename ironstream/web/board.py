"""The plant at a glance: state, age and rate of every series, and the worst of each asset, at one moment."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.series import NEVER
from ironstream.web.series_index import SeriesIndex

STALE: Final = 4
UNKNOWN: Final = -1
STATES: Final = ("GOOD", "SUSPECT", "UNCERTAIN", "BAD", "STALE")
SAMPLE_EVERY_MS: Final = 2_500
_SAMPLES: Final = 13
"""Rates are those of about the last 30 s."""
MOST_PARTITIONS: Final = 1001
"""`Settings.partitions` allows as many."""


@dataclass(frozen=True, slots=True)
class Board:
    """By row of the index. `state` is a place in STATES, or UNKNOWN; ages are those of what is shown, in s.

    `worst` of an asset is UNKNOWN where none of its series is known.
    """

    state: NDArray[np.int8]
    age_s: NDArray[np.float64]
    rate: NDArray[np.float64]
    worst: NDArray[np.int8]
    known: NDArray[np.int64]
    stale: NDArray[np.int64]
    asset_rate: NDArray[np.float64]
    last_append_us: NDArray[np.int64]
    """Of each asset; NEVER where none of its series was heard."""


def make_board(index: SeriesIndex, rate: NDArray[np.float64], now_ms: float, allowance_ms: float) -> Board:
    """What the index says at `now_ms` by the log's clock. Rows are as of a commit: `allowance_ms` is how much older
    they may be than what is going on, so a series that is only that much too old is not stale.
    """
    count, assets = len(index), len(index.assets)
    state, asset = index.state, index.column("asset")
    known = index.column("heard") | index.column("declared")
    aged_from = index.aged_from()
    never = (aged_from == NEVER) | ~index.column("heard")
    aged_from = np.where(never, 0, aged_from)
    append = np.where(never, 0, state["last_append"].astype(np.int64))
    limit = index.column("stale_after")
    age_us = now_ms * 1000 - aged_from
    # the log's clock of the commit that a row is of: what was silent for too long by then is stale without doubt
    clock_us = _clocks_us(index)[index.column("partition")]
    stale = never | (clock_us - aged_from > limit) | (age_us > limit + allowance_ms * 1000)
    found = np.where(stale, STALE, state["last_quality"]).astype(np.int8)
    found[~known] = UNKNOWN
    worst = np.full(assets, UNKNOWN, np.int8)
    np.maximum.at(worst, asset, found)
    last = np.full(assets, NEVER, np.int64)
    np.maximum.at(last, asset[~never], append[~never])
    heard_rate = np.where(never, 0.0, rate[:count])
    return Board(
        state=found,
        age_s=np.where(never, np.nan, np.maximum(age_us, 0) / 1e6),
        rate=heard_rate,
        worst=worst,
        known=np.bincount(asset[known], minlength=assets),
        stale=np.bincount(asset[found == STALE], minlength=assets),
        asset_rate=np.bincount(asset, heard_rate, minlength=assets).astype(np.float64),
        last_append_us=last,
    )


class Rates:
    """Clean readings per second of each series over the last half minute, from the counters of the rows."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, NDArray[np.int64], NDArray[np.float64]]] = deque(maxlen=_SAMPLES)

    def forget(self) -> None:
        """Other rows stand in the index."""
        self._samples.clear()

    def of(self, index: SeriesIndex, now_ms: float, allowance_ms: float) -> NDArray[np.float64]:
        """By row. Zero as long as there is nothing to compare with."""
        counts = index.state["clean"].astype(np.int64)
        # where commits have ceased time goes on: else the last rate would be shown for ever
        clocks = np.maximum(_clocks_us(index) / 1000, now_ms - 2 * allowance_ms)
        if not self._samples or now_ms - self._samples[-1][0] >= SAMPLE_EVERY_MS:
            self._samples.append((now_ms, counts, clocks))
        _, before, clocks_before = self._samples[0]
        grown = counts.astype(np.float64)
        grown[: len(before)] -= before
        elapsed = (clocks - clocks_before)[index.column("partition")] / 1000
        with np.errstate(divide="ignore", invalid="ignore"):
            rate: NDArray[Any] = np.where(elapsed > 0, np.maximum(grown, 0) / elapsed, 0.0)
        return rate


def _clocks_us(index: SeriesIndex) -> NDArray[np.float64]:
    """By partition; 0 where none has committed yet."""
    clocks = np.zeros(MOST_PARTITIONS)
    for partition, clock_ms in index.clock_ms.items():
        clocks[partition] = clock_ms * 1000
    return clocks
