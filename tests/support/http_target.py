"""A target of the sinks over HTTP: a real server that keeps what it got and answers as it is told."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from ironstream.sinks.sink import Cut, Part, Sink
from tests.support.engine import MemoryRecord, chunk

LOOPBACK: dict[str, Any] = {"allow_http": True, "allow_networks": ["127.0.0.0/8"]}
"""What a sink must be allowed to reach it."""


@dataclass(frozen=True, slots=True)
class Got:
    """One request. `sent` is its body as it came, `body` after inflating."""

    path: str
    headers: Mapping[str, str]
    sent: bytes
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records in it, whatever the format."""
        if "ndjson" in self.headers["Content-Type"]:
            return [json.loads(line) for line in self.body.splitlines()]
        found = self.json
        return list(found["records"]) if "records" in found else [found]

    @property
    def ids(self) -> list[str]:
        """Ids of the records in it."""
        return [record["id"] for record in self.records]


@dataclass(frozen=True, slots=True)
class Reply:
    """How to answer. `cut`: the answer is lost with the connection. `late_s`: how long the answer takes."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    late_s: float = 0.0


OK = Reply()
Answering = Callable[[Got], Reply]


class HttpTarget:
    """Use as `async with HttpTarget() as target`. `answering` says how each request is answered, `next` the next ones.

    What it took (a 2xx) is in `stored` by record id, as a receiver that honours ids would keep it.
    """

    def __init__(self, answering: Answering = lambda got: OK, tls: ssl.SSLContext | None = None) -> None:
        self.answering = answering
        self.next: list[Reply] = []
        self.got: list[Got] = []
        self.tokens: list[Got] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self.token_reply: Callable[[Got], Reply] = lambda got: Reply(404)
        self._tls = tls
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where records go; by name with TLS, as certificates are for names."""
        return f"{self.origin}/ingest"

    @property
    def origin(self) -> str:
        return f"https://localhost:{self._port}" if self._tls else f"http://127.0.0.1:{self._port}"

    @property
    def token_url(self) -> str:
        return f"{self.origin}/token"

    async def __aenter__(self) -> HttpTarget:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/token", self._handler(self._give_token))
        app.router.add_post("/{path:.*}", self._handler(self._take))
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def _handler(self, take: Callable[[Got], Reply]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            sent = await request.read()
            zipped = request.headers.get("Content-Encoding") == "gzip"
            reply = take(Got(request.path, request.headers, sent, gzip.decompress(sent) if zipped else sent))
            await asyncio.sleep(reply.late_s)
            if reply.cut:
                assert request.transport is not None
                request.transport.abort()
            if isinstance(reply.body, bytes | None):
                return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
            return web.json_response(reply.body, status=reply.status, headers=reply.headers)

        return handle

    def _take(self, got: Got) -> Reply:
        self.got.append(got)
        reply = self.next.pop(0) if self.next else self.answering(got)
        if reply.cut:
            reply = replace(self.answering(got), cut=True)
        if 200 <= reply.status < 300 and "Idempotency-Key" in got.headers:
            refused = reply.body.get("refused", []) if isinstance(reply.body, dict) else []
            named = {one["id"] for one in refused}
            # what it had to the end, it has taken, also where its answer gets lost
            self.stored |= {record["id"]: record for record in got.records if record["id"] not in named}
        return reply

    def _give_token(self, got: Got) -> Reply:
        self.tokens.append(got)
        return self.token_reply(got)


def signed_by(got: Got, key: str) -> bool:
    """Whether a request is signed with this key: the check that README.md gives to receivers."""
    parts = [part.split("=", 1) for part in got.headers["X-Ironstream-Signature"].split(",")]
    stamp = next(value for name, value in parts if name == "t")
    wanted = hmac.new(key.encode(), stamp.encode() + b"." + got.body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(wanted, value) for name, value in parts if name == "v1")


def cut_of(sink: Sink[Any], topic: str, *parts: Sequence[MemoryRecord]) -> Cut[Any]:
    """A cut of these records, each sequence a chunk of a partition of its own."""
    made = []
    for partition, records in enumerate(parts):
        one = chunk(topic, records, partition)
        made.append(Part(topic, partition, records[0].offset, one.next_offset, sink.prepare(one), one))
    return Cut(topic, made)
