"""A process of a sink: a Faust app that follows the sink's topics, with the flows that write them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import structlog
from mode import Service

from agents import sinks as agent
from ironstream.engine.config import EngineConfig
from ironstream.engine.sink_app import SinkApp
from ironstream.errors import ConfigurationError
from ironstream.gateway.secrets import Redactor, SecretPlaces
from ironstream.metrics import MetricsServer, is_ready
from ironstream.settings import Settings
from ironstream.sinks.breaker import Breaker
from ironstream.sinks.configured import configured, context_of
from ironstream.sinks.dead_letters import KafkaDeadLetters
from ironstream.sinks.flow import Flow
from ironstream.sinks.group import group_of
from ironstream.sinks.logs import SinkLogs
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import Limits, Sink
from ironstream.sinks.stats import LagCollector, SinkStats
from ironstream.sinks.target import Target
from ironstream.topics import ensure_topics, topic_specs
from ironstream.topology import SinkPart, Topology, load_topology, topics_of
from ironstream.worker import prepare_process, run

log = structlog.get_logger(__name__)

_DRAIN_S: Final = 15.0


def sink_of(topology: Topology, sink_id: str) -> SinkPart:
    """The declared sink of that id. Raises ConfigurationError where there is none, or it is not enabled."""
    found = next((sink for sink in topology.sinks if sink.id == sink_id), None)
    if found is None:
        known = ", ".join(sink.id for sink in topology.sinks) or "none"
        raise ConfigurationError(f"There is no sink {sink_id!r} in the topology.", f"Declared are: {known}.")
    if not found.enabled:
        raise ConfigurationError(f"Sink {sink_id} is not enabled.", "Set `enabled: true` in the topology.")
    return found


def limits_of(part: SinkPart, sink: Sink[Any]) -> Limits:
    """The limits of a sink, with those that topology.yaml names instead."""
    own = sink.limits
    rows = part.batch_rows or own.rows
    return replace(
        own,
        rows=rows,
        held_rows=max(own.held_rows, rows),
        age_s=part.batch_age_s or own.age_s,
        write_timeout_s=part.write_timeout_s or own.write_timeout_s,
    )


async def build_sink(part: SinkPart, topology: Topology, settings: Settings) -> tuple[Sink[Any], Redactor]:
    """The sink that a part declares, not connected, and what hides its secrets.

    Raises ConfigurationError for secrets that are not there, or do not fit.
    """
    kind = SINKS[part.kind]
    config, redact = await configured(part, kind, SecretPlaces.from_environment())
    return kind.build(config, context_of(part, topology, settings)), redact


def run_sink(sink_id: str, settings: Settings) -> None:
    """Run one sink in this process until SIGTERM or Ctrl-C, then exit with its code."""
    run(build_app(sink_id, settings))


def build_app(sink_id: str, settings: Settings) -> SinkApp:
    """The app of a sink, ready to run. Creates the topics that are missing.

    Raises ConfigurationError for a topology with faults or a sink that it does not declare, BrokerError when Kafka
    cannot be reached.
    """
    prepare_process()
    topology = load_topology(settings.topology, sinks=SINKS)
    part = sink_of(topology, sink_id)
    sink, redact = asyncio.run(_prepare(part, topology, settings))
    stats, breaker = SinkStats(sink_id), Breaker()
    limits = limits_of(part, sink)
    target = Target(sink, limits.write_timeout_s, stats, breaker)
    state_dir = settings.data_dir / "sinks" / sink_id
    state_dir.mkdir(parents=True, exist_ok=True)  # Faust wants one, and has nothing to put there
    config = EngineConfig(
        application_id=group_of(settings.application_id, sink_id),
        client_settings=settings.kafka_client_kwargs(),
        state_dir=state_dir,
        topic_prefix=settings.topic_prefix,
        partitions=settings.partitions,
        commit_interval_s=settings.commit_interval_s,
        session_timeout_s=settings.session_timeout_s,
    )
    flows: dict[str, Flow] = {}

    async def drain() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await asyncio.gather(*(flow.drain() for flow in flows.values()))
                return
        log.warning("the target did not take everything before the end; what is left is written after the next start")

    app = SinkApp(config, drain)
    dead_letters = KafkaDeadLetters(sink_id, app.outbox, settings.topic_prefix)
    for topic in topics_of(part, SINKS[part.kind], _sizes_s(topology)):
        flows[topic] = Flow(topic, sink, limits, target, dead_letters, stats)
    agent.register(app, flows)
    # the first to start and the last to stop: it tells how the others do
    app.add_dependency(SinkLogs(sink_id, settings, redact))
    app.add_dependency(_Flows(app, flows, target))
    stats.registry.register(LagCollector(sink_id, lambda: _lags(app), lambda: breaker.is_open))
    if settings.metrics_port is not None:
        app.add_dependency(
            MetricsServer(
                app,
                settings.metrics_host,
                settings.metrics_port,
                registry=stats.registry,
                health=lambda: stats.health(
                    breaker_open=breaker.is_open, ready=is_ready(app), lag_records=sum(_lags(app).values())
                ),
            )
        )
    return app


async def _prepare(part: SinkPart, topology: Topology, settings: Settings) -> tuple[Sink[Any], Redactor]:
    specs = topic_specs(settings, _sizes_s(topology))
    await ensure_topics(settings.kafka_client_kwargs(), specs, settings.replication)
    return await build_sink(part, topology, settings)


def _sizes_s(topology: Topology) -> list[int]:
    return [window.size_s for window in topology.windows]


def _lags(app: SinkApp) -> Mapping[tuple[str, int], int]:
    return {
        (tp.topic, tp.partition): max(0, app.highwaters[tp] - followed.written)
        for tp, followed in app.partitions.items()
        if tp in app.highwaters
    }


class _Flows(Service):
    """Runs the flows for as long as the app runs: started before its agents, stopped after them."""

    abstract = False

    def __init__(self, app: SinkApp, flows: Mapping[str, Flow], target: Target) -> None:
        super().__init__()
        self._app = app
        self._flows = flows
        self._target = target
        self._running: Sequence[asyncio.Task[None]] = ()

    async def on_start(self) -> None:
        """Start writing."""
        self._running = [asyncio.create_task(self._run(flow)) for flow in self._flows.values()]

    async def on_stop(self) -> None:
        """Stop writing, and let go of the target."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._target.close()

    async def _run(self, flow: Flow) -> None:
        try:
            await flow.run()
        except BaseExceptionGroup as group:
            # Beyond the errors that a sink may raise: a defect, or a target that can never be this sink's.
            self._app.fail(group.exceptions[0])
