"""Windows that late readings reopen: restated at the next tick, with a higher revision."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.batch import BAD
from ironstream.domain.segments import Ints
from ironstream.domain.windows import sketch
from ironstream.domain.windows.level import Closed
from ironstream.domain.windows.slots import Windows, joined
from ironstream.domain.windows.stats import EXACT_VALUES, empty_windows, merge, summarize

WindowKey = tuple[int, int, int]
"""level, series, number"""


class Archive(Protocol):
    """Where closed windows are kept for as long as they can be restated."""

    def find(self, level: int, series: int, number: int) -> Windows | None:
        """One closed window as it was kept (timed ones with their values beside the moments), or None."""

    def keep(self, closed: Closed) -> None:
        """Keep closed windows for as long as they can be restated."""


class Reopened:
    """Closed windows that late data has changed since the last tick."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.windows: dict[WindowKey, Windows] = {}

    def add(self, key: WindowKey, time: int, value: float, code: int, *, timed: bool) -> None:
        """A late reading for a closed window."""
        add_reading(self._open(key, timed=timed), time, value, code)

    def add_window(self, key: WindowKey, part: Windows) -> None:
        """A closed window of the next finer size, for a window that silence had closed ahead of it."""
        merge_window(self._open(key, timed=False), part)

    def _open(self, key: WindowKey, *, timed: bool) -> Windows:
        window = self.windows.get(key)
        if window is None:
            window = self._archive.find(*key)
            if window is None:
                # Nothing came in time for this window: it was never emitted.
                window = _empty(key[2])
                window.head["timed"] = timed
            self.windows[key] = window
        return window

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
    """The finished window `number` of a single reading, its value not kept with its time."""
    window = _empty(number)
    window.head["revision"] = 0
    merge_window(window, _single(time, value, code))
    return window


def _empty(number: int) -> Windows:
    window = Windows(empty_windows(1), np.zeros((1, 0)), np.zeros((1, 0), np.int64))
    window.head["index"], window.head["revision"] = number, -1
    return window


def _single(time: int, value: float, code: int) -> Windows:
    measured = code != BAD
    head = summarize(np.array([[value]]), np.array([[time]]), np.array([int(measured)]))
    head[("good", "suspect", "uncertain", "bad")[code]] = 1
    head["buffered"] = measured
    return Windows(head, np.array([[value]]), np.array([[time]]))


def add_reading(window: Windows, time: int, value: float, code: int) -> None:
    """Put one reading into a single finished window (see `Windows.finish`)."""
    head, one = window.head, _single(time, value, code)
    count = int(head["buffered"][0])
    if code == BAD or not head["timed"][0] or 0 in window.sketches or count >= EXACT_VALUES:
        merge_window(window, one)
        return
    # All values are at hand with their times: compute anew, as if the reading had come in time.
    window.values = np.append(window.values[:, :count], [[value]], axis=1)
    window.times = np.append(window.times[:, :count], [[time]], axis=1)
    head["buffered"] += 1
    _recompute(head, one.head, window)


def merge_window(window: Windows, part: Windows) -> None:
    """Merge one finished window into another, in place."""
    have, more = int(window.head["buffered"][0]), int(part.head["buffered"][0])
    merge(window.head, part.head)
    if not more and 0 not in part.sketches:
        return
    if 0 not in window.sketches and 0 not in part.sketches and have + more <= EXACT_VALUES:
        window.values = np.append(window.values[:, :have], part.values[:, :more], axis=1)
        window.head["buffered"] += more
        return
    for one, count in ((window, have), (part, more)):
        bins = sketch.merge_bins(one.sketches.get(0, sketch.EMPTY), sketch.bins_of(one.values[0, :count]))
        window.sketches[0] = bins if one is window else sketch.merge_bins(window.sketches[0], bins)
    window.head["sketched"] += have + more + int(part.head["sketched"][0])
    window.head["buffered"] = 0


def _recompute(head: NDArray[Any], one: NDArray[Any], window: Windows) -> None:
    count = int(head["buffered"][0])
    fresh = summarize(window.values[:, :count], window.times[:, :count], np.array([count]))
    for name in ("good", "suspect", "uncertain", "bad"):
        fresh[name] = head[name] + one[name]
    for name in ("index", "buffered", "sketched", "revision", "timed"):
        fresh[name] = head[name]
    head[:] = fresh
