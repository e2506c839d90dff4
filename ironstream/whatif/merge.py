"""Several streams of records as the one log that an agent would have seen: in the order of time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from aiokafka import TopicPartition

from ironstream.engine.records import Record, Records
from ironstream.whatif.recording import without_changes

Stream = AsyncIterator[Record]


async def records_in(
    groups: AsyncIterator[tuple[TopicPartition, Records]], keep: Callable[[Record], bool] | None = None
) -> Stream:
    """The records of a stream of groups that are to be kept (None: all); never one that names a topology."""
    async for _, group in groups:
        for record in without_changes(group):
            if keep is None or keep(record):
                yield record


async def merged(streams: Sequence[Stream]) -> Stream:
    """All records, by timestamp; of those with one timestamp the ones of an earlier stream come first.

    A clock that goes back within a stream stands still, as that of a log does. So the order is a pure function of the
    streams. Each is read no further than needed.
    """
    heads: list[tuple[int, Record] | None] = [await _next(stream, 0) for stream in streams]
    while True:
        waiting = [(head[0], at) for at, head in enumerate(heads) if head is not None]
        if not waiting:
            return
        clock, at = min(waiting)
        head = heads[at]
        assert head is not None
        yield head[1]
        heads[at] = await _next(streams[at], clock)


async def _next(stream: Stream, clock: int) -> tuple[int, Record] | None:
    record = await anext(stream, None)
    return None if record is None else (max(clock, record.timestamp), record)


async def in_groups(records: Stream, most: int) -> AsyncIterator[Records]:
    """The records as columns, at most so many at once."""
    group: list[Record] = []
    async for record in records:
        group.append(record)
        if len(group) == most:
            yield Records.of(group)
            group = []
    if group:
        yield Records.of(group)
