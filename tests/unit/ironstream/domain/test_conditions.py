"""Each kind of condition alone; random logs are held to an oracle in tests/unit/agents/test_telemetry.py."""

from math import nan

import pytest

from ironstream.domain.batch import BAD
from ironstream.domain.conditions import Conditions
from ironstream.domain.duplicates import Duplicates
from ironstream.domain.quality import assess
from ironstream.domain.rules import ConditionKind, ConditionRule, SeriesRules
from ironstream.domain.series import SeriesTable
from tests.support.batches import S, batch_of, table_of

Told = tuple[bool, float]
"""Raised or cleared, and when in s."""


def rule(kind: ConditionKind, **more: float) -> ConditionRule:
    times = {name: round(value * S) for name, value in more.items() if name.endswith("_us")}
    others = {name: value for name, value in more.items() if not name.endswith("_us")}
    return ConditionRule("r", kind, "t", "HIGH", "", **times, **others)  # type: ignore[arg-type]  # floats by field name


class Watched:
    """One series with one condition."""

    def __init__(self, one: ConditionRule) -> None:
        self.table: SeriesTable = table_of(SeriesRules(conditions=(one,)))
        self.conditions = Conditions()
        self.conditions.register(0, (one,))
        self._seen = Duplicates()

    def read(self, *rows: tuple[float, float], code: int = 0) -> list[Told]:
        batch = batch_of([(0, at_s, value) for at_s, value in rows], code=code)
        assess(batch, self.table, self._seen)
        found = self.conditions.on_readings(batch, self.table)
        return [(change.active, change.time / S) for change in found]

    def tick(self, now_s: float) -> list[Told]:
        return [(change.active, change.time / S) for change in self.conditions.tick(self.table, round(now_s * S))]


@pytest.mark.parametrize(
    ("one", "values", "told"),
    [
        (rule("above", high=10, deadband=2), [10, 11, 9, 8, 11], [(True, 1), (False, 3), (True, 4)]),
        (rule("below", low=10, deadband=2), [10, 9, 11, 12, 9], [(True, 1), (False, 3), (True, 4)]),
        (rule("outside", low=0, high=9, deadband=1), [5, 11, 9, 8, -1, 0], [(True, 1), (False, 3), (True, 4)]),
        (rule("outside", low=0, high=9, deadband=1), [-1, 0, 0.9, 1], [(True, 0), (False, 3)]),
        (rule("inside", low=4, high=6, deadband=1), [0, 4, 3.5, 2.9, 6], [(True, 1), (False, 3), (True, 4)]),
        (rule("rate_of_change", high=5, deadband=2), [0, 5, 11, 15, 12], [(True, 2), (False, 4)]),
    ],
)  # fmt: skip
def test_a_condition_is_raised_beyond_its_bound_and_cleared_beyond_the_deadband(
    one: ConditionRule, values: list[float], told: list[Told]
) -> None:
    rows = [(float(at), float(value)) for at, value in enumerate(values)]
    assert Watched(one).read(*rows) == told
    single = Watched(one)
    assert [change for row in rows for change in single.read(row)] == told


def test_delays_run_in_the_time_of_the_device_and_start_again_when_interrupted() -> None:
    watched = Watched(rule("above", high=10, on_delay_us=3, off_delay_us=2))
    assert watched.read((0, 11), (2, 11), (2.5, 9), (3, 11), (5, 12), (6, 12)) == [(True, 6)]
    assert watched.read((7, 5), (8, 11), (9, 5), (11, 5)) == [(False, 11)]


def test_a_delay_runs_out_by_ticks_while_the_device_is_silent() -> None:
    watched = Watched(rule("above", high=10, on_delay_us=3))
    watched.read((1, 11))
    assert watched.tick(3.9) == []
    assert watched.tick(4.5) == [(True, 4.5)]
    assert watched.tick(9) == []


def test_readings_older_than_the_newest_change_nothing() -> None:
    watched = Watched(rule("above", high=10))
    assert watched.read((5, 1), (4, 99), (3, 99)) == []


def test_bad_readings_say_nothing_about_a_value() -> None:
    watched = Watched(rule("above", high=10))
    assert watched.read((0, 99), code=BAD) == []
    assert watched.read((1, 99)) == [(True, 1)]
    assert watched.read((2, nan), code=BAD) == []
    assert watched.read((3, 1)) == [(False, 3)]


def test_no_data_is_raised_by_ticks_and_cleared_by_the_next_reading() -> None:
    watched = Watched(rule("no_data", for_us=5))
    watched.read((1, 0))
    assert watched.tick(6) == []
    assert watched.tick(6.1) == [(True, 6.1)]
    assert watched.tick(60) == []
    assert watched.read((61, 0)) == [(False, 61)]


def test_a_series_that_never_spoke_is_silent_from_the_first_tick_on() -> None:
    watched = Watched(rule("no_data", for_us=5))
    assert [watched.tick(at_s) for at_s in (100, 105, 105.5)] == [[], [], [(True, 105.5)]]


def test_quality_is_raised_once_it_has_been_bad_for_long_enough() -> None:
    watched = Watched(rule("quality", for_us=2))
    assert watched.read((0, nan), (1, nan), code=BAD) == []
    assert watched.read((1.5, 1)) == []
    assert watched.read((2, nan), (4, nan), code=BAD) == [(True, 4)]
    assert watched.read((5, 1)) == [(False, 5)]


def test_aggregates_older_than_one_that_was_seen_are_skipped_and_empty_ones_say_nothing() -> None:
    one = ConditionRule(
        "r", "above", "t", "LOW", "", high=10, on="aggregate", aggregate_size_us=S, aggregate_field="avg"
    )
    conditions = Conditions()
    conditions.register(0, (one,))
    assert conditions.watches_aggregates(S, 0)

    def told(end_s: int, value: float) -> list[bool]:
        return [change.active for change in conditions.on_aggregate(S, 0, end_s * S, lambda field: value)]

    assert [told(5, 11), told(4, 1), told(6, nan), told(6, 1)] == [[True], [], [], [False]]
