"""What records say of readings: which ones they hold, and which raw record they came from."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ironstream.codec import WireReading, decode_readings
from ironstream.contract import DEFAULT_PART, ID_HEADER, IDENTITY_PART, Topic
from ironstream.dlq import REPLAY_BOOT
from ironstream.domain.times import to_us
from ironstream.ledger.book import Named


def with_readings(records: list[Any]) -> list[tuple[Any, list[tuple[Named | None, str]], bool]]:
    """Each record with what `readings_in` finds in its value."""
    decoded = readings_in([record.value for record in records])
    return [(record, readings, fault) for record, (readings, fault) in zip(records, decoded, strict=True)]


def readings_in(values: list[bytes | None]) -> list[tuple[list[tuple[Named | None, str]], bool]]:
    """Of each record its readings, with their parts, and whether it cannot be read. Without a name: None."""
    decoded = decode_readings(values)
    of: defaultdict[int, list[tuple[Named | None, str]]] = defaultdict(list)
    for at, (reading, place) in enumerate(zip(decoded.readings, decoded.source, strict=True)):
        of[place].append((named_of(reading), decoded.parts.get(at, "")))
    faults = {place for place, _ in decoded.faults}
    return [(of.get(place, []), place in faults) for place in range(len(values))]


def named_of(reading: WireReading) -> Named | None:
    """Which reading it is; None for one without the name of a series."""
    names = reading.tenant_id or DEFAULT_PART, reading.site_id or DEFAULT_PART, reading.asset_id, reading.parameter
    if not all(IDENTITY_PART.fullmatch(name) for name in names):
        return None
    boot, seq = (None, 0) if reading.metadata is None else (reading.metadata.boot, reading.metadata.seq or 0)
    if boot is not None and boot.startswith(REPLAY_BOOT):
        # a replay: no adapter has numbered it
        boot, seq = None, 0
    stamps = reading.timestamps
    time = stamps.gateway_time if stamps.device_time is None else stamps.device_time
    return Named("/".join(names[:3]), names[3], boot, seq, _moment(time))


def _moment(time: Any) -> int | str:
    """µs since the epoch, so that a time is the same however it is written; what is no time stays as it is."""
    try:
        return to_us(time)
    except (ValueError, TypeError):
        return str(time)


def clean_place(record: Any) -> tuple[int, int, str] | None:
    """Partition and offset of the raw record, and the part, from the id of a clean reading."""
    for name, value in record.headers:
        if name == ID_HEADER:
            topic, _, rest = value.decode("utf-8", "replace").partition("/")
            partition, _, rest = rest.partition("/")
            offset, _, part = rest.partition("/")
            if topic == Topic.TELEMETRY_RAW and partition.isdecimal() and offset.isdecimal():
                return int(partition), int(offset), part
    return None


def refused_place(record: Any, topic: str) -> tuple[int, int, str] | None:
    """Partition and offset of a record of a topic, and the reason, from the headers of its dead letter."""
    said = {name: value.decode("utf-8", "replace") for name, value in record.headers if name.startswith("dlq-")}
    partition, offset = said.get("dlq-partition", ""), said.get("dlq-offset", "")
    if said.get("dlq-topic") != topic or not partition.isdecimal() or not offset.isdecimal():
        return None
    return int(partition), int(offset), said.get("dlq-reason", "unknown")
