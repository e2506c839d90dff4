"""Sends readings at given rates, each with the moment it is sent as its device time, as a process of its own.

`python -m ironstream.bench.pacer '{"phases": [{"rate": 1000, "seconds": 20}], "series": 1000, "boot": "a"}'`; settings
come from the environment. Its last line on stdout says what it sent and how far it fell behind. SIGTERM ends it early,
in order.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import uvloop
from aiokafka import AIOKafkaProducer

from ironstream.bench.plant import Plant, Row
from ironstream.bench.preload import batches
from ironstream.contract import Topic
from ironstream.settings import Settings, load_settings

_STEP_S: Final = 0.01
_PERIOD_S: Final = 60
"""Of the plant's values: an order of hours takes them again and again, and no more memory."""
_VALUES_MOST: Final = 10_000_000


class Phase(msgspec.Struct, frozen=True):
    """`rate` readings a second for `seconds`."""

    rate: int
    seconds: float

    @property
    def readings(self) -> int:
        """How many that makes."""
        return int(self.rate * self.seconds)


class Order(msgspec.Struct, frozen=True):
    """What to send: phases one after the other, spread over `series` series."""

    phases: tuple[Phase, ...]
    series: int
    boot: str

    @property
    def readings(self) -> int:
        """How many all phases make."""
        return sum(phase.readings for phase in self.phases)


class Sent(msgspec.Struct, frozen=True):
    """What was sent in a phase, which began and ended at `began_us` and `ended_us`.

    `late_s`: how far the sender itself fell behind its rate at worst. All readings are sent, whatever that takes, so a
    phase that the sender was too slow for is longer than ordered.
    """

    readings: int
    late_s: float
    began_us: int
    ended_us: int

    @property
    def rate(self) -> float:
        """Readings a second that were reached."""
        return self.readings / max(1e-6, (self.ended_us - self.began_us) / 1e6)


class _Sender:
    """Readings of all series in turn, to where each belongs."""

    def __init__(self, producer: AIOKafkaProducer, settings: Settings, order: Order) -> None:
        self._producer = producer
        self._topic = settings.topic(Topic.TELEMETRY_RAW)
        self._plant = Plant(order.series, order.phases[0].rate / order.series, 0, order.boot)
        self._partition_of = {
            asset: partition
            for partition, assets in enumerate(self._plant.assets_of(settings.partitions))
            for asset in assets
        }
        period = max(1, round(self._plant.hz * _PERIOD_S))
        most = max(1, _VALUES_MOST // order.series // period) * period
        self._values = self._plant.values(min(1 + order.readings // order.series, most))
        self._done = 0
        self.waiting: set[asyncio.Future[Any]] = set()

    async def send(self, count: int) -> None:
        """The next `count` readings, made now."""
        by_partition: defaultdict[int, list[Row]] = defaultdict(list)
        for step, series in steps_of(range(self._done, self._done + count), self._plant.series):
            values = self._values[step % len(self._values)].tolist()
            for asset, rows in self._plant.block(series, step, values, time.time_ns() // 1000):
                by_partition[self._partition_of[asset]] += rows
        for partition, rows in by_partition.items():
            for batch in batches(self._producer, rows):
                acknowledged = await self._producer.send_batch(batch, self._topic, partition=partition)
                self.waiting.add(acknowledged)
                acknowledged.add_done_callback(self.waiting.discard)
        self._done += count


def steps_of(numbers: range, series: int) -> Iterator[tuple[int, range]]:
    """Readings of some numbers, dealt to the series in turn: for each step the series that it has in there."""
    at = numbers.start
    while at < numbers.stop:
        step, first = divmod(at, series)
        last = min(series, first + numbers.stop - at)
        yield step, range(first, last)
        at += last - first


async def send(settings: Settings, order: Order) -> list[Sent]:
    """Send all phases, every 10 ms what is due; after SIGTERM no more."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    producer = AIOKafkaProducer(
        **settings.kafka_client_kwargs(), acks="all", enable_idempotence=True, max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        sender = _Sender(producer, settings, order)
        await producer.partitions_for(settings.topic(Topic.TELEMETRY_RAW))
        sent = [await _phase(sender, phase, stop) for phase in order.phases]
        await asyncio.gather(*sender.waiting)
    finally:
        await producer.stop()
    return sent


async def _phase(sender: _Sender, phase: Phase, stop: asyncio.Event) -> Sent:
    loop = asyncio.get_running_loop()
    began, began_us = loop.time(), time.time_ns() // 1000
    done, late_s, total = 0, 0.0, phase.readings
    while done < total and not stop.is_set():
        due = min(total, int((loop.time() - began) * phase.rate) + 1)
        late_s = max(late_s, loop.time() - began - done / phase.rate - _STEP_S)
        await sender.send(due - done)
        done = due
        await asyncio.sleep(max(0.0, began + done / phase.rate - loop.time(), _STEP_S / 2))
    return Sent(done, max(0.0, late_s), began_us, time.time_ns() // 1000)


def main() -> None:
    """Send what the first argument orders."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    sent = uvloop.run(send(load_settings(), order))
    print(msgspec.json.encode(sent).decode())


if __name__ == "__main__":
    main()
