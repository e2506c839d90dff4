"""A Faust app that follows the topics of a sink, with the flows that write them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from mode import Service

from agents import sinks as agent
from ironstream.engine.config import EngineConfig
from ironstream.engine.sink_app import SinkApp
from ironstream.gateway.secrets import Redactor, SecretPlaces
from ironstream.metrics import is_ready
from ironstream.settings import Settings
from ironstream.sinks.breaker import Breaker
from ironstream.sinks.configured import configured, context_of
from ironstream.sinks.dead_letters import KafkaDeadLetters
from ironstream.sinks.flow import Flow
from ironstream.sinks.group import group_of
from ironstream.sinks.logs import SinkLogs
from ironstream.sinks.registry import SINKS
from ironstream.sinks.sink import Limits, Sink
from ironstream.sinks.stats import SinkStats
from ironstream.sinks.target import Target
from ironstream.topology import SinkPart, Topology
from ironstream.topology.running import RunningSink

log = structlog.get_logger(__name__)

_DRAIN_S: Final = 15.0
_START_S: Final = 10.0


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


@dataclass(frozen=True, slots=True)
class Built:
    """A sink that was found good, not connected: with what hides its secrets, and what its app needs to know."""

    running: RunningSink
    sink: Sink[Any]
    redact: Redactor


async def build_sink(running: RunningSink, topology: Topology, settings: Settings) -> Built:
    """The sink that is declared. Raises ConfigurationError for secrets that are not there, or do not fit."""
    part = running.declared
    kind = SINKS[part.kind]
    config, redact = await configured(part, kind, SecretPlaces.from_environment())
    return Built(running, kind.build(config, context_of(part, topology, settings)), redact)


class SinkRun:
    """The app of a sink, which runs once, and how it does."""

    def __init__(self, built: Built, settings: Settings, stats: SinkStats) -> None:
        part = built.running.declared
        self.breaker = Breaker()
        limits = limits_of(part, built.sink)
        target = Target(built.sink, limits.write_timeout_s, stats, self.breaker)
        state_dir = settings.data_dir / "sinks" / part.id
        state_dir.mkdir(parents=True, exist_ok=True)  # Faust wants one, and has nothing to put there
        config = EngineConfig(
            application_id=group_of(settings.application_id, part.id),
            client_settings=settings.kafka_client_kwargs(),
            state_dir=state_dir,
            topic_prefix=settings.topic_prefix,
            partitions=settings.partitions,
            commit_interval_s=settings.commit_interval_s,
            session_timeout_s=settings.session_timeout_s,
        )
        self._flows: dict[str, Flow] = {}
        self.app = SinkApp(config, self._drain)
        dead_letters = KafkaDeadLetters(part.id, self.app.outbox, settings.topic_prefix)
        for topic in built.running.topics:
            self._flows[topic] = Flow(topic, built.sink, limits, target, dead_letters, stats)
        agent.register(self.app, self._flows)
        # the first to start and the last to stop: it tells how the others do
        self.app.add_dependency(SinkLogs(part.id, settings, built.redact))
        self.app.add_dependency(_Flows(self.app, self._flows, target))

    @property
    def failure(self) -> BaseException | None:
        """Why it is stopping, where it was not asked to."""
        failure: BaseException | None = self.app.failure or self.app.crash_reason
        return failure

    @property
    def ready(self) -> bool:
        """Whether it has what it was given of its topics."""
        return self.failure is None and is_ready(self.app)

    @property
    def lags(self) -> Mapping[tuple[str, int], int]:
        """Records that are not written yet, by topic and partition."""
        return {
            (tp.topic, tp.partition): max(0, self.app.highwaters[tp] - followed.written)
            for tp, followed in self.app.partitions.items()
            if tp in self.app.highwaters
        }

    async def until(self, over: Callable[[], Awaitable[object]]) -> None:
        """Run until `over` returns, or it fails (`failure`); then write what is held, commit, and let go of all."""
        starting = asyncio.create_task(self.app.start())
        failed = asyncio.ensure_future(self.app.wait_until_stopped())
        ending = asyncio.ensure_future(over())
        tasks = [starting, failed, ending]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                # Faust does not stop cleanly in the middle of its start: the group would wait for a member that is gone
                await asyncio.wait([starting, failed], timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
            elif starting.exception() is None:
                await asyncio.wait([failed, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self.app.stop()
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
                raise end

    async def _drain(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                await asyncio.gather(*(flow.drain() for flow in self._flows.values()))
                return
        log.warning("the target did not take everything before the end; what is left is written after the next start")


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
