"""Records that lie on disk together: one row for many, which costs a tenth of a row for each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from ironstream.gateway.outgoing import Outgoing, Priority

_ROW_BYTES: Final = 64
_MOST_RECORDS: Final = 500
_Packed = tuple[str, bytes | None, bytes, tuple[tuple[str, bytes], ...]]
_PACKER: Final = msgspec.msgpack.Encoder()
_UNPACKER: Final = msgspec.msgpack.Decoder(list[_Packed])


class Chunk(NamedTuple):
    """A row of the buffer: records of one priority, in their order."""

    id: int
    priority: Priority
    records: list[Outgoing]


def pack(records: Sequence[Outgoing]) -> bytes:
    """The records of a chunk as bytes."""
    return _PACKER.encode([(record.topic, record.key, record.value, record.headers) for record in records])


def unpack(priority: Priority, packed: bytes) -> list[Outgoing]:
    """The records again. Raises msgspec.DecodeError, also for bytes that never were a chunk."""
    return [
        Outgoing(topic, key, value, priority, headers=headers)
        for topic, key, value, headers in _UNPACKER.decode(packed)
    ]


def chunk_bytes(packed: bytes) -> int:
    """What a chunk counts against the cap: itself, and what the file needs to find it, about."""
    return len(packed) + _ROW_BYTES


def split(records: Sequence[Outgoing], max_bytes: int) -> Iterator[tuple[Priority, list[int]]]:
    """Chunks to be: the places of their records. Each has one priority and, unless it is a single record, `max_bytes`.

    Records of the same priority keep their order, over all chunks.
    """
    open_chunks: dict[Priority, tuple[list[int], int]] = {}
    for place, record in enumerate(records):
        places, size = open_chunks.get(record.priority, ([], 0))
        if places and (size + record.size > max_bytes or len(places) == _MOST_RECORDS):
            yield record.priority, places
            places, size = [], 0
        places.append(place)
        open_chunks[record.priority] = places, size + record.size
    for priority, (places, _) in open_chunks.items():
        yield priority, places
