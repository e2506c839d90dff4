"""Windows in rows of arrays, with the values they keep for exact percentiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.segments import Floats, Ints, Segments
from ironstream.domain.windows import sketch
from ironstream.domain.windows.stats import (
    EXACT_VALUES,
    FREE,
    empty_windows,
    merge,
    reset,
    summarize,
)

_LEAST_WIDTH: Final = 8


@dataclass(slots=True)
class Samples:
    """Rows that go into windows, grouped: run i of `runs` into one window. `code` is the quality of each row."""

    runs: Segments
    time: Ints
    value: Floats
    code: NDArray[np.uint8]


@dataclass(slots=True)
class Windows:
    """k windows: heads (`stats.WINDOW`), values and times ([k, width]), sketches of those that have one."""

    head: NDArray[Any]
    values: Floats
    times: Ints
    sketches: dict[int, sketch.Bins] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.head)

    def take(self, at: NDArray[Any]) -> Windows:
        """The windows at positions `at`, copied."""
        sketches = {}
        if self.sketches:
            sketches = {new: self.sketches[old] for new, old in enumerate(at.tolist()) if old in self.sketches}
        return Windows(self.head[at], self.values[at], self.times[at], sketches)

    def finish(self) -> None:
        """Bring timed windows to their moments, and what is left beside a sketch into it."""
        timed = np.flatnonzero(self.head["timed"] == 1)
        if len(timed):
            counts = self.head["buffered"][timed].astype(np.int64)
            heads = self.head[timed]
            merge(heads, summarize(self.values[timed], self.times[timed], counts))
            self.head[timed] = heads
        for at in list(self.sketches):
            count = int(self.head["buffered"][at])
            if count:
                self.sketches[at] = sketch.merge_bins(self.sketches[at], sketch.bins_of(self.values[at, :count]))
                self.head["sketched"][at] += count
                self.head["buffered"][at] = 0


def padded(array: NDArray[Any], width: int) -> NDArray[Any]:
    """The array with zeros added to each row up to `width`."""
    return np.pad(array, ((0, 0), (0, width - array.shape[1])))


def joined(a: Windows, b: Windows) -> Windows:
    """Two lots of windows as one."""
    width, timed = (max(getattr(a, name).shape[1], getattr(b, name).shape[1]) for name in ("values", "times"))
    return Windows(
        np.concatenate([a.head, b.head]),
        np.concatenate([padded(a.values, width), padded(b.values, width)]),
        np.concatenate([padded(a.times, timed), padded(b.times, timed)]),
        a.sketches | {at + len(a): bins for at, bins in b.sketches.items()},
    )


class Slots:
    """A growing table of window slots. Times take memory only once a timed window is opened."""

    def __init__(self, count: int = 0, width: int = _LEAST_WIDTH) -> None:
        self.all = Windows(empty_windows(count), np.zeros((count, width)), np.zeros((count, 0), np.int64))

    @property
    def head(self) -> NDArray[Any]:
        """Heads of all slots."""
        return self.all.head

    def grow(self, count: int) -> None:
        """Have at least `count` slots."""
        have = len(self.all)
        if count > have:
            more = max(count - have, have)
            width = self.all.values.shape[1]
            self.all.head = np.concatenate([self.all.head, empty_windows(more)])
            self.all.values = np.concatenate([self.all.values, np.zeros((more, width))])
            self.all.times = np.concatenate([self.all.times, np.zeros((more, self.all.times.shape[1]), np.int64)])

    def widen(self, width: int) -> None:
        """Have room for `width` values per slot."""
        have = self.all.values.shape[1]
        if width > have:
            wide = have
            while wide < width:
                wide *= 2
            self.all.values = padded(self.all.values, wide)
            if self.all.times.shape[1]:
                self.all.times = padded(self.all.times, wide)

    def free(self, at: NDArray[Any]) -> None:
        """Make slots free again."""
        reset(self.all.head, at)
        for slot in at.tolist() if self.all.sketches else ():
            self.all.sketches.pop(slot, None)

    def open(self, at: NDArray[Any], index: Ints, *, timed: bool) -> None:
        """Make free slots the windows `index`; others stay as they are."""
        fresh = self.all.head["index"][at] == FREE
        self.all.head["index"][at[fresh]] = index[fresh]
        self.all.head["timed"][at[fresh]] = timed
        if timed and not self.all.times.shape[1]:
            self.all.times = np.zeros(self.all.values.shape, np.int64)

    def add_samples(self, samples: Samples, to: NDArray[Any]) -> None:
        """Add each run of samples to the open slot `to` of that run (all different)."""
        head, runs = self.all.head, samples.runs
        for code, name in enumerate(("good", "suspect", "uncertain", "bad")):
            hit = samples.code == code
            if hit.any():
                head[name][to] += np.bincount(runs.of_row[hit], minlength=len(to)).astype(np.int32)
        measured = samples.code != 3
        run_of, time, value = runs.of_row, samples.time, samples.value
        if not measured.all():
            run_of, time, value = run_of[measured], time[measured], value[measured]
        counts = np.bincount(run_of, minlength=len(to))
        before = head["buffered"][to].astype(np.int64)
        after = before + counts
        self.widen(min(int(after.max()), EXACT_VALUES))
        fits = after <= EXACT_VALUES
        first = np.cumsum(counts) - counts
        place = before[run_of] + np.arange(len(run_of)) - first[run_of]
        rows = slice(None) if fits.all() else fits[run_of]
        slot = to[run_of[rows]]
        self.all.values[slot, place[rows]] = value[rows]
        self.all.times[slot, place[rows]] = time[rows]
        head["buffered"][to[fits]] = after[fits]
        for run in np.flatnonzero(~fits):
            rows_of = slice(int(first[run]), int(first[run] + counts[run]))
            self._add_many(int(to[run]), value[rows_of], time[rows_of])

    def _add_many(self, slot: int, values: Floats, times: Ints) -> None:
        """Add values beyond `EXACT_VALUES`: each full buffer goes into the moments and the sketch."""
        head = self.all.head
        done = 0
        while done < len(values):
            have = int(head["buffered"][slot])
            if have == EXACT_VALUES:
                self._fold(slot)
                have = 0
            count = min(EXACT_VALUES - have, len(values) - done)
            self.all.values[slot, have : have + count] = values[done : done + count]
            self.all.times[slot, have : have + count] = times[done : done + count]
            head["buffered"][slot] = have + count
            done += count

    def _fold(self, slot: int) -> None:
        """Empty the buffer of a slot into its sketch and, for a timed one, into its moments."""
        head = self.all.head
        count = int(head["buffered"][slot])
        values = self.all.values[slot, :count]
        if head["timed"][slot]:
            one = head[slot : slot + 1]
            merge(one, summarize(values[None, :], self.all.times[slot, :count][None, :], np.array([count])))
        bins = sketch.bins_of(values)
        self.all.sketches[slot] = sketch.merge_bins(self.all.sketches.get(slot, sketch.EMPTY), bins)
        head["sketched"][slot] += count
        head["buffered"][slot] = 0

    def add_windows(self, parts: Windows, runs: Segments, to: NDArray[Any]) -> None:
        """Merge each run of finished windows, in order, into the open slot `to` of that run (all different)."""
        rank = runs.rank()
        for place in range(int(runs.length.max())):
            at = np.flatnonzero(rank == place)
            self._merge(parts, at, to[runs.of_row[at]])

    def _merge(self, parts: Windows, at: NDArray[Any], to: NDArray[Any]) -> None:
        head = self.all.head
        heads, part = head[to], parts.head[at]
        merge(heads, part)
        head[to] = heads
        more = part["buffered"].astype(np.int64)
        for one in np.flatnonzero((part["sketched"] > 0) | (heads["buffered"] + more > EXACT_VALUES)).tolist():
            self._fold(int(to[one]))
        for one in np.flatnonzero(part["sketched"] > 0).tolist():
            self._merge_sketch(parts.sketches[int(at[one])], int(part["sketched"][one]), int(to[one]))
        some = np.flatnonzero(more > 0)
        if len(some):
            slot, more = to[some], more[some]
            have = head["buffered"][slot].astype(np.int64)
            self.widen(int((have + more).max()))
            row, column = np.nonzero(np.arange(int(more.max())) < more[:, None])
            self.all.values[slot[row], have[row] + column] = parts.values[at[some][row], column]
            head["buffered"][slot] += part["buffered"][some]

    def _merge_sketch(self, bins: sketch.Bins, count: int, to: int) -> None:
        self.all.sketches[to] = sketch.merge_bins(self.all.sketches.get(to, sketch.EMPTY), bins)
        self.all.head["sketched"][to] += count
