"""A read replica of an agent's state: the committed rows of its changelog, wherever its partitions are owned.

It claims nothing and writes nothing, so it may run anywhere, beside any number of workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.engine.changelog import Replay, Row
from ironstream.errors import BrokerError
from ironstream.topics import describe

_FETCH_MS: Final = 100


class Replica:
    """Rows of one agent as of its last commits, partition by partition; entered while it is read.

    `rows[partition]` holds key → value without the engine's own records. A row whose marker has not come yet is not
    there: what is seen is always the state of some commit, all tables of a partition together.
    """

    def __init__(self, client_settings: Mapping[str, Any], changelog: str) -> None:
        """`client_settings` are those of `Settings.kafka_client_kwargs`, `changelog` is the topic with its prefix."""
        self.rows: dict[int, dict[bytes, bytes]] = {}
        self._client_settings = dict(client_settings)
        self._changelog = changelog
        self._replays: dict[int, Replay] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._starts: dict[TopicPartition, int] = {}
        self._consumer = AIOKafkaConsumer(
            **client_settings,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_wait_ms=50,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
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
        for tp in assigned:
            self.rows[tp.partition] = {}
            self._replays[tp.partition] = Replay()
        self._consumer.assign(assigned)
        self._starts = await self._consumer.beginning_offsets(assigned)
        for tp, offset in self._starts.items():
            self._consumer.seek(tp, offset)

    async def catch_up(self, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Read up to what was the end of the log when this was called.

        `progress` is told how many offsets of how many are behind; compaction leaves holes, so it counts no rows.
        """
        ends = await self._consumer.end_offsets(list(self._replays_by_topic()))
        total = sum(end - self._starts[tp] for tp, end in ends.items())
        while True:
            positions = {tp: await self._consumer.position(tp) for tp in ends}
            left = sum(max(0, end - positions[tp]) for tp, end in ends.items())
            progress(total - left, total)
            if not left:
                return
            await self.poll()

    async def poll(self, timeout_ms: int = _FETCH_MS) -> list[tuple[int, Row]]:
        """Take what has come since; returns the rows that became final, each with its partition."""
        changed: list[tuple[int, Row]] = []
        fetched = await self._consumer.getmany(timeout_ms=timeout_ms)
        for tp, records in fetched.items():
            replay, rows = self._replays[tp.partition], self.rows[tp.partition]
            replay.feed(records)
            for key, value in replay.take():
                if value is None:
                    rows.pop(key, None)
                else:
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
