"""/health and /metrics of the adapters of one process, on loopback unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ironstream.gateway.buffer_stats import BufferStats
from ironstream.gateway.envelope import iso
from ironstream.gateway.http import serve
from ironstream.gateway.publisher import Publisher
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.stats import AdapterMetrics, PipelineStats

Status = Literal["healthy", "degraded", "unhealthy"]


def health_of(
    pipelines: Sequence[PipelineStats], kafka_connected: bool, buffer: BufferStats | None = None
) -> dict[str, Any]:
    """The answer of /health over one or several pipelines; `buffer` is there where a folder is set for it.

    unhealthy: no device can be read, or Kafka is away and nothing keeps on disk what is read. degraded: some device
    cannot be read, there were errors in the last minute, Kafka is away, or the disk buffer cannot be used.
    """
    errors = sum(stats.errors_last_minute for stats in pipelines)
    last_us = max((stats.last_reading_us for stats in pipelines if stats.last_reading_us is not None), default=None)
    status: Status = "healthy"
    kept = buffer is not None and buffer.usable
    faulty = buffer is not None and buffer.fault is not None
    if errors or faulty or not kafka_connected or not all(stats.connected for stats in pipelines):
        status = "degraded"
    if not (kafka_connected or kept) or not any(stats.connected for stats in pipelines):
        status = "unhealthy"
    answer = {
        "status": status,
        "last_reading_at": None if last_us is None else iso(last_us),
        "readings_per_sec": round(sum(stats.readings_per_sec for stats in pipelines), 2),
        "errors_last_minute": errors,
        "kafka_connection": "ok" if kafka_connected else "error",
    }
    return answer if buffer is None else answer | {"buffer": buffer.as_json()}


class HealthServer:
    """Serves GET /health, /health/{pipeline_id}, /pipelines and /metrics while it is entered; `port` is then real.

    /pipelines is /health of each, and the faults of those in `refused`: what a gateway asks its processes for. An
    unhealthy answer has status 503, so that a plain HTTP probe understands it. Raises ConfigurationError when the
    address cannot be had.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        metrics: AdapterMetrics,
        pipelines: Mapping[str, PipelineStats],
        publisher: Publisher,
        refused: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._pipelines = pipelines
        self._publisher = publisher
        self._refused = refused
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> HealthServer:
        if self._settings.health_port is None:
            return self
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/health/{pipeline_id}", self._health)
        app.router.add_get("/pipelines", self._each)
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner, self.port = await serve(app, self._settings.health_host, self._settings.health_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def _buffer(self) -> BufferStats | None:
        return self._metrics.buffer if self._metrics.buffer.enabled else None

    async def _health(self, request: web.Request) -> web.Response:
        pipeline_id = request.match_info.get("pipeline_id")
        if pipeline_id is not None and pipeline_id not in self._pipelines:
            known = ", ".join(sorted(self._pipelines))
            raise web.HTTPNotFound(text=f"no pipeline {pipeline_id} here; there are: {known}")
        chosen = list(self._pipelines.values()) if pipeline_id is None else [self._pipelines[pipeline_id]]
        answer = health_of(chosen, self._publisher.connected, self._buffer)
        return web.json_response(answer, status=503 if answer["status"] == "unhealthy" else 200)

    async def _each(self, _: web.Request) -> web.Response:
        connected = self._publisher.connected
        return web.json_response(
            {
                "kafka_connection": "ok" if connected else "error",
                "pipelines": {
                    name: health_of([stats], connected, self._buffer) for name, stats in self._pipelines.items()
                },
                "refused": self._refused,
            },
            dumps=lambda answer: msgspec.json.encode(answer).decode(),
        )

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
