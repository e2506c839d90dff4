"""Ages of clean readings in a consumer's hands, while a paced sender sends: what `latency` and `burst` measure."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition
from numpy.typing import NDArray

from ironstream.bench.deployment import BenchError, environment
from ironstream.bench.pacer import Order, Sent
from ironstream.commands.children import Child, python
from ironstream.contract import Topic
from ironstream.settings import Settings

_PATIENCE_S: Final = 60.0
_LOOKED_AT_PER_S: Final = 10_000


class _Stamps(msgspec.Struct, gc=False):
    device_time: str


class _Clean(msgspec.Struct, gc=False):
    timestamps: _Stamps


@dataclass(frozen=True, slots=True)
class Ages:
    """Device time and time of receipt (µs) of every `stride`-th clean reading, and what the sender says of its phases.

    `readings`: how many came in all, as many as were sent.
    """

    device_us: NDArray[np.int64]
    received_us: NDArray[np.int64]
    stride: int
    readings: int
    sent: list[Sent]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Ages in ms."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def percentiles(device_us: NDArray[np.int64], received_us: NDArray[np.int64]) -> Percentiles:
    """Of the ages of some readings, at least one."""
    ages = (received_us - device_us) / 1000.0
    p50, p95, p99 = (float(np.percentile(ages, q)) for q in (50, 95, 99))
    return Percentiles(p50, p95, p99, float(ages.max()))


def stride_of(order: Order) -> int:
    """Every how many-th reading is looked at, so that the one who looks takes little from what is looked at."""
    return max(1, max(phase.rate for phase in order.phases) // _LOOKED_AT_PER_S)


async def measure_ages(settings: Settings, order: Order, folder: Path, look: Callable[[], Any] = lambda: None) -> Ages:
    """Send what is ordered, and receive as many clean readings, whoever makes them of the raw ones.

    The topics are those of `settings`; the sender's log goes to `folder`. `look` is called about five times a second or
    more, and raises what should end the measurement, such as a process that is gone. Raises BenchError when readings
    lack or are too many, or the sender fails.
    """
    consumer = AIOKafkaConsumer(**settings.kafka_client_kwargs(), enable_auto_commit=False, fetch_max_wait_ms=100)
    await consumer.start()
    pacer: Child | None = None
    try:
        topic = settings.topic(Topic.TELEMETRY_CLEAN)
        places = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(places)
        for place, end in (await consumer.end_offsets(places)).items():
            consumer.seek(place, end)
        command = python("-m", "ironstream.bench.pacer", msgspec.json.encode(order).decode())
        pacer = Child("pacer", command, folder / "pacer.log", os.environ | environment(settings))
        pacer.start()
        stride = stride_of(order)
        device, received = await _receive(consumer, order.readings, stride, pacer, look)
        told = await asyncio.to_thread(pacer.wait_for, '"late_s"', _PATIENCE_S)
    finally:
        await consumer.stop()
        if pacer is not None:
            pacer.stop()
    if told is None:
        raise BenchError(f"The sender did not end in order:\n{pacer.last_words()}", "Measure again.")
    return Ages(device, received, stride, order.readings, msgspec.json.decode(told, type=list[Sent]))


async def _receive(
    consumer: AIOKafkaConsumer,
    total: int,
    stride: int,
    pacer: Child,
    look: Callable[[], Any],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Device time and time of receipt (µs) of every `stride`-th of `total` clean readings, in the order they come."""
    decode = msgspec.json.Decoder(_Clean).decode
    device, received = [], []
    found, moved_s = 0, time.monotonic()
    while found < total:
        batches = await consumer.getmany(timeout_ms=200)
        now_us = time.time_ns() // 1000
        texts: list[str] = []
        before = found
        for records in batches.values():
            some = records[-found % stride :: stride]
            texts += [decode(record.value).timestamps.device_time for record in some]
            found += len(records)
        if texts:
            device.append(_times(texts))
            received.append(np.full(len(texts), now_us))
        if found > before:
            moved_s = time.monotonic()
        elif time.monotonic() - moved_s > _PATIENCE_S:
            raise BenchError(
                f"{found:,} of {total:,} clean readings came, and no more for {_PATIENCE_S:.0f} s.",
                f"The sender said last:\n{pacer.last_words()}",
            )
        elif pacer.exit_code:
            raise BenchError(f"The sender failed. Its last words:\n{pacer.last_words()}", "Lower the rate?")
        look()
    if found > total:
        raise BenchError(f"{found:,} clean readings came of {total:,} that were sent.", "Was Kafka ours alone?")
    return np.concatenate(device), np.concatenate(received)


def _times(texts: list[str]) -> NDArray[np.int64]:
    """µs since the epoch, of times that end in Z."""
    return np.array([text[:-1] for text in texts], "datetime64[us]").astype(np.int64)
