"""Sinks: where clean data, aggregates, events and alarms go."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ironstream.topology.model.base import IdentityPart, Label, Part, PositiveSeconds


class SinkPart(Part):
    """One target. `config` is what that kind's own model reads."""

    id: IdentityPart = Field(description="Name of the sink in commands, logs and metrics, and of its consumer group.")
    kind: Label = Field(description="Kind of sink: postgres, timescaledb, s3-parquet, cloud-api, pagerduty, …")
    enabled: bool = Field(default=True, description="False: declared but not run.")
    topics: tuple[Label, ...] = Field(
        default=(),
        strict=False,
        description="Topics that it takes, as telemetry.clean, telemetry.1min, alarms.clean; empty: those of its kind.",
    )
    batch_rows: int | None = Field(
        default=None, ge=1, le=5_000_000, description="Rows written at once at most; empty: as suits the kind."
    )
    batch_age_s: PositiveSeconds | None = Field(
        default=None, description="How long a row waits for others to be written with; empty: as suits the kind."
    )
    write_timeout_s: PositiveSeconds | None = Field(
        default=None, description="After this a write is given up and repeated; empty: as suits the kind."
    )
    config: dict[str, Any] = Field(
        default_factory=dict, description="Configuration of the kind, see its page. Secrets only as `${secret:name}`."
    )
