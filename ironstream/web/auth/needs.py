"""What a route asks of whoever asks for it."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from ironstream.web.auth.login import COOKIE
from ironstream.web.auth.principal import Principal, Role
from ironstream.web.problems import ApiError

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER: Final = HTTPBearer(auto_error=False, scheme_name="token", description="A token of `ironstream web token`.")
_COOKIE: Final = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="session", description="What POST /api/v1/login sets."
)


class Needs:
    """A dependency that gives who asks, and refuses whoever may not do what `role` may: 401 for nobody, else 403.

    `whole`: what is shown or changed belongs to all tenants, so that a scope of some does not do.
    """

    def __init__(self, role: Role, *, whole: bool = False) -> None:
        self.role = role
        self.whole = whole

    async def __call__(
        self,
        request: Request,
        _token: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        _session: Annotated[str | None, Security(_COOKIE)],
    ) -> Principal:
        """Who asks; the guard has found it out (`auth.guard`)."""
        who: Principal | None = getattr(request.state, "principal", None)
        if who is None:
            raise ApiError(
                401, "Nobody is logged in.", "POST /api/v1/login, or send `Authorization: Bearer TOKEN`.",
                {"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if not who.may(self.role, change=request.method not in SAFE):
            has = ", ".join(sorted(who.roles))
            raise ApiError(
                403, f"{who.name} is {has}; this needs {self.role}.", "Ask an admin for a token with that role."
            )
        if self.whole and not who.sees_all:
            raise ApiError(
                403, f"This concerns all tenants, and {who.name} sees {', '.join(sorted(who.tenants or ()))}.",
                "Ask an admin for a token without a scope.",
            )  # fmt: skip
        return who


def needs(role: Role, *, whole: bool = False) -> Needs:
    """A dependency for `Depends`; see `Needs`."""
    return Needs(role, whole=whole)
