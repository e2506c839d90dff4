"""Records of the output topics, as the agents write them, and cuts of them as a sink gets them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import EllipsisType
from typing import Any

from ironstream.contract import ID_HEADER
from ironstream.sinks.sink import Cut, Part, Sink
from tests.support.clean import bodies
from tests.support.clean.bodies import START_US, Body
from tests.support.engine import MemoryRecord, chunk, record


def reading(
    offset: int,
    seconds: float | None = None,
    value: float | EllipsisType | None = ...,
    *,
    raw: tuple[int, int] | None = None,
    **fields: Any,
) -> MemoryRecord:
    """A clean reading; `raw` is the (partition, offset) that it was made of.

    Where nothing else is given it is of `offset` seconds after the start, and its value is a quarter of it.
    """
    body = bodies.reading(
        offset if seconds is None else seconds, offset / 4 if isinstance(value, EllipsisType) else value, **fields
    )
    partition, raw_offset = raw or (0, offset)
    return record_of(offset, body, f"telemetry.raw/{partition}/{raw_offset}")


def aggregate(offset: int, minute: float, revision: int = 0, **fields: Any) -> MemoryRecord:
    """A window, `minute` minutes after the start."""
    body = bodies.aggregate(minute, revision, **fields)
    return record_of(offset, body, f"acme/north-works/pump-1/temperature/{body['size_s']}/{minute}/{revision}")


def transition(offset: int, occurrence: str, number: int, state: str = "ACTIVE", **fields: Any) -> MemoryRecord:
    """A transition of the alarm `overheat` of pump-1, `number` seconds after the start."""
    return record_of(offset, bodies.transition(number, state, occurrence, **fields), f"{occurrence}/{number}")


def event(offset: int, seconds: float | None = None, *, name: str | None = None, **fields: Any) -> MemoryRecord:
    """An event of pump-1, `offset` seconds after the start; its id is `name`, else made of its time."""
    after = offset if seconds is None else seconds
    identity = f"state/acme/north-works/pump-1/{START_US + round(after * 1_000_000)}"
    return record_of(offset, bodies.event(after, **fields), name or identity)


def record_of(offset: int, said: Body | bytes, identity: str | None = None) -> MemoryRecord:
    """A record that says this, or is these bytes; `identity` is its id."""
    key = b"any"
    if not isinstance(said, bytes):
        key = f"{said['tenant_id']}/{said['site_id']}/{said['asset_id']}".encode()
        said = json.dumps(said, ensure_ascii=False).encode()
    headers = [] if identity is None else [(ID_HEADER, identity.encode())]
    return record(offset, key, said, START_US // 1000 + offset, headers)


def cut_of(sink: Sink[Any], topic: str, *chunks: Sequence[MemoryRecord], partition: int = 0) -> Cut[Any]:
    """What the flow makes of fetched chunks."""
    parts = []
    for records in chunks:
        fetched = chunk(topic, records, partition)
        first = int(fetched.records.offsets[0])
        parts.append(Part(topic, partition, first, fetched.next_offset, sink.prepare(fetched), fetched))
    return Cut(topic, parts)
