"""Readings into telemetry.raw, before any worker runs: as adapters would send them, only faster."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from numpy.typing import NDArray

from ironstream.bench.plant import Plant, Row
from ironstream.contract import Topic
from ironstream.settings import Settings

_BLOCK_ROWS: Final = 20_000
_UNDER_WAY: Final = 32


Rows = Callable[[Plant, list[int], range, NDArray[np.float64]], Iterable[Row]]
"""Makes the readings of some machines at some steps: `Plant.rows`, or another of the same arguments."""


async def preload(
    settings: Settings,
    plant: Plant,
    values: NDArray[np.float64],
    report: Callable[[int], None] = lambda _: None,
    rows_of: Rows = Plant.rows,
) -> int:
    """Write one reading of every series for each row of `values` (steps, series); returns how many are in Kafka.

    Each partition's log is in the order of time, its machines side by side, without ticks.
    """
    placed = plant.assets_of(settings.partitions)
    steps = max(1, _BLOCK_ROWS // plant.series)
    producer = AIOKafkaProducer(
        **settings.kafka_client_kwargs(), acks="all", enable_idempotence=True, max_batch_size=256 * 1024
    )
    await producer.start()
    total = 0
    try:
        for start in range(0, len(values), steps):
            block = range(start, min(start + steps, len(values)))
            for partition, assets in enumerate(placed):
                rows = rows_of(plant, assets, block, values)
                total += await write(producer, settings.topic(Topic.TELEMETRY_RAW), partition, rows)
                report(total)
    finally:
        await producer.stop()
    return total


async def write(producer: AIOKafkaProducer, topic: str, partition: int, rows: Iterable[Row]) -> int:
    """Write rows to a partition, in order; returns how many, once the broker has acknowledged all."""
    total = 0
    waiting: deque[asyncio.Future[Any]] = deque()
    for batch in batches(producer, rows):
        total += batch.record_count()
        waiting.append(await producer.send_batch(batch, topic, partition=partition))
        if len(waiting) > _UNDER_WAY:
            await waiting.popleft()
    for acknowledged in waiting:
        await acknowledged
    return total


def batches(producer: AIOKafkaProducer, rows: Iterable[Row]) -> Iterator[BatchBuilder]:
    """Rows in record batches, each as large as the producer allows."""
    remaining = iter(rows)
    row = next(remaining, None)
    while row is not None:
        batch = producer.create_batch()
        while row is not None and batch.append(key=row[0], value=row[1], timestamp=None) is not None:
            row = next(remaining, None)
        yield batch
