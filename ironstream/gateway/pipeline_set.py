"""The pipelines of one process: started, replaced and stopped one by one, while the others run on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from traceback import extract_tb
from typing import Self

from ironstream.gateway.adapter import AdapterKind
from ironstream.gateway.build import Built, build_each
from ironstream.gateway.difference import Difference, difference
from ironstream.gateway.envelope import Envelope, new_boot
from ironstream.gateway.logs import AdapterLog
from ironstream.gateway.memory import settle
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.publisher import Publisher
from ironstream.gateway.runner import PipelineRunner
from ironstream.gateway.schedule import backoff_s, phase
from ironstream.gateway.secrets import Redactor
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.stats import AdapterMetrics, PipelineStats


@dataclass(slots=True)
class _Running:
    pipeline: PipelineSpec
    boot: str
    claims: tuple[str, ...]
    stop: asyncio.Event
    task: asyncio.Task[None] | None = None


class PipelineSet:
    """Runs pipelines side by side while it is entered; whatever one does, the others go on.

    `stats` and `refused` (faults by pipeline) are kept up to date in place. What the pipelines put is the publisher's:
    whoever ends the process flushes that.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        adapters: Mapping[str, AdapterKind],
        publisher: Publisher,
        metrics: AdapterMetrics | None = None,
    ) -> None:
        self.metrics = metrics or AdapterMetrics()
        self.stats: dict[str, PipelineStats] = {}
        self.refused: dict[str, list[str]] = {}
        self._settings = settings
        self._adapters = adapters
        self._publisher = publisher
        self._running: dict[str, _Running] = {}
        self._random = Random()
        self._started = 0

    @property
    def boots(self) -> dict[str, str]:
        """Id of the present run of every pipeline; it stays for as long as the pipeline is left alone."""
        return {name: running.boot for name, running in self._running.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of what still runs; in order it is `close` that does so."""
        for running in self._running.values():
            if running.task is not None:
                running.task.cancel()
                with suppress(asyncio.CancelledError):
                    await running.task
        self._running.clear()

    async def apply(self, wanted: Sequence[PipelineSpec]) -> None:
        """Bring the set to what is wanted: start what is new, stop what is gone, restart what has changed.

        Nothing else is touched. A pipeline whose configuration is bad is in `refused`; its former version, if there is
        one, runs on. Wanting the same again tries what was refused once more. May be cancelled between any two steps.
        """
        change = difference({name: running.pipeline for name, running in self._running.items()}, wanted)
        built, refused = await self._build(change)
        self._tell_refused(refused, wanted)
        # what can have one owner alone, such as a serial port, is given away before it is taken
        taking = [one for one in built if one.claims]
        async with asyncio.TaskGroup() as group:
            for name in (*change.gone, *(one.pipeline.id for one in taking if one.pipeline.id in self._running)):
                group.create_task(self._stop(name))
            for one in built:
                if not one.claims:
                    group.create_task(self._replace(one))
        for one in taking:
            self.start(one)
        if built or change.gone:
            settle()

    async def _build(self, change: Difference) -> tuple[list[Built], dict[str, list[str]]]:
        """What is to be started, and the faults of what is not, by pipeline."""
        built: list[Built] = []
        refused: dict[str, list[str]] = {}
        leaving = {*change.gone, *(pipeline.id for pipeline in change.changed)}
        claimed = {claim: name for name in self._running.keys() - leaving for claim in self._running[name].claims}
        for pipeline in change.changed + change.new:
            try:
                sound, faults = await build_each([pipeline], self._adapters, self._settings, claimed)
            except Exception as error:
                # as a supervisor: a defect of one adapter must not keep the others; its text may hold a secret
                where = extract_tb(error.__traceback__)[-1]
                told = f"a defect: {type(error).__name__} in {where.name}, {where.filename}:{where.lineno}"
                sound, faults = [], {pipeline.id: [told]}
            built += sound
            refused |= faults
            if faults and pipeline.id in self._running:
                claimed |= dict.fromkeys(self._running[pipeline.id].claims, pipeline.id)
        return built, refused

    def start(self, built: Built, **told: object) -> None:
        """Start a pipeline that is not running; `told` goes to its log."""
        pipeline = built.pipeline
        running = _Running(pipeline, new_boot(), built.claims, asyncio.Event())
        self._running[pipeline.id] = running
        self.stats[pipeline.id] = PipelineStats(pipeline.id, self.metrics)
        keeping = self._keep(built, running, self._started, told)
        self._started += 1
        running.task = asyncio.create_task(keeping, name=f"pipeline {pipeline.id}")

    async def close(self) -> None:
        """Stop all; what they had received is with the publisher then."""
        async with asyncio.TaskGroup() as group:
            for name in self._running:
                group.create_task(self._stop(name))

    def _tell_refused(self, refused: dict[str, list[str]], wanted: Sequence[PipelineSpec]) -> None:
        for pipeline in wanted:
            faults = refused.get(pipeline.id)
            if faults and faults != self.refused.get(pipeline.id):
                log = AdapterLog(
                    pipeline, self._publisher, hostname=self._settings.hostname, boot="", redact=Redactor()
                )
                log.error("refused", faults=faults, former_runs=pipeline.id in self._running)
        self.refused.clear()
        self.refused.update(refused)

    async def _replace(self, built: Built) -> None:
        if built.pipeline.id in self._running:
            # a device may take one connection alone: the former lets go first
            await self._stop(built.pipeline.id)
        self.start(built)

    async def _stop(self, name: str) -> None:
        running = self._running[name]
        running.stop.set()
        if running.task is not None:
            # waiting this way may be cancelled without cutting off the pipeline's own end
            await asyncio.wait({running.task})
        self._running.pop(name, None)
        self.stats.pop(name, None)

    async def _keep(self, built: Built, running: _Running, number: int, told: Mapping[str, object]) -> None:
        """Run a pipeline until it is stopped. As a supervisor it survives every defect of it."""
        settings, pipeline = self._settings, built.pipeline
        attempt = 0
        while True:
            log = AdapterLog(
                pipeline, self._publisher, hostname=settings.hostname, boot=running.boot, redact=built.redact
            )
            envelope = Envelope(
                pipeline,
                adapter_version=settings.adapter_version,
                hostname=settings.hostname,
                boot=running.boot,
            )
            stats = self.stats[pipeline.id]
            runner = PipelineRunner(
                pipeline, built.adapter, self._publisher, envelope, stats, log, settings, phase(number)
            )
            log.info("started", poll_interval_s=pipeline.poll_interval_s, **told)
            try:
                await runner.run(running.stop)
            except Exception as error:
                log.error("crashed", error=f"{type(error).__name__}: {error}")
                stats.failed("internal")
            if running.stop.is_set():
                log.info("stopped")
                return
            pause_s = backoff_s(attempt, self._random, settings.backoff_initial_s, settings.backoff_max_s)
            attempt += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await running.stop.wait()
                    log.info("stopped")
                    return
            # its numbers begin anew, so this is another run
            running.boot = new_boot()
