"""Stands before the API: who asks, how much, whether another site made the browser send it; and audits changes."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ironstream.web.auth.body import MOST_BYTES, TOO_LARGE, Body
from ironstream.web.auth.entry import Entry, address_of, too_many
from ironstream.web.auth.limits import Buckets
from ironstream.web.auth.login import NOBODY, Login
from ironstream.web.auth.needs import SAFE
from ironstream.web.auth.principal import Principal
from ironstream.web.problems import problem

API: Final = "/api/"
LOGIN_PATH: Final = "/api/v1/login"
"""Its body holds a credential, and it writes what it did itself."""
CSRF_HEADER: Final = "X-Ironstream"
_BURST_S: Final = 4


class Guard:
    """The middleware. What it finds is `request.state.principal` (None: nobody) and `request.state.session`."""

    def __init__(self, app: ASGIApp, entry: Entry) -> None:
        self._app = app
        self._entry = entry
        rate = entry.login.auth.requests_per_s
        burst = max(rate * _BURST_S, 10)
        # pages that ask much must not keep anybody from acknowledging an alarm
        self._looks, self._changes = Buckets(rate, burst), Buckets(rate, burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # nothing here speaks by websocket
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        response = _refused_host(request, self._entry.login)
        if response is None and not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        response = response or await self._identify(request) or await self._refused(request)
        if response is None:
            await self._pass_on(request, receive, send)
        else:
            await response(scope, receive, send)

    async def _identify(self, request: Request) -> Response | None:
        """Put on the request who asks. A response where a token was shown that is none."""
        asker = self._entry.login.asks(request)
        state, found = request.state, asker or NOBODY
        state.principal, state.session, state.bearer = found.principal, found.session, found.bearer
        if asker is None:
            return await self._entry.not_let_in(request, "This token is not known, or no longer holds.", HOW)
        return None

    async def _refused(self, request: Request) -> Response | None:
        who: Principal | None = request.state.principal
        bucket = self._looks if request.method in SAFE else self._changes
        wait_s = bucket.take(address_of(request) if who is None else who.key)
        if wait_s:
            return too_many(wait_s, "Too many requests.")
        if request.method in SAFE or request.state.bearer:
            return None
        # a cookie goes along whoever has the browser send a request; no other site can add a header to it
        marked = request.state.session is None or CSRF_HEADER in request.headers
        if marked and _is_own(request, self._entry.login):
            return None
        why = "A change needs the header X-Ironstream: 1, and must come from this site."
        if who is not None:
            await self._entry.write(request, 403, None, detail=why)
        return problem(
            403, why, "It keeps other sites from sending changes by your browser. Programs show a token and need none."
        )

    async def _pass_on(self, request: Request, receive: Receive, send: Send) -> None:
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > MOST_BYTES:
            await problem(413, TOO_LARGE, "Send less at once.")(request.scope, receive, send)
            return
        if request.method in SAFE or request.url.path == LOGIN_PATH:
            await self._app(request.scope, Body(receive).receive, send)
            return
        body = Body(receive)
        written = False

        async def write(status: int) -> None:
            nonlocal written
            # who knocks without being anybody, or without end, must not fill the trail
            if not written and status != 429 and request.state.principal is not None:
                await self._entry.write(
                    request, status, body.for_audit(), detail=getattr(request.state, "audit_detail", "")
                )
            written = True

        async def audited(message: Message) -> None:
            if message["type"] == "http.response.start":
                # before the answer: what was answered is on the trail
                await write(message["status"])
            await send(message)

        try:
            await self._app(request.scope, body.receive, audited)
        except BaseException:
            await write(500)
            raise


HOW: Final = "`ironstream web token` makes one."


def _refused_host(request: Request, login: Login) -> Response | None:
    allowed = login.hosts_allowed()
    if allowed is None or _host_of(request.headers.get("host", "")) in allowed:
        return None
    return problem(
        403, "Without a login this answers to the name of this machine alone.",
        "Ask for http://127.0.0.1, or make a token (`ironstream web token`).",
    )  # fmt: skip


def _host_of(text: str) -> str | None:
    try:
        return urlsplit(f"//{text}").hostname
    except ValueError:
        return None


def _is_own(request: Request, login: Login) -> bool:
    """Whether a browser that says where a request comes from names this site."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or origin == login.address_of(request)
