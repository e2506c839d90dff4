from __future__ import annotations

from collections.abc import AsyncIterator

from aiokafka import TopicPartition

from ironstream.engine.records import Records
from ironstream.whatif.merge import in_groups, merged, records_in
from tests.support.engine import record


async def _stream(name: str, *times: int) -> AsyncIterator[tuple[TopicPartition, Records]]:
    """Groups of two records, which are named and numbered."""
    records = [record(at, f"{name}{at}".encode(), b"", time) for at, time in enumerate(times)]
    for at in range(0, len(records), 2):
        yield TopicPartition("t", 0), Records.of(records[at : at + 2])


async def _order(*streams: AsyncIterator[tuple[TopicPartition, Records]]) -> list[str]:
    return [(one.key or b"").decode() async for one in merged([records_in(stream) for stream in streams])]


async def test_records_come_in_the_order_of_time_and_an_earlier_stream_first() -> None:
    assert await _order(_stream("a", 1, 4, 5), _stream("b", 1, 2, 5), _stream("c")) == [
        "a0", "b0", "b1", "a1", "a2", "b2",
    ]  # fmt: skip


async def test_a_clock_that_goes_back_stands_still() -> None:
    assert await _order(_stream("a", 5, 1, 6), _stream("b", 4, 5)) == ["b0", "a0", "a1", "b1", "a2"]


async def test_what_is_not_kept_is_left_out_and_groups_have_their_size() -> None:
    kept = records_in(_stream("a", 1, 2, 3, 4, 5), lambda one: one.offset != 1)

    groups = [group async for group in in_groups(kept, 3)]

    assert [group.offsets.tolist() for group in groups] == [[0, 2, 3], [4]]
