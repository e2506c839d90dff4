"""Configuration of the sink cloud-api."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ironstream.sinks.http.message_config import MessageConfig


class CloudApiConfig(MessageConfig):
    """An HTTP API that takes batches of records."""

    format: Literal["json", "ndjson"] = Field(
        default="json", description='Body: json is {"records": [...]}, ndjson a record on each line.'
    )
    max_records: int = Field(default=1000, ge=1, le=100_000, description="Records of one request at most.")
