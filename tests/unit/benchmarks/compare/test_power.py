from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiokafka.partitioner import murmur2

from benchmarks.compare.power import Power, PowerLoad
from benchmarks.compare.workload import PARTITIONS
from ironstream.errors import ConfigurationError
from tests.support.reference_uc2 import decode

START_MS = 1_700_000_040_000


def rows(load: PowerLoad, seconds: range, partition: int) -> list[tuple[bytes, bytes, int]]:
    sensors = load.placed[partition]
    return list(load._rows(seconds, sensors, load.values(seconds)[:, sensors]))


def test_a_record_is_avro_in_confluent_framing_and_says_what_the_load_means() -> None:
    load = PowerLoad(sensors=40, seconds=60, start_ms=START_MS)
    values = load.values(range(5, 7))
    found = rows(load, range(5, 7), 3)
    sensors = load.placed[3].tolist()

    assert len(found) == 2 * len(sensors)
    for at, (key, value, time_ms) in enumerate(found):
        second, sensor = divmod(at, len(sensors))
        assert value[:5] == b"\0\0\0\0\1"
        assert decode(value) == (key.decode(), time_ms, values[second, sensors[sensor]])
        assert key == b"sensor-%05d" % sensors[sensor]
        assert time_ms // 1000 == START_MS // 1000 + 5 + second


def test_every_sensor_is_where_kafkas_default_partitioner_puts_its_key() -> None:
    load = PowerLoad(sensors=100, seconds=60, start_ms=START_MS)

    assert sorted(sensor for placed in load.placed for sensor in placed.tolist()) == list(range(100))
    for partition, placed in enumerate(load.placed):
        assert all((murmur2(load.keys[sensor]) & 0x7FFFFFFF) % PARTITIONS == partition for sensor in placed.tolist())


def test_the_log_of_a_partition_is_in_the_order_of_time() -> None:
    load = PowerLoad(sensors=100, seconds=60, start_ms=START_MS)
    found = [time_ms for _, _, time_ms in rows(load, range(60), 0)]

    assert found == sorted(found)


def test_values_do_not_depend_on_how_they_are_asked_for() -> None:
    load = PowerLoad(sensors=100, seconds=120, start_ms=START_MS)

    assert np.array_equal(load.values(range(120))[70:80], load.values(range(70, 80)))
    assert np.unique(load.values(range(120))).size > 10_000


def test_too_few_records_for_one_window_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="do not fill one window"):
        Power(sensors=100).load(5_999)


def test_a_load_is_whole_windows_that_end_in_the_past() -> None:
    load = Power(sensors=100).load(13_000)

    assert load.records == 12_000
    assert load.start_ms % 60_000 == 0
    checked: Any = load.check(None)  # type: ignore[arg-type]  # the place is for those that need one
    assert checked._expected.shape == (2, 100)
