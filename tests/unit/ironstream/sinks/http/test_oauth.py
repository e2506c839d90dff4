from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from ironstream.sinks.http.client import HttpClient
from ironstream.sinks.http.config import HttpConfig
from ironstream.sinks.http.oauth import OAuthConfig, OAuthTokens
from ironstream.sinks.http.urls import target_of
from ironstream.sinks.sink import SinkUnavailableError
from tests.support.http_target import LOOPBACK, Got, HttpTarget, Reply

SECRET = "p+ss/w:rd-of-client"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def tokens_of(there: HttpTarget, clock: Clock, **fields: Any) -> AsyncIterator[OAuthTokens]:
    config = HttpConfig.model_validate(LOOPBACK)
    given = {"token_url": there.token_url, "client_id": "plant 1", "client_secret": SECRET} | fields
    client = HttpClient(config)
    await client.open()
    try:
        target = target_of(there.token_url, config.rules)
        yield OAuthTokens(OAuthConfig.model_validate(given), target, client, clock)
    finally:
        await client.close()


def counted(**fields: Any) -> Any:
    """Answers with token-1, token-2, …"""
    count = 0

    def reply(got: Got) -> Reply:
        nonlocal count
        count += 1
        return Reply(body={"access_token": f"token-{count}", "token_type": "bearer", **fields})

    return reply


async def test_a_token_is_asked_for_once_and_renewed_before_it_ends() -> None:
    async with HttpTarget() as there:
        there.token_reply = counted(expires_in=3600)
        clock = Clock()
        async with tokens_of(there, clock, scope="ingest write", audience="api") as tokens:
            assert [await tokens.token(), await tokens.token()] == ["token-1", "token-1"]
            clock.now_s += 3539
            assert await tokens.token() == "token-1"
            clock.now_s += 2
            assert await tokens.token() == "token-2"
        assert len(there.tokens) == 2
        form = parse_qs(there.tokens[0].body.decode())
        assert form == {"grant_type": ["client_credentials"], "scope": ["ingest write"], "audience": ["api"]}
        scheme, _, pair = there.tokens[0].headers["Authorization"].partition(" ")
        # both parts are encoded as in a form first (RFC 6749, section 2.3.1)
        assert (scheme, b64decode(pair)) == ("Basic", b"plant+1:p%2Bss%2Fw%3Ard-of-client")


async def test_the_secret_may_go_in_the_form() -> None:
    async with HttpTarget() as there:
        there.token_reply = counted(expires_in="60")
        async with tokens_of(there, Clock(), client_authentication="post") as tokens:
            await tokens.token()
        form = parse_qs(there.tokens[0].body.decode())
        assert form["client_id"] == ["plant 1"]
        assert form["client_secret"] == [SECRET]
        assert "Authorization" not in there.tokens[0].headers


async def test_a_refused_token_is_replaced_but_not_a_newer_one() -> None:
    async with HttpTarget() as there:
        there.token_reply = counted()
        async with tokens_of(there, Clock()) as tokens:
            first = await tokens.token()
            tokens.refused(first)
            assert await tokens.token() == "token-2"
            tokens.refused(first)
            assert await tokens.token() == "token-2"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(401, {"error": "invalid_client", "error_description": f"not {SECRET}"}),
        Reply(400, {"error": "invalid_scope"}),
        Reply(200, {"token_type": "bearer"}),
        Reply(200, {"access_token": "x", "token_type": "mac"}),
        Reply(200, {"access_token": "x\ny", "token_type": "bearer"}),
        Reply(200, b"<html>"),
        Reply(204),
        Reply(302, headers={"Location": "http://127.0.0.1:1/"}),
        Reply(503, headers={"Retry-After": "3"}),
        Reply(cut=True),
    ],
)
async def test_where_no_token_is_to_be_had_the_target_is_unavailable_and_the_secret_is_not_told(reply: Reply) -> None:
    async with HttpTarget() as there:
        there.token_reply = lambda got: reply
        async with tokens_of(there, Clock()) as tokens:
            with pytest.raises(SinkUnavailableError) as caught:
                await tokens.token()
            assert SECRET not in str(caught.value)
            there.token_reply = counted(expires_in=60)
            assert await tokens.token() == "token-1"
