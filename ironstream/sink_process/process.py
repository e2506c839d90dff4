"""A process of a sink, until SIGTERM: it runs the sink as the topology that holds declares it, or waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError

from ironstream.gateway.supervisor import stop_on_signal
from ironstream.metrics import MetricsServer
from ironstream.rollout.participant import Participant, process_name
from ironstream.settings import Settings
from ironstream.sink_process.app import SinkRun
from ironstream.sink_process.follower import BeforeSecrets, SinkFollower, Wanted
from ironstream.sinks.stats import LagCollector, SinkStats
from ironstream.worker import prepare_process, quieten_faust

log = structlog.get_logger(__name__)

_READY_LOOK_S: Final = 0.1


def run_sink(sink_id: str, settings: Settings, before_secrets: BeforeSecrets | None = None) -> None:
    """Run one sink in this process until SIGTERM or Ctrl-C. Raises SystemExit(1) when it fails.

    Raises ConfigurationError for a sink that no version of the topology has ever declared, a version that cannot be
    used and secrets that are not there; BrokerError when Kafka cannot be reached at the start.
    """
    prepare_process()
    quieten_faust()
    if asyncio.run(_run(sink_id, settings, before_secrets)) is not None:
        raise SystemExit(1)


async def _run(sink_id: str, settings: Settings, before_secrets: BeforeSecrets | None) -> BaseException | None:
    """Why it failed; None where it was asked to end."""
    async with stop_on_signal() as stop:
        follower = SinkFollower(sink_id, settings, before_secrets)
        await _unless(stop, follower.begin())
        if stop.is_set():
            return None
        return await SinkProcess(sink_id, settings, follower).run(stop)


class SinkProcess:
    """What is there for as long as the process: its server, its counters, and the app that runs, if one does."""

    def __init__(self, sink_id: str, settings: Settings, follower: SinkFollower) -> None:
        self._id = sink_id
        self._settings = settings
        self._follower = follower
        self._stats = SinkStats(sink_id)
        self._stats.registry.register(LagCollector(sink_id, lambda: self._lags, lambda: self._breaker_open))
        self._app: SinkRun | None = None
        self._idle: str | None = None
        """Why nothing runs, and nothing is to."""

    @property
    def failure(self) -> BaseException | None:
        """Why the process is ending by itself, if it is."""
        return None if self._app is None else self._app.failure

    @property
    def ready(self) -> bool:
        """Whether it does what it is to do, which may be to wait."""
        return self._idle is not None or (self._app is not None and self._app.ready)

    async def run(self, stop: asyncio.Event) -> BaseException | None:
        """Run until `stop`, or a failure, which is returned. Raises ConfigurationError for a port that is taken."""
        async with AsyncExitStack() as stack:
            if self._settings.metrics_port is not None:
                await self._serve(self._settings.metrics_port, stack)
            me = await stack.enter_async_context(Participant(self._settings, "sink", f"{self._id} {process_name()}"))
            following = asyncio.create_task(self._follower.follow(me), name="topology")
            stack.callback(following.cancel)
            while not (stop.is_set() or following.done()):
                self._follower.other.clear()
                wanted = self._follower.wanted
                if wanted.built is None:
                    log.info("the sink waits until it is declared", sink=self._id, why=wanted.idle)
                    self._idle = wanted.idle
                    self._follower.reached(wanted)
                    await _first(stop.wait(), self._follower.other.wait(), _ended(following))
                    self._idle = None
                elif (failure := await self._run_app(wanted, stop, following)) is not None:
                    return failure
            if following.done():
                # it follows until it is cancelled: this is a defect, and the process is to say so
                following.result()
        return None

    async def _run_app(
        self, wanted: Wanted, stop: asyncio.Event, following: asyncio.Task[None]
    ) -> BaseException | None:
        assert wanted.built is not None
        self._stats.begin_again()
        self._app = app = SinkRun(wanted.built, self._settings, self._stats)
        telling = asyncio.create_task(self._tell_when_ready(app, wanted))
        try:
            await app.until(lambda: _first(stop.wait(), self._follower.other.wait(), _ended(following)))
        except KafkaError as error:
            log.critical("the sink cannot start", error=repr(error))
            failure: BaseException = error
            return failure
        finally:
            telling.cancel()
        if app.failure is None:
            self._app = None
        return app.failure

    async def _tell_when_ready(self, app: SinkRun, wanted: Wanted) -> None:
        while not app.ready:  # noqa: ASYNC110  # Faust has no event for it
            await asyncio.sleep(_READY_LOOK_S)
        self._follower.reached(wanted)

    async def _serve(self, port: int, stack: AsyncExitStack) -> None:
        server = MetricsServer(
            None,
            self._settings.metrics_host,
            port,
            condition=self,
            registry=self._stats.registry,
            health=self._health,
        )
        await server.start()
        stack.push_async_callback(server.stop)

    def _health(self) -> Mapping[str, Any]:
        wanted = self._follower.wanted
        told = self._stats.health(
            breaker_open=self._breaker_open, ready=self.ready, lag_records=sum(self._lags.values())
        )
        return {
            **told,
            "idle": self._idle,
            "topology": {"version": wanted.version, "change": wanted.change, "refused": self._follower.refused},
        }

    @property
    def _lags(self) -> Mapping[tuple[str, int], int]:
        return {} if self._app is None else self._app.lags

    @property
    def _breaker_open(self) -> bool:
        return self._app is not None and self._app.breaker.is_open


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when one of them does."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do it to its end, or until `stop`. Raises what it raises."""
    task = asyncio.ensure_future(work)
    await _first(stop.wait(), _ended(task))
    task.cancel()
    if task.done():
        task.result()
    else:
        await asyncio.wait([task])
