"""Local copies that are damaged or have no room, changelogs that are compacted: the state is rebuilt, or refused."""

from __future__ import annotations

from tests.support.faults import disks, logs
from tests.support.faults.deployment import Deployment, heal


async def test_damaged_local_copies_are_found_and_rebuilt(plant: Deployment) -> None:
    async with plant.load():
        await disks.damage_state(plant)
    await heal(plant)


async def test_a_worker_without_room_stops_and_goes_on_when_there_is_room(plant: Deployment) -> None:
    async with plant.load():
        await disks.fill_worker_disk(plant)
    await heal(plant)


async def test_a_compacted_changelog_gives_the_same_state(plant_of_victim: Deployment) -> None:
    async with plant_of_victim.load():
        await logs.compact_changelog(plant_of_victim)
    await heal(plant_of_victim)
