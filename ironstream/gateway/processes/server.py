"""/health, /live and /metrics of a gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from ironstream.gateway.http import serve


class GatewayServer:
    """Serves while it is entered; `port` is then the real one. Raises ConfigurationError when it cannot be had.

    An unhealthy /health has status 503. /live answers 200 for as long as the event loop turns, whatever Kafka and the
    devices do: it is what to restart a gateway by.
    """

    def __init__(
        self,
        host: str,
        port: int | None,
        health: Callable[[], dict[str, Any]],
        metrics: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._host = host
        self._health_of = health
        self._metrics_of = metrics
        self._wanted_port = port
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> GatewayServer:
        if self._wanted_port is not None:
            app = web.Application()
            app.router.add_get("/health", self._health)
            app.router.add_get("/live", self._live)
            app.router.add_get("/metrics", self._metrics)
            self._runner, self.port = await serve(app, self._host, self._wanted_port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        answer = self._health_of()
        return web.json_response(answer, status=503 if answer["status"] == "unhealthy" else 200)

    async def _live(self, _: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._metrics_of(), headers={"Content-Type": CONTENT_TYPE_LATEST})
