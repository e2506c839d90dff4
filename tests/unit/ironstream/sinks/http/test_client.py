import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ironstream.errors import ConfigurationError
from ironstream.sinks.http.client import HttpClient
from ironstream.sinks.http.config import HttpConfig
from ironstream.sinks.http.urls import Target, target_of
from ironstream.sinks.sink import SinkUnavailableError
from tests.support.certificates import Authority
from tests.support.http_target import LOOPBACK, HttpTarget, Reply


@asynccontextmanager
async def client_of(url: str, secrets: tuple[str, ...] = (), **fields: Any) -> AsyncIterator[tuple[HttpClient, Target]]:
    config = HttpConfig.model_validate(LOOPBACK | fields)
    client = HttpClient(config, secrets)
    await client.open()
    try:
        yield client, target_of(url, config.rules)
    finally:
        await client.close()


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pems")
    Authority(folder)
    return folder


def server_context(pems: Path, *, ask_for_client: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pems / "ca.pem"))
    context.load_cert_chain(pems / "server.pem", pems / "server.key")
    if ask_for_client:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with HttpTarget() as there, client_of(there.url) as (client, target):
        there.next = [Reply(307, headers={"Location": f"{there.origin}/elsewhere"})]
        answer = await client.post(target, b"{}", {})
        assert answer.status == 307
        assert [got.path for got in there.got] == ["/ingest"]


async def test_an_answer_is_read_up_to_its_limit() -> None:
    async with HttpTarget() as there, client_of(there.url, max_response_bytes=2048) as (client, target):
        there.next = [Reply(body=b"x" * 2048), Reply(body=b"x" * 2049), Reply(body=b"x" * 10_000_000)]
        assert [(len(one.body), one.whole) for one in [await client.post(target, b"", {}) for _ in range(3)]] == [
            (2048, True),
            (2048, False),
            (2048, False),
        ]


async def test_a_compressed_answer_is_not_inflated() -> None:
    async with HttpTarget() as there, client_of(there.url) as (client, target):
        there.next = [Reply(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})]
        assert not (await client.post(target, b"", {})).whole
        assert there.got[0].headers["Accept-Encoding"] == "identity"


async def test_a_target_that_is_slow_cuts_or_is_away_is_unavailable(nowhere: str) -> None:
    async with HttpTarget() as there, client_of(there.url, timeout_s=0.2) as (client, target):
        there.next = [Reply(late_s=5)]
        with pytest.raises(SinkUnavailableError, match="in time"):
            await client.post(target, b"", {})
        there.next = [Reply(cut=True)]
        with pytest.raises(SinkUnavailableError, match="broke off"):
            await client.post(target, b"", {})
        assert (await client.post(target, b"", {})).status == 200
    async with client_of(f"http://{nowhere}/") as (client, target):
        with pytest.raises(SinkUnavailableError, match="cannot be reached"):
            await client.post(target, b"", {})
        with pytest.raises(SinkUnavailableError, match="cannot be reached"):
            await client.reach(target)


async def test_a_large_body_goes_through() -> None:
    async with HttpTarget() as there, client_of(there.url) as (client, target):
        await client.post(target, b"x" * 5_000_000, {})
        assert len(there.got[0].sent) == 5_000_000


async def test_nothing_of_a_cookie_a_proxy_or_netrc_is_used(monkeypatch: pytest.MonkeyPatch, nowhere: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{nowhere}")
    async with HttpTarget() as there, client_of(there.url) as (client, target):
        there.next = [Reply(headers={"Set-Cookie": "a=b"})]
        await client.post(target, b"", {})
        await client.post(target, b"", {})
        assert "Cookie" not in there.got[1].headers


async def test_tls_is_verified_by_the_authority_that_is_given(pems: Path) -> None:
    async with HttpTarget(tls=server_context(pems)) as there:
        async with client_of(there.url, ca_file=pems / "ca.pem") as (client, target):
            assert "TLSv1.3" in await client.reach(target)
            assert (await client.post(target, b"", {})).status == 200
        async with client_of(there.url) as (client, target):
            for attempt in (client.reach(target), client.post(target, b"", {})):
                with pytest.raises(SinkUnavailableError, match="not trusted") as caught:
                    await attempt
                assert "ca_file" in caught.value.hint
        # the certificate is for localhost
        by_address = there.url.replace("localhost", "127.0.0.1")
        async with client_of(by_address, ca_file=pems / "ca.pem") as (client, target):
            with pytest.raises(SinkUnavailableError, match="not trusted"):
                await client.post(target, b"", {})


async def test_a_target_may_ask_for_a_client_certificate(pems: Path) -> None:
    async with HttpTarget(tls=server_context(pems, ask_for_client=True)) as there:
        ours: dict[str, Any] = {"client_certificate_file": pems / "client.pem", "client_key_file": pems / "client.key"}
        async with client_of(there.url, ca_file=pems / "ca.pem", **ours) as (client, target):
            assert (await client.post(target, b"", {})).status == 200
        async with client_of(there.url, ca_file=pems / "ca.pem") as (client, target):
            with pytest.raises(SinkUnavailableError):
                await client.post(target, b"", {})


async def test_certificates_that_are_none_are_a_fault_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    for path, told in ((tmp_path / "none.pem", "PEM"), (tmp_path / "away.pem", "no file")):
        client = HttpClient(HttpConfig(ca_file=path))
        with pytest.raises(ConfigurationError, match=told):
            await client.open()
        await client.close()


def test_what_is_shown_is_one_line_without_secrets_and_control_characters() -> None:
    client = HttpClient(HttpConfig(), ["s3cret-token"])
    assert client.shown("a\n\x1b[31mb s3cret-token\tc") == "a ?[31mb *** c"
    # a secret at the end of the excerpt is not cut into a part of itself
    assert "s3c" not in client.shown("x" * 295 + "s3cret-token")


def test_every_fault_of_a_configuration_is_named_at_once() -> None:
    fields = {"allow_networks": ["10.0.0.1/8", "x"], "client_key_file": "/k.pem"}
    with pytest.raises(ValueError, match="host bits") as caught:
        HttpConfig.model_validate(fields)
    assert "'x'" in str(caught.value)
    assert "go together" in str(caught.value)
