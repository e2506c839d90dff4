"""An HTTP proxy in front of a server, which answers, delays or cuts single requests as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

_HOP = ("Transfer-Encoding", "Content-Encoding", "Connection", "Content-Length")


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of a request.

    `answer`: this status and S3 error code, in place of the server's; `page`: this status and a web page. `cut`: the
    connection ends before the request reaches the server. `cut_during`: it ends in the middle of the request.
    `cut_after`: it does reach it, and the answer is lost. `cut_within`: half of the answer comes. `hang`: nothing
    comes. `held`: it reaches the server when `release` is set, also when whoever sent it is gone by then.
    """

    kind: Literal["answer", "page", "cut", "cut_during", "cut_after", "cut_within", "hang", "held"]
    status: int = 500
    code: str = "InternalError"


@dataclass(slots=True)
class FaultyProxy:
    """`faults[method]`: what happens to the next requests of that method, one after the other."""

    target: str
    url: str = ""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.method)
        waiting = self.faults.get(request.method)
        fault = waiting.pop(0) if waiting else None
        if fault is not None and fault.kind == "cut_during":
            await request.content.read(1)
            return self._cut(request)
        body = await request.read()
        if fault is not None and fault.kind == "answer":
            text = f"<Error><Code>{fault.code}</Code><Message>as told</Message></Error>"
            return web.Response(status=fault.status, text=text, content_type="application/xml")
        if fault is not None and fault.kind == "page":
            return web.Response(status=fault.status, text="<html><p>Sign in", content_type="text/html")
        if fault is not None and fault.kind == "hang":
            await asyncio.sleep(3600)
        if fault is not None and fault.kind == "held":
            await self.release.wait()
        if fault is not None and fault.kind == "cut":
            return self._cut(request)
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, f"{self.target}{request.raw_path}", headers=request.headers, data=body or None
            ) as answer,
        ):
            found = await answer.read()
            if fault is not None and fault.kind == "cut_after":
                return self._cut(request)
            headers = CIMultiDict((name, value) for name, value in answer.headers.items() if name not in _HOP)
            if fault is not None and fault.kind == "cut_within":
                response = web.StreamResponse(status=answer.status, headers=headers)
                response.content_length = len(found)
                await response.prepare(request)
                await response.write(found[: len(found) // 2])
                return self._cut(request)
            return web.Response(status=answer.status, headers=headers, body=found)

    @staticmethod
    def _cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


@asynccontextmanager
async def faulty_proxy(target: str) -> AsyncIterator[FaultyProxy]:
    """A proxy on a free port of loopback."""
    proxy = FaultyProxy(target)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        proxy.url = f"http://{host}:{port}"
        yield proxy
    finally:
        await runner.cleanup()
