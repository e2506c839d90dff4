"""The record on dlq.buffer_overflow: what a gateway gave up of one asset because its buffer was full."""

from __future__ import annotations

import msgspec

from ironstream.contract import DEFAULT_PART, SCHEMA_VERSION


class DroppedReadings(msgspec.Struct, omit_defaults=True):
    """Readings of one parameter in one run (`boot`); `seq` holds the first and last number of each range of them.

    `from` and `to` are the device's times where it has any, ISO-8601; readings without numbers are in `count` alone.
    """

    parameter: str
    count: int
    boot: str | None = None
    seq: list[tuple[int, int]] = []
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None


class BufferOverflow(msgspec.Struct, omit_defaults=True):
    """How many readings and events of an asset were dropped, told at `time`. It may be there twice: `id` tells that."""

    asset_id: str
    id: str
    time: str
    readings: int
    tenant_id: str = DEFAULT_PART
    site_id: str = DEFAULT_PART
    hostname: str | None = None
    events: int = 0
    dropped: list[DroppedReadings] = []
    schema_version: int = SCHEMA_VERSION
