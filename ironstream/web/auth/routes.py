"""Logging in and out: by token, or by an OpenID Connect provider."""

from __future__ import annotations

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from ironstream.web.auth.claims import ClaimsError
from ironstream.web.auth.entry import Entry, entry_of
from ironstream.web.auth.guard import HOW
from ironstream.web.auth.login import COOKIE, LOGIN_COOKIE
from ironstream.web.auth.needs import needs
from ironstream.web.auth.oidc import LOGIN_S, LoginRefusedError, Oidc, ProviderError
from ironstream.web.auth.principal import Principal, Role
from ironstream.web.auth.sessions import Session
from ironstream.web.problems import ApiError, problems

router = APIRouter(tags=["login"])
_LOG = structlog.get_logger(__name__)
OIDC_PATH: Final = "/api/v1/login/oidc"
OPEN: Final = frozenset({"getLogin", "login", "logout", "loginByProvider", "loginByProviderDone"})
"""Operations that nobody has to be logged in for."""


class Me(BaseModel):
    """Who asks. `tenants` null: all of them."""

    name: str = Field(examples=["panel-3"])
    roles: list[Role]
    tenants: list[str] | None


class Ways(BaseModel):
    """How one logs in here; `required` false: nobody has to."""

    required: bool
    token: bool
    oidc: bool


class Credentials(BaseModel):
    """A token, as `ironstream web token` printed it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "ist_…"}]})

    token: str = Field(min_length=1, max_length=500, examples=["ist_…"])


EntryDep = Annotated[Entry, Depends(entry_of)]


@router.get("/me", operation_id="getMe", responses=problems(401, 429))
async def me(who: Annotated[Principal, Depends(needs(Role.COPILOT))]) -> Me:
    """Who asks, and what they may see."""
    return _me(who)


@router.get("/login", operation_id="getLogin", responses=problems(401, 429))
async def ways(entry: EntryDep) -> Ways:
    """How one logs in here."""
    return Ways(required=entry.login.on, token=len(entry.login.tokens) > 0, oidc=entry.login.oidc is not None)


@router.post("/login", operation_id="login", response_model=Me, responses=problems(400, 401, 403, 413, 422, 429))
async def login(entry: EntryDep, request: Request, response: Response, credentials: Credentials) -> Me | Response:
    """Log in by a token: the answer sets the cookie of a session."""
    token = entry.login.by_token(credentials.token)
    if token is None:
        return await entry.not_let_in(request, "This token is not known, or no longer holds.", HOW)
    _set_session(entry, request, response, entry.login.session_of(token.principal, token))
    await entry.write(request, 200, None, who=token.principal)
    return _me(token.principal)


@router.post("/logout", operation_id="logout", status_code=204, responses=problems(401, 403, 413, 429))
async def logout(entry: EntryDep, request: Request, response: Response) -> None:
    """End the session: its cookie is of no use from now on, wherever it is."""
    session: Session | None = request.state.session
    if session is not None:
        entry.login.sessions.end(session)
    response.delete_cookie(COOKIE, path="/", secure=entry.login.is_secure(request), httponly=True, samesite="strict")


@router.get(
    "/login/oidc", operation_id="loginByProvider", status_code=303, response_class=Response,
    responses={303: {"description": "To the provider."}, **problems(401, 404, 429)},
)  # fmt: skip
async def begin(entry: EntryDep, request: Request) -> Response:
    """Log in at the OpenID Connect provider. Where it is away: to the pages, which say so."""
    oidc = _provider(entry)
    try:
        uri, kept = await oidc.begin(f"{entry.login.address_of(request)}{OIDC_PATH}/callback")
    except ProviderError as error:
        return _provider_away(error)
    response = RedirectResponse(uri, 303)
    # lax: it comes back from the provider's site
    response.set_cookie(
        LOGIN_COOKIE, kept, max_age=LOGIN_S, path=OIDC_PATH, secure=entry.login.is_secure(request), httponly=True,
        samesite="lax",
    )  # fmt: skip
    return response


@router.get(
    "/login/oidc/callback", operation_id="loginByProviderDone", status_code=303, response_class=Response,
    responses={303: {"description": "To the pages: logged in, or with why not."}, **problems(401, 404, 422, 429)},
)  # fmt: skip
async def finish(
    entry: EntryDep,
    request: Request,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Where the provider sends the browser back to. Who is not let in comes to the page of the login, which says why
    by `error` in its address: not-begun, refused, not-valid, no-role, no-tenant, too-many or provider.
    """
    oidc = _provider(entry)
    response: Response
    try:
        who = await oidc.finish(request.cookies.get(LOGIN_COOKIE), state, code)
    except (LoginRefusedError, ClaimsError) as error:
        status = 403 if isinstance(error, ClaimsError) else 401
        said = f"{error.message} {error.hint}"
        response = _to_login("too-many" if await entry.slowed_down(request, said, status) else error.code)
    except ProviderError as error:
        response = _provider_away(error)
    else:
        response = RedirectResponse("/", 303)
        _set_session(entry, request, response, entry.login.session_of(who))
        await entry.write(request, 303, None, who=who)
    response.delete_cookie(LOGIN_COOKIE, path=OIDC_PATH)
    return response


def _provider(entry: Entry) -> Oidc:
    if entry.login.oidc is None:
        raise ApiError(404, "No OpenID Connect provider is set.", "IRONSTREAM_WEB_OIDC_ISSUER names one.")
    return entry.login.oidc


def _to_login(code: str) -> Response:
    """A person in a browser comes back to the pages. What a provider wrote must not be in the address."""
    return RedirectResponse(f"/#/login?error={code}", 303)


def _provider_away(error: ProviderError) -> Response:
    _LOG.warning("provider_of_logins_not_used", error=error.message, hint=error.hint)
    return _to_login("provider")


def _set_session(entry: Entry, request: Request, response: Response, session: Session) -> None:
    response.set_cookie(
        COOKIE, entry.login.sessions.cookie(session), expires=session.expires_at, path="/",
        secure=entry.login.is_secure(request), httponly=True, samesite="strict",
    )  # fmt: skip


def _me(who: Principal) -> Me:
    return Me(name=who.name, roles=sorted(who.roles), tenants=None if who.tenants is None else sorted(who.tenants))
