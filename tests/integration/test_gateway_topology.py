"""A gateway that follows the log of topologies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.registry import CONFIG_MODELS
from ironstream.gateway.processes.topology_log import LoggedTopology
from ironstream.rollout.applying import apply_sources
from ironstream.rollout.log import TopologyLog
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs
from ironstream.topology import TopologyError
from ironstream.topology.sources import Sources

PLANT = b"version: 1\nassets:\n  - id: pump-1\n"
OTHER = PLANT + b"  - id: pump-2\n"
BAD = PLANT + b"pipelines:\n  - {id: p, adapter: profibus}\n"


@pytest.fixture
async def log(deployment: Settings) -> AsyncIterator[TopologyLog]:
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, ()))
    async with TopologyLog(deployment) as found:
        yield found


async def hold(deployment: Settings, log: TopologyLog, text: bytes) -> None:
    await log.catch_up()
    await apply_sources(deployment, log, None, Sources.single(text), "ann", "")


def followed(deployment: Settings, kept: Path) -> LoggedTopology:
    return LoggedTopology(deployment, CONFIG_MODELS, kept)


async def until_next(source: LoggedTopology) -> int | None:
    for _ in range(600):
        if (found := await source.look()) is not None:
            return found.number
        await asyncio.sleep(0.05)
    raise AssertionError("no other version within 30 s")


async def test_what_is_applied_is_followed_and_what_cannot_be_used_is_refused_once(
    deployment: Settings, log: TopologyLog, tmp_path: Path
) -> None:
    source = followed(deployment, tmp_path / "kept.json")
    assert await source.load() is None
    await hold(deployment, log, PLANT)
    assert await until_next(source) == 1
    assert await source.look() is None
    await hold(deployment, log, BAD)
    with pytest.raises(TopologyError, match="profibus"):
        await until_next(source)
    health = {"refused": source.refused, "current": source.current and source.current.number}
    assert health["current"] == 1
    assert "profibus" in str(health["refused"])
    assert await source.look() is None
    await hold(deployment, log, OTHER)
    assert await until_next(source) == 3
    assert source.refused is None
    await source.close()


async def test_without_kafka_the_last_good_version_holds_and_what_was_missed_comes_when_it_is_back(
    deployment: Settings, log: TopologyLog, tmp_path: Path
) -> None:
    kept = tmp_path / "topology" / "kept.json"
    await hold(deployment, log, PLANT)
    first = followed(deployment, kept)
    assert await first.load() is not None
    await first.close()
    cut_off = followed(deployment.model_copy(update={"bootstrap": "127.0.0.1:1"}), kept)
    found = await cut_off.load()
    assert found is not None
    assert (found.number, [asset.id for asset in found.topology.assets]) == (1, ["pump-1"])
    assert await cut_off.look() is None
    await hold(deployment, log, OTHER)
    back = followed(deployment, kept)
    found = await back.load()
    assert found is not None
    assert found.number == 2
    await back.close()


async def test_a_kept_file_that_is_damaged_is_as_none(deployment: Settings, tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_bytes(b'{"number": 1')
    cut_off = followed(deployment.model_copy(update={"bootstrap": "127.0.0.1:1"}), kept)
    assert await cut_off.load() is None


async def test_where_nothing_was_applied_yet_the_file_becomes_the_first_version(
    deployment: Settings, log: TopologyLog, tmp_path: Path
) -> None:
    file = tmp_path / "plant.yaml"
    file.write_bytes(BAD)
    source = LoggedTopology(deployment, CONFIG_MODELS, tmp_path / "kept.json", first=file)
    with pytest.raises(TopologyError, match="profibus"):
        await source.load()
    file.write_bytes(PLANT)
    found = await source.load()
    assert found is not None
    await log.catch_up()
    assert [(one.version, one.action, one.author) for one in log.history.changes] == [(1, "start", "gateway")]
    await source.close()
