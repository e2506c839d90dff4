"""`bench scaling`: what a reading costs with more series, with more partitions, and with more workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ironstream.bench.measure import Machine
from ironstream.bench.pipeline import PipelineResult, Report, measure_pipeline

BASE: Final = (1000, 12, 1)
_LEAST_STEPS: Final = 20


@dataclass(frozen=True, slots=True)
class Setup:
    """One run's series, partitions and workers."""

    series: int
    partitions: int
    workers: int


@dataclass(frozen=True, slots=True)
class Scaled:
    """One run of the pipeline. `cost`: CPU s per million readings of the workers, as a multiple of the first run's."""

    setup: Setup
    readings: int
    readings_per_s: float
    worker_cpu_s_per_million: float
    broker_cpu_s_per_million: float | None
    worker_peak_mib: list[float]
    cost: float


@dataclass(frozen=True, slots=True)
class ScalingResult:
    """All runs; the first is the one that the others are compared with."""

    machine: Machine
    hz: float
    runs: list[Scaled]


def setups(series: Sequence[int], partitions: Sequence[int], workers: Sequence[int]) -> list[Setup]:
    """The base (1 000 series, 12 partitions, 1 worker), then with one of the three changed at a time; none twice."""
    base = Setup(*BASE)
    wanted = [base]
    wanted += [Setup(count, base.partitions, base.workers) for count in series]
    wanted += [Setup(base.series, count, base.workers) for count in partitions]
    wanted += [Setup(base.series, base.partitions, count) for count in workers]
    return list(dict.fromkeys(wanted))


async def measure_scaling(
    *,
    readings: int,
    hz: float,
    runs: Sequence[Setup],
    bootstrap: str | None = None,
    report: Report = lambda _what, _done, _total: None,
) -> ScalingResult:
    """The pipeline with each setup, each with fresh topics, and with at least 20 readings of each series.

    Raises BenchError as `measure_pipeline` does: a run whose counts are not exact spoils all.
    """
    done: list[tuple[Setup, PipelineResult]] = []
    for setup in runs:
        where = f"{setup.series:,} series, {setup.partitions} partitions, {setup.workers} workers"

        def told(what: str, at: int, total: int | None, where: str = where) -> None:
            report(f"{where}: {what}", at, total)

        result = await measure_pipeline(
            readings=max(readings, _LEAST_STEPS * setup.series),
            series=setup.series,
            hz=hz,
            workers=setup.workers,
            partitions=setup.partitions,
            bootstrap=bootstrap,
            profile=False,
            report=told,
        )
        done.append((setup, result))
    return ScalingResult(done[0][1].machine, hz, compared(done))


def compared(done: Sequence[tuple[Setup, PipelineResult]]) -> list[Scaled]:
    """Runs beside the first."""
    first = done[0][1].worker_cpu_s_per_million
    return [
        Scaled(
            setup=setup,
            readings=result.readings,
            readings_per_s=result.readings_per_s,
            worker_cpu_s_per_million=result.worker_cpu_s_per_million,
            broker_cpu_s_per_million=result.broker_cpu_s_per_million,
            worker_peak_mib=result.worker_peak_mib,
            cost=result.worker_cpu_s_per_million / first,
        )
        for setup, result in done
    ]
