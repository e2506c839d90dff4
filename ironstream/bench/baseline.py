"""How fast the ordinary Faust agent of `plain_faust` works through a sample of the same readings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiokafka import AIOKafkaProducer
from numpy.typing import NDArray

from ironstream.bench import plain_faust
from ironstream.bench.deployment import BenchError, Deployment
from ironstream.bench.plant import Plant
from ironstream.bench.preload import write
from ironstream.bench.watch import Watch
from ironstream.commands.children import python
from ironstream.topics import TopicSpec, ensure_topics


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """One run of the baseline, measured as the pipeline is."""

    readings: int
    seconds: float
    readings_per_s: float
    worker_cpu_s_per_million: float
    worker_peak_mib: float


async def measure_baseline(
    deployment: Deployment, plant: Plant, values: NDArray[np.float64], report: Callable[[int], Any]
) -> BaselineResult:
    """One reading of every series for each row of `values`, through a worker of its own. Raises BenchError."""
    settings = deployment.settings
    client = settings.kafka_client_kwargs()
    specs = [TopicSpec(settings.topic(name), settings.partitions) for name in plain_faust.topics()]
    await ensure_topics(client, specs, settings.replication)
    producer = AIOKafkaProducer(**client, acks="all", max_batch_size=256 * 1024)
    await producer.start()
    try:
        total = 0
        for partition, assets in enumerate(plant.assets_of(settings.partitions)):
            rows = plant.rows(assets, range(len(values)), values)
            total += await write(producer, settings.topic(plain_faust.RAW), partition, rows)
    finally:
        await producer.stop()
    worker = deployment.child("plain-faust", python("-m", "ironstream.bench.plain_faust"))
    watch = Watch(deployment, plain_faust.CLEAN, [worker])
    start, end = await watch.run(total, report)
    clean, dead = await deployment.count(plain_faust.CLEAN), await deployment.count(plain_faust.DEAD)
    deployment.end_workers()
    if (clean, dead) != (total, 0):
        raise BenchError(
            f"The baseline made {clean:,} clean readings and {dead:,} dead letters of {total:,} readings.",
            "It was restarted or rebalanced on the way; measure again.",
        )
    return BaselineResult(
        readings=total,
        seconds=end.at_s - start.at_s,
        readings_per_s=(end.records - start.records) / (end.at_s - start.at_s),
        worker_cpu_s_per_million=(end.worker_cpu_s - start.worker_cpu_s) / (end.records - start.records) * 1e6,
        worker_peak_mib=watch.peaks()[0],
    )
