"""The worker: a Faust app whose agents take chunks and whose state is committed by markers."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faust
import structlog
from aiokafka import TopicPartition
from faust.types import TP
from mode import Service
from mode.supervisors import CrashingSupervisor
from yarl import URL

from ironstream.contract import CONTROL_KEY
from ironstream.engine.api import Chunk, LogicFactory
from ironstream.engine.assignor import Holdings
from ironstream.engine.control import TICK, TopologyChange, encode_control
from ironstream.engine.crashpoints import crash_point
from ironstream.engine.outbox import Outbox
from ironstream.engine.partition import Partition, PartitionOutputs
from ironstream.engine.recovery import TableManager
from ironstream.engine.restore import restore_partitions
from ironstream.engine.store import StoreOptions
from ironstream.engine.transport import ChunkSchema, Transport
from ironstream.errors import IronstreamError

log = structlog.get_logger(__name__)

_TICK_INTERVAL_S: Final = 1.0
_EXIT_GRACE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the engine needs to know; `client_settings` go to every Kafka client as they are."""

    application_id: str
    client_settings: Mapping[str, Any]
    state_dir: Path
    topic_prefix: str = ""
    commit_interval_s: float = 2.0
    session_timeout_s: float = 10.0
    compression: str | None = None
    topology_version: int = 0
    topology_text: bytes = b""
    store_cache_mb: int = 64


@dataclass(frozen=True, slots=True)
class _AgentSpec:
    name: str
    source: str
    changelog: str
    factory: LogicFactory


class Chunks:
    """What an agent iterates over: chunks, each with the partition whose state it may change.

    A chunk counts as processed when the loop comes back for the next one.
    """

    def __init__(self, app: App, stream: Any) -> None:
        self._app = app
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[tuple[Chunk, Partition]]:
        app = self._app
        async for event in self._stream.noack().events():
            chunk: Chunk = event.value
            partition = app.partition(event.message.tp)
            if partition is not None:
                async with partition.take(chunk) as fresh:
                    if fresh is not None:
                        yield fresh, partition
            app.taken(len(chunk.records))
            event.ack()
            await app.outbox.room()


