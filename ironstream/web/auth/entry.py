"""What of logins and changes is answered and written the same way everywhere."""

from __future__ import annotations

import math
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from ironstream.web.auth.audit import AuditTrail, web_audit
from ironstream.web.auth.login import Login
from ironstream.web.auth.principal import Principal
from ironstream.web.problems import problem

_LONGEST_PATH: Final = 500


class Entry:
    """The login of this process and its audit trail."""

    def __init__(self, login: Login, audit: AuditTrail) -> None:
        self.login = login
        self.audit = audit

    async def not_let_in(self, request: Request, why: str, hint: str, status: int = 401) -> Response:
        """The answer to somebody who could not log in: slow, audited, and 429 where this address has failed often."""
        wait_s = await self.slowed_down(request, why, status)
        if wait_s:
            return too_many(wait_s, "Too many logins from this address have failed.")
        return problem(status, why, hint, {"WWW-Authenticate": "Bearer"} if status == 401 else None)

    async def slowed_down(self, request: Request, why: str, status: int) -> float:
        """Somebody could not log in: slow, and audited. Seconds to wait, with no record, where it was so too often."""
        wait_s = await self.login.failed(address_of(request))
        if not wait_s:
            await self.write(request, status, None, detail=why)
        return wait_s

    async def write(
        self, request: Request, status: int, asked: Any, *, who: Principal | None = None, detail: str = ""
    ) -> None:
        """Put on the trail what was changed, or tried. `asked` is the body, which must hold no credential."""
        who = who or getattr(request.state, "principal", None)
        await self.audit.record(
            web_audit(
                actor="nobody" if who is None else who.name,
                via="" if who is None else who.via,
                address=address_of(request),
                # without the query: a provider's answer has its code there
                action=f"{request.method} {request.scope['path'][:_LONGEST_PATH]}",
                status=status,
                request=asked,
                detail=detail,
            )
        )


def entry_of(request: Request) -> Entry:
    """The entry of the application that a request came to."""
    entry: Entry = request.app.state.entry
    return entry


def address_of(request: Request) -> str:
    """Where a request comes from; behind a proxy on this machine what that says."""
    return request.client.host if request.client is not None else "unknown"


def too_many(wait_s: float, what: str) -> Response:
    """The answer to who asks too often."""
    seconds = math.ceil(wait_s)
    return problem(429, what, f"Try again in {seconds} s.", {"Retry-After": str(seconds)})
