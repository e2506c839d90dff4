"""Configuration of the sink webhook."""

from __future__ import annotations

from pydantic import Field

from ironstream.sinks.http.message_config import MessageConfig


class WebhookConfig(MessageConfig):
    """An HTTP endpoint that takes the transitions of alarms."""

    gzip: bool = Field(default=False, description="Compress what is sent (Content-Encoding: gzip).")
    max_records: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description='Transitions of one request: 1 sends each alone, more as {"records": [...]}.',
    )
