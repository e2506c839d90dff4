"""Runs two versions of the topology on the same recording and compares what they make of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from aiokafka import AIOKafkaProducer, TopicPartition

from ironstream.domain.times import to_iso
from ironstream.engine.outbox import BATCH_BYTES, Outbox
from ironstream.errors import BrokerError
from ironstream.settings import Settings
from ironstream.topology import Topology, compile_topology
from ironstream.whatif.handed_on import shadow_topics
from ironstream.whatif.namespace import shadow_namespace
from ironstream.whatif.recording import SOURCES, Span, first_time_ms, spans_since
from ironstream.whatif.report import Difference, Recording
from ironstream.whatif.stages import Stages
from ironstream.whatif.tally import Tally

_VERSION: Final = 0
"""Number of both versions in what they make: what differs is then what they say, not what they are called."""

Told = Callable[[int, int], None]
"""How many records have been taken, of how many."""


async def replay(settings: Settings, before: Topology, after: Topology, length: timedelta, told: Told) -> Difference:
    """What both topologies, which were checked, make of what was recorded in the last `length`.

    The state of both begins empty. Nothing of the deployment is changed: its raw topics are read without a group, and
    what agents hand to one another is on topics of the run's own, which are gone at the end. Raises BrokerError when
    Kafka cannot be reached, has no recording, or refuses the topics.
    """
    now_ms = int(time.time() * 1000)
    since_ms = now_ms - round(length.total_seconds() * 1000)
    spans = await spans_since(settings, since_ms)
    # now, because meanwhile the oldest may expire
    recording = await _recording(settings, spans, length, since_ms, now_ms)
    partitions = max(tp.partition for tp in spans) + 1
    total, taken = sum(map(len, spans.values())), 0

    def count(records: int) -> None:
        nonlocal taken
        taken += records
        told(taken, total)

    tally = Tally()
    compiled = compile_topology(before, _VERSION), compile_topology(after, _VERSION)
    async with (
        shadow_namespace(settings, shadow_topics(), partitions) as namespace,
        _outbox(settings) as outbox,
    ):
        stages = Stages(settings, partitions, compiled, namespace, outbox, tally, count)
        by_topic = {topic: _of(spans, settings.topic(topic)) for topic in SOURCES}
        for run, topic in zip((stages.telemetry, stages.events, stages.alarms), SOURCES, strict=True):
            await run(by_topic[topic])
    return tally.report(recording)


async def _recording(
    settings: Settings, spans: Mapping[TopicPartition, Span], length: timedelta, since_ms: int, now_ms: int
) -> Recording:
    first_ms = await first_time_ms(settings, spans)
    records = Counter[str]()
    for tp, span in spans.items():
        records[tp.topic.removeprefix(settings.topic_prefix)] += len(span)
    return Recording(
        asked_s=length.total_seconds(),
        begins="" if first_ms is None else to_iso(first_ms * 1000),
        ends="" if first_ms is None else to_iso(now_ms * 1000),
        missing_s=length.total_seconds() if first_ms is None else max(0, first_ms - since_ms) / 1000,
        records=dict(records),
    )


@asynccontextmanager
async def _outbox(settings: Settings) -> AsyncIterator[Outbox]:
    failures: list[Exception] = []
    outbox = Outbox(failures.append)
    producer = AIOKafkaProducer(
        **settings.kafka_client_kwargs(), acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    await producer.start()
    outbox.start(producer)
    try:
        yield outbox
    except TimeoutError as err:
        raise BrokerError(
            f"Kafka does not take what the agents hand on: {failures[0] if failures else 'no answer'}",
            "Look at the broker, then start the replay again: it left nothing behind.",
        ) from err
    finally:
        await producer.stop()


def _of(spans: Mapping[TopicPartition, Span], topic: str) -> dict[TopicPartition, Span]:
    return {tp: span for tp, span in spans.items() if tp.topic == topic}
