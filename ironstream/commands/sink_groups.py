"""The consumer groups of sinks in Kafka: who is in them, where they stand, and setting them back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import stamina
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, KafkaError, for_code

from ironstream.commands.log_reader import LogReader
from ironstream.errors import IronstreamError
from ironstream.settings import Settings
from ironstream.sinks.group import Place, Standing

_PATIENCE_S: Final = 10.0
"""A broker that has just begun to look after groups says for a moment that it does not."""
_FETCH_BYTES: Final = 64 * 1024


class SinkRunsError(IronstreamError):
    """The group has members, which would go on from where they are."""


class SinkGroups:
    """Groups on some topics; entered while it is read. Topics that are not in Kafka have no partitions."""

    def __init__(self, settings: Settings, topics: Iterable[str]) -> None:
        self._settings = settings
        self._reader = LogReader(settings, topics, missing_ok=True)
        self._admin = AIOKafkaAdminClient(client_id="ironstream-sink", **settings.kafka_client_kwargs())
        self._coordinators: dict[str, int] = {}

    async def __aenter__(self) -> SinkGroups:
        try:
            await self._admin.start()
            await self._reader.__aenter__()
        except BaseException:
            await self._admin.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.__aexit__()
        await self._admin.close()

    async def members(self, group: str) -> list[str]:
        """Every member of a group, by its client id and address; none where the group is not known."""
        (response,) = await self._admin.describe_consumer_groups([group], await self._coordinator(group))
        described = response.to_object()["groups"][0]
        if described["error_code"]:
            raise for_code(described["error_code"])(f"group {group}")
        return sorted(
            f"{member['client_id']} on {member['client_host'].lstrip('/')}" for member in described["members"]
        )

    async def standings(self, group: str, topics: Iterable[str]) -> list[Standing]:
        """Where a group stands on every partition of some of the topics."""
        partitions = self._partitions(topics)
        firsts = await self._reader.consumer.beginning_offsets(partitions)
        ends = await self._reader.consumer.end_offsets(partitions)
        offsets = await self._admin.list_consumer_group_offsets(group, await self._coordinator(group))
        committed = {tp: found.offset for tp, found in offsets.items() if found.offset >= 0}
        return [
            Standing(self._reader.topic_of(tp), tp.partition, firsts[tp], ends[tp], committed.get(tp))
            for tp in partitions
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
        consumer = AIOKafkaConsumer(**self._settings.kafka_client_kwargs(), group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            # assigned and not subscribed: it does not join the group
            consumer.assign(list(to))
            await consumer.commit(to)
        except CommitFailedError as error:
            # somebody has joined since
            raise _runs(sink, await self.members(group)) from error
        finally:
            await consumer.stop()

    def _partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        names = {self._settings.topic(topic) for topic in topics}
        return [tp for tp in self._reader.partitions if tp.topic in names]

    async def _coordinator(self, group: str) -> int:
        if group not in self._coordinators:
            async for attempt in stamina.retry_context(on=_passes, attempts=None, timeout=_PATIENCE_S):
                with attempt:
                    self._coordinators[group] = await self._admin.find_coordinator(group)
        return self._coordinators[group]


def _passes(error: Exception) -> bool:
    return isinstance(error, KafkaError) and error.retriable


def _runs(sink: str, members: Sequence[str]) -> SinkRunsError:
    return SinkRunsError(
        f"Sink {sink} is running ({', '.join(members)}): it would go on from where it is, and set the offsets again.",
        "Stop it, and try again. One that was killed is a member until its session times out, some ten seconds.",
    )
