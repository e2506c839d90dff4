from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ironstream.engine.outbox import Outbox
from ironstream.sinks.dead_letters import KafkaDeadLetters
from ironstream.sinks.sink import Refusal
from tests.support.engine import MemoryRecord


class Batch:
    """What a producer puts records into."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self._builder = self

    def append(self, *row: Any) -> object:
        self.rows.append(row)
        return object()

    def close(self) -> None:
        pass

    def size(self) -> int:
        return 1


class Producer:
    """Keeps what it is to send; the broker answers when `answer` is set."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int, Batch]] = []
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        self.sent.append((topic, partition, batch))
        return self.answer


class Acknowledged:
    offset = 100


RECORD = MemoryRecord(17, 1_700_000_000_000, b"acme/north/pump", b'{"value": 1}', [("ironstream-id", b"a/0/1")])


async def letters() -> tuple[KafkaDeadLetters, Producer, list[Exception]]:
    failures: list[Exception] = []
    outbox = Outbox(failures.append)
    producer: Any = Producer()
    outbox.start(producer)
    return KafkaDeadLetters("store", outbox, "plant."), producer, failures


async def test_a_dead_letter_is_the_record_itself_with_why_and_where_it_came_from() -> None:
    dead, producer, _ = await letters()
    dead.send(RECORD, "telemetry.clean", 3, Refusal(0, "refused", "value out of range"))
    await asyncio.sleep(0)
    ((topic, partition, batch),) = producer.sent
    assert (topic, partition) == ("plant.dlq.sinks", 3)
    ((_, timestamp, key, value, headers),) = batch.rows
    assert (timestamp, key, value) == (RECORD.timestamp, RECORD.key, RECORD.value)
    assert dict(headers) == {
        "ironstream-id": b"a/0/1",
        "dlq-reason": b"refused",
        "dlq-detail": b"value out of range",
        "dlq-topic": b"telemetry.clean",
        "dlq-partition": b"3",
        "dlq-offset": b"17",
        "dlq-time": b"2023-11-14T22:13:20.000Z",
        "dlq-sink": b"store",
    }
    producer.answer.set_result(Acknowledged)


async def test_pages_that_a_target_answers_do_not_make_a_record_that_the_broker_refuses() -> None:
    dead, producer, _ = await letters()
    dead.send(RECORD, "telemetry.clean", 3, Refusal(0, "refused", "<html>" * 1_000_000))
    await asyncio.sleep(0)
    headers = dict(producer.sent[0][2].rows[0][4])
    assert len(headers["dlq-detail"]) == 1000
    producer.answer.set_result(Acknowledged)


async def test_settled_waits_for_the_broker_and_for_no_other_partition() -> None:
    dead, producer, _ = await letters()
    dead.send(RECORD, "telemetry.clean", 3, Refusal(0, "refused", ""))
    await dead.settled({2})
    waiting = asyncio.create_task(dead.settled({3}))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    producer.answer.set_result(Acknowledged)
    await waiting


async def test_a_dead_letter_that_cannot_be_written_lets_no_offset_go_and_stops_the_process() -> None:
    dead, producer, failures = await letters()
    dead.send(RECORD, "telemetry.clean", 3, Refusal(0, "refused", ""))
    waiting = asyncio.create_task(dead.settled({3}))
    await asyncio.sleep(0)
    producer.answer.set_exception(ConnectionError("the broker is gone"))
    with pytest.raises(Exception, match=r"cannot write to plant\.dlq\.sinks"):
        await waiting
    assert len(failures) == 1
