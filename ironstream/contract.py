"""Readings, events, alarms, aggregates: names, types, units (schema_version 1).

This module is data only; `ironstream.codec` is the one place that turns it into bytes and back. Field names, their
meaning and which are required follow the contract of the wire; all times inside the product are int64 microseconds
since the epoch, UTC; on the wire they are ISO-8601 with "Z".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Any, Final

import msgspec

SCHEMA_VERSION: Final = 1
IDENTITY_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
DEFAULT_PART: Final = "default"
"""Tenant and site of a deployment that names none."""
CONTROL_KEY: Final = b"ironstream.control"
"""Key of the engine's own records (ticks) on a source topic; every consumer of data skips them."""
ID_HEADER: Final = "ironstream-id"
TOPOLOGY_HEADER: Final = "ironstream-topology"
"""Version of the topology by which an event or a change of an alarm was judged; readings and windows have a field."""
_AGGREGATES: Final = re.compile(r"telemetry\.([1-9][0-9]{0,9})(s|min|hour)")
_UNIT_S: Final = {"s": 1, "min": 60, "hour": 3600}


class Topic:
    """Names of the topics; a deployment may put a prefix before all of them."""

    TELEMETRY_RAW = "telemetry.raw"
    TELEMETRY_CLEAN = "telemetry.clean"
    EVENTS_RAW = "events.raw"
    EVENTS_CLEAN = "events.clean"
    ALARMS_RAW = "alarms.raw"
    ALARMS_CLEAN = "alarms.clean"
    AUDIT_TRAIL = "audit_trail"
    CONFIG_TOPOLOGY = "config.topology"
    CONFIG_STATUS = "config.status"
    LOGS_ADAPTERS = "logs.adapters"
    LOGS_GATEWAY = "logs.gateway"
    LOGS_SINKS = "logs.sinks"
    DLQ_TELEMETRY = "dlq.invalid_telemetry"
    DLQ_EVENTS = "dlq.invalid_events"
    DLQ_ALARMS = "dlq.invalid_alarms"
    DLQ_SINKS = "dlq.sinks"
    DLQ_OVERFLOW = "dlq.buffer_overflow"

    @staticmethod
    def clean(window_sizes_s: Iterable[int]) -> tuple[str, ...]:
        """Every topic of what is clean, which a sink may take, in a deployment with these window sizes."""
        sizes = tuple(Topic.aggregates(size_s) for size_s in sorted(window_sizes_s))
        return (Topic.TELEMETRY_CLEAN, *sizes, Topic.EVENTS_CLEAN, Topic.ALARMS_CLEAN)

    @staticmethod
    def size_s(topic: str) -> int | None:
        """Window size in seconds of a topic of aggregates; None for another."""
        match = _AGGREGATES.fullmatch(topic)
        return int(match[1]) * _UNIT_S[match[2]] if match else None

    @staticmethod
    def aggregates(size_s: int) -> str:
        """`telemetry.1s`, `.10s`, `.1min`, `.1hour`, …: the topic of windows of `size_s` seconds."""
        for unit_s, name in ((3600, "hour"), (60, "min")):
            if size_s % unit_s == 0:
                return f"telemetry.{size_s // unit_s}{name}"
        return f"telemetry.{size_s}s"


class Quality(IntEnum):
    """Quality of a reading; a higher number is worse, and the worst one wins."""

    GOOD = 0
    SUSPECT = 1
    UNCERTAIN = 2
    BAD = 3


class Severity(IntEnum):
    """Severity of an alarm; a higher number is more severe."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class AlarmState(StrEnum):
    """State of an alarm occurrence."""

    ACTIVE = "ACTIVE"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CLEARED = "CLEARED"
    CLEARED_UNACKED = "CLEARED_UNACKED"
    SUPPRESSED = "SUPPRESSED"


def _default() -> str:
    """A factory, so that it is always written, not left out."""
    return DEFAULT_PART


Time = str | int | float | None
"""A time on the wire: ISO-8601 with offset, or epoch (ms when ≥ 1e11, else s)."""


class Timestamps(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """When a reading was made (device), read (gateway) and stored (Kafka)."""

    device_time: Time = None
    gateway_time: Time = None
    kafka_time: Time = None
    timezone: str | None = None


class Metadata(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Where a reading came from; `seq` counts from 1 the readings of one series in one run (`boot`) of the adapter.

    `historical`: the device kept the value while nobody was listening.
    """

    pipeline_id: str | None = None
    adapter_id: str | None = None
    adapter_version: str | None = None
    hostname: str | None = None
    boot: str | None = None
    seq: int | None = None
    historical: bool | None = False


