from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RequestTimedOutError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from ironstream.gateway.batch_sender import BatchSender, ProducerSpentError
from ironstream.gateway.delivery import Delivery
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.rounds import Round

PARTITIONS = 5


class FakeProducer:
    """A broker of one topic that refuses batches above `max_bytes`, and fails on the partitions `broken`."""

    def __init__(self, batch_bytes: int, max_bytes: int = 1 << 30, broken: tuple[int, ...] = ()) -> None:
        self.batch_bytes = batch_bytes
        self.max_bytes = max_bytes
        self.broken = broken
        self.log: defaultdict[int, list[tuple[bytes | None, bytes]]] = defaultdict(list)
        self.headers: list[list[tuple[str, bytes | None]]] = []
        self.topics: set[str] = set()
        self.under_way: set[int] = set()

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(PARTITIONS))

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self.batch_bytes, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[None]:
        assert partition not in self.under_way
        self.under_way.add(partition)
        self.topics.add(topic)
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def reply() -> None:
            self.under_way.discard(partition)
            content = bytes(batch._build())
            if len(content) > self.max_bytes:
                answer.set_exception(MessageSizeTooLargeError())
            elif partition in self.broken:
                answer.set_exception(RequestTimedOutError())
            else:
                records = list(DefaultRecordBatch(content))
                self.log[partition] += [(record.key, record.value) for record in records]
                self.headers += [record.headers for record in records]
                answer.set_result(None)

        asyncio.get_running_loop().call_soon(reply)
        return answer


def round_of(count: int, size: int = 50, keys: int = 20) -> Round:
    made = Round()
    for number in range(count):
        key = f"acme/north/asset-{number % keys}".encode()
        made.add(Outgoing("telemetry.raw", key, str(number).encode().ljust(size, b".")))
    return made


def sender() -> BatchSender:
    return BatchSender("plant.", lambda: None)


async def send_until_done(sender: BatchSender, current: Round, **limits: Any) -> list[FakeProducer]:
    """As the publisher does: another producer after every failure."""
    producers = []
    while current.remaining:
        producers.append(FakeProducer(sender.batch_bytes, **limits))
        try:
            await sender.send(producers[-1], current)
        except ProducerSpentError:
            current = current.rest()
    return producers


async def test_records_go_where_any_client_of_kafka_would_put_them_and_those_of_a_key_in_order() -> None:
    current, producer = round_of(3_000), FakeProducer(4_096)
    await sender().send(producer, current)
    assert producer.topics == {"plant.telemetry.raw"}
    assert (current.remaining, current.left) == (0, [])
    places = list(range(PARTITIONS))
    for partition, records in producer.log.items():
        of_key: defaultdict[bytes | None, list[int]] = defaultdict(list)
        for key, value in records:
            of_key[key].append(int(value.rstrip(b".")))
            assert DefaultPartitioner()(key, places, places) == partition
        assert all(numbers == sorted(numbers) for numbers in of_key.values())
    assert sum(map(len, producer.log.values())) == 3_000


async def test_a_record_that_is_too_large_is_refused_alone() -> None:
    current, delivery = round_of(200), Delivery()
    delivery.expect()
    delivery.settle()
    current.add(Outgoing("telemetry.raw", b"acme/north/asset-1", b"x" * 20_000, delivery=delivery))
    for number in range(200, 400):
        current.add(Outgoing("telemetry.raw", b"acme/north/asset-1", str(number).encode()))
    one = sender()
    producers = await send_until_done(one, current, max_bytes=10_000)
    assert one.refused == 1
    assert delivery._settled.is_set()
    sent = sorted(int(value.rstrip(b".")) for p in producers for records in p.log.values() for _, value in records)
    assert sent == list(range(400))


async def test_batches_that_are_refused_become_smaller_until_kafka_takes_them() -> None:
    one = sender()
    producers = await send_until_done(one, round_of(2_000), max_bytes=3_000)
    assert one.refused == 0
    assert 1_000 < one.batch_bytes <= 3_000
    assert sum(len(records) for producer in producers for records in producer.log.values()) == 2_000


async def test_what_would_make_kafka_close_the_connection_is_not_sent_at_all() -> None:
    one, current = sender(), Round()
    current.add(Outgoing("telemetry.raw", b"k", b"x" * (1024 * 1024 + 1)))
    await one.send(FakeProducer(1_000), current)
    assert (one.refused, current.remaining) == (1, 0)


async def test_of_a_round_that_failed_what_is_left_can_be_sent_again() -> None:
    one, current = sender(), round_of(100)
    producer = FakeProducer(4_096, broken=(2,))
    with pytest.raises(KafkaError):
        await one.send(producer, current)
    assert 0 < current.remaining < 100
    rest = current.rest()
    assert rest.remaining == current.remaining
    producer.broken = ()
    await one.send(producer, rest)
    assert sum(map(len, producer.log.values())) == 100


async def test_headers_go_with_their_record() -> None:
    current, producer = Round(), FakeProducer(4_096)
    current.add(Outgoing("telemetry.raw", b"k", b"1", headers=(("dlq-reason", b"malformed"),)))
    current.add(Outgoing("telemetry.raw", b"k", b"2"))
    await sender().send(producer, current)
    assert producer.headers == [[("dlq-reason", b"malformed")], []]


async def test_records_without_a_key_are_spread() -> None:
    current, producer = Round(), FakeProducer(4_096)
    for number in range(PARTITIONS * 2):
        current.add(Outgoing("logs.adapters", None, str(number).encode()))
    await sender().send(producer, current)
    assert {len(records) for records in producer.log.values()} == {2}
