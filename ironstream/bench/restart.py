"""`bench restart`: how soon a worker is back with the state of many series, with its local copy and without."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from ironstream.bench.deployment import BenchError, Deployment, deploy
from ironstream.bench.measure import Machine, machine, rss_mib
from ironstream.bench.pipeline import whole_hour
from ironstream.bench.plant import WINDOWS_S, Plant
from ironstream.bench.preload import preload
from ironstream.bench.watch import Watch
from ironstream.contract import Topic
from ironstream.topics import changelog_topic

_SETTLING_S: Final = 3.0

Report = Callable[[str, int, int | None], None]


class _Restored(msgspec.Struct):
    """The worker's log record of that name."""

    changelog_records: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RestartResult:
    """One start of the worker.

    `from_start_s`: from the start of the process until all partitions are restored; `from_assignment_s`: the part of
    it that is the restore; `rows_per_s`: rows read from the changelog in that part, None where the local copy had them;
    `memory_mib`: what it holds a little later.
    """

    local_copy: bool
    from_start_s: float
    from_assignment_s: float
    changelog_rows: int
    rows_per_s: float | None
    memory_mib: float


@dataclass(frozen=True, slots=True)
class RestartResults:
    """`working_mib`: most memory that the worker held while the state came about."""

    machine: Machine
    series: int
    working_mib: float
    results: list[RestartResult]


async def measure_restart(
    *,
    series: int,
    bootstrap: str | None = None,
    report: Report = lambda _what, _done, _total: None,
) -> RestartResults:
    """One reading of each series through a worker; then start it with its local copy, and without it.

    Raises BenchError when readings or rows are missing.
    """
    facts = machine(own_kafka=bootstrap is None)
    plant = Plant(series, 1.0, whole_hour(60), f"bench-{secrets.token_hex(4)}")
    values = plant.values(1)
    report("starting Kafka", 0, None)
    async with deploy(plant.topology(), WINDOWS_S, bootstrap) as deployment:
        await preload(deployment.settings, plant, values, lambda done: report("preloading", done, series))
        watch = Watch(deployment, Topic.TELEMETRY_CLEAN, [deployment.worker("first")])
        await watch.run(series, lambda done: report("working", done, series))
        # The last commit is part of an orderly end.
        deployment.end_workers()
        results: list[RestartResult] = []
        for local_copy in (True, False):
            report("restarting", len(results), 2)
            if not local_copy:
                shutil.rmtree(deployment.settings.data_dir / "state")
            results.append(await _start(deployment, local_copy))
        rows = await deployment.count(changelog_topic("telemetry"))
        clean = await deployment.count(Topic.TELEMETRY_CLEAN)
    if clean != series or results[-1].changelog_rows < series or rows < series:
        raise BenchError(
            f"{clean:,} clean readings and {results[-1].changelog_rows:,} rows restored of {series:,} series: "
            "the run counts for nothing.",
            "Is the machine overloaded, or Kafka not ours alone? Else please report it.",
        )
    return RestartResults(facts, series, watch.peaks()[0], results)


async def _start(deployment: Deployment, local_copy: bool) -> RestartResult:
    started = time.monotonic()
    worker = deployment.worker("with-local-copy" if local_copy else "without-local-copy")
    restored = msgspec.json.decode(await deployment.restored(worker), type=_Restored)
    from_start_s = time.monotonic() - started
    await asyncio.sleep(_SETTLING_S)
    memory_mib = rss_mib(worker.pid)
    deployment.end_workers()
    rate = None if local_copy else restored.changelog_records / max(restored.seconds, 1e-3)
    return RestartResult(local_copy, from_start_s, restored.seconds, restored.changelog_records, rate, memory_mib)
