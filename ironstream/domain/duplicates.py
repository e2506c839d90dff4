"""Which readings have been seen before.

Exact by (boot, seq) where the adapter sends them: per series, each run of the adapter is its highest seq and the holes
below it, so a run without losses is one number however long it is. Otherwise by device time among the last 128.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final

import numpy as np

from ironstream.domain.batch import Batch
from ironstream.domain.segments import Bools, Segments, segments
from ironstream.domain.series import SeriesTable

RUNS_KEPT: Final = 4
HOLES_KEPT: Final = 2048
"""As many as 4 096 seqs can have at most: none of these is forgotten."""
TIMES_KEPT: Final = 128


class Run:
    """Seqs seen of one run: all up to `high` but for `holes`, sorted disjoint intervals [first, last].

    With more than `HOLES_KEPT` holes the oldest is forgotten and counts as seen.
    """

    __slots__ = ("boot", "high", "holes")

    def __init__(self, boot: int, high: int = 0, holes: list[list[int]] | None = None) -> None:
        self.boot = boot
        self.high = high
        self.holes = holes or []

    def add(self, seq: int) -> bool:
        """Take a seq; False where it has been seen."""
        if seq > self.high:
            if seq > self.high + 1:
                self.holes.append([self.high + 1, seq - 1])
                del self.holes[:-HOLES_KEPT]
            self.high = seq
            return True
        at = bisect_right(self.holes, seq, key=lambda hole: hole[0]) - 1
        if at < 0 or self.holes[at][1] < seq:
            return False
        first, last = self.holes[at]
        self.holes[at : at + 1] = [hole for hole in ([first, seq - 1], [seq + 1, last]) if hole[0] <= hole[1]]
        return True


class Duplicates:
    """Memory of all series of a partition.

    The current run of a series is in its columns (`boot`, `seq`); what does not fit there (holes, earlier runs, the
    times of series without seq) is here, for the few series that have it.
    """

    def __init__(self) -> None:
        self.runs: dict[int, list[Run]] = {}
        self.times: dict[int, list[int]] = {}

    def mark(self, batch: Batch, table: SeriesTable) -> Bools:
        """Per row whether it is a duplicate; remembers the others."""
        runs = segments(batch.series)
        series = runs.key
        state = table.state
        duplicate = np.zeros(len(batch), np.bool_)
        rank = runs.rank()
        in_sequence = (batch.seq == (state["seq"][series])[runs.of_row] + 1 + rank) & (
            batch.boot == state["boot"][series][runs.of_row]
        )
        in_sequence &= batch.boot != 0
        easy = runs.all(in_sequence)
        state["seq"][series[easy]] = batch.seq[runs.last[easy]]
        timed = ~easy & runs.all(batch.boot == 0)
        if timed.any():
            timed &= self._newer_times(batch, runs, timed)
        for run in np.flatnonzero(~easy & ~timed):
            self._mark_one_by_one(batch, table, runs, int(run), duplicate)
        return duplicate

    def _newer_times(self, batch: Batch, runs: Segments, wanted: Bools) -> Bools:
        """Per run: whether its times only grow, beyond all remembered; then they are remembered."""
        rising = np.ones(len(batch), np.bool_)
        rising[1:] = batch.time[1:] > batch.time[:-1]
        rising[runs.start] = True
        newer = runs.all(rising)
        for run in np.flatnonzero(wanted & newer):
            first, length = int(runs.start[run]), int(runs.length[run])
            remembered = self.times.setdefault(int(runs.key[run]), [])
            if remembered and max(remembered) >= batch.time[first]:
                newer[run] = False
                continue
            remembered += batch.time[first : first + length].tolist()
            del remembered[:-TIMES_KEPT]
        return newer

    def _mark_one_by_one(self, batch: Batch, table: SeriesTable, runs: Segments, run: int, duplicate: Bools) -> None:
        series, first = int(runs.key[run]), int(runs.start[run])
        for row in range(first, first + int(runs.length[run])):
            if batch.boot[row]:
                duplicate[row] = not self._add_seq(table, series, int(batch.boot[row]), int(batch.seq[row]))
            else:
                duplicate[row] = not self._add_time(series, int(batch.time[row]))

    def _add_time(self, series: int, time: int) -> bool:
        remembered = self.times.setdefault(series, [])
        if time in remembered:
            return False
        remembered.append(time)
        del remembered[:-TIMES_KEPT]
        return True

    def _add_seq(self, table: SeriesTable, series: int, boot: int, seq: int) -> bool:
        state = table.state[series]
        kept = self.runs.setdefault(series, [])
        current = int(state["boot"])
        if current:
            running = next((run for run in kept if run.boot == current), None)
            if running is None:
                kept.append(running := Run(current))
            # Only the columns know how far the current run has come, and this seq may make another one current.
            running.high = int(state["seq"])
        run = next((run for run in kept if run.boot == boot), None)
        if run is None:
            run = Run(boot)
            kept.append(run)
            del kept[:-RUNS_KEPT]
        fresh = run.add(seq)
        if boot == current or fresh:
            # The run that sent last is the current one, which the columns hold.
            state["boot"], state["seq"] = boot, run.high
        if len(kept) == 1 and not kept[0].holes:
            del self.runs[series]
        return fresh

    def rest(self, series: int) -> dict[str, Any]:
        """What a row must keep of a series besides its columns; empty for most."""
        kept: dict[str, Any] = {}
        if series in self.runs:
            kept["runs"] = [[run.boot, run.high, run.holes] for run in self.runs[series]]
        if series in self.times:
            kept["times"] = self.times[series]
        return kept

    def restore(self, series: int, kept: dict[str, Any]) -> None:
        """Take back what `rest` gave."""
        if "runs" in kept:
            self.runs[series] = [Run(boot, high, holes) for boot, high, holes in kept["runs"]]
        if "times" in kept:
            self.times[series] = kept["times"]
