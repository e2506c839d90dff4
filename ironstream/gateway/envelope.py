"""Samples to the records of the contract: identity, times, and a number for every reading of a run."""

from __future__ import annotations

import uuid
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from ironstream.contract import SCHEMA_VERSION, Event, Metadata, Quality, Reading, Timestamps, asset_key
from ironstream.gateway.adapter import Point, Sample, Value
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

    def key(self, point: Point) -> bytes:
        """Kafka key of every record of the point's asset."""
        return asset_key(self._pipeline.tenant_id, self._pipeline.site_id, self._asset(point))

    def reading(self, point: Point, sample: Sample) -> Reading:
        """The next reading of the series; text is not one (see `event`)."""
        if isinstance(sample.value, str):
            raise TypeError(f"{sample.parameter}: text is an event, not a reading")
        self._seq[point.key] += 1
        return Reading(
            asset_id=self._asset(point),
            parameter=point.parameter,
            value=sample.value,
            timestamps=_timestamps(sample),
            schema_version=SCHEMA_VERSION,
            tenant_id=self._pipeline.tenant_id,
            site_id=self._pipeline.site_id,
            unit=point.unit,
            quality=sample.quality.name,
            classification="TELEMETRY",
            metadata=self._metadata(self._seq[point.key]),
            quality_reasons=[sample.reason] if sample.reason else [],
        )

    def event(self, point: Point, sample: Sample) -> Event | None:
        """The event of a change of a discrete state or text; None while it stays, or is not known."""
        if sample.quality is Quality.BAD or sample.value is None:
            return None
        previous = self._last_state.get(point.key)
        if previous == sample.value:
            return None
        self._last_state[point.key] = sample.value
        return Event(
            asset_id=self._asset(point),
            type=point.parameter,
            tenant_id=self._pipeline.tenant_id,
            site_id=self._pipeline.site_id,
            parameter=point.parameter,
            from_=previous,
            to=sample.value,
            value=sample.value,
            timestamps=_timestamps(sample),
            metadata=self._metadata(None),
        )

    def _asset(self, point: Point) -> str:
        asset_id = point.asset_id or self._pipeline.asset_id
        if asset_id is None:
            raise ValueError(f"{point.parameter} has no asset")
        return asset_id

    def _metadata(self, seq: int | None) -> Metadata:
        return Metadata(
            pipeline_id=self._pipeline.id,
            adapter_id=self._pipeline.adapter_id or self._pipeline.id,
            adapter_version=self._adapter_version,
            hostname=self._hostname,
            boot=self._boot,
            seq=seq,
        )


def _timestamps(sample: Sample) -> Timestamps:
    device_us = sample.device_time_us
    return Timestamps(
        device_time=None if device_us is None else iso(device_us), gateway_time=iso(sample.gateway_time_us)
    )
