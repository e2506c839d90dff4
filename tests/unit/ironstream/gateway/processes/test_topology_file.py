from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from adapters.registry import CONFIG_MODELS
from ironstream.gateway.processes.topology_file import TopologyFile
from ironstream.topology import TopologyError

GOOD = "version: 1\n"
BETTER = "version: 1\ndeployment: {name: better}\n"
BAD = "version: 1\nsurprise: 1\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "topology.yaml"
    made.write_text(GOOD, encoding="utf-8")
    return made


def followed(path: Path) -> TopologyFile:
    return TopologyFile(path, CONFIG_MODELS, settle_s=0)


def put(path: Path, text: str) -> None:
    """Another file in its place, as editors do."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


async def test_a_new_version_is_found_once(path: Path) -> None:
    file = followed(path)
    first = await file.load()
    assert await file.look() is None
    put(path, BETTER)
    second = await file.look()
    assert second is not None
    assert (second.topology.deployment.name, second.sha256 != first.sha256) == ("better", True)
    assert await file.look() is None


async def test_a_bad_version_is_told_once_and_the_good_one_stays(path: Path) -> None:
    file = followed(path)
    first = await file.load()
    put(path, BAD)
    with pytest.raises(TopologyError):
        await file.look()
    assert file.current == first
    assert "surprise" in str(file.refused)
    assert await file.look() is None
    assert await file.look(whatever=True) is None
    put(path, BETTER)
    assert await file.look() is not None
    assert file.refused is None


async def test_going_back_to_the_version_that_runs_ends_the_refusal(path: Path) -> None:
    file = followed(path)
    await file.load()
    put(path, BAD)
    with pytest.raises(TopologyError):
        await file.look()
    put(path, GOOD)
    assert await file.look() is None
    assert file.refused is None


async def test_a_file_that_is_gone_is_refused_and_taken_again_when_it_is_back(path: Path) -> None:
    file = followed(path)
    await file.load()
    os.unlink(path)
    with pytest.raises(TopologyError, match="cannot be read"):
        await file.look()
    assert await file.look() is None
    put(path, BETTER)
    assert await file.look() is not None


async def test_a_file_that_is_being_written_is_left_alone(path: Path) -> None:
    file = TopologyFile(path, CONFIG_MODELS, settle_s=0.05)
    await file.load()
    put(path, BETTER)
    looking = asyncio.ensure_future(file.look())
    await asyncio.sleep(0)
    put(path, BETTER + "unregistered: reject\n")
    assert await looking is None
    found = await file.look()
    assert found is not None
    assert found.topology.unregistered == "reject"


async def test_it_is_read_anew_when_asked_though_it_seems_unchanged(path: Path) -> None:
    file = followed(path)
    await file.load()
    before = os.stat(path)
    with open(path, "r+b") as same:  # noqa: ASYNC230  a few bytes
        same.write(GOOD.replace("\n", " ").encode())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await file.look() is None
    assert await file.look(whatever=True) is not None


async def test_a_topology_that_cannot_be_used_is_no_start(path: Path) -> None:
    put(path, BAD)
    with pytest.raises(TopologyError, match="surprise"):
        await followed(path).load()


async def test_a_change_in_an_included_file_is_a_new_version(path: Path) -> None:
    part = path.parent / "assets.yaml"
    put(part, "version: 1\nassets: [{id: a}]\n")
    put(path, "version: 1\ninclude: [assets*.yaml]\n")
    file = followed(path)
    first = await file.load()
    assert [asset.id for asset in first.topology.assets] == ["a"]
    assert await file.look() is None
    put(part, "version: 1\nassets: [{id: b}]\n")
    second = await file.look()
    assert second is not None
    assert [asset.id for asset in second.topology.assets] == ["b"]
    assert await file.look() is None


async def test_a_file_that_comes_or_goes_under_a_pattern_is_a_new_version(path: Path) -> None:
    put(path, "version: 1\ninclude: [assets*.yaml]\n")
    file = followed(path)
    await file.load()
    part = path.parent / "assets-2.yaml"
    put(part, "version: 1\nassets: [{id: a}]\n")
    come = await file.look()
    part.unlink()
    gone = await file.look()
    assert come is not None
    assert gone is not None
    assert [len(come.topology.assets), len(gone.topology.assets)] == [1, 0]


async def test_a_broken_included_file_is_refused_and_the_good_version_stays(path: Path) -> None:
    part = path.parent / "assets.yaml"
    put(part, "version: 1\nassets: [{id: a}]\n")
    put(path, "version: 1\ninclude: [assets.yaml]\n")
    file = followed(path)
    first = await file.load()
    put(part, "version: 1\nassets: [{id: a b}]\n")
    with pytest.raises(TopologyError, match=r"assets\.yaml:2:15: error"):
        await file.look()
    assert file.current == first
    put(part, "version: 1\nassets: [{id: a}]\n")
    assert await file.look() is None
    assert file.refused is None
