"""Login by an OpenID Connect provider, over a real one on loopback."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from ironstream.settings import Settings
from ironstream.web.auth.login import COOKIE, LOGIN_COOKIE
from tests.support.guarded_site import Site
from tests.support.oidc_provider import CLIENT, SECRET, Provider


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as running:
        yield running


@pytest.fixture
def site(provider: Provider, tmp_path: Path) -> Site:
    return Site(
        Settings(data_dir=tmp_path), "0.0.0.0", url="http://plant.example", oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT, oidc_client_secret=SecretStr(SECRET),
    )  # fmt: skip


async def at_the_provider(url: str) -> httpx.URL:
    """Where the provider sends the browser back to."""
    async with httpx.AsyncClient() as browser:
        return httpx.URL((await browser.get(url)).headers["location"])


async def log_in(client: httpx.AsyncClient) -> httpx.Response:
    begun = await client.get("/api/v1/login/oidc")
    assert begun.status_code == 303, begun.text
    back = await at_the_provider(begun.headers["location"])
    assert (back.host, back.path) == ("plant.example", "/api/v1/login/oidc/callback")
    return await client.get(back)


def why(answer: httpx.Response) -> str:
    """Why somebody came back to the page of the login: what its address says, which is nothing else."""
    at, _, code = answer.headers["location"].partition("error=")
    assert (answer.status_code, at) == (303, "/#/login?")
    assert COOKIE not in answer.cookies
    return code


def client_of(site: Site) -> httpx.AsyncClient:
    return site.client(base="http://plant.example")


async def test_whoever_the_provider_knows_is_logged_in_with_its_roles_and_tenants(
    site: Site, provider: Provider
) -> None:
    async with client_of(site) as client:
        assert (await client.get("/api/v1/login")).json() == {"required": True, "token": False, "oidc": True}
        answer = await log_in(client)

        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await client.get("/api/v1/me")).json() == {"name": "ana", "roles": ["operator"], "tenants": ["acme"]}
        assert LOGIN_COOKIE not in client.cookies
    asked = provider.asked[0]
    assert asked["code_challenge_method"] == "S256"
    assert [(one.actor, one.via, one.status) for one in site.trail.entries] == [("ana", "oidc 7", 303)]
    assert all("code=" not in one.action for one in site.trail.entries)


async def test_a_code_brought_by_a_browser_that_did_not_begin_is_refused(site: Site) -> None:
    async with client_of(site) as mine, client_of(site) as theirs:
        back = await at_the_provider((await mine.get("/api/v1/login/oidc")).headers["location"])
        await theirs.get("/api/v1/login/oidc")

        assert why(await theirs.get(back)) == "not-begun"
        assert COOKIE not in theirs.cookies


async def test_a_code_is_of_use_once(site: Site) -> None:
    async with client_of(site) as client:
        begun = await client.get("/api/v1/login/oidc")
        kept = client.cookies[LOGIN_COOKIE]
        back = await at_the_provider(begun.headers["location"])
        assert (await client.get(back)).status_code == 303
        client.cookies.clear()
        client.cookies.set(LOGIN_COOKIE, kept)

        assert why(await client.get(back)) == "refused"


@pytest.mark.parametrize(
    "spoil",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"nonce": "another"},
        {"exp": 1_000_000_000},
        {"iat": int(time.time()) + 10_000, "nbf": int(time.time()) + 10_000},
        {"exp": "soon"},
    ],
)
async def test_an_id_token_that_is_not_for_this_login_is_refused(
    site: Site, provider: Provider, spoil: dict[str, Any]
) -> None:
    provider.spoil = spoil
    async with client_of(site) as client:
        assert why(await log_in(client)) == "not-valid"
        assert (await client.get("/api/v1/me")).status_code == 401
    assert [one.outcome for one in site.trail.entries] == ["refused"]


async def test_an_id_token_signed_by_another_key_is_refused(site: Site, provider: Provider) -> None:
    provider.signer = RSAKey.generate_key(2048, {"kid": "one"})
    async with client_of(site) as client:
        assert why(await log_in(client)) == "not-valid"


async def test_an_id_token_that_nobody_signed_is_refused(
    site: Site, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsigned(header: Any, claims: Any, key: Any) -> str:
        parts = ({"alg": "none"}, claims)
        return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts) + "."

    monkeypatch.setattr("tests.support.oidc_provider.jwt.encode", unsigned)
    async with client_of(site) as client:
        assert why(await log_in(client)) == "not-valid"


async def test_a_provider_that_has_changed_its_key_is_believed(site: Site, provider: Provider) -> None:
    async with client_of(site) as client:
        assert (await log_in(client)).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    async with client_of(site) as client:
        assert (await log_in(client)).status_code == 303


async def test_somebody_without_a_role_is_told_what_the_provider_lacks(site: Site, provider: Provider) -> None:
    provider.claims["roles"] = ["visitor"]
    async with client_of(site) as client:
        assert why(await log_in(client)) == "no-role"

    [told] = site.trail.entries
    assert (told.status, told.outcome) == (403, "refused")
    assert "claim `roles`" in told.detail


async def test_somebody_without_a_tenant_is_not_let_in(site: Site, provider: Provider) -> None:
    provider.claims["tenants"] = []
    async with client_of(site) as client:
        assert why(await log_in(client)) == "no-tenant"


async def test_what_a_provider_writes_of_a_refusal_is_in_no_address_and_not_on_the_trail(
    site: Site,
) -> None:
    async with client_of(site) as client:
        begun = httpx.URL((await client.get("/api/v1/login/oidc")).headers["location"])
        said = {"state": begun.params["state"], "error": "access_denied", "error_description": "<b>made up</b>"}
        answer = await client.get("/api/v1/login/oidc/callback", params=said)

        assert why(answer) == "refused"
        assert "made up" not in answer.headers["location"] + repr(site.trail.entries)


async def test_who_is_refused_again_and_again_has_to_wait(site: Site) -> None:
    async with client_of(site) as client:
        answers = [await client.get("/api/v1/login/oidc/callback?code=x&state=y") for _ in range(6)]

    assert [why(one) for one in answers] == ["not-begun"] * 5 + ["too-many"]
    assert len(site.trail.entries) == 5


async def test_a_provider_that_calls_itself_otherwise_is_not_used(site: Site, provider: Provider) -> None:
    provider.named_issuer = "https://evil.example"
    async with client_of(site) as client:
        assert why(await client.get("/api/v1/login/oidc")) == "provider"


async def test_a_provider_that_is_away_is_told_and_comes_back(tmp_path: Path, nowhere: str) -> None:
    site = Site(Settings(data_dir=tmp_path), oidc_issuer=f"http://{nowhere}", oidc_client_id=CLIENT)
    async with site.client() as client:
        with structlog.testing.capture_logs() as logs:
            assert why(await client.get("/api/v1/login/oidc")) == "provider"

        assert "OIDC_ISSUER" in logs[0]["hint"]
        assert (await client.get("/api/v1/thing")).status_code == 401


async def test_where_no_provider_is_set_there_is_no_such_login(tmp_path: Path) -> None:
    async with Site(Settings(data_dir=tmp_path)).client() as client:
        assert (await client.get("/api/v1/login/oidc")).status_code == 404
        assert (await client.get("/api/v1/login/oidc/callback?code=x&state=y")).status_code == 404


async def test_the_secret_of_the_client_and_the_code_are_in_no_answer(site: Site, provider: Provider) -> None:
    provider.spoil = {"aud": "another"}
    async with client_of(site) as client:
        answer = await log_in(client)

        code = httpx.URL(answer.request.url).params["code"]
        assert SECRET not in answer.text
        assert code not in answer.text + answer.headers["location"]
        assert code not in repr(site.trail.entries)
