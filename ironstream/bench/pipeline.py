"""`bench pipeline`: how fast workers turn a backlog of raw readings into clean ones, aggregates and conditions."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ironstream.bench.baseline import BaselineResult, measure_baseline
from ironstream.bench.deployment import BenchError, Deployment, deploy
from ironstream.bench.measure import Machine, machine
from ironstream.bench.plant import WINDOWS_S, Plant
from ironstream.bench.plant_avro import avro_rows, write_schemas
from ironstream.bench.preload import Rows, preload
from ironstream.bench.profile import Split, read_profile, split
from ironstream.bench.watch import Watch
from ironstream.contract import Topic

HOUR_US: Final = 3_600_000_000
_CLOSING_S: Final = 60.0
_WARM_UP_PART: Final = 5
"""The clock starts when one reading of so many is done: a broker compiles its code in the first seconds of a load."""

Wire = Literal["json", "avro"]
Report = Callable[[str, int, int | None], None]
"""Told what goes on: name of the step, done, of how many."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the readings. `windows`: aggregates by size in seconds; `alarm_transitions`: on alarms.clean."""

    clean: int
    dead_letters: int
    events: int
    windows: dict[int, int]
    alarm_transitions: int


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """One run. Rates and CPU are those between the first and the last clean reading: no start-up is in them.

    `broker_cpu_s_per_million` is None when the broker is not ours, `split` and `baseline` when they were not asked for.
    """

    machine: Machine
    workers: int
    series: int
    hz: float
    readings: int
    bytes_per_reading: int
    seconds: float
    readings_per_s: float
    worker_cpu_s_per_million: float
    broker_cpu_s_per_million: float | None
    worker_peak_mib: list[float]
    counts: Counts
    split: Split | None
    baseline: BaselineResult | None

    @property
    def ratio(self) -> float | None:
        """How many times faster than the baseline."""
        return self.readings_per_s / self.baseline.readings_per_s if self.baseline else None


async def measure_pipeline(
    *,
    readings: int,
    series: int,
    hz: float,
    workers: int = 1,
    partitions: int | None = None,
    wire: Wire = "json",
    bootstrap: str | None = None,
    profile: bool = True,
    baseline_readings: int = 0,
    report: Report = lambda _what, _done, _total: None,
) -> PipelineResult:
    """Preload, run, count; then the baseline on `baseline_readings` of the same readings (0: none).

    `readings` is rounded down to the same number for each series; `partitions` of each topic, None leaves them to the
    settings. `wire` is that of raw and clean readings. Raises BenchError when a reading is lost, doubled or refused,
    or windows or alarms are not as many as the readings make.
    """
    steps = readings // series
    if steps < 2:
        raise BenchError("There must be at least two readings of each series.", "Raise --readings or lower --series.")
    facts = machine(own_kafka=bootstrap is None)
    plant = Plant(series, hz, whole_hour(steps / hz), f"bench-{secrets.token_hex(4)}")
    values = plant.values(steps)
    total = steps * series
    report("starting Kafka", 0, None)
    async with deploy(plant.topology(), WINDOWS_S, bootstrap, partitions) as deployment:
        rows_of: Rows = Plant.rows
        if wire == "avro":
            rows_of = avro_rows
            deployment.variables |= write_schemas(deployment.folder / "schemas")
        await preload(deployment.settings, plant, values, lambda done: report("preloading", done, total), rows_of)
        paths = [deployment.folder / f"profile-{number}.json" for number in range(workers)]
        started = [deployment.worker(f"worker-{n}", path if profile else None) for n, path in enumerate(paths)]
        watch = Watch(deployment, Topic.TELEMETRY_CLEAN, started)
        start, end = await watch.run(total, lambda done: report("working", done, total), total // _WARM_UP_PART)
        report("closing windows", total, total)
        counts = await _count(deployment, plant, values)
        deployment.end_workers()
        shown = split([read_profile(path) for path in paths]) if profile else None
        baseline = None
        if baseline_readings:
            sample = values[: max(2, baseline_readings // series)]
            baseline = await measure_baseline(
                deployment, plant, sample, lambda done: report("baseline", done, sample.size)
            )
    millions, seconds = (end.records - start.records) / 1e6, end.at_s - start.at_s
    return PipelineResult(
        machine=facts,
        workers=workers,
        series=series,
        hz=hz,
        readings=total,
        bytes_per_reading=len(next(iter(rows_of(plant, [0], range(1), values)))[1]),
        seconds=seconds,
        readings_per_s=(end.records - start.records) / seconds,
        worker_cpu_s_per_million=(end.worker_cpu_s - start.worker_cpu_s) / millions,
        broker_cpu_s_per_million=(end.broker_cpu_s - start.broker_cpu_s) / millions if bootstrap is None else None,
        worker_peak_mib=watch.peaks(),
        counts=counts,
        split=shown,
        baseline=baseline,
    )


async def _count(deployment: Deployment, plant: Plant, values: NDArray[np.float64]) -> Counts:
    """Wait until silence has closed the windows, then hold all counts to what the readings must make."""
    finest, steps = WINDOWS_S[0], len(values)
    windows, changes = plant.expected_windows(finest, steps), plant.expected_changes(values)
    closed = await deployment.wait_for_count(Topic.aggregates(finest), windows, _CLOSING_S)
    transitions = await deployment.wait_for_count(Topic.ALARMS_CLEAN, changes, _CLOSING_S)
    counts = Counts(
        clean=await deployment.count(Topic.TELEMETRY_CLEAN),
        dead_letters=await deployment.count(Topic.DLQ_TELEMETRY),
        events=await deployment.count(Topic.EVENTS_CLEAN),
        windows={size: await deployment.count(Topic.aggregates(size)) for size in WINDOWS_S},
        alarm_transitions=transitions,
    )
    for what, found, expected in (
        ("clean readings", counts.clean, values.size),
        ("dead letters", counts.dead_letters, 0),
        (f"windows of {finest} s", closed, windows),
        ("alarm transitions", counts.alarm_transitions, changes),
    ):
        if found != expected:
            raise BenchError(
                f"There are {found:,} {what} where {expected:,} were expected: the run counts for nothing.",
                "A worker that lost its session repeats outputs: is the machine overloaded? Else please report it.",
            )
    return counts


def whole_hour(before_s: float) -> int:
    """The start of an hour (µs) so long ago that `before_s` seconds from there on end in the past."""
    return int((time.time() - before_s) * 1e6) // HOUR_US * HOUR_US
