"""What was recorded: spans of the raw topics, read without a consumer group."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.contract import CONTROL_KEY, Topic
from ironstream.engine.control import TopologyChange, decode_control
from ironstream.engine.records import Records
from ironstream.engine.unpack import records_of, unpack_fast
from ironstream.errors import BrokerError
from ironstream.settings import Settings
from ironstream.topics import describe

SOURCES: Final = (Topic.TELEMETRY_RAW, Topic.EVENTS_RAW, Topic.ALARMS_RAW)
_SILENT_S: Final = 60.0
_FETCH_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets from `first` up to but without `end`."""

    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first


async def spans_since(settings: Settings, since_ms: int) -> dict[TopicPartition, Span]:
    """What came at `since_ms` (append time) or later, up to now, of every partition of the raw topics.

    Raises BrokerError where there are no such topics.
    """
    kafka = settings.kafka_client_kwargs()
    names = [settings.topic(topic) for topic in SOURCES]
    known = await describe(kafka, names)
    if missing := [name for name in names if name not in known]:
        raise BrokerError(
            f"There is no topic {missing[0]}: nothing was recorded.",
            "Is IRONSTREAM_TOPIC_PREFIX that of the deployment? Its first worker makes the topics.",
        )
    partitions = [TopicPartition(name, number) for name in names for number in range(known[name].partitions)]
    consumer = AIOKafkaConsumer(**kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    finally:
        await consumer.stop()
    return {tp: Span(min(at.offset, ends[tp]) if (at := found[tp]) else ends[tp], ends[tp]) for tp in partitions}


async def read_spans(
    kafka: Mapping[str, Any], spans: Mapping[TopicPartition, Span]
) -> AsyncGenerator[tuple[TopicPartition, Records], None]:
    """The records of the spans, in order within each partition. A record that expires meanwhile is passed over.

    Raises BrokerError when nothing comes for a minute.
    """
    waiting = {tp for tp, span in spans.items() if len(span)}
    if not waiting:
        return
    consumer = AIOKafkaConsumer(
        **kafka, enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=_FETCH_BYTES
    )
    await consumer.start()
    try:
        unpack_fast(consumer)
        consumer.assign(sorted(waiting))
        for tp in waiting:
            consumer.seek(tp, spans[tp].first)
        heard = monotonic()
        while waiting:
            for tp, batches in (await consumer.getmany(*waiting, timeout_ms=500)).items():
                heard = monotonic()
                records = records_of(batches)
                records = records[: int(np.searchsorted(records.offsets, spans[tp].end))]
                if len(records):
                    yield tp, records
            for tp in list(waiting):
                if await consumer.position(tp) >= spans[tp].end:
                    waiting.discard(tp)
                    consumer.pause(tp)
            if monotonic() - heard > _SILENT_S:
                raise BrokerError(
                    f"Kafka has sent nothing of {next(iter(waiting))} for {_SILENT_S:.0f} s.",
                    "Look at the broker, then start the replay again: it left nothing behind.",
                )
    finally:
        await consumer.stop()


def without_changes(records: Records) -> Records:
    """The records without those that name a topology: time passes as it did, the rules are the replay's own."""
    named = [at for at in records.with_key(CONTROL_KEY) if isinstance(decode_control(records[at]), TopologyChange)]
    if not named:
        return records
    kept = np.ones(len(records), np.bool_)
    kept[named] = False
    return Records(records.buffer, np.ascontiguousarray(records.places[kept]))


async def first_time_ms(settings: Settings, spans: Mapping[TopicPartition, Span]) -> int | None:
    """Append time of the oldest record of the spans; None where there is none."""
    first = {tp: Span(span.first, span.first + 1) for tp, span in spans.items() if len(span)}
    times = [int(records.timestamps[0]) async for _, records in read_spans(settings.kafka_client_kwargs(), first)]
    return min(times, default=None)
