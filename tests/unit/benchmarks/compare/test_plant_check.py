from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.compare.plant import PlantLoad
from benchmarks.compare.plant_check import PlantCheck
from benchmarks.compare.plant_expected import conditions, names, times, windows
from ironstream.bench.plant import Plant
from ironstream.contract import CONTROL_KEY, Topic
from ironstream.domain.times import to_iso

LOAD = PlantLoad(Plant(series=23, hz=10, start_us=1_700_002_800_000_000), steps=650)
Output = tuple[str, bytes, dict[str, Any]]


def per_series() -> Iterator[tuple[int, str, str, list[int], list[float]]]:
    at = times(LOAD.plant, LOAD.steps)
    for series, (asset, parameter) in enumerate(names(LOAD.plant)):
        yield series, asset, parameter, at[:, LOAD.plant.asset_of(series)].tolist(), LOAD.values[:, series].tolist()


def aggregate(at: list[int], values: list[float], end: int) -> dict[str, float]:
    """The fields of a window, in another way than the expectation makes them."""
    ordered, count = sorted(values), len(values)

    def quantile(q: float) -> float:
        place = q * (count - 1)
        low = math.floor(place)
        return ordered[low] + (ordered[min(low + 1, count - 1)] - ordered[low]) * (place - low)

    mean = math.fsum(values) / count
    held = math.fsum(value * (to - since) for value, since, to in zip(values, at, [*at[1:], end], strict=True))
    return {
        "count": count, "avg": mean, "min": ordered[0], "max": ordered[-1], "first": values[0], "last": values[-1],
        "stddev": math.sqrt(math.fsum((value - mean) ** 2 for value in values) / count),
        "time_weighted_avg": held / (end - at[0]),
        "p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99),
    }  # fmt: skip


def outputs() -> list[Output]:
    """All that a contender must write, made reading by reading."""
    made: list[Output] = []
    for _, asset, parameter, at, values in per_series():
        name, key = {"asset_id": asset, "parameter": parameter}, asset.encode()
        for seq, value in enumerate([*values, values[-1]], start=1):
            metadata = {"boot": LOAD.plant.boot, "seq": seq}
            made.append((Topic.TELEMETRY_CLEAN, key, {**name, "value": value, "quality": "GOOD", "metadata": metadata}))
        for size_s in (1, 10, 60, 3600):
            size_us = size_s * 1_000_000
            for number in sorted({one // size_us for one in at}):
                mine = [place for place, one in enumerate(at) if one // size_us == number]
                fields = aggregate([at[one] for one in mine], [values[one] for one in mine], (number + 1) * size_us)
                window = {**name, "window_start": to_iso(number * size_us), "aggregates": fields}
                made.append((Topic.aggregates(size_s), key, window))
        active, changes = False, 0
        for time, value in zip(at, values, strict=True):
            now = value > (65.0 if active else 69.0)
            if now != active:
                active, changes = now, changes + 1
                state = "ACTIVE" if now else "CLEARED"
                made.append((Topic.ALARMS_RAW, key, {**name, "number": changes, "state": state, "time": to_iso(time)}))
        made.append((Topic.EVENTS_CLEAN, key, {**name, "type": "gap"}))
    return made


OUTPUTS = outputs()


def check_of(given: list[Output]) -> PlantCheck:
    check = LOAD.check(None)  # type: ignore[arg-type]  # the place is for those that need one
    for topic, key, value in given:
        record: Any = SimpleNamespace(key=key, value=json.dumps(value).encode())
        check.feed(topic, [record])
    return check


def changed(topic: str, at: int, change: Callable[[dict[str, Any]], object]) -> list[Output]:
    """All outputs, the `at`th of a topic changed."""
    place = [number for number, output in enumerate(OUTPUTS) if output[0] == topic][at]
    value = json.loads(json.dumps(OUTPUTS[place][2]))
    change(value)
    return [*OUTPUTS[:place], (topic, OUTPUTS[place][1], value), *OUTPUTS[place + 1 :]]


def test_the_expectation_is_that_of_reading_after_reading() -> None:
    check = check_of(OUTPUTS)

    assert check.complete
    assert check.faults() == []
    assert len(conditions(LOAD.plant, LOAD.values)) > 20
    assert windows(LOAD.plant, LOAD.values, 3600)[1]["count"].tolist() == [650.0] * 23


@pytest.mark.parametrize(
    "topic", [Topic.TELEMETRY_CLEAN, "telemetry.1s", "telemetry.1hour", Topic.ALARMS_RAW, Topic.EVENTS_CLEAN]
)
def test_a_missing_output_is_a_fault(topic: str) -> None:
    last = max(number for number, output in enumerate(OUTPUTS) if output[0] == topic)

    assert check_of(OUTPUTS[:last] + OUTPUTS[last + 1 :]).faults()


@pytest.mark.parametrize(
    ("topic", "change"),
    [
        (Topic.TELEMETRY_CLEAN, lambda one: one.update(value=one["value"] + 0.0001)),
        (Topic.TELEMETRY_CLEAN, lambda one: one.update(quality="SUSPECT")),
        (Topic.TELEMETRY_CLEAN, lambda one: one.update(quality_reasons=["stuck"])),
        (Topic.TELEMETRY_CLEAN, lambda one: one["metadata"].update(boot="another")),
        (Topic.TELEMETRY_CLEAN, lambda one: one["metadata"].update(seq=7)),
        (Topic.ALARMS_RAW, lambda one: one.update(state="OTHER")),
        (Topic.ALARMS_RAW, lambda one: one.update(time=to_iso(0))),
        ("telemetry.10s", lambda one: one.update(window_start=to_iso(0))),
    ],
)
def test_a_wrong_output_is_a_fault(topic: str, change: Callable[[dict[str, Any]], object]) -> None:
    assert check_of(changed(topic, 11, change)).faults()


@pytest.mark.parametrize("topic", ["telemetry.1s", "telemetry.1min"])
@pytest.mark.parametrize("field", sorted(aggregate([0], [1.0], 1)))
def test_a_wrong_field_of_a_window_is_a_fault(topic: str, field: str) -> None:
    faults = check_of(
        changed(topic, 11, lambda one: one["aggregates"].update({field: one["aggregates"][field] * 1.1}))
    ).faults()

    assert faults


def test_percentiles_of_large_windows_may_be_off_by_two_percent_but_those_of_small_ones_not() -> None:
    def off(one: dict[str, Any]) -> None:
        one["aggregates"]["p95"] *= 1.015

    assert check_of(changed("telemetry.1hour", 0, off)).faults() == []
    assert check_of(changed("telemetry.1s", 0, off)).faults()


def test_a_dead_letter_is_a_fault_and_a_tick_of_the_engine_is_none() -> None:
    assert check_of([*OUTPUTS, (Topic.DLQ_TELEMETRY, b"any", {})]).faults()
    assert check_of([*OUTPUTS, (Topic.ALARMS_RAW, CONTROL_KEY, {})]).faults() == []
