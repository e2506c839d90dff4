"""What an agent sees of the engine: chunks of records in, outputs out, rows to keep.

An agent's work on one partition is an object with `apply` and `flush`, made by a factory once the partition's rows are
restored. Both are synchronous, so nothing can come between a change of state and the outputs that belong to it: a
commit always finds them together (docs/adr/0002-batch-engine.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ironstream.engine.records import Headers, Record, Records

__all__ = ["Chunk", "Headers", "LogicFactory", "Outputs", "PartitionLogic", "Pieces", "Record", "Records", "Store"]


@dataclass(frozen=True, slots=True)
class Pieces:
    """Records to send, put together from pieces without an object for any of them.

    `rows` (records, columns of `kernels.layout`) leads to pieces of `source` (the fetched bytes), `made` and
    `keys`, all uint8. Each record has `headers` and then its id.
    """

    source: NDArray[np.uint8]
    made: NDArray[np.uint8]
    keys: NDArray[np.uint8]
    rows: NDArray[np.int64]
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one partition of a source topic, in log order; control records (ticks) among them."""

    topic: str
    partition: int
    records: Records

    @property
    def next_offset(self) -> int:
        """Offset after the last record."""
        return int(self.records.offsets[-1]) + 1


class Outputs(Protocol):
    """Where `apply` puts what it makes. All of it goes to the partition number of the source, in this order."""

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int, headers: Headers = ()
    ) -> None:
        """Queue one record for `topic` (name without the deployment's prefix)."""

    def send_many(self, topic: str, rows: Iterable[tuple[int, bytes | None, bytes | None, Headers]]) -> None:
        """Queue records (timestamp in ms, key, value, headers) for `topic`, in order."""

    def send_pieces(self, topic: str, pieces: Pieces) -> None:
        """Queue records for `topic`, in order."""


class Store(Protocol):
    """The durable rows of one partition of one agent, write-behind: a change is durable with the next commit."""

    @property
    def has_changes(self) -> bool:
        """Whether anything waits for the next commit. Without changes a commit writes nothing."""

    def get(self, key: bytes) -> bytes | None: ...
    def put(self, key: bytes, value: bytes) -> None: ...
    def delete(self, key: bytes) -> None: ...
    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key starts with `prefix`, in key order, uncommitted changes included."""

    def stored(self, first: bytes, end: bytes) -> Iterator[bytes]:
        """Keys of the rows from `first` up to but without `end`, in order, as the last commit left them."""


class PartitionLogic(Protocol):
    """An agent's work on one partition."""

    @property
    def topology_version(self) -> int:
        """Version of the topology that its state holds to; a control record in the log changes it."""

    @property
    def topology_number(self) -> int:
        """Number of the newest change of the topology that its log has named; 0: none."""

    def apply(self, chunk: Chunk, out: Outputs) -> None:
        """Take every record of the chunk: change the state, send the outputs. Raises only on a defect (fail-stop)."""

    def flush(self) -> None:
        """Called before each commit: put all that changed in memory since the last flush into the store."""


class LogicFactory(Protocol):
    """Makes the logic of one partition from its restored rows."""

    def __call__(self, store: Store, partition: int) -> PartitionLogic: ...
