"""`bench pipeline`: how fast workers turn a backlog of raw readings into clean ones, aggregates and conditions."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ironstream.bench.deployment import BenchError, Deployment, deploy
from ironstream.bench.measure import Machine, cpu_seconds, machine, rss_mib
from ironstream.bench.plant import WINDOWS_S, Plant
from ironstream.bench.preload import preload
from ironstream.bench.profile import Split, read_profile, split
from ironstream.contract import Topic

HOUR_US: Final = 3_600_000_000
_POLL_S: Final = 0.05
_STALLED_S: Final = 60.0
_CLOSING_S: Final = 60.0

Report = Callable[[str, int, int | None], None]
"""Told what goes on: name of the step, done, of how many."""


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """One run. Rates and CPU are those between the first and the last clean reading: no start-up is in them.

    `window_counts`: aggregates by size in seconds; `alarm_transitions`: on alarms.clean. Broker figures are None when
    the broker is not ours.
    """

    machine: Machine
    workers: int
    series: int
    hz: float
    readings: int
    bytes_per_reading: float
    seconds: float
    readings_per_s: float
    worker_cpu_s_per_million: float
    broker_cpu_s_per_million: float | None
    worker_peak_mib: list[float]
    clean: int
    dead_letters: int
    events: int
    window_counts: dict[int, int]
    alarm_transitions: int
    split: Split | None


@dataclass(frozen=True, slots=True)
class Sample:
    """Clean readings, and CPU seconds used, at a moment of the monotonic clock."""

    at_s: float
    clean: int
    worker_cpu_s: float
    broker_cpu_s: float


async def measure_pipeline(
    *,
    readings: int,
    series: int,
    hz: float,
    workers: int,
    bootstrap: str | None,
    profile: bool,
    report: Report = lambda _what, _done, _total: None,
) -> PipelineResult:
    """Preload, run, count. Raises BenchError when anything is lost, doubled or in the DLQ."""
    steps = readings // series
    if steps < 2:
        raise BenchError("There must be at least two readings of each series.", "Raise --readings or lower --series.")
    facts = machine(own_kafka=bootstrap is None)
    plant = Plant(series, hz, _whole_hour(steps / hz), f"bench-{secrets.token_hex(4)}")
    values = plant.values(steps)
    total = steps * series
    report("starting Kafka", 0, None)
    async with deploy(plant.topology(), WINDOWS_S, bootstrap) as deployment:
        await preload(deployment.settings, plant, values, lambda done: report("preloading", done, total))
        profiles = [deployment.folder / f"profile-{n}.json" for n in range(workers)]
        pids = []
        for number, path in enumerate(profiles):
            pids.append(deployment.worker(f"worker-{number}", path if profile else None).pid)
        watch = _Watch(deployment, [pid for pid in pids if pid is not None])
        start, end = await watch.run(total, lambda done: report("working", done, total))
        report("closing windows", total, total)
        closed = await deployment.wait_for_count(Topic.aggregates(1), plant.expected_windows(1, steps), _CLOSING_S)
        transitions = await deployment.wait_for_count(Topic.ALARMS_CLEAN, plant.expected_changes(values), _CLOSING_S)
        counts = {size: await deployment.count(Topic.aggregates(size)) for size in WINDOWS_S}
        clean = await deployment.count(Topic.TELEMETRY_CLEAN)
        dead, events = await deployment.count(Topic.DLQ_TELEMETRY), await deployment.count(Topic.EVENTS_CLEAN)
        deployment.stop_workers()
        shown = split([read_profile(path) for path in profiles]) if profile else None
    _must_be("clean readings", clean, total)
    _must_be("dead letters", dead, 0)
    _must_be("windows of 1 s", closed, plant.expected_windows(1, steps))
    _must_be("alarm transitions", transitions, plant.expected_changes(values))
    millions, seconds = (end.clean - start.clean) / 1e6, end.at_s - start.at_s
    first = next(plant.rows([0], range(1), values))[1]
    return PipelineResult(
        machine=facts,
        workers=workers,
        series=series,
        hz=hz,
        readings=total,
        bytes_per_reading=len(first),
        seconds=seconds,
        readings_per_s=(end.clean - start.clean) / seconds,
        worker_cpu_s_per_million=(end.worker_cpu_s - start.worker_cpu_s) / millions,
        broker_cpu_s_per_million=(end.broker_cpu_s - start.broker_cpu_s) / millions if bootstrap is None else None,
        worker_peak_mib=watch.peaks(),
        clean=clean,
        dead_letters=dead,
        events=events,
        window_counts=counts,
        alarm_transitions=transitions,
        split=shown,
    )


class _Watch:
    """Looks at a topic and at processes while workers work."""

    def __init__(self, deployment: Deployment, pids: list[int]) -> None:
        self._deployment = deployment
        self._peak_mib = dict.fromkeys(pids, 0.0)

    def peaks(self) -> list[float]:
        """Most memory that each worker held."""
        return list(self._peak_mib.values())

    async def run(self, total: int, report: Callable[[int], None]) -> tuple[Sample, Sample]:
        """Wait until `total` clean readings are there; the first sample that has any, and the last."""
        before = await self._sample()
        start: Sample | None = None
        moved_s = before.at_s
        latest = before
        while latest.clean < total:
            await asyncio.sleep(_POLL_S)
            now = await self._sample()
            if now.clean > latest.clean:
                moved_s = now.at_s
                report(now.clean)
            elif now.at_s - moved_s > _STALLED_S:
                raise BenchError(
                    f"No clean reading for {_STALLED_S:.0f} s; {now.clean} of {total} are there.",
                    "Look at the worker's last words:\n" + self._deployment.workers[0].last_words(),
                )
            if start is None and now.clean:
                # A run so short that one look sees all of it is measured from the look before.
                start = now if now.clean < total else latest
            latest = now
        assert start is not None
        return start, latest

    async def _sample(self) -> Sample:
        self._deployment.check_workers()
        clean = await self._deployment.count(Topic.TELEMETRY_CLEAN)
        at_s = time.monotonic()
        for pid, peak in self._peak_mib.items():
            self._peak_mib[pid] = max(peak, rss_mib(pid))
        worker_cpu_s = sum(cpu_seconds(pid) for pid in self._peak_mib)
        return Sample(at_s, clean, worker_cpu_s, cpu_seconds(self._deployment.broker_pid))


def _whole_hour(before_s: float) -> int:
    """The start of an hour so long ago that readings from there on end in the past."""
    return int((time.time() - before_s) * 1e6) // HOUR_US * HOUR_US


def _must_be(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise BenchError(
            f"There are {found:,} {what} where {expected:,} were expected: the run counts for nothing.",
            "This is a defect of ironstream, unless Kafka was not ours alone. Please report it with this command line.",
        )
