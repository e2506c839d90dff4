"""What stands before the API: login, roles, other sites, limits, audit, headers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import structlog
import uvicorn

from ironstream.errors import ConfigurationError
from ironstream.settings import Settings
from ironstream.web.auth import Role
from ironstream.web.auth.login import COOKIE
from ironstream.web.auth.tokens import FILE_NAME
from tests.support.guarded_site import Site

CHANGE = {"X-Ironstream": "1"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def site(settings: Settings) -> Site:
    return Site(settings)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "plant.example"])
def test_without_a_login_it_is_not_open_to_other_machines(settings: Settings, host: str) -> None:
    with pytest.raises(ConfigurationError, match="nobody could log in") as refused:
        Site(settings, host)

    assert "ironstream web token" in refused.value.hint


def test_a_named_file_of_tokens_that_is_not_there_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Site(settings, tokens=tmp_path / "missing")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
async def test_on_loopback_without_a_token_everybody_may_do_everything(settings: Settings, host: str) -> None:
    async with Site(settings, host).client() as client:
        assert (await client.get("/api/v1/thing")).status_code == 200
        assert (await client.post("/api/v1/plant")).status_code == 200
        assert (await client.get("/api/v1/login")).json() == {"required": False, "token": False, "oidc": False}


async def test_the_first_token_turns_the_login_on_and_removing_it_does_not_turn_it_off(site: Site) -> None:
    token = site.token(Role.OPERATOR)
    async with site.client() as client:
        assert (await client.get("/api/v1/thing")).status_code == 401
        assert (await client.get("/api/v1/thing", headers=bearer(token))).status_code == 200
        (site.settings.data_dir / FILE_NAME).unlink()
        assert (await client.get("/api/v1/thing")).status_code == 401


async def test_without_a_login_a_name_that_leads_here_is_not_answered(site: Site) -> None:
    for base in ("http://evil.example:8080", "http://127.0.0.1.evil.example"):
        async with site.client(base=base) as client:
            assert (await client.get("/api/v1/thing")).status_code == 403
            assert (await client.get("/")).status_code == 403
    site.token(Role.OPERATOR)
    async with site.client(base="http://plant.example") as client:
        assert (await client.get("/api/v1/thing")).status_code == 401


async def test_a_login_sets_a_cookie_that_scripts_and_other_sites_do_not_get(site: Site) -> None:
    token = site.token(Role.OPERATOR, tenants=["acme"])
    async with site.client() as client:
        answer = await client.post("/api/v1/login", json={"token": token})
        assert answer.json() == {"name": "operator", "roles": ["operator"], "tenants": ["acme"]}
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(COOKIE)
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie
        assert token not in cookie
        assert (await client.get("/api/v1/me")).json()["name"] == "operator"
    async with site.client(base="https://plant.example") as client:
        answer = await client.post("/api/v1/login", json={"token": token})
        assert "Secure" in answer.headers["set-cookie"]
        assert "max-age" in answer.headers["strict-transport-security"]


async def test_after_a_logout_the_cookie_is_of_no_use_wherever_it_is(site: Site) -> None:
    token = site.token(Role.OPERATOR)
    async with site.client() as client:
        await client.post("/api/v1/login", json={"token": token})
        stolen = client.cookies[COOKIE]
        assert (await client.post("/api/v1/logout", headers=CHANGE)).status_code == 204
        assert COOKIE not in client.cookies
    async with site.client(cookies={COOKIE: stolen}) as thief:
        assert (await thief.get("/api/v1/thing")).status_code == 401


async def test_a_session_ends_with_the_token_it_began_with(site: Site) -> None:
    token = site.token(Role.OPERATOR)
    async with site.client() as client:
        await client.post("/api/v1/login", json={"token": token})
        (site.settings.data_dir / FILE_NAME).write_text("")
        assert (await client.get("/api/v1/thing")).status_code == 401


async def test_a_role_below_is_refused_and_so_is_a_scope_where_all_is_concerned(site: Site) -> None:
    operator, copilot = site.token(Role.OPERATOR), site.token(Role.COPILOT)
    scoped, engineer = site.token(Role.ENGINEER, tenants=["acme"]), site.token(Role.ENGINEER)
    async with site.client() as client:
        for token, path, status in (
            (operator, "thing", 200), (operator, "plant", 403), (copilot, "thing", 403), (copilot, "plant", 403),
            (scoped, "thing", 200), (scoped, "plant", 403), (engineer, "plant", 200),
        ):  # fmt: skip
            answer = await client.post(f"/api/v1/{path}", json=1, headers=bearer(token))
            assert answer.status_code == status, (path, answer.text)
        assert (await client.get("/api/v1/thing", headers=bearer(copilot))).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        (CHANGE, 200),
        (CHANGE | {"Origin": "https://evil.example"}, 403),
        (CHANGE | {"Origin": "http://127.0.0.1:8080"}, 200),
        (CHANGE | {"Sec-Fetch-Site": "cross-site"}, 403),
        (CHANGE | {"Sec-Fetch-Site": "same-site"}, 403),
        (CHANGE | {"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_a_change_by_a_cookie_must_come_from_the_pages(site: Site, headers: dict[str, str], status: int) -> None:
    token = site.token(Role.OPERATOR)
    async with site.client() as client:
        await client.post("/api/v1/login", json={"token": token})

        assert (await client.post("/api/v1/thing", json=1, headers=headers)).status_code == status
        assert site.trail.entries[-1].status == status


async def test_another_site_can_change_nothing_where_there_is_no_login(site: Site) -> None:
    async with site.client() as client:
        answer = await client.post("/api/v1/thing", json=1, headers={"Origin": "https://evil.example"})

        assert answer.status_code == 403


async def test_every_change_is_audited_with_who_what_and_from_where(site: Site) -> None:
    token = site.token(Role.OPERATOR)
    async with site.client() as client:
        await client.post("/api/v1/thing", json={"limit": 7}, headers=bearer(token))
        await client.post("/api/v1/plant", headers=bearer(token))
        await client.post("/api/v1/thing", json="defect", headers=bearer(token))
        await client.get("/api/v1/thing", headers=bearer(token))

    told = [(one.actor, one.address, one.action, one.request, one.outcome, one.status) for one in site.trail.entries]
    assert told == [
        ("operator", "10.0.0.5", "POST /api/v1/thing", {"limit": 7}, "done", 200),
        ("operator", "10.0.0.5", "POST /api/v1/plant", None, "refused", 403),
        ("operator", "10.0.0.5", "POST /api/v1/thing", "defect", "failed", 500),
    ]


async def test_no_credential_is_in_the_trail_the_log_or_an_answer(site: Site) -> None:
    token = site.token(Role.OPERATOR)
    with structlog.testing.capture_logs() as logs:
        async with site.client() as client:
            answers = [
                await client.post("/api/v1/login", json={"token": token}),
                await client.post("/api/v1/login", json={"token": "ist_wrong"}),
                await client.post("/api/v1/login", json={"token": {"x": token}}),
                await client.get("/api/v1/thing", headers=bearer("ist_wrong")),
                await client.post("/api/v1/thing", json="defect", headers=bearer(token)),
            ]
            cookie = client.cookies[COOKIE]
    written = repr(site.trail.entries) + repr(logs)
    for secret in (token, "ist_wrong", cookie):
        assert secret not in written
    assert all(token not in answer.text and "ist_wrong" not in answer.text for answer in answers)


async def test_failed_logins_are_audited_and_after_some_an_address_has_to_wait(site: Site) -> None:
    token = site.token(Role.OPERATOR)
    async with site.client() as client, site.client("10.0.0.6") as other:
        tried = [await client.post("/api/v1/login", json={"token": "ist_guess"}) for _ in range(7)]

        assert [one.status_code for one in tried] == [401] * 5 + [429] * 2
        assert int(tried[-1].headers["retry-after"]) > 0
        assert tried[-1].headers["content-type"] == "application/problem+json"
        assert [(one.actor, one.status, one.address) for one in site.trail.entries] == [("nobody", 401, "10.0.0.5")] * 5
        assert (await client.get("/api/v1/thing", headers=bearer("ist_guess"))).status_code == 429
        # who has a token is not kept out by others at the same address
        assert (await client.post("/api/v1/login", json={"token": token})).status_code == 200
        assert (await other.post("/api/v1/login", json={"token": "ist_guess"})).status_code == 401


async def test_who_asks_too_often_is_told_when_to_come_back(settings: Settings) -> None:
    site = Site(settings, requests_per_s=1)
    one, two = site.token(Role.OPERATOR), site.token(Role.ENGINEER)
    async with site.client() as client:
        answers = [await client.get("/api/v1/thing", headers=bearer(one)) for _ in range(11)]

        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert answers[-1].headers["retry-after"] == "1"
        assert (await client.get("/api/v1/thing", headers=bearer(two))).status_code == 200


async def test_who_has_looked_too_often_may_still_make_a_change_and_no_more_of_those_either(
    settings: Settings,
) -> None:
    site = Site(settings, requests_per_s=1)
    as_one = bearer(site.token(Role.OPERATOR))
    async with site.client() as client:
        looks = [await client.get("/api/v1/thing", headers=as_one) for _ in range(11)]
        changes = [await client.post("/api/v1/thing", json=1, headers=as_one) for _ in range(11)]

        assert looks[-1].status_code == 429
        assert [answer.status_code for answer in changes] == [200] * 10 + [429]


async def test_a_body_that_is_too_large_is_refused_however_it_is_sent(site: Site) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'"'
        for _ in range(20):
            yield b"x" * 100_000

    async with site.client() as client:
        headers = {"Content-Type": "application/json"}
        assert (await client.post("/api/v1/thing", content=b"1" * 1_100_000, headers=headers)).status_code == 413
        assert (await client.post("/api/v1/thing", content=pieces(), headers=headers)).status_code == 413


async def test_every_answer_tells_the_browser_to_trust_nothing_else(site: Site) -> None:
    async with site.client() as client:
        for path in ("/api/v1/thing", "/api/v1/nothing", "/nowhere"):
            headers = (await client.get(path)).headers
            assert headers["content-security-policy"].startswith("default-src 'self'")
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
        assert (await client.get("/api/v1/thing")).headers["cache-control"] == "no-store"


async def test_a_defect_is_answered_with_the_same_headers_and_told_in_the_log_alone(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    token = site.token(Role.OPERATOR)
    server = uvicorn.Server(uvicorn.Config(site.app, port=0, log_config=None, log_level="warning", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=base, headers=bearer(token)) as client:
            answer = await client.post("/api/v1/thing", json="defect")
            ordinary = await client.get("/api/v1/thing")
        server.should_exit = True
        await serving

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "ZeroDivision" not in answer.text
    own = {"content-type", "content-length", "date", "server"}
    assert {name: answer.headers.get(name) for name in ordinary.headers if name not in own} == {
        name: value for name, value in ordinary.headers.items() if name not in own
    }
    assert "Traceback" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_session_ends_when_the_rights_of_its_token_change(site: Site) -> None:
    token = site.token(Role.ENGINEER)
    path = site.settings.data_dir / FILE_NAME
    async with site.client() as client:
        await client.post("/api/v1/login", json={"token": token})
        assert (await client.get("/api/v1/thing")).status_code == 200
        path.write_text(path.read_text().replace('["engineer"]', '["copilot"]'))

        assert (await client.get("/api/v1/thing")).status_code == 401


@pytest.mark.parametrize("cookie", ["x", "a.b", '{"roles":["admin"]}', "eyJ9.AAAA", "%00", "é" * 50])
async def test_a_cookie_that_is_none_is_nobodys(site: Site, cookie: str) -> None:
    site.token(Role.OPERATOR)
    async with site.client() as client:
        answer = await client.get("/api/v1/thing", headers=[(b"Cookie", f"{COOKIE}={cookie}".encode())])

        assert answer.status_code == 401


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Basic abc", "bearer \xff", "Bearer " + "x" * 5000])
async def test_an_authorization_that_is_none_is_nobodys(site: Site, value: str) -> None:
    site.token(Role.OPERATOR)
    async with site.client() as client:
        answer = await client.get("/api/v1/thing", headers=[(b"Authorization", value.encode("latin-1"))])

        assert answer.status_code == 401
