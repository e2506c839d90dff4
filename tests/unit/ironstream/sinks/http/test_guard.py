import socket
from collections.abc import Sequence

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from ironstream.sinks.http.client import HttpClient
from ironstream.sinks.http.config import HttpConfig
from ironstream.sinks.http.guard import BlockedAddressError, Guard
from ironstream.sinks.http.urls import Rules, target_of
from ironstream.sinks.sink import SinkUnavailableError
from tests.support.http_target import HttpTarget


class Names(AbstractResolver):
    """Answers each look-up with the next of some answers, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=one, port=port, family=_family(one), proto=0, flags=0) for one in found
        ]

    async def close(self) -> None:
        pass


def _family(text: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in text else socket.AF_INET


@pytest.mark.parametrize(
    "answer", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["::ffff:127.0.0.1"], ["fe80::1%2"]]
)
async def test_a_host_is_refused_if_any_of_its_addresses_is(answer: list[str]) -> None:
    with pytest.raises(BlockedAddressError, match="allow_hosts"):
        await Guard(Rules(), Names(answer)).resolve("sly.example", 443)


async def test_public_addresses_and_those_of_an_allowed_host_are_given_out() -> None:
    assert len(await Guard(Rules(), Names(["8.8.8.8", "1.1.1.1"])).resolve("plain.example", 443)) == 2
    rules = Rules(hosts=frozenset({"inner.example"}))
    assert len(await Guard(rules, Names(["10.0.0.1"])).resolve("Inner.Example.", 443)) == 1
    with pytest.raises(BlockedAddressError):
        await Guard(rules, Names(["10.0.0.1"])).resolve("inner.example.evil.example", 443)


async def test_a_socket_is_made_only_for_an_address_that_may_be_reached() -> None:
    guard = Guard(Rules(hosts=frozenset({"inner.example"})), Names(["10.0.0.1"]))
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.0.0.1", 443))
    with pytest.raises(BlockedAddressError):
        guard.make_socket(info)
    await guard.resolve("inner.example", 443)
    guard.make_socket(info).close()
    with pytest.raises(BlockedAddressError):
        guard.make_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("10.0.0.2", 443)))


async def test_localhost_in_any_spelling_is_not_reached_unless_it_is_allowed() -> None:
    async with HttpTarget() as there:
        port = there.url.split(":")[2]
        for host in ("localhost", "LocalHost", "ⓛocalhost"):
            config = HttpConfig(allow_http=True)
            client = HttpClient(config)
            await client.open()
            target = target_of(f"http://{host}:{port}", config.rules)
            with pytest.raises(SinkUnavailableError, match="loopback"):
                await client.post(target, b"{}", {})
            with pytest.raises(SinkUnavailableError, match="loopback"):
                await client.reach(target)
            await client.close()
        assert there.got == []


async def test_a_name_that_leads_elsewhere_at_its_second_look_up_is_refused_then_and_never_connected_unchecked() -> (
    None
):
    async with HttpTarget() as there:
        port = int(there.url.split(":")[2].split("/")[0])
        config = HttpConfig(allow_http=True, allow_networks=("127.0.0.1/32",))
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        client = HttpClient(config, resolver=names)
        await client.open()
        target = target_of(f"http://rebinding.example:{port}/x", config.rules)
        await client.reach(target)
        with pytest.raises(SinkUnavailableError, match=r"127\.0\.0\.2 \(loopback\)"):
            await client.post(target, b"{}", {})
        await client.close()
        assert there.got == []
        assert names.asked == 2
