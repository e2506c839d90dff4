"""From one topic to one target: chunks are prepared and gathered, cuts written one after the other, offsets let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np

from ironstream.engine.api import Chunk, Record
from ironstream.kernels.layout import HEADERS, KEY
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
    """What goes from one topic to one target. `put` and `run` run side by side; `put` is for one caller at a time.

    In memory are at most the open cuts (`Limits`), one cut that waits, one that is written, and the chunk that is being
    taken: `put` waits, so the topic's lag grows and memory does not.
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
        # Until there is room for one more a cut stays open, counts as such, and may still grow.
        self._full: asyncio.Queue[_Open] = asyncio.Queue(1)
        self._moved = asyncio.Event()
        self._stopping = False
        self._ended = asyncio.Event()

    async def put(self, chunk: Chunk, source: Source) -> None:
        """Take the next chunk of a partition; waits while there is no room."""
        for piece, period in self._periods(chunk):
            # In a thread: the loop goes on, and what Arrow does runs beside it.
            prepared = await asyncio.to_thread(self._sink.prepare, piece)
            part = Part(
                self._topic, piece.partition, int(piece.records.offsets[0]), piece.next_offset, prepared,
                piece if self._limits.keep_chunks else None,
            )  # fmt: skip
            await self._make_room(part, period)
            # Looked at when nothing more is waited for: what comes late would mix with what the next owner reads.
            if source.closed or self._stopping:
                return
            for refusal in prepared.refusals:
                self._refuse(piece.records[refusal.place], piece.partition, refusal)
            await self._add(part, source, period)

    async def run(self) -> None:
        """Write cuts until cancelled; raises what the sink raises beyond its own errors. Only once."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write_all())
                tasks.create_task(self._watch_age())
        finally:
            self._ended.set()

    async def drain(self) -> None:
        """Take nothing more, and return when all that was taken is written (or was given up), or `run` has ended."""
        self._stopping = True
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write_out())
            ended = tasks.create_task(self._ended.wait())
            await asyncio.wait((writing, ended), return_when=asyncio.FIRST_COMPLETED)
            writing.cancel()
            ended.cancel()

    # -- gathering ------------------------------------------------------------------------------------------------

    def _periods(self, chunk: Chunk) -> Iterator[tuple[Chunk, int]]:
        """The chunk in pieces that lie in one period of record time each."""
        if self._limits.record_time_s is None or self._limits.by == "topic":
            yield chunk, 0
            return
        periods = chunk.records.timestamps // max(1, round(self._limits.record_time_s * 1000))
        begins = [0, *(np.flatnonzero(np.diff(periods)) + 1).tolist(), len(periods)]
        for begin, end in pairwise(begins):
            yield Chunk(chunk.topic, chunk.partition, chunk.records[begin:end]), int(periods[begin])

    def _key(self, part: Part[Any]) -> int | None:
        return part.partition if self._limits.by == "partition" else None

    async def _make_room(self, part: Part[Any], period: int) -> None:
        key = self._key(part)
        cut = self._open.get(key)
        if cut is not None and cut.period != period:
            await self._hand_over(key, cut)
        while self._open and not self._holds(part):
            key, cut = max(self._open.items(), key=lambda one: (one[1].rows, one[1].nbytes))
            await self._hand_over(key, cut)

    def _holds(self, part: Part[Any]) -> bool:
        rows = sum(cut.rows for cut in self._open.values()) + len(part)
        nbytes = sum(cut.nbytes for cut in self._open.values()) + _nbytes(part)
        return rows <= self._limits.held_rows and nbytes <= self._limits.held_nbytes

    async def _add(self, part: Part[Any], source: Source, period: int) -> None:
        key = self._key(part)
        cut = self._open.get(key)
        if cut is None:
            cut = self._open[key] = _Open(asyncio.get_running_loop().time(), period)
        cut.parts.append(part)
        cut.sources.append(source)
        cut.rows += len(part)
        cut.nbytes += _nbytes(part)
        self._stats.waiting(self._topic, len(part))
        if cut.rows >= self._limits.rows or cut.nbytes >= self._limits.nbytes:
            await self._hand_over(key, cut)

    async def _hand_over(self, key: int | None, cut: _Open) -> None:
        """Put a cut in line for the writer when there is room; or return when somebody else has done so."""
        while self._open.get(key) is cut:
            if not self._full.full():
                # No await between these: of one partition, none can overtake another.
                del self._open[key]
                self._full.put_nowait(cut)
                self._moved.set()
                return
            self._moved.clear()
            await self._moved.wait()

    async def _watch_age(self) -> None:
        loop, age_s = asyncio.get_running_loop(), self._limits.age_s
        while True:
            await asyncio.sleep(min(max(age_s / _AGE_CHECKS, 0.01), 1.0))
            due = [(key, cut) for key, cut in self._open.items() if loop.time() - cut.first_at >= age_s]
            for key, cut in due:
                await self._hand_over(key, cut)

    async def _write_out(self) -> None:
        for key, cut in list(self._open.items()):
            await self._hand_over(key, cut)
        await self._full.join()

    # -- writing --------------------------------------------------------------------------------------------------

    async def _write_all(self) -> None:
        while True:
            cut = await self._full.get()
            self._moved.set()
            await self._write(cut)
            self._full.task_done()

    async def _write(self, open_cut: _Open) -> None:
        self._stats.waiting(self._topic, -open_cut.rows)
        # What was taken before the partition went away was not committed: its next owner has it, who may be this
        # process again, and then it is in this very cut a second time.
        taken = zip(open_cut.parts, open_cut.sources, strict=True)
        owned = [(part, source) for part, source in taken if not source.closed]
        if not owned:
            return
        cut = Cut(self._topic, [part for part, _ in owned])
        refusals: Sequence[Refusal] | None = ()
        if len(cut):
            refusals = await self._writer.write(cut, lambda: all(source.closed for _, source in owned))
        if refusals is None:
            return
        for refusal in refusals:
            part, record = cut.record(refusal.place)
            self._refuse(record, part.partition, refusal)
        await self._dead_letters.settled({part.partition for part in cut.parts})
        self._stats.wrote(self._topic, len(cut) - len(refusals))
        for part, source in owned:
            source.wrote(part.next_offset)

    def _refuse(self, record: Record, partition: int, refusal: Refusal) -> None:
        self._stats.refused(self._topic, refusal.reason)
        self._dead_letters.send(record, self._topic, partition, refusal)


def _nbytes(part: Part[Any]) -> int:
    """Memory that a part takes, with its chunk where that is kept."""
    if part.chunk is None:
        return part.prepared.nbytes
    places = part.chunk.records.places
    return part.prepared.nbytes + max(0, int(places[-1, HEADERS + 1] - places[0, KEY]))
