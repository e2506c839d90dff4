"""The log of a gateway: structured, to the process' log and to the topic logs.gateway."""

from __future__ import annotations

import time

import msgspec
import structlog

from ironstream.contract import Topic
from ironstream.gateway.envelope import iso
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.processes.messages import Applied
from ironstream.gateway.publisher import Publisher

_LOG = structlog.get_logger(__name__)


class GatewayLog:
    """What a gateway did. Nothing that it is given may hold a secret. A line is lost rather than that it waits."""

    def __init__(self, gateway: str, publisher: Publisher, *, hostname: str) -> None:
        self._publisher = publisher
        self._key = gateway.encode()
        self._fields = {"gateway": gateway, "hostname": hostname}

    def info(self, event: str, **fields: object) -> None:
        """Something that an operator wants to find later."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something that mends itself, or that does not stop the rest."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something that needs a person."""
        self._write("error", event, fields)

    def applied(self, process: str, before: Applied | None, now: Applied) -> None:
        """What a process did with what was wanted of it: pipelines started, restarted, stopped, refused."""
        boots, refused = ({}, {}) if before is None else (before.boots, before.refused)
        for name, boot in now.boots.items():
            if name not in boots:
                self.info("pipeline_started", pipeline_id=name, process=process, boot=boot)
            elif boots[name] != boot:
                self.info("pipeline_restarted", pipeline_id=name, process=process, boot=boot)
        for name in boots.keys() - now.boots.keys():
            self.info("pipeline_stopped", pipeline_id=name, process=process)
        for name, faults in now.refused.items():
            if faults != refused.get(name):
                former = name in now.boots
                self.error("pipeline_refused", pipeline_id=name, process=process, faults=faults, former_runs=former)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        getattr(_LOG, level)(event, **fields)
        record = {"time": iso(time.time_ns() // 1000), "level": level, "event": event, **self._fields, **fields}
        self._publisher.offer(Outgoing(Topic.LOGS_GATEWAY, self._key, msgspec.json.encode(record), Priority.LOG))
