"""Tokens by OAuth 2.0 client credentials (RFC 6749, section 4.4): fetched when needed, kept until shortly before
they end.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable
from math import isfinite
from typing import Final, Literal
from urllib.parse import quote_plus, urlencode

import msgspec
from pydantic import Field, SecretStr

from ironstream.sinks.http.answers import judge
from ironstream.sinks.http.client import Answer, HttpClient
from ironstream.sinks.http.urls import Target
from ironstream.sinks.sink import SinkUnavailableError
from ironstream.topology.model.base import Label, Part

_LIFE_S: Final = 300.0
"""Of a token whose server does not tell."""
_LIFE_MAX_S: Final = 7 * 86_400.0
_MARGIN_S: Final = 60.0


class OAuthConfig(Part):
    """Client credentials of the sink."""

    token_url: str = Field(repr=False, description="Token endpoint of the authorization server.")
    client_id: Label = Field(description="Id of the client.")
    client_secret: SecretStr = Field(min_length=1, description="Its secret, as `${secret:name}`.")
    scope: Label = Field(default="", description="Scopes to ask for, with blanks between them; empty: the server's.")
    audience: Label = Field(default="", description="Audience to ask for, where the server wants one.")
    client_authentication: Literal["basic", "post"] = Field(
        default="basic", description="How the secret is sent: in the Authorization header, or in the form."
    )


class _Token(msgspec.Struct):
    access_token: str
    token_type: str = "Bearer"
    expires_in: float | str | None = None


class OAuthTokens:
    """The token of one client; the one thing that such a sink keeps between writes."""

    def __init__(
        self,
        config: OAuthConfig,
        target: Target,
        client: HttpClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._target, self._client, self._clock = config, target, client, clock
        self._token: str | None = None
        self._last: str | None = None
        self._renew_at_s = 0.0
        self._lock = asyncio.Lock()
        secret = config.client_secret.get_secret_value()
        pair = f"{quote_plus(config.client_id)}:{quote_plus(secret)}"
        self._basic = b64encode(pair.encode()).decode()
        for one in (secret, quote_plus(secret), self._basic):
            client.hide(one)

    async def token(self) -> str:
        """A token that holds for a while. Raises SinkUnavailableError."""
        async with self._lock:
            if self._token is None or self._clock() >= self._renew_at_s:
                token, life_s = await self._fetch()
                if self._last is not None:
                    self._client.unhide(self._last)
                self._client.hide(token)
                self._token = self._last = token
                self._renew_at_s = self._clock() + life_s - min(_MARGIN_S, life_s / 2)
            return self._token

    def refused(self, token: str) -> None:
        """The target does not take this token: the next one is a new one."""
        if token == self._token:
            self._token = None

    async def _fetch(self) -> tuple[str, float]:
        config = self._config
        form = {"grant_type": "client_credentials", "scope": config.scope, "audience": config.audience}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if config.client_authentication == "basic":
            headers["Authorization"] = f"Basic {self._basic}"
        else:
            form |= {"client_id": config.client_id, "client_secret": config.client_secret.get_secret_value()}
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        answer = await self._client.post(self._target, body, headers)
        return self._read(answer)

    def _read(self, answer: Answer) -> tuple[str, float]:
        origin = self._target.origin
        if answer.status in (400, 401, 403):
            told = self._client.shown(answer.body.decode("utf-8", "replace"))
            raise SinkUnavailableError(
                f"{origin} gives no token: {answer.status}: {told}",
                "check client_id, client_secret, scope, audience and client_authentication of oauth",
            )
        if answer.status != 200:
            judge(answer, origin, time.time(), self._client.shown)
        try:
            found = msgspec.json.decode(answer.body, type=_Token)
            life_s = _LIFE_S if found.expires_in is None else float(found.expires_in)
        except ValueError:  # msgspec's own errors, too
            found, life_s = _Token(""), 0.0
        token = found.access_token
        if not token or not (token.isascii() and token.isprintable()) or found.token_type.lower() != "bearer":
            raise SinkUnavailableError(
                f"{origin} answered {answer.status} without a bearer token that can be used",
                "check token_url of oauth",
            )
        return token, min(max(life_s, 0.0), _LIFE_MAX_S) if isfinite(life_s) else _LIFE_S
