"""What the bare parts of a pipeline do, without a pipeline around them: as fast as aiokafka and msgspec go here.

`python -m ironstream.bench.bare '{"pid": 0, "chained": "a.topic", "produced": "b.topic"}'`; settings come from the
environment, the readings from telemetry.raw. A line on stdout for each part says what it took.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from ironstream.bench.measure import cpu_seconds
from ironstream.bench.preload import batches
from ironstream.contract import Reading, Topic
from ironstream.settings import Settings, load_settings

PARTS: Final = ("consume", "decode", "encode", "produce", "chained")
_SAMPLE: Final = 100_000
_UNDER_WAY: Final = 32

_decode: Final = msgspec.json.Decoder(Reading).decode
_encode: Final = msgspec.json.Encoder().encode


class Order(msgspec.Struct, frozen=True):
    """Topics to write to, with their prefix, and the process whose CPU time is taken as the broker's (0: none)."""

    pid: int
    produced: str
    chained: str


class Part(msgspec.Struct, frozen=True):
    """One part: readings it went through, and what that took. CPU is this process's, user and kernel, all threads."""

    part: str
    readings: int
    seconds: float
    cpu_s: float
    broker_cpu_s: float


async def run(settings: Settings, order: Order) -> list[Part]:
    """All parts, one after the other, each over as many readings as telemetry.raw has."""
    parts: list[Part] = []

    async def measure(part: str, work: Callable[[], Awaitable[int]]) -> None:
        gc.collect()
        broker_s = cpu_seconds(order.pid or None)
        started, cpu_s = time.perf_counter(), time.process_time()
        readings = await work()
        taken_s, used_s = time.perf_counter() - started, time.process_time() - cpu_s
        parts.append(Part(part, readings, taken_s, used_s, cpu_seconds(order.pid or None) - broker_s))

    async with _Source(settings) as source:
        await measure("consume", source.count)
    sample = source.sample
    values = [value for _, value in sample]
    await measure("decode", lambda: _over(source.total, values, _decode))
    readings = [_decode(value) for value in values]
    await measure("encode", lambda: _over(source.total, readings, _encode))
    # what is kept is looked through by every collection from here on
    values.clear()
    readings.clear()
    async with _Sink(settings, order.produced) as sink:
        await measure("produce", lambda: _produce(source.total, settings.partitions, sample, sink))
    async with _Source(settings) as again, _Sink(settings, order.chained) as chained:
        await measure("chained", lambda: _chain(again, chained))
    return parts


class _Source:
    """All of telemetry.raw, once, from its beginning to where it ended when this was entered."""

    def __init__(self, settings: Settings) -> None:
        topic = settings.topic(Topic.TELEMETRY_RAW)
        self._places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        self._consumer = AIOKafkaConsumer(
            **settings.kafka_client_kwargs(), enable_auto_commit=False, fetch_max_wait_ms=200
        )
        self.total = 0
        self.sample: list[tuple[bytes, bytes]] = []

    async def __aenter__(self) -> _Source:
        await self._consumer.start()
        self._consumer.assign(self._places)
        starts = await self._consumer.beginning_offsets(self._places)
        ends = await self._consumer.end_offsets(self._places)
        for place in self._places:
            self._consumer.seek(place, starts[place])
        self.total = sum(ends.values()) - sum(starts.values())
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._consumer.stop()

    async def fetched(self) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What `getmany` has of each partition."""
        found: dict[TopicPartition, list[ConsumerRecord]] = await self._consumer.getmany(timeout_ms=1000)
        return found

    async def count(self) -> int:
        """Read all; keeps the first records as a sample."""
        readings = 0
        while readings < self.total:
            for records in (await self.fetched()).values():
                readings += len(records)
                if len(self.sample) < _SAMPLE:
                    self.sample += [(record.key, record.value) for record in records]
        return readings


class _Sink:
    """A topic that is written to in whole record batches, with acknowledgement of all replicas."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._producer = AIOKafkaProducer(
            **settings.kafka_client_kwargs(), acks="all", enable_idempotence=True, max_batch_size=256 * 1024
        )
        self._waiting: set[asyncio.Future[Any]] = set()

    async def __aenter__(self) -> _Sink:
        await self._producer.start()
        await self._producer.partitions_for(self._topic)
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._producer.stop()

    async def write(self, partition: int, rows: Sequence[tuple[bytes, bytes]]) -> None:
        """Hand over rows; waits only while many batches are under way."""
        for batch in batches(self._producer, rows):
            self._waiting.add(await self._producer.send_batch(batch, self._topic, partition=partition))
            if len(self._waiting) > _UNDER_WAY:
                done, self._waiting = await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
                for acknowledged in done:
                    acknowledged.result()

    async def flush(self) -> None:
        """Wait until all is acknowledged."""
        await asyncio.gather(*self._waiting)
        self._waiting.clear()


def repeated(total: int, rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Rows over and over until there were `total` of them."""
    while total > 0:
        some = rows[:total]
        yield some
        total -= len(some)


async def _over(total: int, rows: Sequence[Any], function: Callable[[Any], Any]) -> int:
    done = 0
    for some in repeated(total, rows):
        for row in some:
            function(row)
        done += len(some)
    return done


async def _produce(total: int, partitions: int, sample: Sequence[tuple[bytes, bytes]], sink: _Sink) -> int:
    """The sample over and over, a share of it to each partition in turn."""
    share = max(1, min(len(sample), total) // partitions)
    done, turn = 0, 0
    while done < total:
        at = turn * share % max(1, len(sample) - share + 1)
        rows = sample[at : at + min(share, total - done)]
        await sink.write(turn % partitions, rows)
        done, turn = done + len(rows), turn + 1
    await sink.flush()
    return done


async def _chain(source: _Source, sink: _Sink) -> int:
    """Consume, decode, encode, produce to the same partition."""
    done = 0
    while done < source.total:
        for place, records in (await source.fetched()).items():
            readings = [_decode(record.value) for record in records]
            rows = [(record.key, _encode(reading)) for record, reading in zip(records, readings, strict=True)]
            await sink.write(place.partition, rows)
            done += len(records)
    await sink.flush()
    return done


def main() -> None:
    """Measure all parts and print them."""
    # as a worker has it
    gc.set_threshold(50_000, 10, 10)
    order = msgspec.json.decode(sys.argv[1], type=Order)
    print(msgspec.json.encode(uvloop.run(run(load_settings(), order))).decode())


if __name__ == "__main__":
    main()
