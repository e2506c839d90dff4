from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.bench.plant import ALARM_ABOVE, ALARM_DEADBAND, TENANT, WINDOWS_S, Plant
from ironstream.codec import decode_readings
from ironstream.contract import SeriesId
from ironstream.domain.times import to_us
from ironstream.topology import compile_topology, load_topology

HOUR_US = 3_600_000_000
START_US = 482_000 * HOUR_US


def test_every_series_has_every_check_all_windows_and_one_condition(tmp_path: Path) -> None:
    plant = Plant(25, 10, START_US)
    path = tmp_path / "topology.yaml"
    path.write_text(plant.topology(), encoding="utf-8")

    compiled = compile_topology(load_topology(path), 1)

    assert [window.size_us // 1_000_000 for window in compiled.windows] == list(WINDOWS_S)
    for asset in range(3):
        for number in range(10):
            rules = compiled.series(TENANT, "bench", plant.asset(asset), f"p{number}")
            assert rules.expected_interval_us == 100_000
            assert (rules.minimum, rules.maximum) == (0, 100)
            assert np.isfinite([rules.max_rate, rules.max_step]).all()
            assert rules.stuck_after_us > 0
            assert len(rules.conditions) == 1


def test_readings_are_decoded_as_they_were_meant() -> None:
    plant = Plant(12, 10, START_US, "run-7")
    values = plant.values(3)

    rows = list(plant.rows([0, 1], range(3), values))
    decoded = decode_readings([value for _, value in rows])

    assert not decoded.faults
    assert all(len(value) >= 200 for _, value in rows)
    assert len(rows) == 36
    for at, (row, reading) in enumerate(zip(rows, decoded.readings, strict=True)):
        step, series = divmod(at, 12)
        assert reading.metadata is not None
        assert (reading.metadata.boot, reading.metadata.seq) == ("run-7", step + 1)
        assert reading.value == values[step, series]
        assert reading.tenant_id is not None
        assert reading.site_id is not None
        name = SeriesId(reading.tenant_id, reading.site_id, reading.asset_id, reading.parameter)
        assert name.kafka_key == row[0]
        assert str(name).endswith(f"machine-0000{series // 10}/p{series % 10}")


def test_one_reading_is_written_as_a_block_writes_it() -> None:
    plant = Plant(12, 10, START_US)
    values = plant.values(2)

    block = list(plant.rows([1], range(2), values))

    time_us = int(plant.times_us(1)[1])
    assert plant.row(11, 1, float(values[1, 11]), time_us) == block[3]


def test_no_value_is_out_of_range_too_fast_or_stuck() -> None:
    for hz in (0.1, 1, 10, 100):
        values = Plant(200, hz, START_US).values(1000)
        steps = np.abs(np.diff(values, axis=0))

        assert values.min() > 0
        assert values.max() < 100
        assert steps.max() < 45
        assert (steps * hz).max() < 10 * hz + 10
        assert (steps == 0).sum(axis=0).max() < 10


def test_values_do_not_depend_on_how_many_are_asked_for() -> None:
    plant = Plant(30, 10, START_US)

    assert (plant.values(50)[:20] == plant.values(20)).all()


@pytest.mark.parametrize("partitions", [1, 4, 12])
def test_every_machine_has_one_partition(partitions: int) -> None:
    plant = Plant(995, 10, START_US)

    placed = plant.assets_of(partitions)

    assert sorted(asset for assets in placed for asset in assets) == list(range(100))


@given(series=st.integers(1, 40), hz=st.sampled_from([0.3, 1.0, 3.0, 10.0, 25.0]), steps=st.integers(1, 60))
def test_expected_windows_are_those_that_the_readings_fall_into(series: int, hz: float, steps: int) -> None:
    plant = Plant(series, hz, START_US)
    windows: defaultdict[int, set[tuple[str, str, int]]] = defaultdict(set)

    for _, value in plant.rows(list(range(plant.assets)), range(steps), plant.values(steps)):
        reading = json.loads(value)
        time_us = to_us(reading["timestamps"]["device_time"])
        for size in (1, 10):
            windows[size].add((reading["asset_id"], reading["parameter"], time_us // (size * 1_000_000)))

    assert {size: plant.expected_windows(size, steps) for size in (1, 10)} == {n: len(w) for n, w in windows.items()}


def test_expected_changes_follow_threshold_and_deadband() -> None:
    low, high = ALARM_ABOVE - ALARM_DEADBAND, ALARM_ABOVE
    values = np.array([[low, high + 1], [high + 1, low + 1], [low + 0.5, low - 1], [high + 1, low + 1], [low, high]])

    # the first series is raised and cleared; the second is up at once, stays so within the deadband, and is cleared
    assert Plant(2, 10, START_US).expected_changes(values) == 4


def test_conditions_come_and_go_about_once_a_minute() -> None:
    plant = Plant(100, 10, START_US)

    changes = plant.expected_changes(plant.values(1200))

    assert 2 * 100 <= changes <= 6 * 100
