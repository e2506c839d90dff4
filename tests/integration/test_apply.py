"""`ironstream apply` with those who follow the topology: all or nothing, waited for, and told who has it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from adapters.registry import CONFIG_MODELS
from ironstream.cli import main
from ironstream.commands.apply_each import apply_each
from ironstream.commands.signals import Stop
from ironstream.gateway.processes.topology_log import LoggedTopology
from ironstream.gateway.processes.topology_source import TopologyVersion
from ironstream.rollout.log import TopologyLog
from ironstream.settings import Settings
from ironstream.topology import TopologyError

PLANT = "version: 1\ndeployment: {name: plant}\nassets:\n  - id: pump-1\n  - id: pump-2\n"
LOCKED = (
    PLANT
    + """pipelines:
  - id: kiln
    adapter: opcua
    gateway: gw-1
    asset: pump-1
    config:
      endpoint: "opc.tcp://127.0.0.1:4840"
      username: reader
      password: "${secret:kiln_password}"
      allow_plain_password: true
      tags: [{name: zone1, node: "ns=3;i=1"}]
"""
)

Command = Callable[..., Awaitable[int]]


@pytest.fixture
def command(deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("IRONSTREAM_BOOTSTRAP", deployment.bootstrap)
    monkeypatch.setenv("IRONSTREAM_TOPIC_PREFIX", deployment.topic_prefix)
    monkeypatch.setenv("IRONSTREAM_PARTITIONS", str(deployment.partitions))

    async def apply(text: str, *options: str) -> int:
        (tmp_path / "plant.yaml").write_text(text)
        return await asyncio.to_thread(main, ["apply", str(tmp_path / "plant.yaml"), *options])

    return apply


@asynccontextmanager
async def gateway(deployment: Settings, kept: Path) -> AsyncIterator[LoggedTopology]:
    """The gateway's part that follows the log, looking as a gateway does, without any process."""
    source = LoggedTopology(deployment, CONFIG_MODELS, kept, gateway="gw-1")
    following = asyncio.create_task(_follow(source))
    try:
        yield source
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await source.close()


async def _follow(source: LoggedTopology) -> None:
    version: TopologyVersion | None = await source.load()
    while True:
        if version is not None:
            source.applied([])
        await asyncio.sleep(0.05)
        with suppress(TopologyError):
            version = await source.look()


async def changes(deployment: Settings) -> list[tuple[int, str]]:
    async with TopologyLog(deployment) as log:
        return [(change.version, change.action) for change in log.history.changes]


async def test_what_one_gateway_could_not_take_is_applied_nowhere(
    deployment: Settings, command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert await command(PLANT) == 0
    assert "Nobody follows the topology now" in capsys.readouterr().err
    async with gateway(deployment, tmp_path / "kept.json"):
        assert await command(PLANT, "--wait") == 0
        assert "gateway gw-1 on" in capsys.readouterr().out
        assert await command(LOCKED) == 2
        said = capsys.readouterr().err
        assert "secret 'kiln_password' is not to be found" in said
        assert "gateway gw-1 on" in said
        assert await changes(deployment) == [(1, "apply")]
        monkeypatch.setenv("IRONSTREAM_SECRET_KILN_PASSWORD", "a secret of this test")
        assert await command(LOCKED, "--wait", "--timeout", "60") == 0
        assert "gateway gw-1 on" in capsys.readouterr().out
        assert await asyncio.to_thread(main, ["status", "--output", "json"]) == 0
        status = json.loads(capsys.readouterr().out)
    assert status["holds"]["version"] == 2
    assert [(one["role"], one["version"], one["refused"]) for one in status["participants"]] == [("gateway", 2, None)]
    assert await changes(deployment) == [(1, "apply"), (2, "apply")]


async def test_what_would_be_lost_must_be_accepted(
    deployment: Settings, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command(PLANT) == 0
    fewer = PLANT.replace("  - id: pump-2\n", "")
    assert await command(fewer) == 2
    assert "1 asset with 0 series is no longer declared" in capsys.readouterr().err
    assert await changes(deployment) == [(1, "apply")]
    assert await command(fewer, "--accept-losses") == 0
    assert await changes(deployment) == [(1, "apply"), (2, "apply")]


async def test_a_file_that_is_watched_is_applied_when_it_changes_and_told_once_why_not(
    deployment: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, stop, said = tmp_path / "watched.yaml", Stop(), [""]

    async def until(text: str, count: int) -> None:
        async with asyncio.timeout(60):
            while said[0].count(text) < count:
                await asyncio.sleep(0.05)
                captured = capsys.readouterr()
                said[0] += captured.out + captured.err

    file.write_text("version: 1\nassets: pump-1\n")
    watching = asyncio.create_task(apply_each(deployment, file, "ann", stop))
    await until("assets", 1)
    file.write_text(PLANT)
    await until("Version 1 holds now", 1)
    file.write_text(PLANT.replace("  - id: pump-2\n", ""))
    await until("This would be lost", 1)
    file.write_text(PLANT + "  - id: pump-3\n")
    await until("holds now", 2)
    stop.request()
    await watching
    assert said[0].count("This would be lost") == 1
    assert said[0].count("watched.yaml: 1 error") == 1
    assert [action for _, action in await changes(deployment)] == ["apply", "apply"]
