"""Outputs on their way: in order, in batches, and never given up in silence."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.engine.outbox import Outbox, OutputRow
from ironstream.errors import EngineError
from tests.support.faults.producer import InMemoryProducer


def rows(*values: bytes) -> list[OutputRow]:
    return [(1000, b"key", value, ()) for value in values]


def outbox(producer: InMemoryProducer, failures: list[Exception], max_unsent_batches: int = 256) -> Outbox:
    made = Outbox(failures.append, max_unsent_batches)
    made.start(producer)
    return made


async def settled(box: Outbox, partition: int = 0) -> None:
    await asyncio.gather(*box.unsent(partition))


def values(producer: InMemoryProducer, topic: str = "t") -> list[bytes | None]:
    return [record.value for record in producer.logs[topic, 0]]


async def test_records_arrive_in_order_with_key_time_and_headers() -> None:
    producer = InMemoryProducer()
    box = outbox(producer, [])
    count = box.lane("t", 0).extend([(5, b"k", b"v", [("h", b"1")]), (6, None, None, (("h", b"2"),))])
    await settled(box)

    first, second = producer.logs["t", 0]
    assert count == 2
    assert (first.timestamp, first.key, first.value, list(first.headers)) == (5, b"k", b"v", [("h", b"1")])
    assert (second.timestamp, second.key, second.value, list(second.headers)) == (6, None, None, [("h", b"2")])


async def test_what_comes_while_a_batch_is_under_way_leaves_together() -> None:
    producer = InMemoryProducer()
    box = outbox(producer, [])
    lane = box.lane("t", 0)
    producer.hold()
    lane.extend(rows(b"1"))
    await asyncio.sleep(0)
    for value in (b"2", b"3", b"4"):
        lane.extend(rows(value))
    producer.let_go()
    await settled(box)

    assert values(producer) == [b"1", b"2", b"3", b"4"]
    assert len(producer.batches) == 2
    assert lane.last_offset == 3


async def test_unsent_names_what_the_broker_has_not_acknowledged_and_only_of_its_partition() -> None:
    producer = InMemoryProducer()
    box = outbox(producer, [])
    producer.hold()
    box.lane("t", 0).extend(rows(b"1"))
    box.lane("u", 0).extend(rows(b"1"))
    box.lane("t", 1).extend(rows(b"1"))
    await asyncio.sleep(0)

    assert [len(box.unsent(partition)) for partition in (0, 1, 2)] == [2, 1, 0]
    producer.let_go()
    await asyncio.gather(settled(box, 0), settled(box, 1))
    assert [len(box.unsent(partition)) for partition in (0, 1)] == [0, 0]
    assert box.records_acknowledged == 3


async def test_a_refusal_is_reported_and_fails_everything_that_waits() -> None:
    producer, failures = InMemoryProducer(), list[Exception]()
    box = outbox(producer, failures)
    producer.hold()
    box.lane("t", 0).extend(rows(b"1"))
    box.lane("u", 0).extend(rows(b"1"))
    waiting = box.unsent(0)
    await asyncio.sleep(0)
    producer.refuse = OSError("no route")
    producer.let_go()

    with pytest.raises(EngineError, match="cannot write to t, partition 0"):
        await asyncio.gather(*waiting)
    assert isinstance(failures[0], EngineError)
    assert "last commit" in failures[0].hint


async def test_a_record_larger_than_a_batch_takes_one_of_its_own() -> None:
    producer = InMemoryProducer(batch_size=500)
    box = outbox(producer, [])
    box.lane("t", 0).extend(rows(b"small", b"x" * 5_000, b"small"))
    await settled(box)

    assert [len(value or b"") for value in values(producer)] == [5, 5_000, 5]


async def test_room_waits_while_too_much_is_under_way_and_no_longer() -> None:
    producer = InMemoryProducer()
    box = outbox(producer, [], max_unsent_batches=1)
    producer.hold()
    box.lane("t", 0).extend(rows(b"1"))
    box.lane("u", 0).extend(rows(b"1"))
    waiting = asyncio.create_task(box.room())
    await asyncio.sleep(0.01)
    assert not waiting.done()

    producer.let_go()

    await asyncio.wait_for(waiting, 60)


async def test_it_says_so_when_it_has_not_been_started() -> None:
    with pytest.raises(EngineError, match="not been started"):
        Outbox(lambda err: None).lane("t", 0).extend(rows(b"1"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 300), max_size=8), max_size=10), st.integers(200, 1000))
def test_any_mix_of_sizes_arrives_whole_and_in_order(bursts: list[list[int]], batch_size: int) -> None:
    async def run() -> None:
        producer, failures = InMemoryProducer(batch_size), list[Exception]()
        box = outbox(producer, failures)
        sent = []
        for burst in bursts:
            given_rows = rows(*(b"x" * size for size in burst))
            sent += [row[2] for row in given_rows]
            assert box.lane("t", 0).extend(given_rows) == len(burst)
            await asyncio.sleep(0)
        await settled(box)
        assert values(producer) == sent
        assert failures == []

    asyncio.run(run())
