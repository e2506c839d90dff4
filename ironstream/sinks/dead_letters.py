"""Records that a target refuses go to dlq.sinks, with why and where they came from."""

from __future__ import annotations

import asyncio
from typing import Final

from ironstream.contract import Topic
from ironstream.dlq import SINK_HEADER, dlq_headers
from ironstream.engine.api import Record
from ironstream.engine.outbox import Outbox
from ironstream.engine.partition import PartitionOutputs
from ironstream.sinks.sink import Refusal

_LONGEST_DETAIL: Final = 1000
"""Characters. A target may answer with pages, and the broker refuses what is too large: that would stop the sink."""


class KafkaDeadLetters:
    """Dead letters of one sink, each to the partition number of its source."""

    def __init__(self, sink_id: str, outbox: Outbox, topic_prefix: str) -> None:
        self._sink_id = sink_id
        self._outbox = outbox
        self._prefix = topic_prefix

    def send(self, record: Record, topic: str, partition: int, refusal: Refusal) -> None:
        """Queue a dead letter: the record as it is, and in its headers why it was refused, by which sink."""
        headers = dlq_headers(record, topic, partition, refusal.reason, refusal.detail[:_LONGEST_DETAIL])
        headers.append((SINK_HEADER, self._sink_id.encode()))
        outputs = PartitionOutputs(self._outbox, self._prefix, partition)
        outputs.send(Topic.DLQ_SINKS, record.key, record.value, record.timestamp, headers)

    async def settled(self, partitions: set[int]) -> None:
        """Wait until the broker has all that was queued for these partition numbers."""
        await asyncio.gather(*(future for number in partitions for future in self._outbox.unsent(number)))
