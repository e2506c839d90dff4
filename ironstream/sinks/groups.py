"""The consumer groups of sinks in Kafka: who is in them, where they stand, and setting them back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, KafkaError, for_code

from ironstream.engine.log_reader import LogReader
from ironstream.errors import IronstreamError
from ironstream.settings import Settings
from ironstream.sinks.group import Place, Standing

T = TypeVar("T")
_PATIENCE_S: Final = 10.0
_PAUSE_S: Final = 0.1
_FETCH_BYTES: Final = 64 * 1024


class SinkRunsError(IronstreamError):
    """The group has members, which would go on from where they are."""


class SinkGroups:
    """Groups on some topics; entered while it is read. Topics that are not in Kafka have no partitions."""

    def __init__(self, settings: Settings, topics: Iterable[str]) -> None:
        self._settings = settings
        self._reader = LogReader(settings, topics, missing_ok=True)
        self._admin = AIOKafkaAdminClient(client_id="ironstream-sink", **settings.kafka_client_kwargs())

    async def __aenter__(self) -> SinkGroups:
        try:
            await self._admin.start()
            await self._reader.__aenter__()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.__aexit__()
        await self._admin.close()

    async def members(self, group: str) -> list[str]:
        """Every member of a group, by its client id and address; none where the group is not known."""
        described = await _patiently(lambda: self._described(group))
        return sorted(
            f"{member['client_id']} on {member['client_host'].lstrip('/')}" for member in described["members"]
        )

    async def standings(self, group: str, topics: Iterable[str]) -> list[Standing]:
        """Where a group stands on every partition of some of the topics."""
        partitions = self._partitions(topics)
        firsts = await self._reader.consumer.beginning_offsets(partitions)
        ends = await self._reader.consumer.end_offsets(partitions)
        # by a consumer, for the admin client takes a group whose offsets cannot be told for one that has none
        async with self._in_group(group) as consumer:
            committed = await asyncio.gather(*map(consumer.committed, partitions))
        return [
            Standing(self._reader.topic_of(tp), tp.partition, firsts[tp], ends[tp], offset)
            for tp, offset in zip(partitions, committed, strict=True)
        ]

    async def offsets_since(self, topics: Iterable[str], time_ms: int) -> dict[Place, int]:
        """Offset of the first record of each partition that was appended at that time or later; the end where none."""
        partitions = self._partitions(topics)
        found = await self._reader.consumer.offsets_for_times({tp: time_ms for tp in partitions}) if partitions else {}
        ends = await self._reader.consumer.end_offsets(partitions)
        return {
            (self._reader.topic_of(tp), tp.partition): ends[tp] if found.get(tp) is None else found[tp].offset
            for tp in partitions
        }

    async def last_times_ms(self, standings: Sequence[Standing]) -> dict[Place, int]:
        """Append time of the last record that the group has dealt with, for each partition where it is still there."""
        wanted = {
            TopicPartition(self._settings.topic(at.topic), at.partition): at.committed - 1
            for at in standings
            if at.committed is not None and at.first < at.committed <= at.end
        }
        if not wanted:
            return {}
        consumer = AIOKafkaConsumer(
            **self._settings.kafka_client_kwargs(),
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
            # one record of each is wanted
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        times: dict[Place, int] = {}
        await consumer.start()
        try:
            consumer.assign(list(wanted))
            for tp, offset in wanted.items():
                consumer.seek(tp, offset)
            async with asyncio.timeout(_PATIENCE_S):
                while len(times) < len(wanted):
                    for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                        times.setdefault((self._reader.topic_of(records[0]), tp.partition), records[0].timestamp)
                        consumer.pause(tp)
        except TimeoutError:
            # what has come is worth showing
            pass
        finally:
            await consumer.stop()
        return times

    async def set_back(self, sink: str, group: str, offsets: Mapping[Place, int]) -> None:
        """Have the group go on from these offsets. Raises SinkRunsError, and changes nothing, while it has members."""
        if members := await self.members(group):
            raise _runs(sink, members)
        to = {
            TopicPartition(self._settings.topic(topic), number): offset for (topic, number), offset in offsets.items()
        }
        try:
            async with self._in_group(group) as consumer:
                consumer.assign(list(to))
                await consumer.commit(to)
        except CommitFailedError as error:
            # somebody has joined since
            raise _runs(sink, await self.members(group)) from error

    def _partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        names = {self._settings.topic(topic) for topic in topics}
        return [tp for tp in self._reader.partitions if tp.topic in names]

    async def _described(self, group: str) -> Any:
        (response,) = await self._admin.describe_consumer_groups([group])
        described = response.to_object()["groups"][0]
        if described["error_code"]:
            raise for_code(described["error_code"])(f"group {group}")
        return described

    def _in_group(self, group: str) -> AIOKafkaConsumer:
        """A consumer that speaks for a group; subscribed to nothing, it does not join it."""
        return AIOKafkaConsumer(**self._settings.kafka_client_kwargs(), group_id=group, enable_auto_commit=False)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the broker can tell: one that has just begun to look after groups cannot yet."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE_S
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable or loop.time() > until:
                raise
        await asyncio.sleep(_PAUSE_S)


def _runs(sink: str, members: Sequence[str]) -> SinkRunsError:
    return SinkRunsError(
        f"Sink {sink} is running ({', '.join(members)}): it would go on from where it is, and set the offsets again.",
        "Stop it, and try again. One that was killed is a member until its session times out, some ten seconds.",
    )
