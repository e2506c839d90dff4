"""What the pipeline must make of a plant's readings, computed with numpy and nothing of the product's own logic."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.bench.plant import ALARM_ABOVE, ALARM_DEADBAND, Plant
from ironstream.domain.times import to_iso

EXACT_VALUES: Final = 256
FIELDS: Final = ("count", "avg", "min", "max", "stddev", "first", "last", "time_weighted_avg", "p50", "p95", "p99")
EXPECTED: Final = np.dtype([(name, "<f8") for name in FIELDS])

WindowKey = tuple[str, str, str]
"""asset, parameter, start (ISO-8601)"""
ConditionKey = tuple[str, str, int]
"""asset, parameter, number of the change"""


def names(plant: Plant) -> list[tuple[str, str]]:
    """Asset and parameter of each series."""
    first_of = [plant.asset_of(series) for series in range(plant.series)]
    return [(plant.asset(asset), f"p{series - first_of.index(asset)}") for series, asset in enumerate(first_of)]


def times(plant: Plant, steps: int) -> NDArray[np.int64]:
    """Device time (µs) of each machine's readings, (steps, machines)."""
    return np.stack([plant.times_us(step) for step in range(steps)])


def windows(plant: Plant, values: NDArray[np.float64], size_s: int) -> tuple[dict[WindowKey, int], NDArray[Any]]:
    """All windows of a size: where each is in the table, and the table."""
    size_us, of_series = size_s * 1_000_000, names(plant)
    all_times = times(plant, len(values))
    places: dict[WindowKey, int] = {}
    tables: list[NDArray[Any]] = []
    members = [[s for s in range(plant.series) if plant.asset_of(s) == asset] for asset in range(plant.assets)]
    for asset, series in enumerate(members):
        at = all_times[:, asset]
        numbers, starts = np.unique(at // size_us, return_index=True)
        bounds = [*starts.tolist(), len(at)]
        mine = values[:, series]
        for window, number in enumerate(numbers.tolist()):
            rows = slice(bounds[window], bounds[window + 1])
            start = to_iso(number * size_us)
            for one in series:
                places[(*of_series[one], start)] = len(places)
            tables.append(_summary(mine[rows], at[rows], (number + 1) * size_us))
    return places, np.concatenate(tables)


def _summary(values: NDArray[np.float64], at: NDArray[np.int64], end: int) -> NDArray[Any]:
    """Fields of one window of several series, (readings, series)."""
    found = np.empty(values.shape[1], EXPECTED)
    found["count"], found["avg"], found["stddev"] = len(values), values.mean(0), values.std(0)
    found["min"], found["max"], found["first"], found["last"] = values.min(0), values.max(0), values[0], values[-1]
    held_us = np.diff(np.append(at, end))
    found["time_weighted_avg"] = (values * held_us[:, None]).sum(0) / (end - at[0])
    found["p50"], found["p95"], found["p99"] = np.percentile(values, (50, 95, 99), axis=0)
    return found


def conditions(plant: Plant, values: NDArray[np.float64]) -> dict[ConditionKey, tuple[str, str]]:
    """All changes of the alarm condition: state and time."""
    of_series, all_times = names(plant), times(plant, len(values))
    active = np.zeros(plant.series, np.bool_)
    number = np.zeros(plant.series, np.int64)
    changes: dict[ConditionKey, tuple[str, str]] = {}
    for step, row in enumerate(values):
        now = np.where(active, row > ALARM_ABOVE - ALARM_DEADBAND, row > ALARM_ABOVE)
        for series in np.flatnonzero(now != active).tolist():
            number[series] += 1
            state = "ACTIVE" if now[series] else "CLEARED"
            time = to_iso(int(all_times[step, plant.asset_of(series)]))
            changes[(*of_series[series], int(number[series]))] = (state, time)
        active = now
    return changes
