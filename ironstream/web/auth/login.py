"""Whether one has to log in, and who it is that asks: by token, by session, or anybody where there is no login."""

from __future__ import annotations

import asyncio
import getpass
import ipaddress
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from starlette.requests import HTTPConnection

from ironstream.errors import ConfigurationError
from ironstream.settings import Settings
from ironstream.web.auth.limits import Buckets
from ironstream.web.auth.oidc import Oidc
from ironstream.web.auth.principal import EVERYTHING, Principal
from ironstream.web.auth.sessions import Session, Sessions, new_session, secret_in
from ironstream.web.auth.settings import LOOPBACK, AuthSettings
from ironstream.web.auth.tokens import FILE_NAME, TokenEntry, Tokens, read_tokens

COOKIE: Final = "ironstream_session"
LOGIN_COOKIE: Final = "ironstream_login"
_FAILURES: Final = 5
_FAILURES_PER_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks (None: nobody), by a session or a token that goes along (`bearer`)."""

    principal: Principal | None
    session: Session | None = None
    bearer: bool = False


NOBODY: Final = Asker(None)


class Login:
    """How one logs in to this process. Raises ConfigurationError where it would be open to others than this machine."""

    def __init__(self, settings: Settings, auth: AuthSettings, host: str) -> None:
        if auth.tokens is not None:
            # named, and not to be read: nobody could log in, and nobody would know why
            read_tokens(auth.tokens)
        self.auth = auth
        self.tokens = Tokens(auth.tokens or settings.data_dir / FILE_NAME)
        self._data_dir = settings.data_dir
        self.oidc = Oidc(auth, self._secret) if auth.oidc_issuer else None
        open_to_others = not is_loopback(host)
        self._on = open_to_others or self.oidc is not None or auth.tokens is not None
        self._failures = Buckets(_FAILURES_PER_S, _FAILURES)
        self._local = replace(EVERYTHING, name=getpass.getuser())
        if open_to_others and self.oidc is None and not len(self.tokens):
            raise ConfigurationError(
                f"{host} can be reached from other machines, and nobody could log in.",
                "Make a token (`ironstream web token --role operator`), or name an OpenID Connect provider"
                " (IRONSTREAM_WEB_OIDC_ISSUER, IRONSTREAM_WEB_OIDC_CLIENT_ID); or stay on --host 127.0.0.1.",
            )

        if self.on:
            # what cannot be kept is told now, not when somebody logs in
            _ = self.sessions

    @cached_property
    def sessions(self) -> Sessions:
        """Who has logged in."""
        return Sessions(self._secret)

    @cached_property
    def _secret(self) -> str:
        return self.auth.secret.get_secret_value() if self.auth.secret else secret_in(self._data_dir)

    @property
    def on(self) -> bool:
        """Whether one has to log in. The first token turns it on, and nothing turns it off again."""
        self._on = self._on or len(self.tokens) > 0
        return self._on

    def anybody(self) -> Principal:
        """Who asks where there is no login."""
        return self._local

    def by_token(self, token: str) -> TokenEntry | None:
        """The token, while it holds."""
        return self.tokens.find(token, datetime.now(UTC))

    def by_cookie(self, connection: HTTPConnection) -> Session | None:
        """The session of a request, while it holds; one by a token holds no longer than the token."""
        cookie = connection.cookies.get(COOKIE)
        session = None if cookie is None else self.sessions.open(cookie)
        if session is None or session.token is None:
            return session
        entry = self.tokens.by_id(session.token, datetime.now(UTC))
        # also not with what the token allowed when the session began
        return session if entry is not None and entry.principal == session.principal else None

    def asks(self, connection: HTTPConnection) -> Asker | None:
        """Who asks, as of now; nobody where a session is over. None where a token is shown that is none."""
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            entry = self.by_token(token.strip())
            return None if entry is None else Asker(entry.principal, bearer=True)
        session = self.by_cookie(connection)
        if session is not None:
            return Asker(session.principal, session)
        return Asker(None if self.on else self.anybody())

    def still_asks(self, connection: HTTPConnection, who: Principal) -> bool:
        """Whether it is still the same who asks, with the same rights: nothing was ended or taken back since."""
        asker = self.asks(connection)
        return asker is not None and asker.principal == who

    def session_of(self, principal: Principal, entry: TokenEntry | None = None) -> Session:
        """A new session; one by a token ends with the token."""
        until = time.time() + self.auth.session_hours * 3600
        if entry is not None and entry.expires is not None:
            until = min(until, entry.expires.timestamp())
        return new_session(principal, until, None if entry is None else entry.id)

    async def failed(self, address: str) -> float:
        """Somebody was not let in: waits a little. 0, or the seconds that this address has to wait before it may try
        again: it has failed too often.
        """
        wait_s = self._failures.take(address)
        if not wait_s:
            await asyncio.sleep(self.auth.failed_login_pause_s)
        return wait_s

    def is_secure(self, connection: HTTPConnection) -> bool:
        """Whether browsers speak to this by https."""
        return (self.auth.url or str(connection.base_url)).startswith("https:")

    def address_of(self, connection: HTTPConnection) -> str:
        """Where browsers find this, without a slash at the end."""
        return self.auth.url or str(connection.base_url).rstrip("/")

    def hosts_allowed(self) -> frozenset[str] | None:
        """Names by which this may be asked; None: any.

        Without a login a page from elsewhere could ask by a name of its own that leads to this machine.
        """
        return None if self.on else LOOPBACK


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
