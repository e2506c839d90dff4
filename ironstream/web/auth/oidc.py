"""Login by an OpenID Connect provider: authorization code with PKCE, the provider found by discovery."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final, Literal

import httpx
import msgspec
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from ironstream.errors import IronstreamError
from ironstream.web.auth.claims import principal_of
from ironstream.web.auth.principal import Principal
from ironstream.web.auth.sessions import Sealed
from ironstream.web.auth.settings import AuthSettings

LOGIN_S: Final = 600
"""How long somebody may take at the provider."""
_TIMEOUT_S: Final = 10.0
_KEPT_S: Final = 3600.0
_LEEWAY_S: Final = 60
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Of pairs of keys alone: with one that both have, whoever checks could sign."""


class ProviderError(IronstreamError):
    """The provider cannot be asked, or does not say what it should. Never holds what it said."""


class LoginRefusedError(IronstreamError):
    """The provider's answer does not belong to a login that was begun here, or it refuses; `code` says which."""

    def __init__(self, message: str, hint: str, code: Literal["not-begun", "refused", "not-valid"]) -> None:
        super().__init__(message, hint)
        self.code = code


class Begun(msgspec.Struct, frozen=True):
    """A login that is under way at the provider; kept by the browser, signed."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    until: int


class Oidc:
    """The provider of the settings. Asked for when somebody logs in, so that it may be away when the view starts."""

    def __init__(self, settings: AuthSettings, secret: str) -> None:
        assert settings.oidc_issuer is not None
        assert settings.oidc_client_id is not None
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._settings = settings
        self._sealed = Sealed(secret, "oidc")
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._known_until = 0.0

    async def begin(self, redirect_uri: str) -> tuple[str, str]:
        """Where to send the browser, and what it has to bring back. Raises ProviderError."""
        metadata = await self._provider()
        begun = Begun(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), redirect_uri,
            int(time.time()) + LOGIN_S,
        )  # fmt: skip
        uri: str = prepare_grant_uri(
            metadata["authorization_endpoint"], self._client_id, "code", redirect_uri, self._settings.oidc_scopes,
            begun.state, nonce=begun.nonce, code_challenge=create_s256_code_challenge(begun.verifier),
            code_challenge_method="S256",
        )  # fmt: skip
        return uri, self._sealed.seal(begun)

    async def finish(self, kept: str | None, state: str, code: str) -> Principal:
        """Who it is that comes back with a code. Raises LoginRefusedError, ProviderError, ClaimsError."""
        begun = self._begun(kept)
        if begun is None or not secrets.compare_digest(begun.state.encode(), state.encode()):
            raise LoginRefusedError(
                "This is not the end of a login that was begun here, or it took too long.",
                "Log in again.",
                "not-begun",
            )
        if not code:
            # what it says of that is its own text, which is shown and kept nowhere
            raise LoginRefusedError("The provider does not let them in.", "Log in again.", "refused")
        answer = await self._ask_for_token(await self._provider(), begun, code)
        claims = await self._claims(answer, begun.nonce)
        return principal_of(claims, self._settings)

    def _begun(self, kept: str | None) -> Begun | None:
        try:
            begun = msgspec.convert(None if kept is None else self._sealed.open(kept), Begun)
        except msgspec.ValidationError:
            return None
        return begun if begun.until > time.time() else None

    async def _ask_for_token(self, metadata: dict[str, Any], begun: Begun, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": begun.redirect_uri,
            "client_id": self._client_id, "code_verifier": begun.verifier,
        }  # fmt: skip
        secret, auth = self._settings.oidc_client_secret, None
        if secret is not None:
            ways = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            if "client_secret_basic" in ways:
                auth = httpx.BasicAuth(self._client_id, secret.get_secret_value())
            else:
                form["client_secret"] = secret.get_secret_value()
        async with self._client() as client:
            try:
                response = await client.post(
                    metadata["token_endpoint"], data=form, auth=auth or httpx.USE_CLIENT_DEFAULT
                )
            except httpx.HTTPError as error:
                raise self._away("token endpoint") from error
        if response.is_client_error:
            raise LoginRefusedError("The provider does not take the code.", "Log in again.", "refused")
        return self._object(response, "token endpoint")

    async def _claims(self, answer: dict[str, Any], nonce: str) -> dict[str, Any]:
        """What the ID token says, once its signature, issuer, audience, times and nonce are what they should be."""
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise ProviderError("The provider sent no ID token.", "Is `openid` among IRONSTREAM_WEB_OIDC_SCOPES?")
        try:
            token = await self._decoded(id_token)
            options = {
                "iss": {"essential": True, "value": self._issuer},
                "aud": {"essential": True, "value": self._client_id},
                "nonce": {"essential": True, "value": nonce},
            }
            params = {"nonce": nonce, "client_id": self._client_id, "access_token": answer.get("access_token")}
            claims = CodeIDToken(token.claims, token.header, options, params)
            claims.validate(leeway=_LEEWAY_S)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
            raise LoginRefusedError(
                f"The provider's ID token does not hold: {type(error).__name__}.",
                "Are the clocks right, and is IRONSTREAM_WEB_OIDC_ISSUER the provider's own name?",
                "not-valid",
            ) from error
        return dict(claims)

    async def _decoded(self, id_token: str) -> Any:
        registry = JWSRegistry(algorithms=list(_ALGORITHMS))
        for fresh in (False, True):
            keys = await self._key_set(fresh=fresh)
            try:
                return jwt.decode(id_token, keys, registry=registry)
            except (JoseError, ValueError):
                # the provider may have changed its keys since
                if fresh:
                    raise
        raise AssertionError("the second time it returns or raises")

    async def _provider(self) -> dict[str, Any]:
        if self._metadata and time.monotonic() < self._known_until:
            return self._metadata
        found = await self._get(get_well_known_url(self._issuer, external=True), "discovery")
        metadata = OpenIDProviderMetadata(found)
        try:
            for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(found.get(name), str):
                    raise ValueError(f"{name} is missing")
            if self._issuer.startswith("https:"):
                metadata.validate_authorization_endpoint()
                metadata.validate_token_endpoint()
                metadata.validate_jwks_uri()
        except ValueError as error:
            raise ProviderError(f"The provider's discovery cannot be used: {error}.", self._hint) from error
        if found["issuer"] != self._issuer:
            raise ProviderError("The provider calls itself by another name.", self._hint)
        self._metadata, self._known_until = found, time.monotonic() + _KEPT_S
        return found

    async def _key_set(self, *, fresh: bool) -> KeySet:
        if self._keys is None or fresh:
            found = await self._get((await self._provider())["jwks_uri"], "keys")
            self._keys = KeySet.import_key_set(found)  # type: ignore[arg-type]  # what it is not raises
        return self._keys

    async def _get(self, url: str, what: str) -> dict[str, Any]:
        async with self._client() as client:
            try:
                return self._object(await client.get(url), what)
            except httpx.HTTPError as error:
                raise self._away(what) from error

    def _object(self, response: httpx.Response, what: str) -> dict[str, Any]:
        try:
            found = response.json() if response.is_success else None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ProviderError(
                f"The provider's {what} answers {response.status_code}, and not as it should.", self._hint
            )
        return found

    def _away(self, what: str) -> ProviderError:
        return ProviderError(f"The provider's {what} cannot be reached.", self._hint)

    @property
    def _hint(self) -> str:
        return f"Is {self._issuer} (IRONSTREAM_WEB_OIDC_ISSUER) right, and can this machine reach it?"

    @staticmethod
    def _client() -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False)
