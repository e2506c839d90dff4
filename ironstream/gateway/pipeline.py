"""A pipeline: one adapter that reads one device into the series of one asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ironstream.contract import DEFAULT_PART


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """What a pipeline of topology.yaml, or CONFIG_JSON, says.

    `adapter` is a name of the registry (`modbus-tcp`), `config` what that adapter's config model reads, with
    `${secret:name}` not yet resolved. `asset_id` None: every point names its own asset.
    """

    id: str
    adapter: str
    asset_id: str | None
    config: Mapping[str, Any]
    tenant_id: str = DEFAULT_PART
    site_id: str = DEFAULT_PART
    poll_interval_s: float = 1.0
    adapter_id: str = field(default="")