class Reading(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """One value of one series, as it is on telemetry.raw and, with the fields after `metadata`, on telemetry.clean."""

    asset_id: str
    parameter: str
    value: bool | int | float | None
    timestamps: Timestamps
    schema_version: int = 0
    tenant_id: str = msgspec.field(default_factory=_default)
    site_id: str = msgspec.field(default_factory=_default)
    unit: str | None = None
    quality: str | None = None
    classification: str = ""
    metadata: Metadata | None = None
    # written by the quality stage
    quality_reasons: list[str] = []
    clock_skew_ms: int | None = None
    topology_version: int | None = None
    site_name: str | None = None
    machine_type: str | None = None
    canonical_name: str | None = None


class Evidence(msgspec.Struct, omit_defaults=True):
    """What caused a change of a condition: the record, the rule and the version of the topology that held it."""

    topic: str
    partition: int
    offset: int
    rule_id: str | None = None
    topology_version: int | None = None


class Condition(msgspec.Struct, omit_defaults=True, tag_field="kind", tag="condition"):
    """A condition of a rule that was raised (ACTIVE) or cleared (CLEARED), on alarms.raw.

    `number` grows by one with each change per rule and series, so the receiver drops a repeat.
    """

    tenant_id: str
    site_id: str
    asset_id: str
    rule_id: str
    number: int
    type: str
    severity: str
    state: str
    time: str
    message: str
    evidence: Evidence
    parameter: str | None = None
    value: float | str | bool | None = None
    threshold: float | None = None
    unit: str | None = None
    latched: bool = False
    schema_version: int = SCHEMA_VERSION


class ExternalAlarm(msgspec.Struct, omit_defaults=True, tag_field="kind", tag="alarm"):
    """An alarm that a device or another system raised or cleared, on alarms.raw (`kind` may be absent there)."""

    asset_id: str
    type: str
    state: str
    tenant_id: str = msgspec.field(default_factory=_default)
    site_id: str = msgspec.field(default_factory=_default)
    parameter: str | None = None
    severity: str = "MEDIUM"
    message: str = ""
    value: float | str | bool | None = None
    threshold: float | None = None
    unit: str | None = None
    latched: bool = False
    timestamps: Timestamps | None = None
    metadata: Metadata | None = None
    schema_version: int = SCHEMA_VERSION


class Command(msgspec.Struct, omit_defaults=True, tag_field="kind", tag="command"):
    """What an operator asked for, on alarms.raw. A repeat of a `command_id` has no second effect.

    `command` is ack, shelve, unshelve, suppress or comment; the alarm is named by `alarm_id` (its latest occurrence) or
    `occurrence_id`. `until` (ISO-8601) ends a shelving; one without is one-shot: it ends when the alarm clears.
    """

    command_id: str
    command: str
    actor: str
    tenant_id: str = msgspec.field(default_factory=_default)
    site_id: str = msgspec.field(default_factory=_default)
    asset_id: str = ""
    alarm_id: str | None = None
    occurrence_id: str | None = None
    until: str | None = None
    reason: str | None = None
    comment: str | None = None
    time: str | None = None
    schema_version: int = SCHEMA_VERSION


class AlarmTransition(msgspec.Struct, omit_defaults=False):
    """One transition of one alarm occurrence, on alarms.clean."""

    alarm_id: str
    occurrence_id: str
    transition: int
    tenant_id: str
    site_id: str
    asset_id: str
    parameter: str | None
    type: str
    severity: str
    state: str
    previous_state: str | None
    raised_at: str
    acked_at: str | None
    acked_by: str | None
    cleared_at: str | None
    time: str
    message: str
    value: float | str | bool | None
    threshold: float | None
    unit: str | None
    actor: str | None
    comment: str | None
    reason: str | None
    until: str | None
    count: int
    evidence: Evidence
    schema_version: int = SCHEMA_VERSION


class Event(msgspec.Struct, omit_defaults=True):
    """A discrete change: of a machine's state on events.raw, or found by the product itself on events.clean."""

    asset_id: str
    type: str
    tenant_id: str = msgspec.field(default_factory=_default)
    site_id: str = msgspec.field(default_factory=_default)
    parameter: str | None = None
    from_: Any = msgspec.field(default=None, name="from")
    to: Any = None
    value: Any = None
    timestamps: Timestamps | None = None
    metadata: Metadata | None = None
    details: dict[str, Any] | None = None
    schema_version: int = SCHEMA_VERSION


class SeriesId(msgspec.Struct, frozen=True, order=True):
    """Name of a series."""

    tenant_id: str
    site_id: str
    asset_id: str
    parameter: str

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.site_id}/{self.asset_id}/{self.parameter}"

    @property
    def kafka_key(self) -> bytes:
        """Key of every record of this series' asset."""
        return asset_key(self.tenant_id, self.site_id, self.asset_id)


def asset_key(tenant_id: str, site_id: str, asset_id: str) -> bytes:
    """Kafka key of every record of an asset: `tenant/site/asset`."""
    return f"{tenant_id}/{site_id}/{asset_id}".encode()
