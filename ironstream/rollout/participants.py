"""Who follows the log of topologies, as they say it on config.status."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, suppress
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ironstream.contract import Topic
from ironstream.errors import DecodeError
from ironstream.rollout.statuses import AWAY_S, STATUS_PARTITION, Status, decode_status
from ironstream.settings import Settings

_POLL_MS: Final = 200
_ASKER: Final = b"asker"


class Participants:
    """Those who are there. Reads what was said lately when it is entered, and from there on as it is asked to.

    Times are the broker's: it does not matter how far the clocks of gateways and of this machine are apart.
    """

    def __init__(self, settings: Settings) -> None:
        self._kafka = settings.kafka_client_kwargs()
        self._at = TopicPartition(settings.topic(Topic.CONFIG_STATUS), STATUS_PARTITION)
        self._said: dict[str, tuple[float, Status]] = {}
        self._clock_s = 0.0
        self._consumer: Any = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            marker = await self._mark()
            # what the broker's clock is ahead of ours
            self._clock_s = marker.timestamp / 1_000 - time.monotonic()
            self._consumer = AIOKafkaConsumer(**self._kafka, enable_auto_commit=False, fetch_max_wait_ms=50)
            self._stack.push_async_callback(self._consumer.stop)
            await self._consumer.start()
            self._consumer.assign([self._at])
            since = await self._consumer.offsets_for_times({self._at: int(marker.timestamp - AWAY_S * 1_000)})
            self._consumer.seek(self._at, since[self._at].offset)
            while await self._consumer.position(self._at) <= marker.offset:
                await self.poll()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def present(self) -> list[Status]:
        """What each says that is there, by role and name."""
        now_s = time.monotonic() + self._clock_s
        there = (status for said_s, status in self._said.values() if now_s - said_s <= AWAY_S)
        return sorted(there, key=lambda status: status.participant)

    async def poll(self, timeout_ms: int = _POLL_MS) -> None:
        """Take what has been said since, at most after `timeout_ms`."""
        for records in (await self._consumer.getmany(self._at, timeout_ms=timeout_ms)).values():
            for record in records:
                name = record.key.decode(errors="replace")
                if not record.value:
                    self._said.pop(name, None)
                    continue
                with suppress(DecodeError):
                    self._said[name] = record.timestamp / 1_000, decode_status(record.value)

    async def _mark(self) -> Any:
        """A record that says nothing, for its time and its place."""
        producer = AIOKafkaProducer(**self._kafka, acks="all")
        await producer.start()
        try:
            return await producer.send_and_wait(self._at.topic, key=_ASKER, value=None, partition=self._at.partition)
        finally:
            await producer.stop()
