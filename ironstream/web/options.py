"""Options of the web view's process; what the deployment is like is in `Settings`."""

from __future__ import annotations

from dataclasses import dataclass

from ironstream.web.auth.settings import AuthSettings


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Where to listen (port 0 takes a free one). `auth` None: as the environment says."""

    host: str = "127.0.0.1"
    port: int = 8080
    auth: AuthSettings | None = None
