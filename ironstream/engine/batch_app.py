"""What every Faust app of the engine is: agents take chunks, an error stops the process, commits are the engine's."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, Generic

import faust
import structlog
from faust.types import TP
from mode import Service
from mode.supervisors import CrashingSupervisor
from yarl import URL

from ironstream.engine.api import Chunk
from ironstream.engine.config import EngineConfig
from ironstream.engine.gathering import Gathering
from ironstream.engine.outbox import BATCH_BYTES, Outbox
from ironstream.engine.owning import Owning, PartT
from ironstream.engine.recovery import TableManager
from ironstream.engine.transport import ChunkSchema, Transport
from ironstream.engine.underway import UnderWay
from ironstream.errors import IronstreamError

log = structlog.get_logger(__name__)

_EXIT_GRACE_S: Final = 10.0
_STOP_DEADLINE_S: Final = 30.0


class BatchChunks(Generic[PartT]):
    """What an agent iterates over: chunks, each with the partition that it belongs to.

    A chunk counts as processed when the loop comes back for the next one.
    """

    def __init__(self, app: BatchApp[PartT], stream: Any) -> None:
        self._app = app
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[tuple[Chunk, PartT]]:
        app = self._app
        async for event in self._stream.noack().events():
            chunk: Chunk = event.value
            partition = app.ownership.partitions.get(event.message.tp)
            if partition is not None:
                async with partition.take(chunk) as fresh:
                    if fresh is not None:
                        if fresh.records[0].offset > partition.position:
                            await app.ownership.look_for_loss(event.message.tp, fresh.records[0].offset, app.consumer)
                        began = time.perf_counter()
                        yield fresh, partition
                        app.gathering.worked(time.perf_counter() - began)
            app.under_way.taken(chunk.topic, len(chunk.records))
            event.ack()
            await app.outbox.room()


class BatchApp(faust.App, Generic[PartT]):
    """Faust app of one process.

    An error in an agent or in a commit stops the process with a non-zero exit and leaves the last commit as it is.
    """

    ownership: Owning[PartT]
    """Set by the app before it runs."""

    def __init__(self, config: EngineConfig, **settings: Any) -> None:
        self.config = config
        self.client_settings = dict(config.client_settings)
        self.under_way = UnderWay()
        self.gathering = Gathering()
        self.outbox = Outbox(self.fail, compression=config.compression)
        self.failure: BaseException | None = None
        """Why the worker is stopping, if it is."""
        self.highwaters: dict[TP, int] = {}
        self._crashing: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        """When it is to have stopped."""
        self._last_beat = time.monotonic()
        super().__init__(
            config.application_id,
            broker=[URL(f"kafka://{server}") for server in _servers(self.client_settings["bootstrap_servers"])],
            store="memory://",
            datadir=str(config.state_dir),
            origin=None,
            autodiscover=False,
            web_enabled=False,
            web_bind="127.0.0.1",  # Faust's own command line turns its web server on all the same
            topic_allow_declare=False,
            topic_disable_leader=True,
            key_serializer="raw",
            value_serializer="raw",
            stream_buffer_maxsize=65_536,
            cython_optimizations=True,
            agent_supervisor=CrashingSupervisor,
            TableManager=TableManager,
            broker_commit_interval=config.commit_interval_s,
            broker_session_timeout=config.session_timeout_s,
            broker_heartbeat_interval=config.session_timeout_s / 5,
            # An answer that got lost with its broker is waited for as long as a rebalance may take, and a little more.
            broker_rebalance_timeout=max(30.0, config.session_timeout_s * 2),
            broker_request_timeout=max(30.0, config.session_timeout_s * 2) + 5.0,
            broker_max_poll_interval=1000.0,
            broker_check_crcs=True,
            consumer_max_fetch_size=1024 * 1024,
            consumer_auto_offset_reset="earliest",
            producer_acks=-1,
            producer_request_timeout=120.0,
            producer_max_batch_size=BATCH_BYTES,
            producer_max_request_size=8 * 1024 * 1024,
            producer_compression_type=config.compression,
            monitor=None,
            **settings,
        )

    # -- what agents and the command line use ---------------------------------------------------------------------

    def register_agent(
        self, topic_name: str, name: str, function: Callable[[BatchChunks[PartT]], Awaitable[None]]
    ) -> None:
        """Run `function` over the chunks of a topic (name with prefix)."""

        async def run(stream: Any) -> None:
            try:
                await function(BatchChunks(self, stream))
            except Exception as err:  # whatever it is, going on would risk the data: fail-stop
                self.fail(err)

        run.__name__ = run.__qualname__ = name
        self.agent(self.topic(topic_name, schema=ChunkSchema()), name=name, concurrency=1)(run)

    @property
    def partitions(self) -> Mapping[TP, PartT]:
        """Partitions of source topics that this process has and that are ready."""
        return self.ownership.partitions

    def fail(self, err: BaseException) -> None:
        """Stop the worker with a non-zero exit; nothing is committed from here on."""
        if self.failure is not None:
            return
        self.failure = err
        if isinstance(err, IronstreamError):
            log.critical("worker stops", error=err.message, hint=err.hint)
        else:
            log.critical("worker stops", error=repr(err), exc_info=err)
        loop = asyncio.get_running_loop()
        self._crashing = loop.create_task(self.crash(err))
        # A stuck shutdown must not keep partitions from their next owner.
        loop.call_later(_EXIT_GRACE_S, os._exit, 1)

    # -- what the transport and the recovery use ------------------------------------------------------------------

    def logical_name(self, topic: str) -> str:
        """Topic name without the deployment's prefix."""
        return topic.removeprefix(self.config.topic_prefix)

    async def commit_partitions(self) -> dict[TP, int]:
        """Commit all owned partitions; returns the position each has reached."""
        if self.failure is not None:
            return {}
        self.check_alive()
        try:
            return await self.ownership.commit()
        except Exception as err:  # whatever it is, the commit is not whole: fail-stop
            self.fail(err)
            return {}

    def check_alive(self) -> None:
        """Stop at once if this process was asleep for longer than its session: its partitions have another owner."""
        asleep = time.monotonic() - self._last_beat
        if asleep > self.config.session_timeout_s:
            log.critical("worker was stopped for longer than its session and exits", asleep_s=round(asleep, 1))
            os._exit(1)

    async def take_over(self, assignment: set[TP]) -> None:
        """Make all partitions of `assignment` ready that are not at hand."""
        await self.ownership.take_over(assignment, self.consumer, self._kafka_producer())

    async def release(self, revoked: set[TP]) -> None:
        """Let go of partitions; they have been committed."""
        self.under_way.forget()
        await self.ownership.release(revoked)

    def _kafka_producer(self) -> Any:
        producer: Any = self.producer
        return producer._ensure_producer()

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return Transport(self.conf.broker_producer, self)

    async def stop(self) -> None:
        """Stop; with a broker that does not answer, give up the last commit after `_STOP_DEADLINE_S`."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(_STOP_DEADLINE_S, self._give_up)
        await super().stop()

    def _give_up(self) -> None:
        log.critical("stopping took too long, the worker exits; it will repeat from its last commit")
        os._exit(1)

    async def on_stop(self) -> None:
        """Faust has committed; close what is still open."""
        await super().on_stop()
        await self.release(set(self.ownership.partitions))

    @Service.task
    async def _beat(self) -> None:
        # how long the start took is no sleep: there is no session yet
        self._last_beat = time.monotonic()
        while not self.should_stop:
            self.check_alive()
            self._last_beat = time.monotonic()
            await self.sleep(0.25)


def _servers(bootstrap: str | list[str]) -> list[str]:
    return bootstrap.split(",") if isinstance(bootstrap, str) else list(bootstrap)
