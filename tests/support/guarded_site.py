"""A small application behind the web view's login, whose audit trail is kept here."""

from __future__ import annotations

from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Body, Depends, FastAPI

from ironstream.settings import Settings
from ironstream.web import problems
from ironstream.web.auth import Principal, Role, routes
from ironstream.web.auth.audit import AuditTrail, WebAudit
from ironstream.web.auth.install import install
from ironstream.web.auth.needs import needs
from ironstream.web.auth.settings import AuthSettings
from ironstream.web.auth.token_file import add_token
from ironstream.web.auth.tokens import FILE_NAME, make_token


class Trail(AuditTrail):
    """Keeps what is written."""

    def __init__(self) -> None:
        self.entries: list[WebAudit] = []

    async def record(self, entry: WebAudit) -> None:
        self.entries.append(entry)


class Site:
    """A small application behind the guard."""

    def __init__(self, settings: Settings, host: str = "127.0.0.1", **auth: Any) -> None:
        self.settings = settings
        self.trail = Trail()
        self.app = FastAPI()
        install(self.app, settings, host, AuthSettings(failed_login_pause_s=0, **auth))
        self.app.state.entry.audit = self.trail
        problems.install(self.app)
        api = APIRouter(prefix="/api/v1")
        api.include_router(routes.router)

        @api.get("/thing")
        async def look(who: Annotated[Principal, Depends(needs(Role.OPERATOR))]) -> str:
            return who.name

        @api.post("/thing")
        async def change(who: Annotated[Principal, Depends(needs(Role.OPERATOR))], what: Annotated[Any, Body()]) -> str:
            if what == "defect":
                raise ZeroDivisionError
            return who.name

        @api.post("/plant")
        async def whole(who: Annotated[Principal, Depends(needs(Role.ENGINEER, whole=True))]) -> str:
            return who.name

        self.app.include_router(api)

    def token(self, *roles: Role, tenants: list[str] | None = None) -> str:
        """A new token of these roles."""
        token, entry = make_token("-".join(roles), roles, tenants, None)
        add_token(self.settings.data_dir / FILE_NAME, entry)
        return token

    def client(self, address: str = "10.0.0.5", base: str = "http://127.0.0.1:8080", **more: Any) -> httpx.AsyncClient:
        """A client at an address."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=base, **more)
