"""How much may be on its way to the agents, topic by topic."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ironstream.engine.underway import CHUNK_RECORDS, MOST_RECORDS, UnderWay

FAUST_QUEUE = 4096


async def test_there_is_room_until_there_is_too_much_and_again_when_something_was_taken() -> None:
    under_way = UnderWay()
    under_way.dispatched("a", MOST_RECORDS)
    assert await under_way.room({"a"}, 0)
    under_way.dispatched("a", 1)
    assert not await under_way.room({"a"}, 0.01)
    waiting = asyncio.create_task(under_way.room({"a"}, 60))
    await asyncio.sleep(0)
    under_way.taken("a", MOST_RECORDS)
    assert await waiting


async def test_a_topic_that_stands_still_leaves_room_for_the_others() -> None:
    under_way = UnderWay()
    under_way.dispatched("b", 1)
    under_way.dispatched("a", MOST_RECORDS)
    assert under_way.full() == {"a"}
    assert await under_way.room({"a", "b"}, 0)
    under_way.dispatched("b", MOST_RECORDS // 2)
    assert under_way.full() == {"a", "b"}
    assert not await under_way.room({"a", "b"}, 0.01)
    under_way.forget()
    assert await under_way.room({"a", "b"}, 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20_000)), max_size=60))
def test_what_is_under_way_has_a_bound_whatever_stands_still(chunks: list[tuple[str, int]]) -> None:
    under_way = UnderWay()
    for topic, records in chunks:
        if topic not in under_way.full():
            under_way.dispatched(topic, records)
    # one chunk may go beyond the bound, and a topic may fill its share after that
    assert under_way.records <= 2 * MOST_RECORDS + 3 * 20_000


def test_small_chunks_never_fill_the_queue_of_a_topic() -> None:
    under_way, chunks = UnderWay(), 0
    while "a" not in under_way.full():
        under_way.dispatched("a", 1)
        chunks += 1
    assert chunks < FAUST_QUEUE
    assert under_way.records == chunks
    assert chunks * CHUNK_RECORDS > MOST_RECORDS
