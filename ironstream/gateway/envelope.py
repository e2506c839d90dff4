"""Samples to the records of the contract: identity, times, and a number for every reading of a run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from ironstream.contract import (
    SCHEMA_VERSION,
    AlarmState,
    Event,
    ExternalAlarm,
    Metadata,
    Quality,
    Timestamps,
    asset_key,
)
from ironstream.dlq import PREFIX as DLQ_PREFIX
from ironstream.gateway.adapter import DeviceAlarm, Point, Refused, Sample, Value
from ironstream.gateway.pipeline import PipelineSpec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER = msgspec.json.Encoder()


def iso(time_us: int) -> str:
    """ISO-8601 in UTC with microseconds and "Z"."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def new_boot() -> str:
    """Id of a run of an adapter; a later run of the same adapter has another."""
    return uuid.uuid4().hex


class Envelope:
    """Makes the records of one pipeline in one run (`boot`), in JSON.

    `seq` counts the readings of each series from 1 and is given when a reading is made: whoever makes one sends it.
    """

    def __init__(self, pipeline: PipelineSpec, *, adapter_version: str, hostname: str, boot: str) -> None:
        self._pipeline = pipeline
        self._origin = Metadata(
            pipeline_id=pipeline.id,
            adapter_id=pipeline.adapter_id or pipeline.id,
            adapter_version=adapter_version,
            hostname=hostname,
        )
        self._boot = boot
        self._series: dict[str, _Series] = {}
        self._last_state: dict[str, Value] = {}
        self._device_time = _TimeText()
        self._gateway_time = _TimeText()

    def key(self, of: Point | DeviceAlarm) -> bytes:
        """Kafka key of every record of the asset of a point or an alarm."""
        return asset_key(*self._asset(of))

    def reading(self, sample: Sample) -> tuple[bytes, bytes]:
        """Kafka key and record of the next reading of the series; text is not one (see `event`).

        Most of a reading is the same each time, and an adapter makes a hundred thousand a second: only what changes
        is written anew.
        """
        point = sample.point
        series = self._series.get(point.key) or self._open(point)
        if series.unit is not point.unit and series.unit != point.unit:
            # a device that tells its own units may change one
            series = self._open(point, series.seq)
        value = sample.value
        if isinstance(value, str):
            raise TypeError(f"{sample.parameter}: text is an event, not a reading")
        run = b""
        if sample.numbered:
            series.seq += 1
            run = b'"boot":"%b","seq":%d,' % (series.boot, series.seq)
        if sample.historical:
            run += b'"historical":true,'
        device_us = sample.device_time_us
        device = b"" if device_us is None else b'"device_time":"%b",' % self._device_time.of(device_us)
        reasons = b"" if sample.reason is None else b',"quality_reasons":%b' % _ENCODER.encode([sample.reason])
        return series.key, b'%b,"value":%b,"quality":"%b"%b,"timestamps":{%b"gateway_time":"%b"},"metadata":{%b%b' % (
            series.head,
            _ENCODER.encode(value),
            sample.quality.name.encode(),
            reasons,
            device,
            self._gateway_time.of(sample.gateway_time_us),
            run,
            series.tail,
        )

    def event(self, sample: Sample) -> bytes | None:
        """The event of a change of a discrete state or text; None while it stays, or is not known."""
        point = sample.point
        if sample.quality is Quality.BAD or sample.value is None:
            return None
        previous = self._last_state.get(point.key)
        if previous == sample.value:
            return None
        self._last_state[point.key] = sample.value
        tenant_id, site_id, asset_id = self._asset(point)
        event = Event(
            asset_id=asset_id,
            type=point.parameter,
            tenant_id=tenant_id,
            site_id=site_id,
            parameter=point.parameter,
            from_=previous,
            to=sample.value,
            value=sample.value,
            timestamps=_timestamps(sample),
            metadata=self._metadata(historical=sample.historical),
        )
        return _ENCODER.encode(event)

    def alarm(self, alarm: DeviceAlarm) -> bytes:
        """The record of an alarm that the device raised or cleared."""
        tenant_id, site_id, asset_id = self._asset(alarm)
        record = ExternalAlarm(
            asset_id=asset_id,
            type=alarm.type,
            state=AlarmState.ACTIVE if alarm.active else AlarmState.CLEARED,
            tenant_id=tenant_id,
            site_id=site_id,
            parameter=alarm.parameter,
            severity=alarm.severity.name,
            message=alarm.message,
            value=alarm.value,
            threshold=alarm.threshold,
            timestamps=_timestamps(alarm),
            metadata=self._metadata(historical=False),
        )
        return _ENCODER.encode(record)

    def _open(self, point: Point, seq: int = 0) -> _Series:
        tenant_id, site_id, asset_id = self._asset(point)
        head = {
            "schema_version": SCHEMA_VERSION,
            "tenant_id": tenant_id,
            "site_id": site_id,
            "asset_id": asset_id,
            "parameter": point.parameter,
            "classification": "TELEMETRY",
        }
        if point.unit is not None:
            head["unit"] = point.unit
        series = _Series(
            key=self.key(point),
            head=_ENCODER.encode(head).removesuffix(b"}"),
            tail=_ENCODER.encode(self._origin).removeprefix(b"{") + b"}",
            boot=self._boot.encode(),
            unit=point.unit,
            seq=seq,
        )
        self._series[point.key] = series
        return series

    def dead_letter(self, refused: Refused) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
        """Key and headers of the dead letter of what cannot be read; it has the asset of the pipeline, if any."""
        pipeline = self._pipeline
        key = asset_key(pipeline.tenant_id, pipeline.site_id, pipeline.asset_id or pipeline.id)
        headers = {
            "reason": "malformed",
            "detail": refused.detail,
            "topic": refused.origin,
            "time": iso(refused.gateway_time_us),
        }
        return key, tuple((DLQ_PREFIX + name, text.encode("utf-8", "replace")) for name, text in headers.items())

    def _asset(self, of: Point | DeviceAlarm) -> tuple[str, str, str]:
        pipeline = self._pipeline
        asset_id = of.asset_id or pipeline.asset_id
        if asset_id is None:
            raise ValueError(f"{of.parameter} has no asset")
        return of.tenant_id or pipeline.tenant_id, of.site_id or pipeline.site_id, asset_id

    def _metadata(self, *, historical: bool) -> Metadata:
        return msgspec.structs.replace(self._origin, boot=self._boot, historical=historical)


@dataclass(slots=True)
class _Series:
    """What all readings of a series have in common, as it is written, and the number of the last one."""

    key: bytes
    head: bytes
    tail: bytes
    boot: bytes
    unit: str | None
    seq: int = 0


class _TimeText:
    """Times as text; the values of one read have the same, so the last one is kept."""

    __slots__ = ("_text", "_time_us")

    def __init__(self) -> None:
        self._time_us = 0
        self._text = iso(0).encode()

    def of(self, time_us: int) -> bytes:
        if time_us != self._time_us:
            self._time_us, self._text = time_us, iso(time_us).encode()
        return self._text


def _timestamps(of: Sample | DeviceAlarm) -> Timestamps:
    device_us = of.device_time_us
    return Timestamps(device_time=None if device_us is None else iso(device_us), gateway_time=iso(of.gateway_time_us))
