"""Local copies that are damaged or have no room, changelogs that are compacted: the state is rebuilt, or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ironstream.settings import Settings
from tests.faults.conftest import ASSETS
from tests.support.faults import disks, logs
from tests.support.faults.deployment import Deployment, heal


@pytest.fixture
async def writing(deployment: Settings, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment with so little memory for its state that the local copies are written all the time."""
    settings = deployment.model_copy(update={"store_cache_mb": 2})
    deployed = Deployment(settings, assets=ASSETS, seed=4, logs=tmp_path)
    yield deployed
    deployed.close()


async def test_damaged_local_copies_are_found_and_rebuilt(writing: Deployment) -> None:
    async with writing.load():
        await disks.damage_state(writing)
    await heal(writing)


async def test_a_worker_without_room_stops_and_goes_on_when_there_is_room(writing: Deployment) -> None:
    async with writing.load():
        await disks.fill_worker_disk(writing)
    await heal(writing)


async def test_a_compacted_changelog_gives_the_same_state(plant_of_victim: Deployment) -> None:
    async with plant_of_victim.load():
        await logs.compact_changelog(plant_of_victim)
    await heal(plant_of_victim)
