"""Many records to Kafka at once: whole batches per partition, each acknowledged, those of one key in order."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import murmur2

from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.rounds import Round

_LOG = structlog.get_logger(__name__)
_LARGEST_BATCH: Final = 512 * 1024
_LARGEST_RECORD: Final = 1024 * 1024
"""Kafka closes the connection on what is far too large, without a word: such a record would be sent for ever."""
_KEYS_KNOWN: Final = 200_000
_REFUSED: Final = (MessageSizeTooLargeError, RecordListTooLargeError)


class ProducerSpentError(Exception):
    """Kafka has refused a batch for its size: the producer's numbers have a hole now, another one must go on."""


class BatchSender:
    """Sends rounds through a producer. `on_progress` is called whenever Kafka has acknowledged something.

    A record that Kafka refuses for its size is counted in `refused`, logged, and done with; a batch that it refuses is
    sent again in smaller ones.
    """

    def __init__(self, topic_prefix: str, on_progress: Callable[[], None]) -> None:
        self._topic_prefix = topic_prefix
        self._on_progress = on_progress
        self._hashes: dict[bytes, int] = {}
        self._turn = 0
        self.batch_bytes = _LARGEST_BATCH
        """Largest batch, before compression; producers are to be made with it."""
        self.refused = 0

    async def send(self, producer: AIOKafkaProducer, current: Round) -> None:
        """Send what is left of a round and wait until Kafka has it; what was is marked as done.

        Raises KafkaError, OSError or ProducerSpentError when something of it was not acknowledged: take another
        producer then.
        """
        by_topic: defaultdict[str, list[int]] = defaultdict(list)
        for place in current.left:
            record = current.records[place]
            if len(record.value) + len(record.key or b"") > _LARGEST_RECORD:
                self._refuse(current, place, f"is larger than {_LARGEST_RECORD} bytes")
            else:
                by_topic[record.topic].append(place)
        sending = (self._send_topic(producer, current, topic, places) for topic, places in by_topic.items())
        await _all(sending)

    async def _send_topic(self, producer: AIOKafkaProducer, current: Round, topic: str, places: Sequence[int]) -> None:
        name = self._topic_prefix + topic
        partitions = sorted(await producer.partitions_for(name))
        lanes: defaultdict[int, list[int]] = defaultdict(list)
        records = current.records
        for place in places:
            lanes[partitions[self._hash(records[place].key) % len(partitions)]].append(place)
        await _all(self._send_lane(producer, current, name, partition, lane) for partition, lane in lanes.items())

    async def _send_lane(
        self, producer: AIOKafkaProducer, current: Round, topic: str, partition: int, places: Sequence[int]
    ) -> None:
        """One batch after the other: with two under way, the second could come before a repeat of the first."""
        at = 0
        while at < len(places):
            batch, count = _batch(producer, current.records, places, at)
            size = batch.size()
            try:
                acknowledged = await producer.send_batch(batch, topic, partition=partition)
                await acknowledged
            except _REFUSED as error:
                if count == 1:
                    self._refuse(current, places[at], str(error))
                else:
                    self.batch_bytes = min(self.batch_bytes, size // 2)
                    _LOG.warning("batch_refused", topic=topic, records=count, smaller_bytes=self.batch_bytes)
                raise ProducerSpentError(str(error)) from error
            current.settle(places[at : at + count])
            at += count
            self._on_progress()

    def _refuse(self, current: Round, place: int, why: str) -> None:
        record = current.records[place]
        self.refused += 1
        _LOG.error("record_refused", topic=record.topic, bytes=len(record.value), error=why)
        current.settle([place])

    def _hash(self, key: bytes | None) -> int:
        """What Kafka's clients take the partition from, so that records of other clients have the same place."""
        if key is None:
            self._turn += 1
            return self._turn
        found = self._hashes.get(key)
        if found is None:
            if len(self._hashes) >= _KEYS_KNOWN:
                self._hashes.clear()
            found = self._hashes[key] = murmur2(key) & 0x7FFFFFFF
        return found


def _batch(producer: AIOKafkaProducer, records: Sequence[Outgoing], places: Sequence[int], at: int) -> tuple[Any, int]:
    """A batch of the records from `at` on, as many as fit; the first one always does."""
    batch = producer.create_batch()
    # the builder below it directly: BatchBuilder.append costs more than the append itself
    append = batch._builder.append
    now_ms = time.time_ns() // 1_000_000
    count = 0
    for place in places[at:]:
        record = records[place]
        if append(count, now_ms, record.key, record.value, list(record.headers)) is None:
            break
        count += 1
    batch._relative_offset = count
    batch.close()
    return batch, count


async def _all(sending: Iterable[Any]) -> None:
    """Wait for all of them, whatever becomes of one; then raise the first error."""
    for result in await asyncio.gather(*sending, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
