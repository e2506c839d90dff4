"""Closed windows in the store: kept for as long as a late reading can restate them, then deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ironstream.domain.rules import WindowSize
from ironstream.domain.segments import Bools, Ints
from ironstream.domain.series import NEVER
from ironstream.domain.windows.level import Closed
from ironstream.domain.windows.slots import Windows
from ironstream.engine.api import Store
from tables.windows import CLOSED, pack_windows, unpack_window, window_key, window_prefix

_EXPIRE_EVERY: Final = 64
"""Windows of a series are deleted when this many are due."""


class ClosedWindows:
    """The closed windows of a partition's series. Implements `windows.late.Archive`.

    `names` are the series' names in keys, by row; whoever owns the list may add to it.
    """

    def __init__(self, store: Store, sizes: Sequence[WindowSize], names: list[bytes]) -> None:
        self._sizes = [_OfSize(store, size, names) for size in sizes]
        self._by_size = {one.size.size_us: one for one in self._sizes}

    def find(self, level: int, series: int, number: int) -> Windows | None:
        """A closed window that can still be restated."""
        return self._sizes[level].find(series, number)

    def keep(self, closed: Closed) -> None:
        """Put closed windows into the store; one that is there already is replaced."""
        self._by_size[closed.size_us].keep(closed)

    def expire(self, watermark: Ints) -> None:
        """Delete what no reading can restate any more at `watermark` (µs, of each series).

        Called right before a commit, when all that earlier commits took is stored.
        """
        for one in self._sizes:
            one.expire(watermark)


class _OfSize:
    def __init__(self, store: Store, size: WindowSize, names: list[bytes]) -> None:
        self.size = size
        self._store = store
        self._names = names
        self._kept: list[tuple[Ints, Ints]] = []
        """Series and numbers of windows kept since the last commit: those that no commit has stored."""
        self._expired: Ints = np.empty(0, np.int64)
        """Per series: windows below this number were looked for and deleted; NEVER: it is not known where to begin."""
        self._swept: Bools = np.empty(0, np.bool_)
        """Per series: whether nothing older is left of an earlier run."""

    def find(self, series: int, number: int) -> Windows | None:
        row = self._store.get(window_key(CLOSED, self.size.size_us, self._names[series], number))
        return None if row is None else unpack_window(row)

    def keep(self, closed: Closed) -> None:
        names, size_us, put = self._names, self.size.size_us, self._store.put
        numbers: Ints = closed.windows.head["index"]
        rows = pack_windows(closed.windows)
        for series, number, row in zip(closed.series.tolist(), numbers.tolist(), rows, strict=True):
            put(window_key(CLOSED, size_us, names[series], number), row)
        self._kept.append((closed.series, numbers))

    def expire(self, watermark: Ints) -> None:
        self._grow(len(watermark))
        known = watermark != NEVER
        cutoff = np.where(known, (watermark - self.size.late_retention_us * known) // self.size.size_us - 1, NEVER)
        begin = known & (self._expired == NEVER)
        self._expired[begin] = cutoff[begin]
        due = known & (cutoff - self._expired * known >= _EXPIRE_EVERY)
        for row in np.flatnonzero(due).tolist():
            self._sweep(row, int(cutoff[row]))
        for series, numbers in self._kept:
            gone = due[series] & (numbers < cutoff[series])
            for row, number in zip(series[gone].tolist(), numbers[gone].tolist(), strict=True):
                self._store.delete(window_key(CLOSED, self.size.size_us, self._names[row], number))
        self._kept.clear()
        self._expired[due], self._swept[due] = cutoff[due], True

    def _sweep(self, row: int, cutoff: int) -> None:
        """Delete the stored windows of a series from where the last sweep ended up to `cutoff`."""
        size_us, name = self.size.size_us, self._names[row]
        first = window_prefix(CLOSED, size_us, name)
        if self._swept[row]:
            first = window_key(CLOSED, size_us, name, int(self._expired[row]))
        for key in list(self._store.stored(first, window_key(CLOSED, size_us, name, cutoff))):
            self._store.delete(key)

    def _grow(self, series: int) -> None:
        more = series - len(self._expired)
        if more > 0:
            self._expired = np.concatenate([self._expired, np.full(more, NEVER)])
            self._swept = np.concatenate([self._swept, np.zeros(more, np.bool_)])
