"""How much flows through the topics, and how far behind the sinks are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from aiokafka import TopicPartition

from ironstream.codec import decode_readings
from ironstream.contract import CONTROL_KEY, Topic
from ironstream.dead_letters import TOPICS as DEAD_LETTERS
from ironstream.engine.log_reader import LogReader
from ironstream.engine.stretches import Span, newest_of, read_spans
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.sinks.groups import SinkGroups
from ironstream.sinks.states import GroupState, group_state
from ironstream.web.backlog import SOURCES
from ironstream.web.running import DeclaredSink

SAMPLE: Final = 500
_OVER_MS: Final = 60_000


async def measured_rates(
    settings: Settings, window_sizes_s: tuple[int, ...], now_ms: float
) -> Mapping[str, float | None]:
    """What came a second, by topic, over the last minute: readings on telemetry.raw, where a record may have several,
    else records. Those of the engine (ticks, changes of the topology, ends of transactions) are none. Of a topic with
    more than `SAMPLE` offsets in that minute the newest so many say how much of it counts. None: it is not there.
    """
    topics = dict.fromkeys((*SOURCES.values(), *Topic.clean(window_sizes_s), Topic.AUDIT_TRAIL, *DEAD_LETTERS))
    rates: dict[str, float | None] = dict.fromkeys(topics)
    async with LogReader(settings, topics, missing_ok=True) as reader:
        tps = reader.partitions
        if not tps:
            return rates
        consumer = reader.consumer
        since = await consumer.offsets_for_times(dict.fromkeys(tps, max(0, int(now_ms) - _OVER_MS)))
        ends = await consumer.end_offsets(tps)
        spans = {tp: (ends[tp] if (at := since.get(tp)) is None else min(at.offset, ends[tp]), ends[tp]) for tp in tps}
        rates |= await _rates(reader, spans, Schemas(settings.schemas))
    return {topic: None if rate is None else round(rate, 3) for topic, rate in rates.items()}


async def _rates(reader: LogReader, spans: Mapping[TopicPartition, Span], schemas: Schemas) -> dict[str, float | None]:
    of_topic: defaultdict[str, dict[TopicPartition, Span]] = defaultdict(dict)
    for tp, span in spans.items():
        of_topic[reader.topic_of(tp)][tp] = span
    read = {topic: newest_of(some, SAMPLE) for topic, some in of_topic.items()}
    values: defaultdict[str, list[bytes | None]] = defaultdict(list)
    async for record in read_spans(reader, {tp: span for some in read.values() for tp, span in some.items()}):
        if record.key != CONTROL_KEY:
            values[reader.topic_of(record)].append(record.value)
    rates: dict[str, float | None] = {}
    for topic, some in of_topic.items():
        count = _readings(values[topic], schemas) if topic == Topic.TELEMETRY_RAW else len(values[topic])
        share = count / max(1, _offsets(read[topic]))
        rates[topic] = _offsets(some) * share * 1000 / _OVER_MS
    return rates


def _readings(values: list[bytes | None], schemas: Schemas) -> int:
    decoded = decode_readings(values, schemas)
    # what cannot be read came, too
    return len(decoded.readings) + len(decoded.faults)


def _offsets(spans: Mapping[TopicPartition, Span]) -> int:
    return sum(end - start for start, end in spans.values())


async def sink_states(settings: Settings, sinks: list[DeclaredSink]) -> dict[str, GroupState]:
    """The groups of sinks, by the ids of these."""
    if not sinks:
        return {}
    topics = dict.fromkeys(topic for sink in sinks for topic in sink.topics)
    async with SinkGroups(settings, topics) as groups:
        return {
            sink.part.id: await group_state(groups, settings.application_id, sink.part.id, sink.topics)
            for sink in sinks
        }
