"""Reads stretches of partitions: from one offset to before another, and no further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from aiokafka import TopicPartition

from ironstream.engine.log_reader import LogReader
from ironstream.errors import BrokerError
from ironstream.settings import Settings

Span = tuple[int, int]
"""First offset, and the one after the last."""
_PATIENCE_S: Final = 10.0
_POLL_MS: Final = 200


async def read_spans(reader: LogReader, spans: Mapping[TopicPartition, Span]) -> AsyncIterator[Any]:
    """The records of these spans, those of a partition in its order. Raises BrokerError when nothing comes for 10 s."""
    consumer, loop = reader.consumer, asyncio.get_running_loop()
    left = {tp: end for tp, (start, end) in spans.items() if start < end}
    if not left:
        return
    consumer.assign(list(left))
    for tp in left:
        consumer.seek(tp, spans[tp][0])
    heard_s = loop.time()
    while left:
        fetched = await consumer.getmany(*left, timeout_ms=_POLL_MS)
        for tp, records in fetched.items():
            heard_s = loop.time()
            for record in records:
                if record.offset < left[tp]:
                    yield record
        # compaction and transactions leave offsets without a record
        left = {tp: end for tp, end in left.items() if await consumer.position(tp) < end}
        if loop.time() - heard_s > _PATIENCE_S:
            raise BrokerError("Kafka does not send what is asked for.", "Are all of its brokers running?")
        # one that is answered from the buffer does not let others run
        await asyncio.sleep(0)


async def record_at(settings: Settings, topic: str, partition: int, offset: int) -> Any | None:
    """One record of a topic (its name without the deployment's prefix); None where there is none, or none any more."""
    async with LogReader(settings, [topic], missing_ok=True) as reader:
        tp = TopicPartition(settings.topic(topic), partition)
        if tp in reader.partitions:
            first = (await reader.consumer.beginning_offsets([tp]))[tp]
            end = (await reader.consumer.end_offsets([tp]))[tp]
            if first <= offset < end:
                async for record in read_spans(reader, {tp: (offset, offset + 1)}):
                    return record
    return None


async def spans_between(reader: LogReader, from_ms: int | None, to_ms: int | None) -> dict[TopicPartition, Span]:
    """The span of each partition of the records appended since `from_ms` and before `to_ms`; None: as far as there are.

    Where times are not in the order of offsets it goes by the first record that is as late.
    """
    tps = reader.partitions
    if not tps:
        return {}
    firsts, ends = await reader.consumer.beginning_offsets(tps), await reader.consumer.end_offsets(tps)
    starts, stops = dict(firsts), dict(ends)
    for times, bound in ((from_ms, starts), (to_ms, stops)):
        if times is not None:
            found = await reader.consumer.offsets_for_times(dict.fromkeys(tps, max(0, times)))
            bound.update({tp: ends[tp] if at is None else at.offset for tp, at in found.items()})
    return {tp: (starts[tp], max(starts[tp], stops[tp])) for tp in tps}


def newest_of(spans: Mapping[TopicPartition, Span], most: int) -> dict[TopicPartition, Span]:
    """The ends of these spans, with `most` offsets in all; of each its share."""
    total = sum(end - start for start, end in spans.values())
    if total <= most:
        return dict(spans)
    return {tp: (end - (end - start) * most // total, end) for tp, (start, end) in spans.items()}
