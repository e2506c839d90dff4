"""`bench latency`: how old a reading is when a consumer of telemetry.clean has it, at steady rates."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition
from numpy.typing import NDArray

from ironstream.bench.deployment import BenchError, Deployment, deploy
from ironstream.bench.measure import Machine, machine
from ironstream.bench.pacer import Order, Sent
from ironstream.bench.plant import WINDOWS_S, Plant
from ironstream.commands.children import Child, python
from ironstream.contract import Topic
from ironstream.domain.time_columns import parse_times
from ironstream.domain.times import to_us

WARM_UP_S: Final = 5.0
_PATIENCE_S: Final = 60.0

Report = Callable[[str, int, int | None], None]


class _Stamps(msgspec.Struct, gc=False):
    device_time: str


class _Clean(msgspec.Struct, gc=False):
    timestamps: _Stamps


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """At one rate: ms from a reading's device time to its clean copy in a consumer's hands.

    `sender_late_ms`: how far the sender fell behind its rate at worst; where that is much, the rate was not that rate.
    """

    rate: int
    readings: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    sender_late_ms: float


@dataclass(frozen=True, slots=True)
class LatencyResults:
    """All rates, one after the other through the same worker."""

    machine: Machine
    series: int
    results: list[LatencyResult]


async def measure_latency(
    *,
    rates: Sequence[int],
    seconds: float,
    series: int = 1000,
    warm_up_s: float = WARM_UP_S,
    bootstrap: str | None = None,
    report: Report = lambda _what, _done, _total: None,
) -> LatencyResults:
    """Send `warm_up_s` + `seconds` at each rate; the warm-up does not count. Raises BenchError when a reading lacks."""
    facts = machine(own_kafka=bootstrap is None)
    plant = Plant(series, max(rates) / series, 0, slowest_hz=min(rates) / series)
    report("starting Kafka", 0, None)
    async with deploy(plant.topology(), WINDOWS_S, bootstrap) as deployment:
        await deployment.restored(deployment.worker())
        results = []
        for number, rate in enumerate(rates):
            report(f"{rate} readings/s", number, len(rates))
            order = Order(rate, warm_up_s + seconds, series, f"bench-{secrets.token_hex(4)}")
            results.append(await _at_rate(deployment, order, warm_up_s))
    return LatencyResults(facts, series, results)


async def _at_rate(deployment: Deployment, order: Order, warm_up_s: float) -> LatencyResult:
    settings = deployment.settings
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
        pacer = deployment.child("pacer", command)
        device, received = await _receive(deployment, consumer, int(order.rate * order.seconds), pacer)
        told = await asyncio.to_thread(pacer.wait_for, '"late_s"', _PATIENCE_S)
    finally:
        await consumer.stop()
        if pacer is not None:
            pacer.stop()
            deployment.workers.remove(pacer)
    if told is None:
        raise BenchError(f"The sender did not end in order:\n{pacer.last_words()}", "Measure again.")
    sent = msgspec.json.decode(told, type=Sent)
    counted = device >= device.min() + int(warm_up_s * 1e6)
    return summarize(order.rate, device[counted], received[counted], sent)


def summarize(rate: int, device_us: NDArray[np.int64], received_us: NDArray[np.int64], sent: Sent) -> LatencyResult:
    """Percentiles of what was measured."""
    ages = np.sort((received_us - device_us) / 1000.0)
    p50, p95, p99 = (float(np.percentile(ages, q)) for q in (50, 95, 99))
    length_s = float(device_us.max() - device_us.min()) / 1e6
    return LatencyResult(rate, len(ages), length_s, p50, p95, p99, float(ages[-1]), sent.late_s * 1000)


async def _receive(
    deployment: Deployment, consumer: AIOKafkaConsumer, total: int, pacer: Child
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Device time and time of receipt (µs) of `total` clean readings, in the order they come."""
    decode = msgspec.json.Decoder(_Clean).decode
    device, received = [], []
    found, moved_s = 0, time.monotonic()
    while found < total:
        batches = await consumer.getmany(timeout_ms=200)
        now_us = time.time_ns() // 1000
        texts = [decode(record.value).timestamps.device_time for records in batches.values() for record in records]
        if texts:
            device.append(_times(texts))
            received.append(np.full(len(texts), now_us))
            found, moved_s = found + len(texts), time.monotonic()
        elif time.monotonic() - moved_s > _PATIENCE_S:
            raise BenchError(
                f"{found:,} of {total:,} clean readings came, and no more for {_PATIENCE_S:.0f} s.",
                f"The sender said last:\n{pacer.last_words()}",
            )
        elif pacer.exit_code:
            raise BenchError(f"The sender failed. Its last words:\n{pacer.last_words()}", "Lower the rate?")
        _check_workers(deployment, pacer)
    if found > total:
        raise BenchError(f"{found:,} clean readings came of {total:,} that were sent.", "Was Kafka ours alone?")
    return np.concatenate(device), np.concatenate(received)


def _check_workers(deployment: Deployment, pacer: Child) -> None:
    for worker in deployment.workers:
        if worker is not pacer and not worker.running:
            deployment.check_workers()


def _times(texts: list[str]) -> NDArray[np.int64]:
    """µs since the epoch; a time without µs has a shorter form, which keeps a batch from being parsed at once."""
    times = parse_times(texts)
    return np.array([to_us(text) for text in texts], np.int64) if times is None else times
