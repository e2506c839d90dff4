"""What the gateway needs to know of its surroundings; the CLI fills it from the product's settings."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ironstream import __version__


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where to publish, where to show health, where secrets are.

    `kafka_options` go to the producer as they are (security_protocol, sasl_…, ssl_context). `health_port` 0 takes a
    free port; None opens none. `max_buffer_bytes` bounds what waits for Kafka in memory; when full, reading waits.
    `vault_url` and `vault_token` (KV version 2 at `vault_mount`) are asked last for a secret.
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    topic_prefix: str = ""
    kafka_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    health_host: str = "127.0.0.1"
    health_port: int | None = 0
    max_buffer_bytes: int = 32 * 1024 * 1024
    flush_timeout_s: float = 30.0
    backoff_initial_s: float = 0.5
    backoff_max_s: float = 30.0
    hostname: str = field(default_factory=socket.gethostname)
    adapter_version: str = __version__
    secrets_dir: Path | None = None
    vault_url: str | None = None
    vault_token: str | None = field(default=None, repr=False)
    vault_mount: str = "secret"
