"""`bench limits`: what bare consume, decode, encode and produce reach here; a pipeline of them cannot be faster."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from ironstream.bench.bare import PARTS, Order, Part
from ironstream.bench.deployment import BenchError, deploy
from ironstream.bench.measure import Machine, machine
from ironstream.bench.pipeline import PipelineResult, Report, measure_pipeline, whole_hour
from ironstream.bench.plant import WINDOWS_S, Plant
from ironstream.bench.preload import preload
from ironstream.commands.children import python
from ironstream.topics import TopicSpec, ensure_topics

_PRODUCED: Final = "bench.bare.produced"
_CHAINED: Final = "bench.bare.chained"
_PATIENCE_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What one part reaches. `broker_cpu_s_per_million` is None where the broker is not ours, or has no part in it."""

    part: str
    readings: int
    readings_per_s: float
    cpu_s_per_million: float
    broker_cpu_s_per_million: float | None


@dataclass(frozen=True, slots=True)
class LimitsResult:
    """All parts, in one process, and the pipeline on as many of the same readings when that was asked for."""

    machine: Machine
    series: int
    readings: int
    bytes_per_reading: int
    limits: list[Limit]
    pipeline: PipelineResult | None

    @property
    def share(self) -> float | None:
        """Rate of the pipeline as a share of the chained limit."""
        if self.pipeline is None:
            return None
        return self.pipeline.readings_per_s / self.limits[PARTS.index("chained")].readings_per_s


async def measure_limits(
    *,
    readings: int,
    series: int,
    hz: float,
    with_pipeline: bool = False,
    bootstrap: str | None = None,
    report: Report = lambda _what, _done, _total: None,
) -> LimitsResult:
    """Preload as `bench pipeline` does, then the parts one after the other in a process of their own.

    Raises BenchError when a part has not gone through every reading, or the broker has not got every one.
    """
    facts = machine(own_kafka=bootstrap is None)
    steps = max(1, readings // series)
    plant = Plant(series, hz, whole_hour(steps / hz), f"bench-{secrets.token_hex(4)}")
    values = plant.values(steps)
    total = steps * series
    report("starting Kafka", 0, None)
    async with deploy(plant.topology(), WINDOWS_S, bootstrap) as deployment:
        settings = deployment.settings
        names = [settings.topic(name) for name in (_PRODUCED, _CHAINED)]
        specs = [TopicSpec(name, settings.partitions) for name in names]
        await ensure_topics(settings.kafka_client_kwargs(), specs, settings.replication)
        await preload(settings, plant, values, lambda done: report("preloading", done, total))
        report("measuring the parts", 0, None)
        order = Order(deployment.broker_pid or 0, *names)
        child = deployment.child("bare", python("-m", "ironstream.bench.bare", msgspec.json.encode(order).decode()))
        told = await asyncio.to_thread(child.wait_for, '"broker_cpu_s"', _PATIENCE_S)
        if told is None:
            raise BenchError(f"The parts were not measured. Last words:\n{child.last_words()}", "Measure again.")
        parts = msgspec.json.decode(told, type=list[Part])
        written = [await deployment.count(name) for name in (_PRODUCED, _CHAINED)]
    check(parts, written, total)
    pipeline = None
    if with_pipeline:
        pipeline = await measure_pipeline(
            readings=total, series=series, hz=hz, bootstrap=bootstrap, profile=False, report=report
        )
    return LimitsResult(
        machine=facts,
        series=series,
        readings=total,
        bytes_per_reading=len(next(plant.rows([0], range(1), values))[1]),
        limits=[limit(part, own_kafka=bootstrap is None) for part in parts],
        pipeline=pipeline,
    )


def check(parts: Sequence[Part], written: Sequence[int], total: int) -> None:
    """Raise BenchError unless there is every part with every reading, and the broker has them all, twice."""
    if [part.part for part in parts] != list(PARTS):
        raise BenchError("A part was not measured.", "Measure again.")
    for what, found in [(part.part, part.readings) for part in parts] + [("written", count) for count in written]:
        if found != total:
            raise BenchError(f"{what}: {found:,} readings of {total:,}: the run counts for nothing.", "Measure again.")


def limit(part: Part, own_kafka: bool) -> Limit:
    """Rates of a part."""
    millions = part.readings / 1e6
    with_broker = own_kafka and part.part not in ("decode", "encode")
    return Limit(
        part=part.part,
        readings=part.readings,
        readings_per_s=part.readings / part.seconds,
        cpu_s_per_million=part.cpu_s / millions,
        broker_cpu_s_per_million=part.broker_cpu_s / millions if with_broker else None,
    )
