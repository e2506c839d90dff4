"""Sends readings at a steady rate, each with the moment it is sent as its device time, as a process of its own.

`python -m ironstream.bench.pacer '{"rate": 1000, "seconds": 20, "series": 1000, "boot": "a"}'`; settings come from
the environment. Its last line on stdout says how many it sent and how far it fell behind.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer

from ironstream.bench.plant import Plant, Row
from ironstream.bench.preload import batches
from ironstream.contract import Topic
from ironstream.settings import Settings, load_settings

_STEP_S: Final = 0.01


class Order(msgspec.Struct, frozen=True):
    """What to send: `rate` readings a second over `series` series, for `seconds`."""

    rate: int
    seconds: float
    series: int
    boot: str


class Sent(msgspec.Struct, frozen=True):
    """What was sent; `late_s`: how far the sender itself fell behind its rate at worst."""

    readings: int
    late_s: float


async def send(settings: Settings, order: Order) -> Sent:
    """Send at the ordered rate, every 10 ms what is due, spread over the series one after the other."""
    plant = Plant(order.series, order.rate / order.series, 0, order.boot)
    partition_of = {
        asset: partition for partition, assets in enumerate(plant.assets_of(settings.partitions)) for asset in assets
    }
    swing = plant.values(1 + int(order.seconds * order.rate) // order.series)
    producer = AIOKafkaProducer(
        **settings.kafka_client_kwargs(), acks="all", enable_idempotence=True, max_batch_size=256 * 1024
    )
    await producer.start()
    topic = settings.topic(Topic.TELEMETRY_RAW)
    loop = asyncio.get_running_loop()
    done, late_s, total = 0, 0.0, int(order.rate * order.seconds)
    waiting: set[asyncio.Future[Any]] = set()
    try:
        await producer.partitions_for(topic)
        began = loop.time()
        while done < total:
            due = min(total, int((loop.time() - began) * order.rate) + 1)
            late_s = max(late_s, loop.time() - began - done / order.rate - _STEP_S)
            by_partition: defaultdict[int, list[Row]] = defaultdict(list)
            for number in range(done, due):
                step, series = divmod(number, order.series)
                asset = plant.asset_of(series)
                row = plant.row(series, step, float(swing[step, series]), time.time_ns() // 1000)
                by_partition[partition_of[asset]].append(row)
            for partition, rows in by_partition.items():
                for batch in batches(producer, rows):
                    acknowledged = await producer.send_batch(batch, topic, partition=partition)
                    waiting.add(acknowledged)
                    acknowledged.add_done_callback(waiting.discard)
            done = due
            await asyncio.sleep(max(0.0, began + done / order.rate - loop.time(), _STEP_S / 2))
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()
    return Sent(done, max(0.0, late_s))


def main() -> None:
    """Send what the first argument orders."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    sent = asyncio.run(send(load_settings(), order))
    print(msgspec.json.encode(sent).decode())


if __name__ == "__main__":
    main()
