"""A read replica of an agent's state: the committed rows of its changelog, wherever its partitions are owned.

It claims nothing and writes nothing, so it may run anywhere, beside any number of workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.engine.changelog import Marker, Replay, Row
from ironstream.engine.replica_copy import PartitionCopy
from ironstream.engine.unpack import records_of, unpack_fast
from ironstream.errors import BrokerError
from ironstream.topics import MIB, describe

_FETCH_MS: Final = 100


class Replica:
    """Rows of one agent as of its last commits, partition by partition; entered while it is read.

    `rows[partition]` holds key → value without the engine's own records. A row whose marker has not come yet is not
    there: what is seen is always the state of some commit, all tables of a partition together.
    """

    def __init__(
        self,
        client_settings: Mapping[str, Any],
        changelog: str,
        keep: Callable[[bytes], bool] = lambda key: True,
        at_once_bytes: int = 4 * MIB,
        copy: Mapping[int, PartitionCopy] | None = None,
    ) -> None:
        """`client_settings` are those of `Settings.kafka_client_kwargs`, `changelog` is the topic with its prefix.

        Rows whose key `keep` does not want are told by `poll`, and are not in `rows`. `at_once_bytes` is about the most
        that one `poll` takes of a partition. With what `copy` gave once a partition is read from there on; where that
        is not in this log, from its beginning.
        """
        self.rows: dict[int, dict[bytes, bytes]] = {}
        self._keep = keep
        self._client_settings = dict(client_settings)
        self._changelog = changelog
        self._replays: dict[int, Replay] = {}
        self._copies = dict(copy or {})
        self._starts: dict[TopicPartition, int] = {}
        self._consumer = AIOKafkaConsumer(
            **client_settings,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=at_once_bytes,
            fetch_max_wait_ms=50,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            unpack_fast(self._consumer)
            await self._assign()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def _assign(self) -> None:
        state = (await describe(self._client_settings, [self._changelog])).get(self._changelog)
        if state is None:
            raise BrokerError(
                f"There is no topic {self._changelog}: no worker of this deployment has run on this Kafka.",
                "Start one (`ironstream worker`); is IRONSTREAM_TOPIC_PREFIX that of the deployment?",
            )
        assigned = [TopicPartition(self._changelog, partition) for partition in range(state.partitions)]
        self._consumer.assign(assigned)
        self._starts = await self._consumer.beginning_offsets(assigned)
        ends = await self._consumer.end_offsets(assigned)
        for tp in assigned:
            copy = self._copies.get(tp.partition)
            if copy is not None and self._starts[tp] <= copy.marker_offset < ends[tp]:
                self.rows[tp.partition] = dict(copy.rows)
                self._replays[tp.partition] = Replay(copy.claim)
                # the marker of the copy is read once more: it shows that this is still the log that the copy came from
                self._starts[tp] = copy.marker_offset
            else:
                self._copies.pop(tp.partition, None)
                self.rows[tp.partition] = {}
                self._replays[tp.partition] = Replay()
            self._consumer.seek(tp, self._starts[tp])

    def copy(self) -> dict[int, PartitionCopy]:
        """What another replica could go on from: each partition that has a commit, as of it."""
        return {
            partition: PartitionCopy(
                replay.marker_claim, replay.marker, replay.marker_offset, dict(self.rows[partition])
            )
            for partition, replay in self._replays.items()
            if replay.marker is not None
        }

    async def catch_up(self, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Read up to what was the end of the log when this was called.

        `progress` is told how many offsets of how many are behind; compaction leaves holes, so it counts no rows.
        """
        ends = await self.ends()
        total = sum(end - self._starts[tp] for tp, end in ends.items())
        while True:
            left = await self.left(ends)
            progress(total - left, total)
            if not left:
                return
            await self.poll()

    async def ends(self) -> dict[TopicPartition, int]:
        """Where the log ends now. Raises KafkaError where Kafka does not answer."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(list(self._replays_by_topic()))
        return ends

    async def left(self, ends: Mapping[TopicPartition, int]) -> int:
        """How many offsets before these ends have not been read yet."""
        return sum([max(0, end - await self._consumer.position(tp)) for tp, end in ends.items()])

    def commits(self) -> dict[int, tuple[Marker, int]]:
        """The last commit of each partition that has one, and the offset of its marker in the changelog."""
        return {
            partition: (replay.marker, replay.marker_offset)
            for partition, replay in self._replays.items()
            if replay.marker is not None
        }

    async def poll(self, timeout_ms: int = _FETCH_MS) -> list[tuple[int, Row]]:
        """Take what has come since; returns the rows that became final, with their partition.

        Raises ForeignCopyError when a copy that it went on from is not of this log.
        """
        changed: list[tuple[int, Row]] = []
        fetched = await self._consumer.getmany(timeout_ms=timeout_ms)
        for tp, batches in fetched.items():
            replay, rows, records = self._replays[tp.partition], self.rows[tp.partition], records_of(batches)
            # compaction leaves batches of none
            if len(records) and (copy := self._copies.pop(tp.partition, None)) is not None:
                copy.check(tp.topic, records)
            replay.feed_columns(records)
            for key, value in replay.take():
                if value is None:
                    rows.pop(key, None)
                elif self._keep(key):
                    rows[key] = value
                changed.append((tp.partition, (key, value)))
        # a fetch that is answered from the buffer does not let others run
        await asyncio.sleep(0)
        return changed

    def scan(self, prefix: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """Partition, key and value of all rows whose key starts with `prefix`, in the order of the keys."""
        found = [
            (key, partition, value)
            for partition, rows in self.rows.items()
            for key, value in rows.items()
            if key.startswith(prefix)
        ]
        for key, partition, value in sorted(found):
            yield partition, key, value

    def _replays_by_topic(self) -> Iterator[TopicPartition]:
        for partition in self._replays:
            yield TopicPartition(self._changelog, partition)
