"""Payloads that are readings already: those of telemetry.raw, and the flat one of a machine. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ironstream.contract import Quality, Time
from ironstream.domain.times import to_us


class PayloadError(ValueError):
    """A payload that is not what its format says; the text says why."""


@dataclass(frozen=True, slots=True)
class ToldValue:
    """One value with what its payload says of it; None: it says nothing. Times are µs since the epoch."""

    parameter: str
    value: bool | int | float | str | None
    tenant_id: str | None
    site_id: str | None
    asset_id: str | None
    unit: str | None = None
    device_time_us: int | None = None
    gateway_time_us: int | None = None
    quality: Quality = Quality.GOOD
    reason: str | None = None
    historical: bool = False


def told_values(payload: bytes) -> list[ToldValue]:
    """The readings of a payload, and the status of a machine as text. Raises PayloadError."""
    # what it is compiled with takes half a second to load, and no other format needs it
    from ironstream.codec import decode_readings

    decoded = decode_readings([payload])
    if decoded.faults:
        raise PayloadError(str(decoded.faults[0][1]))
    told: list[ToldValue] = []
    for reading in decoded.readings:
        times = reading.timestamps
        told.append(
            ToldValue(
                reading.parameter,
                reading.value,
                reading.tenant_id,
                reading.site_id,
                reading.asset_id,
                reading.unit,
                _time_us("device_time", times.device_time),
                _time_us("gateway_time", times.gateway_time),
                _quality(reading.quality),
                reading.quality_reasons[0] if reading.quality_reasons else None,
                reading.metadata is not None and bool(reading.metadata.historical),
            )
        )
    for _, record in decoded.statuses:
        status = msgspec.json.decode(record)
        told.append(
            ToldValue(
                "status",
                _status(status["status"]),
                _name("tenant_id", status.get("tenant_id")),
                _name("site_id", status.get("site_id")),
                _name("machine_id", status["machine_id"]),
                device_time_us=_time_us("ts", status["ts"]),
            )
        )
    return told


def _time_us(field: str, value: Time) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str | int | float):
        raise PayloadError(f"{field}: a time is ISO-8601 with offset, or the epoch")
    try:
        return to_us(value)
    except ValueError as error:
        raise PayloadError(f"{field}: {error}") from error


def _quality(name: str | None) -> Quality:
    if name is None:
        return Quality.GOOD
    try:
        return Quality[name]
    except KeyError:
        raise PayloadError(f"quality: {name[:40]!r} is none of GOOD, SUSPECT, UNCERTAIN, BAD") from None


def _status(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value).lower()
    raise PayloadError("status: must be text")


def _name(field: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise PayloadError(f"{field}: must be text")
