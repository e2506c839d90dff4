"""What the gateway needs to know of its surroundings; the CLI fills it from the product's settings."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ironstream import __version__
from ironstream.settings import Settings


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where to publish, where to show health, where secrets are.

    `kafka_options` go to the producer as they are (security_protocol, sasl_…, ssl_context). `health_port` 0 takes a
    free port; None opens none. `max_buffer_bytes` bounds what waits for Kafka in memory; when full, reading waits.
    With `buffer_dir` what waits goes to disk there, in a file named `buffer_name` ("": after the process or pipeline).
    Beyond `buffer_max_bytes` the oldest of the lowest priority is dropped, and what is older than `buffer_max_age_s`
    (None: nothing); never an alarm.
    `vault_url` and `vault_token` (KV version 2 at `vault_mount`) are asked last for a secret.
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    topic_prefix: str = ""
    kafka_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    health_host: str = "127.0.0.1"
    health_port: int | None = 0
    max_buffer_bytes: int = 32 * 1024 * 1024
    buffer_dir: Path | None = None
    buffer_name: str = ""
    buffer_max_bytes: int = 1024 * 1024 * 1024
    buffer_max_age_s: float | None = None
    flush_timeout_s: float = 30.0
    backoff_initial_s: float = 0.5
    backoff_max_s: float = 30.0
    hostname: str = field(default_factory=socket.gethostname)
    adapter_version: str = __version__
    secrets_dir: Path | None = None
    vault_url: str | None = None
    vault_token: str | None = field(default=None, repr=False)
    vault_mount: str = "secret"

    @classmethod
    def of(cls, settings: Settings, **overrides: Any) -> Self:
        """The gateway of the deployment that `settings` describes; `overrides` are fields of this class.

        Raises ConfigurationError when a certificate or key cannot be read.
        """
        options = settings.kafka_client_kwargs()
        options.pop("bootstrap_servers")
        if settings.compression != "none":
            options["compression_type"] = settings.compression
        fields = {"bootstrap_servers": settings.bootstrap, "topic_prefix": settings.topic_prefix}
        return cls(**{**fields, "kafka_options": options, **overrides})
