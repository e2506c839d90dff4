"""Which partitions this worker has, and how it gets and gives them: take over, commit, release."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from faust.types import TP

from ironstream.contract import CONTROL_KEY
from ironstream.engine.api import LogicFactory
from ironstream.engine.assignor import Holdings
from ironstream.engine.config import EngineConfig
from ironstream.engine.control import TopologyChange, encode_control
from ironstream.engine.crashpoints import crash_point
from ironstream.engine.database import StoreOptions
from ironstream.engine.losses import first_position, look_for_loss, refuse_added_partitions, refuse_lost_changelog
from ironstream.engine.outbox import Outbox
from ironstream.engine.partition import Partition, PartitionOutputs
from ironstream.engine.restore import Restored, restore_partitions, start_anew

log = structlog.get_logger(__name__)

_COMMITS_AT_ONCE: Final = 3


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """An agent with state: its name, its source topic (without prefix), its changelog topic, how its logic is made."""

    name: str
    source: str
    changelog: str
    factory: LogicFactory


class Ownership:
    """The partitions of source topics that this worker owns and has restored, by topic partition."""

    def __init__(self, config: EngineConfig, outbox: Outbox) -> None:
        self.partitions: dict[TP, Partition] = {}
        self.restore_seconds = 0.0
        self.topology = config.topology
        """The change that every partition's log is to name."""
        self._producer: Any = None
        self._config = config
        self._outbox = outbox
        self._agents: dict[str, AgentSpec] = {}
        self._store_options = StoreOptions(config.store_cache_mb)
        self._taking_over = asyncio.Lock()
        self._committing = asyncio.Semaphore(_COMMITS_AT_ONCE)
        self._epoch = 0
        self._last_numbers: set[int] = set()

    def add_agent(self, name: str, source: str, factory: LogicFactory) -> str:
        """Give partitions of the topic `source` to the logic that `factory` makes; returns the topic's full name."""
        prefix = self._config.topic_prefix
        self._agents[prefix + source] = AgentSpec(name, source, f"{prefix}ironstream.{name}.changelog", factory)
        return prefix + source

    def holdings(self) -> Holdings:
        """Which partition numbers this worker had last, and of which it has local copies."""
        local = {int(path.name) for path in self._config.state_dir.glob("*/[0-9]*") if path.name.isdigit()}
        return Holdings(sorted(self._last_numbers), sorted(local))

    def positions(self) -> dict[TP, int]:
        """Offset to go on from, per partition."""
        return {tp: partition.position for tp, partition in self.partitions.items()}

    async def commit(self) -> dict[TP, int]:
        """Commit all partitions; returns the position each has reached. Raises when one cannot be committed."""
        owned = dict(self.partitions)
        positions = await asyncio.gather(*(self._commit(partition) for partition in owned.values()))
        return dict(zip(owned, positions, strict=True))

    async def _commit(self, partition: Partition) -> int:
        # Few at once: the rows of a commit are in memory until it ends, and gathering them is work without an await.
        async with self._committing:
            return await partition.commit()

    async def take_over(self, assignment: set[TP], consumer: Any, producer: Any) -> None:
        """Restore all partitions of `assignment` that are not at hand, and say which topology holds.

        `consumer` is Faust's, `producer` aiokafka's. A rebalance meanwhile leaves nothing behind. Raises EngineError
        for state that is lost and for partitions that were added.
        """
        refuse_added_partitions(assignment, self._config.partitions)
        async with self._taking_over:
            epoch = self._epoch
            self._last_numbers = {tp.partition for tp in assignment}
            missing = {
                tp: self._agents[tp.topic]
                for tp in assignment
                if tp.topic in self._agents and tp not in self.partitions
            }
            if not missing:
                return
            started = time.perf_counter()
            self._outbox.start(producer)
            restored = await restore_partitions(
                {_changelog(tp, agent): self._folder(tp, agent) for tp, agent in missing.items()},
                producer=producer,
                client_settings=self._config.client_settings,
                options=self._store_options,
            )
            try:
                await self._refuse_lost(missing, restored)
            except BaseException:
                for one in restored.values():
                    one.store.close()
                raise
            oldest = await consumer.earliest_offsets(*missing)
            if epoch != self._epoch:
                for one in restored.values():
                    one.store.close()
                return
            for tp, agent in missing.items():
                self.partitions[tp] = self._partition(tp, agent, restored[_changelog(tp, agent)], oldest[tp])
                await asyncio.sleep(0)
            self.restore_seconds = time.perf_counter() - started
            log.info(
                "partitions restored",
                partitions=len(missing),
                changelog_records=sum(one.rows_read for one in restored.values()),
                seconds=round(self.restore_seconds, 2),
            )
            self._producer = producer
            await self._announce(list(missing))

    async def _refuse_lost(self, missing: Mapping[TP, AgentSpec], restored: Mapping[TopicPartition, Restored]) -> None:
        without_marker = {
            tp: agent.changelog
            for tp, agent in missing.items()
            if restored[_changelog(tp, agent)].source_offset is None
        }
        for_all = start_anew(", ".join(sorted(set(without_marker.values()))))
        await refuse_lost_changelog(without_marker, self._config.application_id, self._config.client_settings, for_all)

    async def look_for_loss(self, tp: TP, first: int, consumer: Any) -> None:
        """Say which records expired if `first` is not the offset that `tp` waits for: the log overtook this worker."""
        partition = self.partitions.get(tp)
        if partition is not None:
            await look_for_loss(tp, partition.position, first, consumer)

    async def release(self, revoked: set[TP]) -> None:
        """Let go of partitions; they have been committed."""
        self._epoch += 1
        for tp in revoked:
            partition = self.partitions.pop(tp, None)
            if partition is not None:
                crash_point("in_revoke")
                await partition.close()

    def _folder(self, tp: TP, agent: AgentSpec) -> Path:
        return self._config.state_dir / agent.name / str(tp.partition)

    def _partition(self, tp: TP, agent: AgentSpec, restored: Restored, oldest: int) -> Partition:
        return Partition(
            changelog_topic=agent.changelog,
            partition=tp.partition,
            logic=agent.factory(restored.store, tp.partition),
            store=restored.store,
            outputs=PartitionOutputs(self._outbox, self._config.topic_prefix, tp.partition),
            outbox=self._outbox,
            claim=restored.claim,
            changelog_offset=restored.changelog_offset,
            position=first_position(tp, restored.source_offset, oldest),
            commit_number=restored.commit_number,
        )

    async def hold(self, change: TopologyChange) -> None:
        """Have a change of the topology in the log of every partition, those that are here and those that come."""
        self.topology = change
        await self._announce(list(self.partitions))

    async def _announce(self, among: list[TP]) -> None:
        """Write the change into the logs that have not named it yet.

        A partition that has just been told, and has not read it, is told once more: the second record says nothing.
        """
        change = self.topology
        if change is None:
            return
        value = encode_control(change)
        behind = [tp for tp in among if (one := self.partitions.get(tp)) and one.logic.topology_number < change.number]
        # all at once: the logs of one plant are to switch within moments of each other
        sent = [
            await self._producer.send(tp.topic, key=CONTROL_KEY, value=value, partition=tp.partition) for tp in behind
        ]
        await asyncio.gather(*sent)


def _changelog(tp: TP, agent: AgentSpec) -> TopicPartition:
    return TopicPartition(agent.changelog, tp.partition)
