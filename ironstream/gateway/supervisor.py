"""Runs pipelines side by side in one process, each device alone, and stops them without losing what was read."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from ironstream.errors import BrokerError
from ironstream.gateway.adapter import AdapterKind
from ironstream.gateway.build import build
from ironstream.gateway.health import HealthServer
from ironstream.gateway.memory import settle
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.pipeline_set import PipelineSet
from ironstream.gateway.publisher import KafkaPublisher, Publisher
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.stats import AdapterMetrics

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Host:
    """What the pipelines of a process share: the way to Kafka, and /health and /metrics on `port` (0: none)."""

    pipelines: PipelineSet
    publisher: Publisher
    port: int

    async def finish(self, timeout_s: float) -> int:
        """Stop all pipelines and flush; the exit code: 0, or 1 when something is lost that Kafka did not take."""
        await self.pipelines.close()
        try:
            await self.publisher.flush(timeout_s)
        except BrokerError as error:
            _LOG.error("flush_failed", error=error.message, hint=error.hint)
            return 1
        return 0


@asynccontextmanager
async def hosting(
    settings: GatewaySettings, adapters: Mapping[str, AdapterKind], publisher: Publisher | None = None
) -> AsyncIterator[Host]:
    """A host without pipelines; `adapters` is the registry, `publisher` defaults to `settings.bootstrap_servers`.

    Raises ConfigurationError when the health address cannot be had.
    """
    metrics = AdapterMetrics()
    async with AsyncExitStack() as stack:
        if publisher is None:
            publisher = await stack.enter_async_context(KafkaPublisher(settings, metrics.buffer))
        pipelines = PipelineSet(settings, adapters, publisher, metrics)
        health = HealthServer(settings, pipelines.metrics, pipelines.stats, publisher, pipelines.refused)
        await stack.enter_async_context(health)
        await stack.enter_async_context(pipelines)
        yield Host(pipelines, publisher, health.port)


async def run_pipelines(
    pipelines: Sequence[PipelineSpec],
    settings: GatewaySettings,
    stop: asyncio.Event,
    *,
    adapters: Mapping[str, AdapterKind],
    publisher: Publisher | None = None,
    on_ready: Callable[[int], None] | None = None,
) -> int:
    """Read every pipeline until `stop` is set, then flush; the exit code: 0, or 1 when Kafka left something to be lost.

    `adapters` is the registry. `publisher` defaults to Kafka at `settings.bootstrap_servers`. `on_ready` is told the
    port of /health and /metrics (0: none). Raises ConfigurationError naming every fault of every pipeline, before
    anything is read.
    """
    built = await build(pipelines, adapters, settings)
    named = settings if settings.buffer_name else replace(settings, buffer_name=buffer_name(pipelines))
    async with hosting(named, adapters, publisher) as host:
        for one in built:
            host.pipelines.start(one, health_port=host.port)
        settle()
        if on_ready is not None:
            on_ready(host.port)
        await stop.wait()
        return await host.finish(settings.flush_timeout_s)


def buffer_name(pipelines: Sequence[PipelineSpec]) -> str:
    """What the disk buffer of a process is called: the same at the next start, another than that of its neighbours."""
    names = {pipeline.process for pipeline in pipelines}
    name = names.pop() if len(names) == 1 else None
    if name is None:
        name = pipelines[0].id if len(pipelines) == 1 else "gateway"
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


async def run_adapter(
    pipeline: PipelineSpec,
    settings: GatewaySettings,
    *,
    adapters: Mapping[str, AdapterKind],
    publisher: Publisher | None = None,
    on_ready: Callable[[int], None] | None = None,
) -> int:
    """One pipeline as a process: SIGTERM and SIGINT stop reading and flush. Exit code and errors of `run_pipelines`."""
    async with stop_on_signal() as stop:
        return await run_pipelines(
            [pipeline], settings, stop, adapters=adapters, publisher=publisher, on_ready=on_ready
        )


@asynccontextmanager
async def stop_on_signal() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set, while it is entered."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
