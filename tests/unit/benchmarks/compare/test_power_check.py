from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.compare.power import PowerLoad
from benchmarks.compare.power_check import PowerCheck
from tests.support.reference_uc2 import result

START_MS = 1_700_000_040_000
LOAD = PowerLoad(sensors=5, seconds=120, start_ms=START_MS)


def record(sensor: int, window: int, **changed: object) -> Any:
    values = LOAD.values(range(window * 60, window * 60 + 60))[:, sensor].tolist()
    identifier = f"sensor-{sensor:05d}"
    found = json.loads(result(identifier, START_MS + window * 60_000, values)) | changed
    return SimpleNamespace(key=identifier.encode(), value=json.dumps(found).encode())


def everything() -> list[Any]:
    return [record(sensor, window) for sensor in range(5) for window in range(2)]


def check_of(records: list[Any]) -> PowerCheck:
    check = LOAD.check(None)  # type: ignore[arg-type]  # the place is for those that need one
    check.feed("stats", records)
    return check


def test_all_windows_with_their_values_are_complete_and_right() -> None:
    check = check_of(everything())

    assert check.complete
    assert check.faults() == []


def test_a_missing_window_is_not_complete() -> None:
    check = check_of(everything()[:-1])

    assert not check.complete
    assert check.faults() == ["1 of 10 windows are missing or not final"]


def test_a_window_that_does_not_count_all_its_records_yet_is_not_final() -> None:
    early = record(2, 1, count=59)
    assert not check_of([*everything()[:5], early]).complete
    assert check_of([early, *everything()]).complete


def test_the_last_record_of_a_window_counts() -> None:
    assert check_of([record(2, 1, sum=1.0), *everything()]).faults() == []
    assert not check_of([*everything(), record(2, 1, count=59)]).complete
    assert check_of([*everything(), record(2, 1, sum=1.0)]).faults()


@pytest.mark.parametrize("name", ["sum", "mean", "min", "max", "variance", "window_end"])
def test_a_wrong_value_is_a_fault(name: str) -> None:
    wrong = json.loads(record(3, 0).value)[name] * (1 + 1e-8) + 1
    faults = check_of([*everything(), record(3, 0, **{name: int(wrong) if name == "window_end" else wrong})]).faults()

    assert len(faults) == 2
    assert "sensor-00003" in faults[0]
    assert faults[1] == "1 windows have wrong values"


def test_windows_of_the_closing_records_are_left_alone() -> None:
    assert check_of([*everything(), record(1, 1, window_start=START_MS + 3 * 60_000)]).faults() == []


@pytest.mark.parametrize(
    "changed", [{"identifier": "sensor-00009"}, {"identifier": "x"}, {"window_start": START_MS + 1}, {"count": "60"}]
)
def test_a_record_that_can_not_be_is_a_fault(changed: dict[str, object]) -> None:
    assert len(check_of([*everything(), record(1, 1, **changed)]).faults()) == 1


def test_a_result_under_another_key_is_a_fault() -> None:
    stray = record(1, 1)
    stray.key = b"sensor-00002"

    assert len(check_of([*everything(), stray]).faults()) == 1
