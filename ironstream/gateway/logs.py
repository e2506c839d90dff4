"""The log of an adapter: structured, to the process' log and to the topic logs.adapters, secrets taken out."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import structlog

from ironstream.contract import Topic, asset_key
from ironstream.gateway.envelope import iso
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.publisher import Publisher
from ironstream.gateway.secrets import Redactor

_LOG = structlog.get_logger(__name__)


class AdapterLog:
    """Log of one pipeline. A line is lost rather than that it holds up a reading."""

    def __init__(
        self, pipeline: PipelineSpec, publisher: Publisher, *, hostname: str, boot: str, redact: Redactor
    ) -> None:
        self._publisher = publisher
        self._redact = redact
        self._key = asset_key(pipeline.tenant_id, pipeline.site_id, pipeline.asset_id or pipeline.id)
        self._fields = {
            "tenant_id": pipeline.tenant_id,
            "site_id": pipeline.site_id,
            "asset_id": pipeline.asset_id,
            "pipeline_id": pipeline.id,
            "adapter": pipeline.adapter,
            "hostname": hostname,
            "boot": boot,
        }

    def info(self, event: str, **fields: object) -> None:
        """Something that an operator wants to find later."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something that mends itself, or that does not stop the rest."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something that needs a person."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        clean: dict[str, Any] = {
            key: self._redact(value) if isinstance(value, str) else value for key, value in fields.items()
        }
        getattr(_LOG, level)(event, pipeline_id=self._fields["pipeline_id"], **clean)
        now_us = time.time_ns() // 1000
        record = {"time": iso(now_us), "level": level, "event": event, **self._fields, **clean}
        self._publisher.offer(Outgoing(Topic.LOGS_ADAPTERS, self._key, msgspec.json.encode(record), Priority.LOG))
