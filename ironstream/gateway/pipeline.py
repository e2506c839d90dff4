"""A pipeline: one adapter that reads one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ironstream.contract import DEFAULT_PART
from ironstream.gateway.outgoing import Priority


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """What a pipeline of topology.yaml, or CONFIG_JSON, says.

    `adapter` is a name of the registry (`modbus-tcp`), `config` what that adapter's config model reads, with
    `${secret:name}` not yet resolved. `asset_id` None: every point names its own asset. `priority` of its
    readings in a full buffer. Pipelines of one `process` share a process of the gateway; None has its own.
    """

    id: str
    adapter: str
    asset_id: str | None
    config: Mapping[str, Any]
    tenant_id: str = DEFAULT_PART
    site_id: str = DEFAULT_PART
    poll_interval_s: float = 1.0
    priority: Priority = Priority.NORMAL
    process: str | None = None
    adapter_id: str = field(default="")
