"""Windows with their revisions, each held as all of its readings."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor, fsum
from typing import Any

from tests.support.oracle.quality import BAD, CODES, Judged, SeriesMemory
from tests.support.oracle.rules import Size

_SECOND = 1_000_000
Row = tuple[int, float | None, str]
"""time, value, code"""


@dataclass
class Window:
    """All readings of one window. `late`: some came after it had closed, so their order within it is not known."""

    rows: list[Row] = field(default_factory=list)
    late: bool = False
    revision: int = -1

    def merge(self, other: Window) -> None:
        """Take in the readings of a smaller window."""
        self.rows += other.rows
        self.late |= other.late

    def copy(self) -> Window:
        """The window as it is now."""
        return Window(list(self.rows), self.late, self.revision)

    def count(self) -> int:
        """How many values there are."""
        return sum(code != "BAD" for _, _, code in self.rows)

    def average(self) -> float | None:
        """Mean of the values."""
        values = [value for _, value, code in self.rows if code != "BAD" and value is not None]
        return fsum(values) / len(values) if values else None

    def fields(self, end: int) -> dict[str, Any]:
        """What is told of it; `sorted` holds the values, from which `percentile` follows."""
        rows = sorted((time, value) for time, value, code in self.rows if code != "BAD" and value is not None)
        codes = [code for _, _, code in self.rows]
        summary: dict[str, float] = {name.lower(): codes.count(name) for name in CODES}
        summary["pct_good"] = round(100 * codes.count("GOOD") / len(codes), 2)
        if not rows:
            return {"count": 0, "quality_summary": summary}
        values = [value for _, value in rows]
        bounds = [time for time, _ in rows] + [end]
        held = sum(value * (after - time) for (time, value), after in zip(rows, bounds[1:], strict=True))
        return {
            "count": len(values),
            "avg": statistics.fmean(values),
            "min": min(values),
            "max": max(values),
            "stddev": statistics.pstdev(values),
            "first": values[0],
            "last": values[-1],
            "time_weighted_avg": held / (end - rows[0][0]),
            "sorted": sorted(values),
            "quality_summary": summary,
        }


def percentile(ordered: list[float], q: float) -> float:
    """Linear interpolation between the two nearest of some sorted values."""
    place = q * (len(ordered) - 1)
    low = floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


Emit = Callable[[Size, int, Window], None]
"""size, number of the window, the window as it is now"""


class SeriesWindows:
    """Open and closed windows of one series; `emit` is called for each revision."""

    def __init__(self, sizes: list[Size], emit: Emit) -> None:
        self.sizes = sizes
        self.open: list[dict[int, Window]] = [{} for _ in sizes]
        self.closed: list[dict[int, Window]] = [{} for _ in sizes]
        self.reopened: list[set[int]] = [set() for _ in sizes]
        self._silenced: list[int | None] = [None for _ in sizes]
        """Windows below this number were closed by silence."""
        self._emit = emit

    def take(self, judged: Judged, newest: int) -> int | None:
        """A reading; `newest` is the time of the series after it. Returns by how much (µs) it was too late, if so."""
        time, before = judged.time, judged.before
        row = (time, None if judged.code == BAD else judged.value, CODES[judged.code])
        late, too_late = False, False
        for at, size in enumerate(self.sizes):
            number = time // (size.size_s * _SECOND)
            passed = before is not None and self._end(at, number) + size.grace_s * _SECOND <= before
            if not passed and not self._by_silence(at, number):
                window = self.open[at].setdefault(number, Window())
                window.rows.append(row)
                window.late |= late
                break  # comes up to the larger sizes when this window closes
            late = True
            if before is not None and before - self._end(at, number) > size.late_retention_s * _SECOND:
                too_late = True
                continue
            self._reopen(at, number, Window([row], late=True))
        self._close(newest, silent=False)
        return before - time if too_late and before is not None else None

    def tick(self, series: SeriesMemory, now: int) -> None:
        """Restate what late readings changed, then close what silence closes."""
        for at, size in enumerate(self.sizes):
            for number in sorted(self.reopened[at]):
                self._tell(size, number, self.closed[at][number])
            self.reopened[at].clear()
        if series.newest is not None and series.last_append is not None:
            self._close(series.newest + max(now - series.last_append, 0), silent=True)

    def _end(self, at: int, number: int) -> int:
        return (number + 1) * self.sizes[at].size_s * _SECOND

    def _by_silence(self, at: int, number: int) -> bool:
        below = self._silenced[at]
        return below is not None and number < below

    def _reopen(self, at: int, number: int, more: Window) -> None:
        self.closed[at].setdefault(number, Window()).merge(more)
        self.reopened[at].add(number)

    def _close(self, reached: int, *, silent: bool) -> None:
        for at, size in enumerate(self.sizes):
            for number in sorted(self.open[at]):
                if self._end(at, number) + size.grace_s * _SECOND > reached:
                    continue
                window = self.closed[at][number] = self.open[at].pop(number)
                self._tell(size, number, window)
                if silent:
                    self._silenced[at] = max(self._silenced[at] or 0, number + 1)
                self._pass_up(at + 1, number * size.size_s, window)

    def _pass_up(self, at: int, start_s: int, window: Window) -> None:
        """A larger window that silence closed is restated, and so on up to the first that is open."""
        for above in range(at, len(self.sizes)):
            number = start_s // self.sizes[above].size_s
            if not self._by_silence(above, number):
                self.open[above].setdefault(number, Window()).merge(window)
                return
            self._reopen(above, number, window)

    def _tell(self, size: Size, number: int, window: Window) -> None:
        window.revision += 1
        self._emit(size, number, window)
