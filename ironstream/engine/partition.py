"""One partition of one agent at work: chunks in, outputs out, commits by marker.

A commit runs in this order, each step awaited and checked:
1. the outputs of everything the state reflects are acknowledged by the broker;
2. the changed rows and then the marker are in the changelog, at exactly the offsets expected: any other offset means
   that another worker has claimed the partition, and this one stops without a trace in its local copy;
3. the local copy takes the rows and the offsets in one WriteBatch;
4. (by the consumer) the group's offsets, for lag and monitoring only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Final

import numpy as np

from ironstream.engine.api import Chunk, Headers, PartitionLogic, Pieces
from ironstream.engine.changelog import Marker, marker_record, row_record
from ironstream.engine.crashpoints import crash_point
from ironstream.engine.outbox import Lane, Outbox, OutputRow
from ironstream.engine.store import LocalCommit, PartitionStore
from ironstream.errors import FencedError

_UNMARKED_RECORDS: Final = 10_000
"""A marker is written at least this often even when no row changed, so that a restart repeats little."""


class PartitionOutputs:
    """Outputs of one source partition; they go to the same partition number of their topics."""

    def __init__(self, outbox: Outbox, topic_prefix: str, partition: int) -> None:
        self._outbox = outbox
        self._prefix = topic_prefix
        self._partition = partition
        self.sent: dict[str, int] = {}

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int, headers: Headers = ()
    ) -> None:
        """Queue one record for `topic` (name without the deployment's prefix)."""
        self.send_many(topic, [(timestamp_ms, key, value, headers)])

    def send_many(self, topic: str, rows: Iterable[OutputRow]) -> None:
        """Queue records for `topic`, in order."""
        self._count(topic, self._lane(topic).extend(rows))

    def send_pieces(self, topic: str, pieces: Pieces) -> None:
        """Queue records for `topic`, in order."""
        self._count(topic, self._lane(topic).extend_pieces(pieces))

    def _lane(self, topic: str) -> Lane:
        return self._outbox.lane(self._prefix + topic, self._partition)

    def _count(self, topic: str, records: int) -> None:
        self.sent[topic] = self.sent.get(topic, 0) + records


class Partition:
    """State, position and commits of one partition of one agent."""

    def __init__(
        self,
        *,
        changelog_topic: str,
        partition: int,
        logic: PartitionLogic,
        store: PartitionStore,
        outputs: PartitionOutputs,
        outbox: Outbox,
        claim: bytes,
        changelog_offset: int,
        position: int,
        commit_number: int,
    ) -> None:
        self.partition = partition
        self.logic = logic
        self.outputs = outputs
        self.position = position
        """Offset of the next source record to take."""
        self.committed_position = position
        self._marked_position = position
        self.records_taken = 0
        self.commit_seconds = 0.0
        self._store = store
        self._outbox = outbox
        self._changelog = outbox.lane(changelog_topic, partition)
        self._changelog_topic = changelog_topic
        self._claim = claim
        self._changelog_offset = changelog_offset
        self._commit_number = commit_number
        self._at_rest = asyncio.Lock()
        self._committing = asyncio.Lock()
        self._closed = False

    @asynccontextmanager
    async def take(self, chunk: Chunk) -> AsyncIterator[Chunk | None]:
        """Lend the part of `chunk` that the state does not reflect yet; None when it reflects all of it.

        The position moves when the body ends well. No commit can see the state in between.
        """
        async with self._at_rest:
            if self._closed:
                yield None
                return
            behind = int(np.searchsorted(chunk.records.offsets, self.position))
            if behind == len(chunk.records):
                yield None
                return
            if behind:
                chunk = Chunk(chunk.topic, chunk.partition, chunk.records[behind:])
            yield chunk
            self.position = chunk.next_offset
            self.records_taken += len(chunk.records)

    async def commit(self) -> int:
        """Make everything up to the current position durable; returns that position.

        Raises FencedError when another worker has claimed the partition, EngineError when the broker refuses.
        """
        async with self._committing:
            if self._closed:
                return self.committed_position
            started = time.perf_counter()
            async with self._at_rest:
                self.logic.flush()
                changes = self._store.take_changes()
                position = self.position
                outputs = self._outbox.unsent(self.partition)
            if outputs:
                await asyncio.gather(*outputs)
            if not changes and self._commit_number and position - self._marked_position < _UNMARKED_RECORDS:
                # Nothing changed but the position (ticks, say): repeating those records has no effect. The first
                # commit has its marker all the same: a group's offset without one tells of a lost changelog.
                self.committed_position = position
                return position
            crash_point("after_outputs")
            marker = Marker(self._commit_number + 1, position, self.logic.topology_version, int(time.time() * 1000))
            await self._append(changes, marker)
            crash_point("after_changelog")
            self._commit_number = marker.number
            commit = LocalCommit(self._claim, self._changelog_offset, position, marker.number, marker.time_ms)
            await asyncio.to_thread(self._store.write, changes.items(), commit)
            crash_point("after_rocksdb")
            self.committed_position = self._marked_position = position
            self.commit_seconds += time.perf_counter() - started
            return position

    async def _append(self, changes: dict[bytes, bytes | None], marker: Marker) -> None:
        """Write rows and marker to the changelog and check that nobody else wrote meanwhile."""
        written = self._changelog.extend(self._records(changes, marker))
        await asyncio.gather(*self._changelog.unsent())
        expected = self._changelog_offset + written
        if self._changelog.last_offset + 1 != expected:
            raise FencedError(
                f"{self._changelog_topic}, partition {self.partition}: another worker has claimed it "
                f"(expected to end at offset {expected}, ended at {self._changelog.last_offset + 1})",
                "this worker stops; its partitions have another owner and nothing is lost",
            )
        self._changelog_offset = expected

    def _records(self, changes: dict[bytes, bytes | None], marker: Marker) -> Iterator[OutputRow]:
        for key, value in changes.items():
            row_key, row_value, headers = row_record(self._claim, key, value)
            yield marker.time_ms, row_key, row_value, headers
        marker_key, marker_value = marker_record(self._claim, marker)
        yield marker.time_ms, marker_key, marker_value, ()

    async def close(self) -> None:
        """Let go of the partition; the state in memory ends here."""
        async with self._committing, self._at_rest:
            if not self._closed:
                self._closed = True
                self._store.close()
