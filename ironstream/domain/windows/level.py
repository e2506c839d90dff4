"""Windows of one size over all series: which are open, which close, what goes up to the next size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.rules import WindowSize
from ironstream.domain.segments import Bools, Ints, Segments, segments
from ironstream.domain.series import NEVER
from ironstream.domain.windows.sketch import Bins
from ironstream.domain.windows.slots import Samples, Slots, Windows, joined
from ironstream.domain.windows.stats import FREE, WINDOW

_BITS: Final = 40
"""Windows of one series in a batch span less than 2^40 sizes: series and window make one sort key."""


@dataclass(slots=True)
class Closed:
    """Windows of one size that closed, sorted by series and window; `series` of each."""

    size_us: int
    series: Ints
    windows: Windows

    def __len__(self) -> int:
        return len(self.series)


class Level:
    """All windows of one size.

    Slot `series * per_series + window % per_series` holds an open window. There are as many slots per series as windows
    can be open at once, so two open windows never want the same one.
    """

    def __init__(self, size: WindowSize) -> None:
        self.size = size
        self.per_series = -(-size.grace_us // size.size_us) + 1
        self.slots = Slots()
        self.closed_by_silence: Ints = np.empty(0, np.int64)
        """Per series: windows below this number were closed by a tick, ahead of the watermark."""
        self.dirty: Bools = np.empty(0, np.bool_)

    def grow(self, series: int) -> None:
        """Have room for `series` series."""
        have = len(self.dirty)
        if series > have:
            more = max(series, have + have // 4) - have
            self.dirty = np.concatenate([self.dirty, np.zeros(more, np.bool_)])
            self.closed_by_silence = np.concatenate([self.closed_by_silence, np.full(more, NEVER)])
            self.slots.grow((have + more) * self.per_series)

    def put_back(self, series: Ints, windows: KeptWindows) -> None:
        """Put open windows that were kept into the slots of their series."""
        heads = np.frombuffer(b"".join(windows.heads), WINDOW)
        self.grow(int(series.max()) + 1)
        at = self._slot(series, heads["index"])
        timed = heads["timed"] == 1
        self.slots.open(at[timed], heads["index"][timed], timed=True)
        self.slots.widen(int(heads["buffered"].max()))
        self.slots.head[at] = heads
        _scatter(self.slots.all.values, at, heads["buffered"], windows.values, np.float64)
        _scatter(self.slots.all.times, at[timed], heads["buffered"][timed], windows.times, np.int64)
        for place, bins in windows.sketches.items():
            self.slots.all.sketches[int(at[place])] = bins

    def number(self, time: Ints) -> Ints:
        """Number of the window that a time (µs) falls into."""
        numbers: Ints = time // self.size.size_us
        return numbers

    def end(self, number: Ints) -> Ints:
        """End (µs) of windows."""
        ends: Ints = (number + 1) * self.size.size_us
        return ends

    def is_late(self, series: Ints, number: Ints, watermark: Ints) -> Bools:
        """Whether a window had closed when the watermark of its series was `watermark`."""
        by_time = (watermark != NEVER) & (self.end(number) + self.size.grace_us <= watermark)
        late: Bools = by_time | (number < self.closed_by_silence[series])
        return late

    def slots_of(self, series: Ints) -> Ints:
        """All slots of some series."""
        slots: Ints = (series[:, None] * self.per_series + np.arange(self.per_series)).ravel()
        return slots

    def advance(
        self,
        watermark: Ints,
        touched: Ints,
        samples: tuple[Ints, Samples] | None,
        parts: Sequence[Closed],
        *,
        by_silence: bool = False,
    ) -> Closed | None:
        """Take readings (their series and rows) and closed windows of the finer size; close what the watermarks pass.

        `watermark` is per series (of the whole table). The readings are not late. Only series `touched` are looked at.
        """
        arrivals: list[_Arrival] = []
        if samples is not None and len(samples[0]):
            arrivals.append(self._sample_arrival(*samples))
        arrivals += [self._part_arrival(part) for part in parts if len(part)]
        scratch: Slots | None = None
        scratch_series: list[Ints] = []
        for arrival in arrivals:
            closing = self._passed(arrival.series, arrival.number, watermark)
            occupied = self.slots.head["index"][arrival.slot] == arrival.number
            self.dirty[arrival.series] = True
            beside = np.flatnonzero(closing & ~occupied)
            if len(beside):
                first = sum(len(series) for series in scratch_series)
                scratch = scratch or Slots()
                scratch.grow(first + len(beside))
                scratch_series.append(arrival.series[beside])
                arrival.put(scratch, beside, np.arange(first, first + len(beside)))
            inside = np.flatnonzero(closing & occupied)
            if len(inside):
                arrival.put(self.slots, inside, arrival.slot[inside])
            arrival.rest = np.flatnonzero(~closing)
        closed = self._close(watermark, touched, scratch, scratch_series, by_silence=by_silence)
        for arrival in arrivals:
            if len(arrival.rest):
                arrival.put(self.slots, arrival.rest, arrival.slot[arrival.rest])
        return closed

    def _passed(self, series: Ints, number: Ints, watermark: Ints) -> Bools:
        passed: Bools = self.end(number) + self.size.grace_us <= watermark[series]
        return passed

    def _close(
        self, watermark: Ints, touched: Ints, scratch: Slots | None, scratch_series: list[Ints], *, by_silence: bool
    ) -> Closed | None:
        candidates = self.slots_of(touched)
        number = self.slots.head["index"][candidates]
        owner = np.repeat(touched, self.per_series)
        taken = number != FREE
        passed = np.zeros(len(candidates), np.bool_)
        passed[taken] = self._passed(owner[taken], number[taken], watermark)
        real = candidates[passed]
        if not len(real) and scratch is None:
            return None
        windows = self.slots.all.take(real)
        series = owner[passed]
        self.slots.free(real)
        self.dirty[series] = True
        if scratch is not None:
            beside = np.concatenate(scratch_series)
            windows = joined(windows, scratch.all.take(np.arange(len(beside))))
            series = np.concatenate([series, beside])
        if by_silence:
            np.maximum.at(self.closed_by_silence, series, windows.head["index"] + 1)
        order = np.lexsort((windows.head["index"], series))
        windows = windows.take(order)
        windows.finish()
        return Closed(self.size.size_us, series[order], windows)

    def _sample_arrival(self, series: Ints, samples: Samples) -> _Arrival:
        runs = samples.runs
        owner, number = series[runs.start], self.number(samples.time[runs.start])
        return _Arrival(owner, number, self._slot(owner, number), samples, None, runs)

    def _part_arrival(self, parts: Closed) -> _Arrival:
        number = self.number(parts.windows.head["index"] * parts.size_us)
        runs = segments(keyed(parts.series, number))
        owner, number = parts.series[runs.start], number[runs.start]
        return _Arrival(owner, number, self._slot(owner, number), None, parts.windows, runs)

    def _slot(self, series: Ints, number: Ints) -> Ints:
        slot: Ints = series * self.per_series + number % self.per_series
        return slot


@dataclass(slots=True)
class KeptWindows:
    """Windows as they were kept: bytes of heads, values and (for timed ones) times; sketches by place."""

    heads: list[bytes] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    times: list[bytes] = field(default_factory=list)
    sketches: dict[int, Bins] = field(default_factory=dict)


def _scatter(into: NDArray[Any], rows: Ints, counts: NDArray[Any], parts: list[bytes], dtype: Any) -> None:
    """Write runs of values of different lengths to the beginnings of rows."""
    lengths = counts.astype(np.int64)
    column = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    into[np.repeat(rows, lengths), column] = np.frombuffer(b"".join(parts), dtype)


@dataclass(slots=True)
class _Arrival:
    """What arrives at a level, grouped by window: series, number and slot of each group; readings or windows."""

    series: Ints
    number: Ints
    slot: Ints
    samples: Samples | None
    parts: Windows | None
    runs: Segments
    rest: NDArray[Any] = None  # type: ignore[assignment]  # set once it is known which groups close

    def put(self, slots: Slots, groups: NDArray[Any], to: NDArray[Any]) -> None:
        """Put some groups into slots."""
        slots.open(to, self.number[groups], timed=self.samples is not None)
        chosen = np.zeros(len(self.series), np.bool_)
        chosen[groups] = True
        rows = np.flatnonzero(chosen[self.runs.of_row])
        runs = self.runs if len(groups) == len(self.series) else segments(self.runs.of_row[rows])
        if self.samples is not None:
            some = self.samples
            slots.add_samples(Samples(runs, some.time[rows], some.value[rows], some.code[rows]), to)
        if self.parts is not None:
            slots.add_windows(self.parts.take(rows), runs, to)


def keyed(series: Ints, number: Ints) -> Ints:
    """One key for series and window, in the order of both."""
    key: Ints = (series << _BITS) + (number - number.min())
    return key
