"""What a sink is to the flow that feeds it: prepare records, write a cut of them, say what was refused.

A sink holds nothing between two writes. What waits, retries, opens the breaker, sends dead letters and moves the
offsets is the flow (`sinks.flow`), which is the same for every sink.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ironstream.engine.api import Chunk, Record
from ironstream.errors import IronstreamError
from ironstream.schemas import Schemas

RowsT = TypeVar("RowsT")
"""What `prepare` makes of a chunk: a pyarrow.Table for sinks of columns, a list for sinks of messages."""


class SinkError(IronstreamError):
    """The target did not take what it was given. `kind` is the label `type` of ironstream_sink_errors_total."""

    kind = "sink"


class SinkUnavailableError(SinkError):
    """The target cannot be reached, is busy, or wants something mended that is not the data: the write is repeated.

    `retry_after_s`: how long the target asks to be left alone. `progressed`: in this try the target took or refused
    for good something of the cut that it had not before; a step that is only repeated is no progress. `reconnect`: the
    sink is to `connect` before the next try.
    """

    kind = "unavailable"
    reconnect = True

    def __init__(
        self, message: str, hint: str = "", *, retry_after_s: float | None = None, progressed: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s
        self.progressed = progressed


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that cannot be written for what it holds: it goes to dlq.sinks, everything else goes on.

    `place` is that of the record in its chunk (from `prepare`) or of the row in its cut (from `write`). `reason` is a
    short name such as `malformed` or `refused`, `detail` says what the target had against it.
    """

    place: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Prepared(Generic[RowsT]):
    """What of a chunk is to be written. `places[i]` is the place in the chunk of the record that row i comes from."""

    rows: RowsT
    places: NDArray[np.int64]
    nbytes: int
    """Memory that it takes, about."""
    refusals: Sequence[Refusal] = ()


@dataclass(frozen=True, slots=True)
class Part(Generic[RowsT]):
    """A prepared chunk in a cut. `chunk` is kept only where the sink may refuse rows of it at the write."""

    topic: str
    """Name without the deployment's prefix."""
    partition: int
    first_offset: int
    next_offset: int
    prepared: Prepared[RowsT]
    chunk: Chunk | None = None

    def __len__(self) -> int:
        return len(self.prepared.places)


@dataclass(frozen=True, slots=True)
class Cut(Generic[RowsT]):
    """What is written at once: consecutive parts of one topic, of one partition where the sink cuts by partition."""

    topic: str
    parts: Sequence[Part[RowsT]]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def record(self, row: int) -> tuple[Part[RowsT], Record]:
        """The record that a row of the cut comes from, and its part. Only where chunks are kept."""
        for part in self.parts:
            if row < len(part):
                assert part.chunk is not None
                return part, part.chunk.records[int(part.prepared.places[row])]
            row -= len(part)
        raise IndexError(row)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a cut is full, whichever comes first. A cut is written when it is full or its first row is `age_s` old.

    A cut ends with the chunk that fills it, so it may be larger by one. `by`: "topic" puts all partitions of a topic
    into one cut, "partition" makes a cut for each. `held_rows` and `held_nbytes` are the most over all open cuts of a
    topic: beyond them the largest is written early. `record_time_s`: where a cut is of one partition, it ends where the
    append time of the records passes a multiple of it, so that the same log is cut alike each time.
    """

    rows: int = 20_000
    nbytes: int = 32 * 1024 * 1024
    age_s: float = 1.0
    by: Literal["topic", "partition"] = "topic"
    held_rows: int = 200_000
    held_nbytes: int = 512 * 1024 * 1024
    record_time_s: float | None = None
    keep_chunks: bool = True
    """Whether `write` may refuse rows; their records are held until they are written."""
    write_timeout_s: float = 60.0
    """A write that takes longer is given up and repeated."""


class Sink(Protocol[RowsT]):
    """A target. Its constructor validates and does no I/O.

    `write` is all or nothing as far as the flow can see, and idempotent by the ids of what it writes: after a crash, or
    for a replay, the same records come again, cut in another way.
    """

    @property
    def limits(self) -> Limits:
        """How much it takes at once."""

    def prepare(self, chunk: Chunk) -> Prepared[RowsT]:
        """Rows of a chunk's records. Pure, runs in a thread. Never raises for what a record holds."""

    async def connect(self) -> None:
        """Reach the target and make what is missing there; repeated until it succeeds, and after each outage (not where
        the error of a write says that it needs no `reconnect`).

        Never called twice at once, but cuts of other topics may be on their way meanwhile: they are to go on, or to
        raise SinkUnavailableError.

        Raises SinkUnavailableError; ConfigurationError for what only another configuration can mend.
        """

    async def write(self, cut: Cut[RowsT]) -> Sequence[Refusal]:
        """Write a cut; when it returns, all but the refused rows is durable. Raises SinkUnavailableError.

        Cuts of different topics are written at the same time, those of one topic one after the other.
        """

    async def close(self) -> None:
        """Let go of the target; called once."""


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink is told of where it runs."""

    id: str
    """Its id in topology.yaml."""
    deployment: str = "default"
    topic_prefix: str = ""
    schemas: Schemas = field(default_factory=Schemas)
    """Those of the deployment, for records that are framed Avro."""


def _tell_nobody(done: int, total: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class CompactOptions:
    """How far a compaction goes.

    `every`: also what is so new that a sink may still be adding to it. `dry_run`: only find out what would be done.
    `progress` is told how many of how many directories are done.
    """

    every: bool = False
    dry_run: bool = False
    progress: Callable[[int, int], None] = _tell_nobody


@dataclass(frozen=True, slots=True)
class CompactSummary:
    """What a compaction did, or would do. All but `directories` counts files, or bytes of them."""

    directories: int = 0
    """Looked at."""
    merged: int = 0
    """Small files whose rows are in another now."""
    made: int = 0
    """Files that took them in."""
    leftovers: int = 0
    """Files of a compaction that was killed, removed: their rows were in another already."""
    bytes_before: int = 0
    """Of the merged files."""
    bytes_after: int = 0
    """Of the files that took them in; 0 where nothing was written."""


@dataclass(frozen=True, slots=True)
class SinkKind:
    """A kind of sink, as the registry names it. `build` gets the validated configuration, secrets in their places.

    `topics` says whether it can take a topic (name without prefix). `description` is one sentence for lists.
    """

    config_model: type[BaseModel]
    build: Callable[[Any, SinkContext], Sink[Any]]
    topics: Callable[[str], bool]
    description: str
    default_topics: Callable[[str], bool] | None = None
    """Topics that it gets where topology.yaml names none; None: all that it can take."""
    test: Callable[[Any, SinkContext], Awaitable[str]] | None = None
    """Reaches the target without writing data; what it found, as a sentence."""
    compact: Callable[[Any, SinkContext, CompactOptions], Awaitable[CompactSummary]] | None = None
    """Makes few large pieces of many small ones, beside a running sink; killed at any step it loses nothing."""
