"""Stale, worst and rate of series, from the rows of the telemetry agents."""

from __future__ import annotations

from typing import Any

import pytest

from ironstream.contract import SeriesId
from ironstream.domain.series import NEVER
from ironstream.web.board import STATES, UNKNOWN, Rates
from tables.series import SERIES
from tests.support.web_memory import NOW_MS, MemoryPlant, partition_of, series_row

FAST = "acme/north/pump-1/temperature"
UNDECLARED = "acme/north/pump-9/flow"
TOPOLOGY = """
version: 1
windows: [{size_s: 1, grace_s: 1}]
assets:
  - {id: pump-1, tenant: acme, site: north, parameters: [{name: temperature, unit: degC, expected_interval_s: 2}]}
"""


def _state(plant: MemoryPlant, name: str) -> str:
    row = plant.series.find(SeriesId(*name.split("/")))
    assert row is not None
    return STATES[int(plant.board().state[row])]


@pytest.mark.parametrize(
    ("name", "age_s", "state"),
    [(FAST, 5.9, "GOOD"), (FAST, 6.1, "STALE"), (UNDECLARED, 59.0, "GOOD"), (UNDECLARED, 61.0, "STALE")],
)
def test_a_series_is_stale_after_three_of_its_intervals_or_a_minute(name: str, age_s: float, state: str) -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(name, age_s=age_s))
    assert _state(plant, name) == state


def test_a_row_may_be_older_than_that_by_the_time_that_a_commit_takes_and_no_more() -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(FAST, age_s=0))
    plant.clock_ms = NOW_MS + 6_000 + plant.allowance_ms - 1
    plant._board = None
    assert _state(plant, FAST) == "GOOD"
    plant.clock_ms += 2
    plant._board = None
    assert _state(plant, FAST) == "STALE"


def test_a_declared_series_that_was_never_heard_is_stale() -> None:
    plant = MemoryPlant(TOPOLOGY)
    assert _state(plant, FAST) == "STALE"
    assert plant.board().worst.tolist() == [STATES.index("STALE")]


@pytest.mark.parametrize(("quality", "state"), list(enumerate(STATES[:4])))
def test_the_state_of_a_fresh_series_is_the_quality_of_its_newest_reading(quality: int, state: str) -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(FAST, quality=quality))
    assert _state(plant, FAST) == state


def test_old_readings_that_come_late_do_not_keep_an_old_value_fresh() -> None:
    plant = MemoryPlant(TOPOLOGY)
    newest_us = (NOW_MS - 20_000) * 1000
    plant.hear(series_row(FAST, age_s=20))
    # three more of 50 min ago: the clock of the log moves on, the value that is shown does not
    for age_s in (12, 6, 0.1):
        plant.hear(series_row(FAST, age_s=age_s, watermark=newest_us, last_time=newest_us))
    assert _state(plant, FAST) == "STALE"
    assert plant.board().age_s.tolist() == [20.0]
    plant.hear(series_row(FAST, age_s=0.1))
    assert _state(plant, FAST) == "GOOD"


def test_each_version_of_a_row_counts_though_they_are_read_at_once() -> None:
    plant = MemoryPlant(TOPOLOGY)
    first_us = (NOW_MS - 30_000) * 1000
    second_us = (NOW_MS - 20_000) * 1000
    plant.hear(
        series_row(FAST, age_s=30, watermark=first_us),
        series_row(FAST, age_s=20, watermark=second_us, last_time=second_us),
        series_row(FAST, age_s=1, watermark=second_us, last_time=second_us),
    )
    assert plant.series.column("came").tolist() == [second_us]


@pytest.mark.parametrize(("quality", "state"), [(0, "STALE"), (1, "SUSPECT")])
def test_a_value_that_was_sent_late_is_as_old_as_its_device_says_where_its_clock_is_right(
    quality: int, state: str
) -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(FAST, age_s=5))
    late_us = (NOW_MS - 3_000_000) * 1000
    plant.hear(series_row(FAST, value=2, age_s=0.1, watermark=late_us, last_time=late_us, quality=quality))
    assert _state(plant, FAST) == state


def test_a_series_that_is_only_waited_for_was_never_heard() -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(FAST, age_s=0.1, watermark=NEVER, last_time=NEVER))
    assert _state(plant, FAST) == "STALE"
    assert plant.board().last_append_us.tolist() == [NEVER]


def test_the_worst_of_an_asset_is_that_of_its_worst_series() -> None:
    plant = MemoryPlant()
    plant.hear(series_row("a/b/c/one", quality=1), series_row("a/b/c/two", quality=3), series_row("a/b/d/one"))
    board, index = plant.board(), plant.series
    worst = {index.assets[row]: STATES[int(board.worst[row])] for row in range(len(index.assets))}
    assert worst == {("a", "b", "c"): "BAD", ("a", "b", "d"): "GOOD"}
    assert board.known.tolist() == [2, 1]


def test_a_series_that_is_neither_declared_nor_heard_any_more_is_not_there() -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(UNDECLARED))
    plant.put("telemetry", [(partition_of(UNDECLARED), (SERIES.prefix + UNDECLARED.encode(), None))])
    assert plant.series.find(SeriesId(*UNDECLARED.split("/"))) is None
    assert plant.series.find_asset(("acme", "north", "pump-9")) is None
    at = plant.series.assets.index(("acme", "north", "pump-9"))
    assert plant.board().worst[at] == UNKNOWN


def test_of_two_versions_of_a_row_in_one_batch_the_last_one_stays() -> None:
    plant = MemoryPlant()
    plant.hear(series_row("a/b/c/one", value=1.0), series_row("a/b/c/one", value=2.0))
    assert plant.series.state["last_value"].tolist() == [2.0]


def _rate(plant: MemoryPlant, rates: Rates) -> float:
    return float(rates.of(plant.series, plant.now_ms(), plant.allowance_ms)[0])


def _advance(plant: MemoryPlant, seconds: float, clean: int) -> None:
    plant.clock_ms += seconds * 1000
    plant.hear(series_row("a/b/c/one", clean=clean))


def test_a_rate_is_that_of_the_counters_between_commits_whatever_their_beat() -> None:
    plant, rates = MemoryPlant(), Rates()
    _advance(plant, 0, 100)
    assert _rate(plant, rates) == 0
    for seconds, clean in ((6, 160), (7, 230), (11, 340)):
        _advance(plant, seconds, clean)
        assert _rate(plant, rates) == pytest.approx(10)


def test_a_rate_goes_to_zero_where_commits_have_ceased() -> None:
    plant, rates = MemoryPlant(), Rates()
    _advance(plant, 0, 0)
    _rate(plant, rates)
    _advance(plant, 10, 100)
    before: Any = _rate(plant, rates)
    for _ in range(12):
        plant.clock_ms += 5_000
        now = _rate(plant, rates)
        assert now <= before
        before = now
    assert before == 0
