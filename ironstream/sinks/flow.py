"""From one topic to one target: chunks are prepared and gathered, cuts written one after the other, offsets let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np

from ironstream.engine.api import Chunk, Record
from ironstream.sinks.sink import Cut, Limits, Part, Refusal, Sink
from ironstream.sinks.stats import SinkStats

_AGE_CHECKS: Final = 10


class Source(Protocol):
    """The partition that a chunk came from (`engine.following.Followed`)."""

    closed: bool

    def wrote(self, next_offset: int) -> None:
        """Everything before `next_offset` is written."""


class Writer(Protocol):
    """Where cuts go (`sinks.target.Target`)."""

    async def write(self, cut: Cut[Any], abandoned: Callable[[], bool]) -> Sequence[Refusal] | None:
        """Write a cut; what was refused, or None when it was given up."""


class DeadLetters(Protocol):
    """Where refused records go (`sinks.dead_letters`)."""

    def send(self, record: Record, topic: str, partition: int, refusal: Refusal) -> None:
        """Queue a dead letter."""

    async def settled(self, partitions: set[int]) -> None:
        """Wait until the broker has all that was queued for these partition numbers."""


@dataclass(slots=True)
class _Open:
    """A cut that still takes parts."""

    first_at: float
    period: int
    parts: list[Part[Any]] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    rows: int = 0
    nbytes: int = 0


class Flow:
    """What goes from one topic to one target. `put` and `run` run side by side.

    In memory are at most the open cuts (`Limits`), one cut that waits and one that is written: `put` waits, so the
    topic's lag grows and memory does not.
    """

    def __init__(
        self, topic: str, sink: Sink[Any], limits: Limits, writer: Writer, dead_letters: DeadLetters, stats: SinkStats
    ) -> None:
        self._topic = topic
        self._sink = sink
        self._limits = limits
        self._writer = writer
        self._dead_letters = dead_letters
        self._stats = stats
        self._open: dict[int | None, _Open] = {}
        self._full: asyncio.Queue[_Open] = asyncio.Queue(1)
        # A cut that is handed over must not overtake one of the same partition that waits for room.
        self._handing_over = asyncio.Lock()
        self._stopping = False

    async def put(self, chunk: Chunk, source: Source) -> None:
        """Take the next chunk of a partition; waits while there is no room."""
        for piece, period in self._periods(chunk):
            # In a thread: the loop goes on, and what Arrow does runs beside it.
            prepared = await asyncio.to_thread(self._sink.prepare, piece)
            if source.closed or self._stopping:
                return
            for refusal in prepared.refusals:
                self._refuse(piece.records[refusal.place], piece.partition, refusal)
            part = Part(
                self._topic, piece.partition, int(piece.records.offsets[0]), piece.next_offset, prepared,
                piece if self._limits.keep_chunks else None,
            )  # fmt: skip
            await self._add(part, source, period)

    async def run(self) -> None:
        """Write cuts until cancelled; raises what the sink raises beyond its own errors."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_all())
            tasks.create_task(self._watch_age())

    async def drain(self) -> None:
        """Take nothing more, and return when all that was taken is written (or was given up)."""
        self._stopping = True
        for key in list(self._open):
            await self._hand_over(key)
        await self._full.join()

    # -- gathering ------------------------------------------------------------------------------------------------

    def _periods(self, chunk: Chunk) -> Iterator[tuple[Chunk, int]]:
        """The chunk in pieces that lie in one period of record time each."""
        if self._limits.record_time_s is None:
            yield chunk, 0
            return
        periods = chunk.records.timestamps // round(self._limits.record_time_s * 1000)
        begins = [0, *(np.flatnonzero(np.diff(periods)) + 1).tolist(), len(periods)]
        for begin, end in pairwise(begins):
            yield Chunk(chunk.topic, chunk.partition, chunk.records[begin:end]), int(periods[begin])

    async def _add(self, part: Part[Any], source: Source, period: int) -> None:
        key = part.partition if self._limits.by == "partition" else None
        if key in self._open and self._open[key].period != period and self._limits.by == "partition":
            await self._hand_over(key)
        if key not in self._open:
            self._open[key] = _Open(asyncio.get_running_loop().time(), period)
        cut = self._open[key]
        cut.parts.append(part)
        cut.sources.append(source)
        cut.rows += len(part)
        cut.nbytes += part.prepared.nbytes
        self._stats.waiting(self._topic, len(part))
        if cut.rows >= self._limits.rows or cut.nbytes >= self._limits.nbytes:
            await self._hand_over(key)
        elif sum(one.rows for one in self._open.values()) > self._limits.held_rows:
            await self._hand_over(max(self._open, key=lambda key: self._open[key].rows))

    async def _hand_over(self, key: int | None) -> None:
        async with self._handing_over:
            cut = self._open.pop(key, None)
            if cut is not None:
                await self._full.put(cut)

    async def _watch_age(self) -> None:
        loop, age_s = asyncio.get_running_loop(), self._limits.age_s
        while True:
            await asyncio.sleep(min(max(age_s / _AGE_CHECKS, 0.01), 1.0))
            due = [key for key, cut in self._open.items() if loop.time() - cut.first_at >= age_s]
            for key in due:
                await self._hand_over(key)

    # -- writing --------------------------------------------------------------------------------------------------

    async def _write_all(self) -> None:
        while True:
            cut = await self._full.get()
            await self._write(cut)
            self._full.task_done()

    async def _write(self, open_cut: _Open) -> None:
        cut = Cut(self._topic, open_cut.parts)
        self._stats.waiting(self._topic, -len(cut))
        refusals: Sequence[Refusal] | None = ()
        if len(cut):
            refusals = await self._writer.write(cut, lambda: all(source.closed for source in open_cut.sources))
        if refusals is None:
            return
        for refusal in refusals:
            part, record = cut.record(refusal.place)
            self._refuse(record, part.partition, refusal)
        await self._dead_letters.settled({part.partition for part in cut.parts})
        self._stats.wrote(self._topic, len(cut) - len(refusals))
        for part, source in zip(cut.parts, open_cut.sources, strict=True):
            source.wrote(part.next_offset)

    def _refuse(self, record: Record, partition: int, refusal: Refusal) -> None:
        self._stats.refused(self._topic, refusal.reason)
        self._dead_letters.send(record, self._topic, partition, refusal)
