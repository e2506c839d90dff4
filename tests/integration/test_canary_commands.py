"""The commands about canaries, and what a gateway makes of one, without a worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from adapters.registry import CONFIG_MODELS
from ironstream.cli import main
from ironstream.gateway.from_topology import pipelines_of
from ironstream.gateway.processes.topology_log import LoggedTopology
from ironstream.rollout.applying import apply_sources
from ironstream.rollout.beside import CanaryHoldsError
from ironstream.rollout.log import TopologyLog
from ironstream.settings import Settings
from ironstream.topology.sources import Sources

PLANT = """version: 1
assets: [{id: pump-1}, {id: press-1}, {id: fan-1}]
pipelines:
  - {id: pump, adapter: opcua, gateway: gw-1, asset: pump-1, config: {endpoint: "opc.tcp://127.0.0.1:1", tags: [
      {name: flow, node: "ns=3;i=1"}]}}
  - {id: press, adapter: opcua, gateway: gw-2, asset: press-1, config: {endpoint: "opc.tcp://127.0.0.1:2", tags: [
      {name: flow, node: "ns=3;i=1"}]}}
"""
BOTH = PLANT.replace("ns=3;i=1", "ns=3;i=7") + "windows: [{size_s: 30}]\n"
NEWER = PLANT.replace("ns=3;i=1", "ns=3;i=8")

Command = Callable[..., Awaitable[int]]


@pytest.fixture
def command(deployment: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("IRONSTREAM_BOOTSTRAP", deployment.bootstrap)
    monkeypatch.setenv("IRONSTREAM_TOPIC_PREFIX", deployment.topic_prefix)
    monkeypatch.setenv("IRONSTREAM_PARTITIONS", str(deployment.partitions))

    async def run(*words: str) -> int:
        return await asyncio.to_thread(main, list(words))

    return run


@pytest.fixture
def apply(command: Command, tmp_path: Path) -> Command:
    async def run(text: str, *options: str) -> int:
        (tmp_path / "plant.yaml").write_text(text)
        return await command("apply", str(tmp_path / "plant.yaml"), "--accept-losses", *options)

    return run


async def changes(deployment: Settings) -> list[tuple[str, int]]:
    async with TopologyLog(deployment) as log:
        return [(change.action, change.version) for change in log.history.changes]


async def test_a_canary_is_tried_replaced_promoted_or_rolled_back_and_nothing_else_meanwhile(
    deployment: Settings, command: Command, apply: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refused(work: Awaitable[int], why: str) -> None:
        assert await work == 2
        assert why in " ".join(capsys.readouterr().err.split())

    await refused(apply(PLANT, "--gateway", "gw-1"), "No topology holds yet")
    assert await apply(PLANT) == 0
    await refused(command("promote"), "No canary holds")
    await refused(apply(BOTH, "--gateway", "gw1"), "did you mean 'gw-1'?")
    await refused(apply(PLANT.replace("fan-1", "fan-2"), "--gateway", "gw-1"), "Nothing of gateway gw-1 is other")

    assert await apply(BOTH, "--gateway", "gw-1") == 0
    said = capsys.readouterr()
    assert "these stay as they are: window" in said.err
    assert "pipeline press" in said.err
    assert "gateway gw-1 tries version 2" in said.out
    for work in (apply(NEWER), apply(BOTH), apply(NEWER, "--gateway", "gw-2")):
        await refused(work, "`ironstream promote` or `ironstream rollback` first")
    with pytest.raises(CanaryHoldsError):
        async with TopologyLog(deployment) as log:
            await apply_sources(deployment, log, None, Sources.single(b"version: 1\n"), "up", "")
    assert await apply(BOTH, "--gateway", "gw-1") == 0
    assert "holds already" in capsys.readouterr().out

    assert await apply(NEWER, "--gateway", "gw-1") == 0
    assert await command("rollback") == 0
    assert await changes(deployment) == [("apply", 1), ("canary", 3), ("canary", 5), ("rollback", 1)]
    await refused(command("rollback", "3"), "Version 3 was a canary on gateway gw-1")
    assert await apply(NEWER, "--gateway", "gw-1") == 0
    assert await command("promote") == 0
    assert (await changes(deployment))[-2:] == [("canary", 6), ("promote", 4)]
    assert await command("rollback") == 0
    assert (await changes(deployment))[-1] == ("rollback", 1)


async def test_a_canary_is_shown_as_its_candidate(
    command: Command, apply: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await apply(PLANT) == 0
    assert await apply(NEWER, "--gateway", "gw-1") == 0
    capsys.readouterr()
    assert await command("show") == 0
    said = capsys.readouterr()
    assert said.out == NEWER
    assert "Version 3 is a canary: this is its candidate, version 2, which holds for gateway gw-1" in said.err
    assert await command("diff", "--file", str(tmp_path / "plant.yaml")) == 0
    assert capsys.readouterr().out == ""
    assert await command("history", "--output", "json") == 0
    newest, first = json.loads(capsys.readouterr().out)
    assert (newest["action"], newest["gateway"], newest["candidate"]) == ("canary", "gw-1", 2)
    assert "gateway" not in first


async def test_the_tried_gateway_runs_the_candidates_pipelines_and_no_other_does(
    deployment: Settings, apply: Command, tmp_path: Path
) -> None:
    assert await apply(PLANT) == 0
    kept = tmp_path / "kept.json"
    one = LoggedTopology(deployment, CONFIG_MODELS, kept, gateway="gw-1")
    found = await one.load()
    assert found is not None
    before = {gateway: pipelines_of(found.topology, gateway) for gateway in ("gw-1", "gw-2")}
    # it is asked whether it could take it, and answers as it looks
    applying = asyncio.ensure_future(apply(BOTH, "--gateway", "gw-1"))
    tried = None
    while tried is None:
        await asyncio.wait((applying,), timeout=0.05)
        tried = await one.look()
    assert await applying == 0
    await one.close()
    away = deployment.model_copy(update={"bootstrap": "127.0.0.1:1"})
    cut_off = LoggedTopology(away, CONFIG_MODELS, kept, gateway="gw-1")
    remembered = await cut_off.load()
    await cut_off.close()
    assert remembered is not None
    for topology in (tried.topology, remembered.topology):
        assert pipelines_of(topology, "gw-2") == before["gw-2"]
        (pump,) = pipelines_of(topology, "gw-1")
        assert pump != before["gw-1"][0]
        assert pump.config["tags"][0]["node"] == "ns=3;i=7"
        assert [window.size_s for window in topology.windows] == [1, 10, 60, 3600]
