"""What the engine needs to know of its deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironstream.engine.control import TopologyChange


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """`client_settings` go to every Kafka client as they are.

    `partitions` is how many every topic of the deployment has; 0 where that is not known.
    """

    application_id: str
    client_settings: Mapping[str, Any]
    state_dir: Path
    topic_prefix: str = ""
    partitions: int = 0
    commit_interval_s: float = 2.0
    session_timeout_s: float = 10.0
    compression: str | None = None
    topology: TopologyChange | None = None
    """The one that holds at the start; None for an app whose agents have no rules."""
    store_cache_mb: int = 64
