"""Windows that late readings reopen: restated at the next tick, with a higher revision."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.segments import Ints
from ironstream.domain.windows import sketch
from ironstream.domain.windows.slots import Windows, joined
from ironstream.domain.windows.stats import EXACT_VALUES, empty_windows, merge, summarize

WindowKey = tuple[int, int, int]
"""level, series, number"""


class Archive(Protocol):
    """Where closed windows are kept for as long as they can be restated."""

    def find(self, level: int, series: int, number: int) -> Windows | None:
        """One closed window as it was kept (timed ones with their values beside the moments), or None."""


class Reopened:
    """Closed windows that late readings have changed since the last tick."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.windows: dict[WindowKey, Windows] = {}

    def add(self, key: WindowKey, time: int, value: float, code: int, *, timed: bool) -> None:
        """A late reading for a closed window."""
        level, series, number = key
        window = self.windows.get(key)
        if window is None:
            window = self._archive.find(level, series, number)
            if window is None:
                # Nothing came in time for this window: it was never emitted.
                window = _empty(number)
                window.head["timed"] = timed
            self.windows[key] = window
        add_reading(window, time, value, code)

    def restate(self, level: int) -> tuple[Ints, Windows] | None:
        """The windows of a level that changed, by series and number, with their new revision; then they are closed."""
        keys = sorted(key for key in self.windows if key[0] == level)
        if not keys:
            return None
        windows = [self.windows.pop(key) for key in keys]
        together = windows[0]
        for window in windows[1:]:
            together = joined(together, window)
        together.head["revision"] += 1
        return np.array([key[1] for key in keys], np.int64), together


def window_of(number: int, time: int, value: float, code: int) -> Windows:
    """The finished window `number` of a single reading."""
    window = _empty(number)
    window.head["revision"] = 0
    add_reading(window, time, value, code)
    return window


def _empty(number: int) -> Windows:
    window = Windows(empty_windows(1), np.zeros((1, 0)), np.zeros((1, 0), np.int64))
    window.head["index"], window.head["revision"] = number, -1
    return window


def add_reading(window: Windows, time: int, value: float, code: int) -> None:
    """Put one reading into a single finished window (see `Windows.finish`)."""
    head = window.head
    one = summarize(np.array([[value]]), np.array([[time]]), np.array([0 if code == 3 else 1]))
    one[("good", "suspect", "uncertain", "bad")[code]] = 1
    count = int(head["buffered"][0])
    exact = code != 3 and 0 not in window.sketches and count < EXACT_VALUES
    if exact:
        window.values = np.append(window.values[:, :count], [[value]], axis=1)
        if head["timed"][0]:
            window.times = np.append(window.times[:, :count], [[time]], axis=1)
        head["buffered"] += 1
    if exact and head["timed"][0]:
        # All values are at hand with their times: compute anew, as if the reading had come in time.
        _recompute(head, one, window)
        return
    merge(head, one)
    if code != 3 and not exact:
        bins = sketch.merge_bins(window.sketches.get(0, sketch.EMPTY), sketch.bins_of(window.values[0, :count]))
        window.sketches[0] = sketch.merge_bins(bins, sketch.bins_of(np.array([value])))
        head["sketched"] += count + 1
        head["buffered"] = 0


def _recompute(head: NDArray[Any], one: NDArray[Any], window: Windows) -> None:
    count = int(head["buffered"][0])
    fresh = summarize(window.values[:, :count], window.times[:, :count], np.array([count]))
    for name in ("good", "suspect", "uncertain", "bad"):
        fresh[name] = head[name] + one[name]
    for name in ("index", "buffered", "sketched", "revision", "timed"):
        fresh[name] = head[name]
    head[:] = fresh
