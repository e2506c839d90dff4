"""Puts the login before an application."""

from __future__ import annotations

from fastapi import FastAPI

from ironstream.settings import Settings
from ironstream.web.auth.audit import AuditTrail
from ironstream.web.auth.entry import Entry
from ironstream.web.auth.guard import Guard
from ironstream.web.auth.headers import SecurityHeaders
from ironstream.web.auth.login import Login
from ironstream.web.auth.settings import AuthSettings, load_auth_settings


def install(app: FastAPI, settings: Settings, host: str, auth: AuthSettings | None = None) -> AuditTrail:
    """Nothing of the app is asked from now on but by who may. The audit trail is to be entered while it runs.

    Raises ConfigurationError where the app would be open to other machines without a login.
    """
    audit = AuditTrail(settings)
    app.state.entry = entry = Entry(Login(settings, auth or load_auth_settings(), host), audit)
    app.add_middleware(Guard, entry=entry)
    # the last one is the first to see an answer of any other
    app.add_middleware(SecurityHeaders)
    return audit
