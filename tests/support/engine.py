"""What a unit test needs of the engine: a store in memory, outputs that are recorded, records made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ironstream.contract import CONTROL_KEY
from ironstream.engine.api import Chunk, Headers, Pieces, Records
from ironstream.engine.packed import PackedBatch
from ironstream.engine.unpack import KeptRecords


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """A fetched record; `timestamp` is ms since the epoch."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """One record that an agent sent."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()

    def header(self, name: str) -> bytes | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(slots=True)
class RecordedOutputs:
    """Outputs that keeps all that was sent, in order."""

    sent: list[Sent] = field(default_factory=list)

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int, headers: Headers = ()
    ) -> None:
        self.sent.append(Sent(topic, key, value, timestamp_ms, tuple(headers)))

    def send_many(self, topic: str, rows: Iterable[tuple[int, bytes | None, bytes | None, Headers]]) -> None:
        for timestamp_ms, key, value, headers in rows:
            self.send(topic, key, value, timestamp_ms, headers)

    def send_pieces(self, topic: str, pieces: Pieces) -> None:
        batch = PackedBatch(1 << 24, None)
        assert batch.append(pieces, 0) == len(pieces.rows)
        raw = KeptRecords(bytes(batch._build()))
        while raw.has_next():
            for record in raw.next_batch():
                self.send(topic, record.key, record.value, record.timestamp, record.headers)

    def to(self, topic: str) -> list[Sent]:
        """What was sent to `topic`."""
        return [sent for sent in self.sent if sent.topic == topic]

    def clear(self) -> None:
        """Forget all that was sent."""
        self.sent.clear()


class MemoryStore:
    """A Store over a dict; `written` counts the puts and deletes. Every flush is a commit."""

    has_changes = True

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.written = 0

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self.rows[key] = value
        self.written += 1

    def delete(self, key: bytes) -> None:
        self.rows.pop(key, None)
        self.written += 1

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        yield from sorted((key, value) for key, value in self.rows.items() if key.startswith(prefix))

    def stored(self, first: bytes, end: bytes) -> Iterator[bytes]:
        yield from sorted(key for key in self.rows if first <= key < end)


def record(offset: int, key: bytes | None, value: bytes | None, timestamp: int, headers: Headers = ()) -> MemoryRecord:
    """A record with an append time of `timestamp` ms."""
    return MemoryRecord(offset, timestamp, key, value, headers)


def tick(offset: int, timestamp: int) -> MemoryRecord:
    """A control record, which only moves the clock to `timestamp` ms."""
    return MemoryRecord(offset, timestamp, CONTROL_KEY, b"")


def chunk(topic: str, records: Sequence[MemoryRecord], partition: int = 0) -> Chunk:
    """Records of one partition as the engine hands them to `apply`."""
    return Chunk(topic, partition, Records.of(records))
