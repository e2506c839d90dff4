"""With Eclipse Milo, a server that shares no code with our client library."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.opcua.pki import own_identity
from ironstream.gateway.adapter import DeviceConnectionError, DeviceSecurityError
from tests.support.java.process import JavaProcess
from tests.support.opcua.client import connected, make

URI = "http://example.com/milo"
TAGS = [
    {"name": "pressure", "node": f"nsu={URI};s=pressure", "unit": "bar"},
    {"name": "running", "node": f"/Objects/nsu={URI};running", "event": True},
    {"name": "recipe", "node": f"nsu={URI};s=recipe"},
    {"name": "nothing", "node": f"nsu={URI};s=nothing"},
]
PERCENT = {"name": "percent", "node": f"nsu={URI};s=pressure", "deadband": "10%"}
VALUES: dict[str, Any] = {"pressure": 4.5, "running": True, "recipe": "stout", "nothing": None}


async def test_milo_is_polled_subscribed_restarted_and_spoken_with_in_secret(tmp_path: Path) -> None:
    # one JVM for all of it: its start takes longer than the rest
    async with JavaProcess("milo_server") as milo:
        pki = tmp_path / "pki"
        identity = await asyncio.to_thread(own_identity, pki, None)
        started = await milo.call("start", trusted=str(identity.path))
        for name in ("pressure", "running", "recipe"):
            await milo.call("add", variable=name, value=VALUES[name])
        endpoint = f"opc.tcp://127.0.0.1:{started['port']}/milo"
        await _polls(endpoint)
        await _browses(endpoint)
        await _comes_back(milo, endpoint)
        await _is_spoken_with_in_secret(endpoint, pki, bytes.fromhex(started["certificate"]))


async def _polls(endpoint: str) -> None:
    async with connected(endpoint, mode="poll", tags=TAGS) as seen:
        await seen.until(lambda: seen.samples)
    assert {sample.parameter: sample.value for sample in seen.samples} == VALUES, (seen.samples, seen.faults)
    assert [sample.reason for sample in seen.of("nothing")] == ["BadNodeIdUnknown"]


async def _browses(endpoint: str) -> None:
    async with connected(endpoint, mode="poll", tags=TAGS) as seen:
        offers = {offer.path: offer async for offer in seen.adapter.browse("[pr]*")}
    assert {path: offers[path].value for path in ("pressure", "running", "recipe")} == {
        "pressure": "4.5",
        "running": "True",
        "recipe": "stout",
    }
    assert offers["pressure"].tag == {"name": "pressure", "node": f"nsu={URI};s=pressure"}


async def _comes_back(milo: JavaProcess, endpoint: str) -> None:
    async with connected(endpoint, tags=[*TAGS, PERCENT]) as seen:
        await seen.until(lambda: {sample.parameter for sample in seen.samples} >= {*VALUES, "percent"})
        await milo.call("set", variable="pressure", value=5.5)
        await seen.until(lambda: seen.values("pressure")[-1] == 5.5)
        # a node without a range has no percents: Milo refuses the filter, and the values come without it
        assert any("deadband is left out" in fault.message for fault in seen.faults)
        await milo.call("stop")
        with pytest.raises(DeviceConnectionError):
            await seen.until(lambda: False)
        await milo.call("start")
        await seen.adapter.connect()
        await milo.call("set", variable="pressure", value=6.5)
        await seen.until(lambda: seen.values("pressure")[-1] == 6.5)


async def _is_spoken_with_in_secret(endpoint: str, pki: Path, certificate: bytes) -> None:
    user = {"username": "reader", "password": "s3cret"}
    fields: dict[str, Any] = {"mode": "poll", "tags": TAGS, "pki_folder": pki, **user}
    stranger = make(endpoint, security="auto", **fields)
    with pytest.raises(DeviceSecurityError, match="not trusted"):
        await stranger.connect()
    (pki / "trusted").mkdir()
    (pki / "trusted" / "milo.der").write_bytes(certificate)
    for security in ("auto", "Basic256Sha256"):
        async with connected(endpoint, security=security, **fields) as seen:
            await seen.until(partial(len, seen.samples))
            assert seen.values("pressure") == [6.5]
    wrong = make(endpoint, security="auto", **{**fields, "password": "guess"})
    with pytest.raises(DeviceSecurityError, match=r"BadUserAccessDenied|BadIdentityTokenRejected"):
        await wrong.connect()
    other = make(endpoint, security="auto", **{**fields, "pki_folder": _stranger(pki)})
    with pytest.raises(DeviceSecurityError, match=r"hung up|BadSecurityChecksFailed|BadCertificate"):
        await other.connect()


def _stranger(pki: Path) -> Path:
    """One whom Milo does not know, though he knows Milo."""
    folder = pki.parent / "stranger"
    (folder / "trusted").mkdir(parents=True)
    (folder / "trusted" / "milo.der").write_bytes((pki / "trusted" / "milo.der").read_bytes())
    return folder
