"""Pipelines: which adapter reads which device."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ironstream.contract import DEFAULT_PART
from ironstream.topology.model.base import IdentityPart, Label, Part, PositiveSeconds


class Pipeline(Part):
    """One adapter that reads one device. `config` is what that adapter's own model reads."""

    id: IdentityPart = Field(description="Name in the metadata of readings, in logs and commands.")
    adapter: Label = Field(description="Kind of adapter: modbus-tcp, modbus-rtu, opcua, mqtt, …")
    gateway: IdentityPart | None = Field(default=None, description="Gateway that runs it; empty: any.")
    enabled: bool = Field(default=True, description="False: declared but not run.")
    process: IdentityPart | None = Field(
        default=None,
        description="Pipelines that name the same process share one; empty: one of its own, named as the pipeline.",
    )
    priority: Literal["low", "normal", "high"] = Field(
        default="normal",
        description="What a full disk buffer gives up while Kafka is away: low first, alarms and events never before.",
    )
    tenant: IdentityPart = Field(default=DEFAULT_PART, description="Tenant of what it reads.")
    site: IdentityPart = Field(default=DEFAULT_PART, description="Site of what it reads.")
    asset: IdentityPart | None = Field(
        default=None, description="Asset of what it reads; empty: each tag names its own."
    )
    poll_interval_s: PositiveSeconds | None = Field(
        default=None,
        description="Time between two polls, the expected interval of what it reads; empty: the device decides.",
    )
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="Configuration of the adapter, see its page. Secrets only as `${secret:name}`.",
    )
