"""Which reading of a series is the newest one, and how old it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ironstream.contract import SeriesId
from ironstream.domain.times import to_iso
from ironstream.web.series_now import SeriesNow, series_now
from ironstream.web.telemetry_records import Shown
from tests.support.web_memory import NOW_MS, MemoryPlant, declared, series_row

NAME = "acme/north/pump-1/temperature"
SERIES = SeriesId(*NAME.split("/"))
TOPOLOGY = """
version: 1
assets:
  - {id: pump-1, tenant: acme, site: north, parameters: [{name: temperature, unit: degC, expected_interval_s: 2}]}
"""


def _reading(value: float, device_s: float, came_s: float, reasons: tuple[str, ...] = ()) -> Shown:
    """Times are seconds from now."""
    device_us, came_us = (NOW_MS * 1000 + round(seconds * 1e6) for seconds in (device_s, came_s))
    quality = "SUSPECT" if reasons else "GOOD"
    return Shown(SERIES, device_us, to_iso(device_us), to_iso(came_us), value, "degC", quality, reasons)


def _now(plant: MemoryPlant) -> SeriesNow:
    row = plant.series.find(SERIES)
    assert row is not None
    return series_now(plant, plant.board(), row)


@pytest.mark.parametrize(
    ("first", "then", "shown"),
    [
        (_reading(1, -1, -1), _reading(2, 0, 0), 2),
        (_reading(1, -1, -1), _reading(2, -3000, 0), 1),
        (_reading(1, 1799, -1, ("clock_skew",)), _reading(2, 0, 0), 2),
        (_reading(1, 4, -1), _reading(2, 0, 0), 2),
        (_reading(1, -1, -1), _reading(2, -3600, 0, ("clock_skew",)), 2),
    ],
    ids=["in order", "sent late", "clock that was ahead put right", "clock a little ahead", "clock put back"],
)
def test_a_clock_that_is_put_right_freezes_no_value_and_what_is_sent_late_takes_no_place(
    first: Shown, then: Shown, shown: float
) -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.live.remember(first)
    plant.live.remember(then)
    last = plant.live.last(SERIES)
    assert last is not None
    assert last.value == shown


def test_a_late_reading_that_is_the_first_one_seen_is_not_put_before_that_of_the_table() -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(NAME, value=7, age_s=2))
    plant.live.remember(_reading(1, -3000, 0))
    assert _now(plant).value == 7


@pytest.mark.parametrize(("reasons", "stale"), [((), True), (("rate",), True), (("clock_skew",), False)])
def test_a_value_that_was_sent_late_is_stale_though_it_just_came(reasons: tuple[str, ...], stale: bool) -> None:
    plant = MemoryPlant(TOPOLOGY)
    reading = _reading(1, -3000, 0, reasons)
    device: Any = {"watermark": reading.time_us, "last_time": reading.time_us, "quality": 1 if reasons else 0}
    plant.hear(series_row(NAME, value=1, age_s=0, **device))
    plant.live.remember(reading)
    now = _now(plant)
    assert now.age_s is not None
    assert (now.value, now.stale, now.age_s > 2900) == (1, stale, stale)
    event = plant.live.event_of(reading)
    assert (event["as_of"], event["as_of"] < event["kafka_time"]) == (now.as_of, stale)


def test_clocks_may_differ_by_as_much_as_the_topology_lets_them() -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.live.remember(_reading(1, -4.9, 0))
    assert _now(plant).age_s == 0
    assert not _now(plant).stale


async def test_a_value_keeps_the_unit_that_it_was_measured_in() -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(NAME, value=100, age_s=1))
    assert _now(plant).unit == "degC"
    other = declared(TOPOLOGY.replace("degC", "degF"))
    plant.topology.declared = other
    await plant._declared(other)
    assert (_now(plant).value, _now(plant).unit) == (100, None)
    plant.hear(series_row(NAME, value=212, age_s=0))
    assert (_now(plant).value, _now(plant).unit) == (212, "degF")


def test_a_unit_that_cannot_be_converted_is_told_as_it_came() -> None:
    plant = MemoryPlant(TOPOLOGY)
    plant.hear(series_row(NAME, value=185, age_s=0, quality=2))
    assert _now(plant).unit is None
    plant.live.remember(msgspec.structs.replace(_reading(185, 0, 0, ("unit_mismatch",)), unit="psi"))
    assert (_now(plant).value, _now(plant).unit) == (185, "psi")
