"""What `ironstream tables` shows of a row."""

from __future__ import annotations

import numpy as np
import pytest

from ironstream.contract import Quality
from ironstream.domain.alarms import Alarm, AlarmKey, Cause
from ironstream.domain.rules import WindowSize
from ironstream.domain.segments import segments
from ironstream.domain.windows.level import Level
from ironstream.domain.windows.slots import Samples, Slots
from tables import windows
from tables.alarms import ALARMS
from tables.views import VIEWS


def test_a_row_of_an_alarm_is_found_by_the_id_of_the_alarm() -> None:
    key = AlarmKey("acme", "north", "pump-1", "overheat", "rule:hot", "temperature")
    alarm = Alarm(key, "occurrence", 1, "ACTIVE", True, 3, 1, 1, Cause("telemetry.raw", 0, 7))
    view = next(view for view in VIEWS if view.name == "alarms")

    (entry,) = view.entries(ALARMS.key(key.alarm_id), ALARMS.pack(alarm))

    assert entry["key"] == "acme/north/pump-1/overheat/rule:hot/temperature"
    assert entry["state"] == "ACTIVE"


def test_a_closed_window_is_shown_with_each_value_once() -> None:
    slots, zeros = Slots(1), np.zeros(10, np.int64)
    slots.open(np.array([0]), np.array([7]), timed=True)
    slots.add_samples(Samples(segments(zeros), np.arange(10), np.arange(10) / 2, zeros.astype(np.uint8)), np.array([0]))
    window = slots.all.take(np.array([0]))
    window.finish()
    view = next(view for view in VIEWS if view.name == "closed_windows")
    key = windows.window_key(windows.CLOSED, 1_000_000, b"acme/north/pump-1/temperature", 7)
    (row,) = windows.pack_windows(window)

    (entry,) = view.entries(key, row)

    assert (entry["count"], entry["mean"], entry["min"], entry["max"], entry["good"]) == (10, 2.25, 0.0, 4.5, 10)


@pytest.mark.parametrize("count", [1, 256, 257, 600])
def test_an_open_window_is_shown_with_all_its_values(count: int) -> None:
    level = Level(WindowSize(1_000_000, 0, 0))
    level.grow(1)
    zeros = np.zeros(count, np.int64)
    level.slots.open(np.array([0]), np.array([7]), timed=True)
    samples = Samples(segments(zeros), np.arange(count), np.arange(count) / 2, zeros.astype(np.uint8))
    level.slots.add_samples(samples, np.array([0]))
    (row,) = windows.pack_open(level, np.array([0]))
    view = next(view for view in VIEWS if view.name == "windows")

    (entry,) = view.entries(windows.open_key(1_000_000, b"acme/north/pump-1/temperature"), row)

    assert (entry["count"], entry["min"], entry["max"], entry["good"]) == (count, 0.0, (count - 1) / 2, count)
    assert entry["mean"] == pytest.approx((count - 1) / 4)


def test_an_open_window_of_bad_readings_alone_is_shown_without_values() -> None:
    level = Level(WindowSize(1_000_000, 0, 0))
    level.grow(1)
    zero = np.zeros(1, np.int64)
    level.slots.open(zero, np.array([7]), timed=True)
    level.slots.add_samples(Samples(segments(zero), zero, np.zeros(1), np.full(1, Quality.BAD, np.uint8)), zero)
    (row,) = windows.pack_open(level, zero)
    view = next(view for view in VIEWS if view.name == "windows")

    (entry,) = view.entries(windows.open_key(1_000_000, b"acme/north/pump-1/temperature"), row)

    assert (entry["count"], entry["min"], entry["max"], entry["bad"]) == (0, None, None, 1)
