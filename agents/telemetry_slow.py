"""Readings that msgspec has decoded, to columns: the way of all records that no kernel reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ironstream.codec import Decoded, Extra, WireReading
from ironstream.contract import Quality
from ironstream.domain.times import to_us
from ironstream.errors import DecodeError
from ironstream.kernels.layout import MISSING

_QUALITIES: Final[dict[str | None, int]] = {None: 0, **{quality.name: int(quality) for quality in Quality}}
UNKNOWN_QUALITY: Final = 255
_LARGEST_SEQ: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that does not become readings: its place among the records, reason and detail for the DLQ."""

    place: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SlowReading:
    """One reading: the place of its record, the number of its stream, and its values (times in µs, NaN for null).

    `part` tells it apart from others of its record, `extra` holds the fields that the contract does not know.
    """

    place: int
    stream: int
    reading: WireReading
    device: int
    gateway: int
    value: float
    code: int
    seq: int
    part: str | None
    extra: Extra | None


def slow_reading(decoded: Decoded, at: int, place: int, stream: int) -> SlowReading:
    """Reading `at` of what was decoded. Raises DecodeError for times and values that are none."""
    reading = decoded.readings[at]
    stamps = reading.timestamps
    device, gateway = _time(stamps.device_time, "device_time"), _time(stamps.gateway_time, "gateway_time")
    if device == MISSING and gateway == MISSING:
        raise DecodeError("timestamps", "neither device_time nor gateway_time is there; one is required")
    try:
        value = np.nan if reading.value is None else float(reading.value)
    except OverflowError as err:
        raise DecodeError("value", "larger than any float") from err
    seq = 0 if reading.metadata is None or reading.metadata.seq is None else reading.metadata.seq
    return SlowReading(
        place,
        stream,
        reading,
        device,
        gateway,
        value,
        _QUALITIES.get(reading.quality, UNKNOWN_QUALITY),
        seq if 0 <= seq <= _LARGEST_SEQ else 0,
        decoded.parts.get(at),
        decoded.extras.get(at),
    )


def _time(value: str | int | float | None, field: str) -> int:
    if value is None:
        return MISSING
    try:
        return to_us(value)
    except ValueError as err:
        raise DecodeError(f"timestamps.{field}", str(err)) from err
