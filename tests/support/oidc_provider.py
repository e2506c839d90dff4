"""A small OpenID Connect provider on loopback: discovery, keys, authorization code with PKCE, signed ID tokens."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT = "ironstream"
SECRET = "client-secret-of-the-test"


class Provider:
    """Runs while it is entered. Whoever is sent to it is `claims`; `spoil` changes an ID token before it is signed."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {
            "sub": "7",
            "preferred_username": "ana",
            "roles": ["operator"],
            "tenants": ["acme"],
        }
        self.spoil: dict[str, Any] = {}
        self.signer: RSAKey | None = None
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.named_issuer: str | None = None
        self.asked: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        self._server = TestServer(app, host="127.0.0.1")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def issuer(self) -> str:
        """Its name."""
        return str(self._server.make_url("")).rstrip("/")

    async def _discovery(self, _: web.Request) -> web.Response:
        at = self.issuer
        return web.json_response(
            {
                "issuer": self.named_issuer or at, "authorization_endpoint": f"{at}/authorize",
                "token_endpoint": f"{at}/token", "jwks_uri": f"{at}/keys", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256", "none"],
                "code_challenge_methods_supported": ["S256"],
            }
        )  # fmt: skip

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        if asked["client_id"] != CLIENT or asked["response_type"] != "code" or "openid" not in asked["scope"].split():
            return web.Response(status=400)
        self.asked.append(asked)
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        answer = urlencode({"code": code, "state": asked["state"]})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{answer}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self._codes.pop(str(form.get("code")), None)
        digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if (
            asked is None
            or asked["code_challenge_method"] != "S256"
            or challenge != asked["code_challenge"]
            or form.get("redirect_uri") != asked["redirect_uri"]
            or request.headers.get("Authorization") != f"Basic {known}"
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = self.claims | {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"],
        } | self.spoil  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signer or self.key)
        return web.json_response({"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "id_token": signed})
