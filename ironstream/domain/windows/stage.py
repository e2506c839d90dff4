"""The window stage: readings into the finest size of their series, closed windows upward, late readings beside.

The same aggregates come out however the log is cut into batches: a batch with late readings is taken in rounds, each of
which begins with the late ones, so that every reading meets the windows as they stood when it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from ironstream.domain.batch import Batch, Finding
from ironstream.domain.rules import WindowSize
from ironstream.domain.segments import Bools, Ints, segments
from ironstream.domain.series import NEVER, SeriesTable
from ironstream.domain.windows.late import Archive, Reopened, window_of
from ironstream.domain.windows.level import Closed, Level, keyed
from ironstream.domain.windows.slots import Samples, Windows

_NO_LEVEL: Final = -1


class WindowStage:
    """All windows of one partition."""

    def __init__(self, sizes: Sequence[WindowSize], archive: Archive) -> None:
        self.sizes = tuple(sorted(sizes, key=lambda size: size.size_us))
        self.levels = [Level(size) for size in self.sizes]
        self.reopened = Reopened(archive)
        self._archive = archive
        self._finest: Ints = np.empty(0, np.int64)
        self._above: Ints = np.empty((len(self.levels), 0), np.int64)

    def reserve(self, series: int) -> None:
        """Have room for so many series; without it there is some for each new one, at the cost of copies."""
        for level in self.levels:
            level.grow(series)

    def register(self, series: int, sizes_us: Sequence[int]) -> None:
        """Say which sizes a series gets; called when it is first seen and when its rules change."""
        if series >= len(self._finest):
            more = max(series + 1, 2 * len(self._finest)) - len(self._finest)
            self._finest = np.concatenate([self._finest, np.full(more, _NO_LEVEL)])
            self._above = np.concatenate([self._above, np.full((len(self.levels), more), _NO_LEVEL)], axis=1)
        levels = [at for at, size in enumerate(self.sizes) if size.size_us in sizes_us]
        self._finest[series] = levels[0] if levels else _NO_LEVEL
        self._above[:, series] = _NO_LEVEL
        for below, above in pairwise(levels):
            self._above[below, series] = above
        for level in self.levels:
            level.grow(series + 1)

    def add(self, batch: Batch, table: SeriesTable) -> tuple[list[Closed], list[Finding]]:
        """Take the counted readings of an assessed batch; return the windows that closed, and what came too late."""
        counted = batch.counted & (self._finest[batch.series] != _NO_LEVEL)
        if not counted.any():
            return [], []
        rows = batch if counted.all() else batch.take(np.flatnonzero(counted))
        finest = self._finest[rows.series]
        late = np.zeros(len(rows), np.bool_)
        for at, level in enumerate(self.levels):
            here = finest == at
            if here.any():
                late[here] = level.is_late(rows.series[here], level.number(rows.time[here]), rows.before[here])
        if not late.any():
            return self._kept(self._advance(rows, finest, table.state["watermark"])), []
        closed: list[Closed] = []
        findings: list[Finding] = []
        runs = segments(rows.series)
        # Rounds per series: a late reading begins a new one.
        so_far: Ints = np.cumsum(late)
        number: Ints = so_far - (so_far - late)[runs.start][runs.of_row]
        watermark = table.state["watermark"].copy()
        for turn in range(int(number.max()) + 1):
            for row in np.flatnonzero(late & (number == turn)):
                finding = self._add_late(rows, int(row), table)
                findings += [finding] if finding else []
            on_time = np.flatnonzero(~late & (number == turn))
            if len(on_time):
                some = rows.take(on_time)
                last = segments(some.series).last
                watermark[some.series[last]] = np.maximum(some.before[last], some.time[last])
                # Kept at once: the late readings of the next round may belong to what closes in this one.
                closed += self._kept(self._advance(some, finest[on_time], watermark))
        return closed, findings

    def tick(self, table: SeriesTable, now: int) -> list[Closed]:
        """Close the windows of silent series as of `now` (µs, the log's clock); restate what late readings changed."""
        closed: list[Closed] = []
        for at, level in enumerate(self.levels):
            restated = self.reopened.restate(at)
            if restated is not None:
                closed.append(Closed(level.size.size_us, *restated))
        n = len(table)
        seen = np.flatnonzero(table.state["last_append"][:n] != NEVER)
        watermark = np.full(n, NEVER)
        state = table.state[:n][seen]
        watermark[seen] = state["watermark"] + np.maximum(now - state["last_append"], 0)
        # Kept at once: what silence closes now may reopen a window that has just been restated.
        self._kept(closed)
        return closed + self._kept(self._ascend(None, None, watermark, seen, by_silence=True))

    def _kept(self, closed: list[Closed]) -> list[Closed]:
        for one in closed:
            self._archive.keep(one)
        return closed

    def _advance(self, rows: Batch, finest: Ints, watermark: Ints) -> list[Closed]:
        return self._ascend(rows, finest, watermark, segments(rows.series).key, by_silence=False)

    def _ascend(
        self, rows: Batch | None, finest: Ints | None, watermark: Ints, touched: Ints, *, by_silence: bool
    ) -> list[Closed]:
        """Go through the sizes from the finest up; what closes in one goes into the next of its series."""
        emitted: list[Closed] = []
        upward: list[list[Closed]] = [[] for _ in self.levels]
        for at, level in enumerate(self.levels):
            samples = None
            if rows is not None and finest is not None:
                samples = _samples(rows, finest == at, level)
            parts = [part for part in (self._reopen(at, part) for part in upward[at]) if part is not None]
            closed = level.advance(watermark, touched, samples, parts, by_silence=by_silence)
            if closed is None:
                continue
            emitted.append(closed)
            above = self._above[at][closed.series]
            for target in np.unique(above[above != _NO_LEVEL]).tolist():
                mine = np.flatnonzero(above == target)
                part = closed if len(mine) == len(closed) else _select(closed, mine)
                upward[target].append(part)
        return emitted

    def _reopen(self, at: int, parts: Closed) -> Closed | None:
        """Put finer windows whose window here was closed by silence into it again; return the others.

        A device that was cut off sends what it has kept: its finest windows open where it stopped, within a larger
        window that its silence has closed.
        """
        level = self.levels[at]
        number = level.number(parts.windows.head["index"] * parts.size_us)
        over = number < level.closed_by_silence[parts.series]
        if not over.any():
            return parts
        for one in np.flatnonzero(over):
            self._pass_up(at, int(parts.series[one]), parts.windows.take(np.array([one])), parts.size_us)
        return _select(parts, np.flatnonzero(~over)) if not over.all() else None

    def _pass_up(self, at: int, series: int, part: Windows, size_us: int) -> None:
        """Put one finer window into the closed windows of this size and larger ones, and into the first open one."""
        while at != _NO_LEVEL:
            level = self.levels[at]
            number = level.number(part.head["index"] * size_us)
            if number[0] < level.closed_by_silence[series]:
                self.reopened.add_window((at, series, int(number[0])), part)
                level.dirty[series] = True
            else:
                self._put_one(at, series, number, part)
                break
            at = int(self._above[at][series])

    def _add_late(self, rows: Batch, row: int, table: SeriesTable) -> Finding | None:
        """A reading whose window of the finest size has closed: restate it, and put it into the larger windows."""
        series, time = int(rows.series[row]), int(rows.time[row])
        value, code, before = float(rows.value[row]), int(rows.code[row]), int(rows.before[row])
        at = finest = int(self._finest[series])
        owner, moment, watermark = np.array([series]), np.array([time]), np.array([before])
        too_late = False
        while at != _NO_LEVEL:
            level = self.levels[at]
            number = level.number(moment)
            if not level.is_late(owner, number, watermark)[0]:
                # What is still open takes it further up when it closes.
                self._put_one(at, series, number, window_of(int(number[0]), time, value, code))
                break
            elif before - int(level.end(number)[0]) > level.size.late_retention_us:
                too_late = True
            else:
                self.reopened.add((at, series, int(number[0])), time, value, code, timed=at == finest)
                level.dirty[series] = True
            at = int(self._above[at][series])
        if not too_late:
            return None
        table.state["too_late"][series] += 1
        details = {"late_by_ms": (before - time) // 1000}
        return Finding("too_late", series, time, int(rows.append[row]), details)

    def _put_one(self, at: int, series: int, number: Ints, part: Windows) -> None:
        """Put one finished window into a window of a larger size that is still open."""
        level = self.levels[at]
        slot = series * level.per_series + number % level.per_series
        level.slots.open(slot, number, timed=False)
        level.slots.add_windows(part, segments(number), slot)
        level.dirty[series] = True


def _samples(rows: Batch, mine: Bools, level: Level) -> tuple[Ints, Samples] | None:
    """Rows grouped by series and window of this level."""
    if not mine.any():
        return None
    series, time, value, code = rows.series, rows.time, rows.value, rows.code
    if not mine.all():
        series, time, value, code = series[mine], time[mine], value[mine], code[mine]
    key = keyed(series, level.number(time))
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        key, series, time, value, code = key[order], series[order], time[order], value[order], code[order]
    return series, Samples(segments(key), time, value, code)


def _select(closed: Closed, at: Ints) -> Closed:
    return Closed(closed.size_us, closed.series[at], closed.windows.take(at))