class App(faust.App):
    """Faust app of one worker.

    Register agents with `batch_agent`, then run it as any Faust app. An error in an agent or in a commit stops the
    worker with a non-zero exit and leaves the last commit as it is.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.client_settings = dict(config.client_settings)
        self._specs: dict[str, _AgentSpec] = {}
        self._partitions: dict[TP, Partition] = {}
        self._taking_over: asyncio.Lock | None = None
        self._epoch = 0
        self._last_owned: set[int] = set()
        self._failure: BaseException | None = None
        self._crashing: asyncio.Task[None] | None = None
        self._progress: asyncio.Event | None = None
        self._last_beat = time.monotonic()
        self._store_options = StoreOptions(config.store_cache_mb)
        self._outbox: Outbox | None = None
        self.records_under_way = 0
        self.highwaters: dict[TP, int] = {}
        self.restore_seconds = 0.0
        super().__init__(
            config.application_id,
            broker=[URL(f"kafka://{server}") for server in _servers(self.client_settings["bootstrap_servers"])],
            store="memory://",
            datadir=str(config.state_dir),
            origin=None,
            autodiscover=False,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            key_serializer="raw",
            value_serializer="raw",
            stream_wait_empty=True,
            stream_buffer_maxsize=65_536,
            cython_optimizations=True,
            agent_supervisor=CrashingSupervisor,
            TableManager=TableManager,
            broker_commit_interval=config.commit_interval_s,
            broker_session_timeout=config.session_timeout_s,
            broker_heartbeat_interval=config.session_timeout_s / 5,
            broker_rebalance_timeout=60.0,
            broker_request_timeout=max(60.0, config.session_timeout_s * 2),
            broker_max_poll_interval=1000.0,
            broker_check_crcs=True,
            consumer_max_fetch_size=1024 * 1024,
            consumer_auto_offset_reset="earliest",
            producer_acks=-1,
            producer_request_timeout=120.0,
            producer_max_batch_size=512 * 1024,
            producer_max_request_size=8 * 1024 * 1024,
            producer_compression_type=config.compression,
            monitor=None,
        )

    # -- what agents and the command line use ---------------------------------------------------------------------

    def batch_agent(
        self, source: str, *, name: str, logic: LogicFactory
    ) -> Callable[[Callable[[Chunks], Awaitable[None]]], None]:
        """Register an agent on the topic `source`; its rows go to the changelog `ironstream.<name>.changelog`."""
        topic_name = self.config.topic_prefix + source
        changelog = f"{self.config.topic_prefix}ironstream.{name}.changelog"
        self._specs[topic_name] = _AgentSpec(name, source, changelog, logic)

        def register(function: Callable[[Chunks], Awaitable[None]]) -> None:
            async def run(stream: Any) -> None:
                try:
                    await function(Chunks(self, stream))
                except Exception as err:  # whatever it is, going on would risk the data: fail-stop
                    self.fail(err)

            run.__name__ = run.__qualname__ = name
            self.agent(self.topic(topic_name, schema=ChunkSchema()), name=name, concurrency=1)(run)

        return register

    @property
    def partitions(self) -> Mapping[TP, Partition]:
        """Partitions of source topics that this worker owns and has restored."""
        return self._partitions

    @property
    def outbox(self) -> Outbox:
        """Outputs of this worker."""
        if self._outbox is None:
            self._outbox = Outbox(self.fail)
        return self._outbox

    @property
    def failure(self) -> BaseException | None:
        """Why the worker is stopping, if it is."""
        return self._failure

    def fail(self, err: BaseException) -> None:
        """Stop the worker with a non-zero exit; nothing is committed from here on."""
        if self._failure is not None:
            return
        self._failure = err
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

    def partition(self, tp: TP) -> Partition | None:
        """The partition, if this worker owns it and has restored it."""
        return self._partitions.get(tp)

    def holdings(self) -> Holdings:
        """Which partition numbers this worker had last, and of which it has local copies."""
        local = {int(path.name) for path in self.config.state_dir.glob("*/[0-9]*") if path.name.isdigit()}
        return Holdings(sorted(self._last_owned), sorted(local))

    def positions(self) -> dict[TP, int]:
        """Offset to go on from, per owned partition."""
        return {tp: partition.position for tp, partition in self._partitions.items()}

    def dispatched(self, tp: TP, records: int, highwater: int | None) -> None:
        """Records are on their way to an agent."""
        self.records_under_way += records
        if highwater is not None:
            self.highwaters[tp] = highwater

    def taken(self, records: int) -> None:
        """An agent has taken records."""
        self.records_under_way = max(0, self.records_under_way - records)
        if self._progress is not None:
            self._progress.set()

    async def wait_for_progress(self, timeout_s: float) -> None:
        """Wait until an agent has taken a chunk."""
        if self._progress is None:
            self._progress = asyncio.Event()
        self._progress.clear()
        try:
            await asyncio.wait_for(self._progress.wait(), timeout_s)
        except TimeoutError:
            return

    async def commit_partitions(self) -> dict[TP, int]:
        """Commit all owned partitions; returns the position each has reached."""
        if self._failure is not None:
            return {}
        self.check_alive()
        owned = dict(self._partitions)
        commits = []
        try:
            for partition in owned.values():
                commits.append(asyncio.create_task(partition.commit()))
                # Rows are gathered without an await: let the rest of the worker have its turn between partitions.
                await asyncio.sleep(0)
            positions = await asyncio.gather(*commits)
        except Exception as err:  # whatever it is, the commit is not whole: fail-stop
            self.fail(err)
            return {}
        return dict(zip(owned, positions, strict=True))

    def check_alive(self) -> None:
        """Stop at once if this process was asleep for longer than its session: its partitions have another owner."""
        asleep = time.monotonic() - self._last_beat
        if asleep > self.config.session_timeout_s:
            log.critical("worker was stopped for longer than its session and exits", asleep_s=round(asleep, 1))
            os._exit(1)

    async def take_over(self, assignment: set[TP]) -> None:
        """Restore all partitions of `assignment` that are not at hand, and say which topology holds."""
        if self._taking_over is None:
            self._taking_over = asyncio.Lock()
        async with self._taking_over:
            epoch = self._epoch
            self._last_owned = {tp.partition for tp in assignment}
            wanted = {tp: self._specs[tp.topic] for tp in assignment if tp.topic in self._specs}
            missing = {tp: spec for tp, spec in wanted.items() if tp not in self._partitions}
            if not missing:
                return
            started = time.perf_counter()
            self.outbox.start(self._kafka_producer())
            folders = {
                TopicPartition(spec.changelog, tp.partition): self.config.state_dir / spec.name / str(tp.partition)
                for tp, spec in missing.items()
            }
            restored = await restore_partitions(
                folders,
                producer=self._kafka_producer(),
                client_settings=self.client_settings,
                options=self._store_options,
            )
            oldest = await self.consumer.earliest_offsets(*missing)
            if epoch != self._epoch:
                for one in restored.values():
                    one.store.close()
                return
            for tp, spec in missing.items():
                one = restored[TopicPartition(spec.changelog, tp.partition)]
                self._partitions[tp] = Partition(
                    changelog_topic=spec.changelog,
                    partition=tp.partition,
                    logic=spec.factory(one.store, tp.partition),
                    store=one.store,
                    outputs=PartitionOutputs(self.outbox, self.config.topic_prefix, tp.partition),
                    outbox=self.outbox,
                    claim=one.claim,
                    changelog_offset=one.changelog_offset,
                    position=_start(tp, one.source_offset, oldest[tp]),
                    commit_number=one.commit_number,
                    topology_version=self.config.topology_version,
                )
                await asyncio.sleep(0)
            self.restore_seconds = time.perf_counter() - started
            log.info(
                "partitions restored",
                partitions=len(missing),
                changelog_records=sum(one.rows_read for one in restored.values()),
                seconds=round(self.restore_seconds, 2),
            )
            await self._announce_topology(missing)

    async def release(self, revoked: set[TP]) -> None:
        """Let go of partitions; they have been committed."""
        self._epoch += 1
        self.records_under_way = 0
        for tp in revoked:
            partition = self._partitions.pop(tp, None)
            if partition is not None:
                crash_point("in_revoke")
                await partition.close()

    async def _announce_topology(self, taken: Mapping[TP, _AgentSpec]) -> None:
        change = TopologyChange.of(self.config.topology_version, self.config.topology_text)
        for tp in taken:
            if self._partitions[tp].logic.topology_version != change.version:
                await self._kafka_producer().send_and_wait(
                    tp.topic, key=CONTROL_KEY, value=encode_control(change), partition=tp.partition
                )

    def _kafka_producer(self) -> Any:
        producer: Any = self.producer
        return producer._ensure_producer()

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return Transport(self.conf.broker_producer, self)

    async def on_stop(self) -> None:
        """Faust has committed; close what is still open."""
        await super().on_stop()
        await self.release(set(self._partitions))

    @Service.task
    async def _beat(self) -> None:
        while not self.should_stop:
            self.check_alive()
            self._last_beat = time.monotonic()
            await self.sleep(0.25)

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            await self.sleep(_TICK_INTERVAL_S)
            for tp in list(self._partitions):
                if self.rebalancing or self._failure is not None:
                    break
                await self._kafka_producer().send(tp.topic, key=CONTROL_KEY, value=TICK, partition=tp.partition)


def _servers(bootstrap: str | list[str]) -> list[str]:
    return bootstrap.split(",") if isinstance(bootstrap, str) else list(bootstrap)


def _start(tp: TP, committed: int | None, oldest: int) -> int:
    if committed is None:
        return oldest
    if committed < oldest:
        # Nothing can bring these back; whoever operates this must hear of it.
        log.error(
            "records expired before they were processed",
            topic=tp.topic,
            partition=tp.partition,
            first_lost=committed,
            last_lost=oldest - 1,
            hint="raise retention.ms of the topic or add workers",
        )
        return oldest
    return committed
