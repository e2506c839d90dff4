"""Records of telemetry.clean, of the aggregates and of alarms.clean, as far as the web view shows them."""

from __future__ import annotations

from typing import Any

import msgspec

from ironstream.contract import AlarmTransition, SeriesId
from ironstream.domain.times import to_iso, to_us
from ironstream.errors import DecodeError
from ironstream.schemas import Schemas

_AVRO_FRAME = 0
_SKEWED = "clock_skew"


class Shown(msgspec.Struct, frozen=True, gc=False):
    """A clean reading. Times are ISO-8601; `time` is the device's, or the gateway's where it has none."""

    series: SeriesId
    time_us: int
    time: str
    kafka_time: str | None
    value: float | None
    unit: str | None
    quality: str
    reasons: tuple[str, ...]

    @property
    def as_of_us(self) -> int:
        """The moment that it tells of, by which readings are ordered: the device's time where that can be true, and
        else, ahead of the log's clock or known to be skewed, when it came.
        """
        came_us = self.came_us
        return came_us if _SKEWED in self.reasons else min(self.time_us, came_us)

    @property
    def came_us(self) -> int:
        """When it came, by the log's clock."""
        return self.time_us if self.kafka_time is None else to_us(self.kafka_time)

    def aged_from_us(self, skew_us: int) -> int:
        """From when on it ages: when it came, or before where its device says so by more than clocks may differ."""
        return min(self.came_us, self.as_of_us + skew_us)


class ShownWindow(msgspec.Struct, frozen=True, gc=False):
    """A closed window."""

    series: SeriesId
    size_s: int
    start_us: int
    start: str
    end: str
    revision: int
    final: bool
    unit: str | None
    values: dict[str, Any]
    quality: dict[str, Any]


class _Times(msgspec.Struct, gc=False):
    device_time: str | int | float | None = None
    gateway_time: str | int | float | None = None
    kafka_time: str | int | float | None = None


class _Reading(msgspec.Struct, gc=False):
    asset_id: str
    parameter: str
    tenant_id: str
    site_id: str
    value: float | bool | None
    timestamps: _Times
    unit: str | None = None
    quality: str = "GOOD"
    quality_reasons: tuple[str, ...] = ()


class _Window(msgspec.Struct, gc=False):
    asset_id: str
    parameter: str
    tenant_id: str
    site_id: str
    window_start: str
    window_end: str
    size_s: int
    revision: int
    aggregates: dict[str, Any]
    quality_summary: dict[str, Any]
    final: bool = False
    unit: str | None = None


_windows = msgspec.json.Decoder(_Window)
_readings = msgspec.json.Decoder(_Reading)
_transitions = msgspec.json.Decoder(AlarmTransition)


def reading_of(value: bytes | None, schemas: Schemas) -> Shown:
    """A record of telemetry.clean, on either wire. Raises DecodeError for what is none."""
    try:
        if value and value[0] == _AVRO_FRAME:
            raw = msgspec.convert(schemas.decode(value), _Reading)
        else:
            raw = _readings.decode(value or b"")
        times = raw.timestamps
        time = times.gateway_time if times.device_time is None else times.device_time
        if time is None:
            raise DecodeError("timestamps", "has neither device_time nor gateway_time")
        time_us = to_us(time)
        return Shown(
            SeriesId(raw.tenant_id, raw.site_id, raw.asset_id, raw.parameter),
            time_us,
            to_iso(time_us),
            None if times.kafka_time is None else to_iso(to_us(times.kafka_time)),
            None if raw.value is None else float(raw.value),
            raw.unit,
            raw.quality,
            raw.quality_reasons,
        )
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise DecodeError("value", f"no clean reading: {error}") from error


def window_of(value: bytes | None) -> ShownWindow:
    """A record of a topic of aggregates. Raises DecodeError for what is none."""
    try:
        raw = _windows.decode(value or b"")
        start_us = to_us(raw.window_start)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise DecodeError("value", f"no window: {error}") from error
    return ShownWindow(
        SeriesId(raw.tenant_id, raw.site_id, raw.asset_id, raw.parameter),
        raw.size_s,
        start_us,
        raw.window_start,
        raw.window_end,
        raw.revision,
        raw.final,
        raw.unit,
        raw.aggregates,
        raw.quality_summary,
    )


def transition_of(value: bytes | None) -> AlarmTransition:
    """A record of alarms.clean. Raises DecodeError for what is none."""
    try:
        return _transitions.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError("value", f"no entry of the journal: {error}") from error
