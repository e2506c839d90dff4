"""Produce requests in one piece: aiokafka joins the bytes of a batch anew at each level of its schema, five times."""

from __future__ import annotations

import struct
from typing import Any, Final

from aiokafka.protocol import produce

_VERSIONS: Final = (
    produce.ProduceRequest_v3,
    produce.ProduceRequest_v4,
    produce.ProduceRequest_v5,
    produce.ProduceRequest_v6,
    produce.ProduceRequest_v7,
)
"""Those whose layout is that of version 3 (Kafka protocol, "Produce API")."""


def encode_produce(request: Any) -> bytes:
    """The bytes of a produce request of version 3 to 7."""
    pieces: list[Any] = [
        _string(request.transactional_id),
        struct.pack(">hii", request.required_acks, request.timeout, len(request.topics)),
    ]
    for topic, partitions in request.topics:
        pieces += (_string(topic), struct.pack(">i", len(partitions)))
        for partition, batches in partitions:
            pieces += (struct.pack(">ii", partition, len(batches)), batches)
    return b"".join(pieces)


def encode_in_one_piece() -> None:
    """Let the producers of this process encode their requests so."""
    for version in _VERSIONS:
        version.encode = encode_produce


def _string(text: str | None) -> bytes:
    if text is None:
        return struct.pack(">h", -1)
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded
