"""The window stage alone: which sizes a series gets, when windows close, what late readings do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ironstream.domain.duplicates import Duplicates
from ironstream.domain.quality import assess
from ironstream.domain.rules import SeriesRules, WindowSize
from ironstream.domain.windows.level import Closed
from ironstream.domain.windows.results import results
from ironstream.domain.windows.slots import Windows
from ironstream.domain.windows.stage import WindowStage
from tests.support.batches import S, batch_of, table_of

SIZES = (WindowSize(S, 2 * S, 60 * S), WindowSize(10 * S, 5 * S, 120 * S), WindowSize(60 * S, 10 * S, 600 * S))


class Archive:
    """Keeps every closed window."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int, int], Windows] = {}

    def find(self, level: int, series: int, number: int) -> Windows | None:
        return self.kept.get((level, series, number))

    def keep(self, closed: Closed) -> None:
        level = [size.size_us for size in SIZES].index(closed.size_us)
        for at, series in enumerate(closed.series.tolist()):
            number = int(closed.windows.head["index"][at])
            self.kept[level, series, number] = closed.windows.take(np.array([at]))


class Staged:
    """A stage over series with the sizes given, fed with readings; says (size, series, start in s, revision, count)."""

    def __init__(self, *sizes_s: tuple[int, ...]) -> None:
        rules = [SeriesRules(windows=tuple(size * S for size in sizes)) for sizes in sizes_s]
        self.table = table_of(*rules)
        self.stage = WindowStage(SIZES, Archive())
        for series, one in enumerate(rules):
            self.stage.register(series, one.windows)
        self._seen = Duplicates()
        self.too_late: list[Any] = []

    def read(self, *rows: tuple[int, float, float]) -> list[tuple[int, int, int, int, int]]:
        batch = batch_of(rows)
        assess(batch, self.table, self._seen)
        closed, too_late = self.stage.add(batch, self.table)
        self.too_late += too_late
        return self._told(closed)

    def tick(self, now_s: float) -> list[tuple[int, int, int, int, int]]:
        return self._told(self.stage.tick(self.table, round(now_s * S)))

    def _told(self, closed: list[Closed]) -> list[tuple[int, int, int, int, int]]:
        told = []
        for one in closed:
            done = results(one, self.table.state["watermark"], 0)
            columns = zip(done.series, done.start, done.columns["revision"], done.columns["count"], strict=True)
            told += [(one.size_us // S, of, start // S, revision, count) for of, start, revision, count in columns]
        return told


def test_a_window_closes_when_the_watermark_passes_its_end_and_grace() -> None:
    staged = Staged((1,))
    assert staged.read((0, 0.5, 1), (0, 2.999999, 1)) == []
    assert staged.read((0, 3.0, 1)) == [(1, 0, 0, 0, 1)]


def test_silence_closes_windows_as_the_watermark_would() -> None:
    staged = Staged((1, 10, 60))
    staged.read((0, 0.5, 1))
    assert staged.tick(2.9) == []
    assert staged.tick(3.0) == [(1, 0, 0, 0, 1)]
    assert staged.tick(14.9) == []
    assert staged.tick(15) == [(10, 0, 0, 0, 1)]
    assert staged.tick(100) == [(60, 0, 0, 0, 1)]


def test_each_series_keeps_its_own_watermark_and_sizes() -> None:
    staged = Staged((1, 10), (10,), ())
    told = staged.read((0, 0, 1), (0, 100, 1), (1, 0, 1), (1, 50, 1), (2, 0, 1), (2, 500, 1))
    assert sorted(told) == [(1, 0, 0, 0, 1), (10, 0, 0, 0, 1), (10, 1, 0, 0, 1)]


def test_a_jump_in_time_leaves_no_window_behind_and_makes_none_up() -> None:
    staged = Staged((1, 10, 60))
    year_s = 365 * 86_400
    told = staged.read((0, 0, 1), (0, year_s, 1), (0, 2 * year_s, 1))
    assert sorted(told) == sorted((size, 0, at // size * size, 0, 1) for size in (1, 10, 60) for at in (0, year_s))


@pytest.mark.parametrize("number", [1, 5])
def test_late_readings_of_a_closed_window_are_told_together_at_the_next_tick(number: int) -> None:
    staged = Staged((1, 10))
    staged.read((0, 0.5, 1), (0, 9, 1))
    assert staged.read(*((0, 0.1 + at / 100, 1.0) for at in range(number))) == []
    assert staged.tick(9.1) == [(1, 0, 0, 1, 1 + number)]
    assert staged.tick(9.2) == []
    assert (10, 0, 0, 0, 2 + number) in staged.tick(30)


def test_a_late_reading_of_a_window_that_nothing_was_in_makes_its_first_revision() -> None:
    staged = Staged((1,))
    staged.read((0, 0, 1), (0, 9, 1), (0, 4, 1))
    assert staged.tick(9) == [(1, 0, 4, 0, 1)]


def test_beyond_late_retention_a_reading_is_told_and_left_out() -> None:
    staged = Staged((1, 10))
    staged.read((0, 0, 1), (0, 100, 1), (0, 39.0, 1), (0, 38.9, 1))
    assert [(one.type, one.time) for one in staged.too_late] == [("too_late", round(38.9 * S))]
    assert staged.table.state["too_late"][0] == 1
    assert [told for told in staged.tick(100) if told[0] == 1] == [(1, 0, 39, 0, 1)]
