"""Bytes ⇄ readings, a batch at a time. JSON on the wire; a record that begins with 0x00 is framed Avro.

A batch is decoded in one call. Only when that fails is it decoded record by record, and only the record that is at
fault is refused: one poison pill costs one record.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from ironstream.contract import SCHEMA_VERSION, Metadata, Timestamps
from ironstream.errors import DecodeError
from ironstream.payloads import forward
from ironstream.schemas import Schemas

_AVRO_FRAME: Final = 0
NO_SCHEMAS: Final = Schemas()


class WireReading(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """`contract.Reading` as decoded (None: was not there), completed by the agent and encoded again.

    Without the garbage collector's tracking: a batch of readings would cost more to track than to decode.
    """

    asset_id: str
    parameter: str
    value: bool | int | float | None
    timestamps: Timestamps
    schema_version: int | None = None
    tenant_id: str | None = None
    site_id: str | None = None
    unit: str | None = None
    quality: str | None = None
    quality_reasons: list[str] | None = None
    classification: str | None = None
    clock_skew_ms: int | None = None
    metadata: Metadata | None = None
    site_name: str | None = None
    machine_type: str | None = None
    canonical_name: str | None = None
    topology_version: int | None = None


Extra = dict[str, Any]
"""Fields that the contract does not know, by name; `timestamps` and `metadata` hold those of the nested objects."""


@dataclass(slots=True)
class Decoded:
    """What a batch of records holds. `source[i]` is the place of the record that reading i came from."""

    readings: list[WireReading]
    source: list[int]
    faults: list[tuple[int, DecodeError]] = field(default_factory=list)
    extras: dict[int, Extra] = field(default_factory=dict)
    parts: dict[int, str] = field(default_factory=dict)
    """Names of the readings that share their record with others, by reading: they tell their ids apart."""
    statuses: list[tuple[int, bytes]] = field(default_factory=list)
    """Machine status in flat payloads, as records for events.raw."""


_VERSIONS: Final = frozenset((None, *range(SCHEMA_VERSION + 1)))
_SENTINEL: Final = secrets.randbits(62)
_SEPARATOR: Final = b",%d," % _SENTINEL
_batch_decoder: Final = msgspec.json.Decoder(list[WireReading | int])
_decoder: Final = msgspec.json.Decoder(WireReading)
encode_reading: Final = msgspec.json.Encoder().encode
_KNOWN: Final = {
    "": frozenset(WireReading.__struct_fields__),
    "timestamps": frozenset(Timestamps.__struct_fields__),
    "metadata": frozenset(Metadata.__struct_fields__),
}


def decode_readings(values: Sequence[bytes | None], schemas: Schemas = NO_SCHEMAS) -> Decoded:
    """Readings of a batch of records; framed Avro is of `schemas`. Never raises for what a record holds."""
    fast = _decode_together(values)
    if fast is not None:
        return Decoded(fast, list(range(len(fast))))
    decoded = Decoded([], [])
    for place, value in enumerate(values):
        try:
            _decode_one(value, place, decoded, schemas)
        except DecodeError as err:
            decoded.faults.append((place, err))
    return decoded


def _decode_together(values: Sequence[bytes | None]) -> list[WireReading] | None:
    """All readings in one call, or None where any record needs a closer look.

    Between the records stands a number that no sender can know: records cannot lean on one another (one that ends
    within a string, say, and the next that completes it) without the numbers showing it.
    """
    try:
        both = _batch_decoder.decode(b"[" + _SEPARATOR.join(values) + b"]")  # type: ignore[arg-type]  # None raises TypeError
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError, RecursionError):
        return None
    if len(both) != 2 * len(values) - 1 or both[1::2].count(_SENTINEL) != len(values) - 1:
        return None
    readings = both[::2]
    if set(map(type, readings)) != {WireReading}:
        return None
    if not {reading.schema_version for reading in readings} <= _VERSIONS:  # type: ignore[union-attr]  # no numbers are left
        return None
    return readings  # type: ignore[return-value]  # as above


def _decode_one(value: bytes | None, place: int, into: Decoded, schemas: Schemas) -> None:
    if not value:
        raise DecodeError("value", "the record is empty")
    if value[0] == _AVRO_FRAME:
        _take(schemas.decode(value), place, into)
        return
    try:
        reading = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _decode_loosely(value, place, into)
        return
    _append(into, reading, place, {}, None)


def _decode_loosely(value: bytes, place: int, into: Decoded) -> None:
    """Older payloads, unknown fields; and if it is neither, the error that says what is wrong."""
    try:
        raw = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise DecodeError("value", f"not JSON: {err}") from err
    if not isinstance(raw, dict):
        raise DecodeError("value", "not a JSON object")
    _take(raw, place, into)


def _take(raw: dict[str, Any], place: int, into: Decoded) -> None:
    flat = forward(raw)
    complete = [(_convert(*_split(one)), name) for one, name in flat.readings]
    for (reading, extra), name in complete:
        _append(into, reading, place, extra, name if len(complete) > 1 else None)
    if flat.status is not None:
        into.statuses.append((place, msgspec.json.encode(flat.status)))


def _append(into: Decoded, reading: WireReading, place: int, extra: Extra, part: str | None) -> None:
    if reading.schema_version not in _VERSIONS:
        raise DecodeError("schema_version", f"{reading.schema_version} is unknown; this release reads {SCHEMA_VERSION}")
    at = len(into.readings)
    into.readings.append(reading)
    into.source.append(place)
    if extra:
        into.extras[at] = extra
    if part is not None:
        into.parts[at] = part


def _split(raw: dict[str, Any]) -> tuple[dict[str, Any], Extra]:
    """Known fields and unknown ones, at the top and in the two nested objects."""
    known, extra = _partition(raw, "")
    for name in ("timestamps", "metadata"):
        nested = known.get(name)
        if isinstance(nested, dict):
            known[name], more = _partition(nested, name)
            if more:
                extra[name] = more
    return known, extra


def _partition(raw: dict[str, Any], level: str) -> tuple[dict[str, Any], Extra]:
    fields = _KNOWN[level]
    return {k: v for k, v in raw.items() if k in fields}, {k: v for k, v in raw.items() if k not in fields}


def _convert(known: dict[str, Any], extra: Extra) -> tuple[WireReading, Extra]:
    try:
        return msgspec.convert(known, WireReading), extra
    except (msgspec.ValidationError, RecursionError) as err:
        message = str(err)
        detail, _, path = message.partition(" - at `$")
        raise DecodeError(path.strip(".`") or _named(detail), detail) from None


def _named(detail: str) -> str:
    """The field that a message is about, where it has no path ("Object missing required field `value`")."""
    parts = detail.split("`")
    return parts[1] if len(parts) > 2 and "field" in detail else "value"


def encode_with(reading: WireReading, extra: Extra) -> bytes:
    """A reading with its unknown fields."""
    known: dict[str, Any] = msgspec.to_builtins(reading)
    for name in ("timestamps", "metadata"):
        if name in extra:
            known[name] = {**known.get(name, {}), **extra[name]}
    return encode_reading(extra | known)
