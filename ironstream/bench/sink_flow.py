"""A sink and its flow as a process has them, without Kafka; and what is measured of one beside a bare tool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from ironstream.bench.deployment import BenchError
from ironstream.engine.api import Chunk, Record
from ironstream.sinks.flow import Flow
from ironstream.sinks.sink import Cut, Refusal, Sink
from ironstream.sinks.stats import SinkStats


@dataclass(frozen=True, slots=True)
class SinkRound:
    """One turn of each over the same rows, in seconds."""

    sink_s: float
    bare_s: float


@dataclass(frozen=True, slots=True)
class SinkRate:
    """A sink beside its bare tool, round by round in turns. `bytes`, `bare_bytes`: what both left, of files."""

    sink: str
    bare: str
    rows: int
    rounds: list[SinkRound]
    bytes: int | None = None
    bare_bytes: int | None = None

    @property
    def rows_per_s(self) -> float:
        """Median of the sink's rounds, from JSON to durable."""
        return self.rows / median(one.sink_s for one in self.rounds)

    @property
    def bare_rows_per_s(self) -> float:
        """Median of the bare tool's."""
        return self.rows / median(one.bare_s for one in self.rounds)

    @property
    def share(self) -> float:
        """The sink's rows per second as a share of the bare tool's, median over the rounds."""
        return median(one.bare_s / one.sink_s for one in self.rounds)


async def through_flow(sink: Sink[Any], chunks: Iterable[Chunk], topic: str) -> float:
    """Seconds until a connected sink has all chunks, prepared and written side by side as in its process."""
    limits = replace(sink.limits, age_s=3600.0, keep_chunks=False)
    flow = Flow(topic, sink, limits, _Writer(sink), _NoDeadLetters(), SinkStats("bench"))
    running = asyncio.create_task(flow.run())
    started, source = time.perf_counter(), _Source()

    async def all_of_it() -> None:
        for chunk in chunks:
            await flow.put(chunk, source)
        await flow.drain()

    feeding = asyncio.create_task(all_of_it())
    await asyncio.wait({feeding, running}, return_when=asyncio.FIRST_COMPLETED)
    taken_s = time.perf_counter() - started
    if running.done():
        feeding.cancel()
        await running
    await feeding
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return taken_s


class _Writer:
    """Writes what the flow hands over; a target that fails, or refuses, ends a measurement."""

    def __init__(self, sink: Sink[Any]) -> None:
        self._sink = sink

    async def write(self, cut: Cut[Any], abandoned: Callable[[], bool]) -> Sequence[Refusal]:
        if refused := await self._sink.write(cut):
            raise BenchError(f"The sink refused {len(refused)} rows: {refused[0].detail}", "This is a defect.")
        return ()


class _NoDeadLetters:
    def send(self, record: Record, topic: str, partition: int, refusal: Refusal) -> None:
        raise BenchError(f"A record could not be read: {refusal.detail}", "This is a defect.")

    async def settled(self, partitions: set[int]) -> None:
        """None were sent."""


class _Source:
    closed = False

    def wrote(self, next_offset: int) -> None:
        """Nobody asks."""
