"""A dead letter as it is given to the agents once more, after what refused it was mended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ironstream.codec import encode_reading
from ironstream.contract import DEFAULT_PART, Topic
from ironstream.dlq import PREFIX, REPLAY_BOOT
from ironstream.errors import DecodeError, IronstreamError
from ironstream.payloads import forward
from ironstream.record_text import headers_of
from ironstream.schemas import Schemas

SOURCES: Final = {
    Topic.DLQ_TELEMETRY: Topic.TELEMETRY_RAW,
    Topic.DLQ_EVENTS: Topic.EVENTS_RAW,
    Topic.DLQ_ALARMS: Topic.ALARMS_RAW,
}
"""Where the dead letters of a topic came from."""
REPLAY_HEADER: Final = PREFIX + "replay"
"""On a record that was given once more: the dead letter that it was."""
_REMEMBERED: Final = frozenset({"rate_limited", "not_a_number", "range", "device_quality"})
"""Reasons of readings that were looked at far enough to be known: the same number again would be a repeat."""


class NotReplayableError(IronstreamError):
    """The dead letter cannot be given to the agents again."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A record to be written. `partition` is where it was, for one without a key; None: the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    partition: int | None


def replay_of(topic: str, record: Any, schemas: Schemas) -> Replay:
    """What to write for a dead letter of this topic: the record as it was; a reading that was known already gets a
    number of its own, made of the dead letter's place, so that it counts once however often it is replayed.

    Raises NotReplayableError.
    """
    source = SOURCES.get(topic)
    if source is None:
        hint = "`ironstream sink replay NAME` writes records to a sink once more." if topic == Topic.DLQ_SINKS else ""
        raise NotReplayableError(f"What is on {topic} did not come from a topic that agents read.", hint)
    said = headers_of(record)
    place = f"{topic}/{record.partition}/{record.offset}"
    value: bytes | None = record.value
    if source == Topic.TELEMETRY_RAW and said.get("dlq-reason") in _REMEMBERED:
        value = _renumbered(record, said.get("dlq-detail") or "", schemas)
    headers = [(name, one) for name, one in record.headers if not name.startswith(PREFIX)]
    headers.append((REPLAY_HEADER, place.encode()))
    number = said.get("dlq-partition") or ""
    partition = int(number) if record.key is None and number.isdecimal() else None
    return Replay(source, record.key, value, headers, partition)


def _renumbered(record: Any, detail: str, schemas: Schemas) -> bytes:
    """The reading that was refused, out of a record that may hold others, which were taken."""
    series = detail.partition(": ")[0]
    try:
        readings = forward(_decoded(record.value, schemas)).readings
        reading = next(one for one, _ in readings if _series_of(one) == series)
    except (DecodeError, StopIteration) as error:
        raise NotReplayableError(
            f"The reading of {series or 'no series'} is not found in the record: it was not written by this release.",
            "Send it again from where it came.",
        ) from error
    metadata = reading.get("metadata")
    kept = metadata if isinstance(metadata, dict) else {}
    numbered = kept | {"boot": f"{REPLAY_BOOT}{record.partition}", "seq": record.offset + 1}
    return encode_reading(reading | {"metadata": numbered})


def _decoded(value: bytes | None, schemas: Schemas) -> dict[str, Any]:
    if value and value[0] == 0:
        return schemas.decode(value)
    try:
        found = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise DecodeError("value", "not JSON") from err
    if not isinstance(found, dict):
        raise DecodeError("value", "not a JSON object")
    return found


def _series_of(reading: dict[str, Any]) -> str:
    tenant, site = reading.get("tenant_id") or DEFAULT_PART, reading.get("site_id") or DEFAULT_PART
    return f"{tenant}/{site}/{reading.get('asset_id')}/{reading.get('parameter')}"
