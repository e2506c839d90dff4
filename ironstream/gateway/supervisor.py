"""Runs pipelines side by side in one process, each device alone, and stops them without losing what was read."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from ironstream.errors import BrokerError
from ironstream.gateway.adapter import AdapterKind
from ironstream.gateway.build import build
from ironstream.gateway.envelope import Envelope, new_boot
from ironstream.gateway.health import HealthServer
from ironstream.gateway.logs import AdapterLog
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.publisher import KafkaPublisher, Publisher
from ironstream.gateway.runner import PipelineRunner
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.stats import AdapterMetrics, PipelineStats

_LOG = structlog.get_logger(__name__)


async def run_pipelines(
    pipelines: Sequence[PipelineSpec],
    settings: GatewaySettings,
    stop: asyncio.Event,
    *,
    adapters: Mapping[str, AdapterKind],
    publisher: Publisher | None = None,
    on_ready: Callable[[int], None] | None = None,
) -> int:
    """Read every pipeline until `stop` is set, then flush; the exit code: 0, or 1 when Kafka did not take everything.

    `adapters` is the registry. `publisher` defaults to Kafka at `settings.bootstrap_servers`. `on_ready` is told the
    port of /health and /metrics (0: none). Raises ConfigurationError naming every fault of every pipeline, before
    anything is read.
    """
    built = await build(pipelines, adapters, settings)
    metrics = AdapterMetrics()
    stats = {b.pipeline.id: PipelineStats(b.pipeline.id, metrics) for b in built}
    async with AsyncExitStack() as stack:
        sender = publisher
        if sender is None:
            sender = await stack.enter_async_context(KafkaPublisher(settings))
        health = await stack.enter_async_context(HealthServer(settings, metrics, stats, sender))
        boot = new_boot()
        runners = []
        for b in built:
            log = AdapterLog(b.pipeline, sender, hostname=settings.hostname, boot=boot, redact=b.redact)
            envelope = Envelope(
                b.pipeline, adapter_version=settings.adapter_version, hostname=settings.hostname, boot=boot
            )
            runners.append(PipelineRunner(b.pipeline, b.adapter, sender, envelope, stats[b.pipeline.id], log, settings))
            log.info("started", poll_interval_s=b.pipeline.poll_interval_s, health_port=health.port)
        if on_ready is not None:
            on_ready(health.port)
        async with asyncio.TaskGroup() as group:
            for runner in runners:
                group.create_task(runner.run(stop))
        try:
            await sender.flush(settings.flush_timeout_s)
        except BrokerError as error:
            _LOG.error("flush_failed", error=error.message, hint=error.hint)
            return 1
    return 0


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
