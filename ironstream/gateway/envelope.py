"""Samples to the records of the contract: identity, times, and a number for every reading of a run."""

from __future__ import annotations

import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from ironstream.contract import (
    SCHEMA_VERSION,
    AlarmState,
    Event,
    ExternalAlarm,
    Metadata,
    Quality,
    Reading,
    Timestamps,
    asset_key,
)
from ironstream.gateway.adapter import DeviceAlarm, Point, Sample, Value
from ironstream.gateway.pipeline import PipelineSpec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(time_us: int) -> str:
    """ISO-8601 in UTC with microseconds and "Z"."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def new_boot() -> str:
    """Id of a run of an adapter; a later run of the same adapter has another."""
    return uuid.uuid4().hex


class Envelope:
    """Makes the records of one pipeline in one run (`boot`).

    `seq` counts the readings of each series from 1 and is given when a reading is made: whoever makes one sends it.
    """

    def __init__(self, pipeline: PipelineSpec, *, adapter_version: str, hostname: str, boot: str) -> None:
        self._pipeline = pipeline
        self._adapter_version = adapter_version
        self._hostname = hostname
        self._boot = boot
        self._seq: defaultdict[str, int] = defaultdict(int)
        self._last_state: dict[str, Value] = {}

    def key(self, of: Point | DeviceAlarm) -> bytes:
        """Kafka key of every record of the asset of a point or an alarm."""
        return asset_key(*self._asset(of))

    def reading(self, sample: Sample) -> Reading:
        """The next reading of the series; text is not one (see `event`)."""
        point = sample.point
        if isinstance(sample.value, str):
            raise TypeError(f"{point.parameter}: text is an event, not a reading")
        tenant_id, site_id, asset_id = self._asset(point)
        seq = None
        if sample.numbered:
            self._seq[point.key] += 1
            seq = self._seq[point.key]
        return Reading(
            asset_id=asset_id,
            parameter=point.parameter,
            value=sample.value,
            timestamps=_timestamps(sample),
            schema_version=SCHEMA_VERSION,
            tenant_id=tenant_id,
            site_id=site_id,
            unit=point.unit,
            quality=sample.quality.name,
            classification="TELEMETRY",
            metadata=self._metadata(seq, numbered=sample.numbered, historical=sample.historical),
            quality_reasons=[sample.reason] if sample.reason else [],
        )

    def event(self, sample: Sample) -> Event | None:
        """The event of a change of a discrete state or text; None while it stays, or is not known."""
        point = sample.point
        if sample.quality is Quality.BAD or sample.value is None:
            return None
        previous = self._last_state.get(point.key)
        if previous == sample.value:
            return None
        self._last_state[point.key] = sample.value
        tenant_id, site_id, asset_id = self._asset(point)
        return Event(
            asset_id=asset_id,
            type=point.parameter,
            tenant_id=tenant_id,
            site_id=site_id,
            parameter=point.parameter,
            from_=previous,
            to=sample.value,
            value=sample.value,
            timestamps=_timestamps(sample),
            metadata=self._metadata(None, historical=sample.historical),
        )

    def alarm(self, alarm: DeviceAlarm) -> ExternalAlarm:
        """The record of an alarm that the device raised or cleared."""
        tenant_id, site_id, asset_id = self._asset(alarm)
        return ExternalAlarm(
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
            metadata=self._metadata(None),
        )

    def _asset(self, of: Point | DeviceAlarm) -> tuple[str, str, str]:
        pipeline = self._pipeline
        asset_id = of.asset_id or pipeline.asset_id
        if asset_id is None:
            raise ValueError(f"{of.parameter} has no asset")
        return of.tenant_id or pipeline.tenant_id, of.site_id or pipeline.site_id, asset_id

    def _metadata(self, seq: int | None, *, numbered: bool = True, historical: bool = False) -> Metadata:
        return Metadata(
            pipeline_id=self._pipeline.id,
            adapter_id=self._pipeline.adapter_id or self._pipeline.id,
            adapter_version=self._adapter_version,
            hostname=self._hostname,
            # a run without numbers is no run to whoever tells repeats by them
            boot=self._boot if numbered else None,
            seq=seq,
            historical=historical,
        )


def _timestamps(of: Sample | DeviceAlarm) -> Timestamps:
    device_us = of.device_time_us
    return Timestamps(device_time=None if device_us is None else iso(device_us), gateway_time=iso(of.gateway_time_us))
