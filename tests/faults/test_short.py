"""Nothing lost, nothing counted twice: short forms of the fault tests (long ones: `make faults`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ironstream.embedded import EmbeddedKafka
from ironstream.settings import Settings
from tests.support.faults import faults
from tests.support.faults.deployment import Deployment

ASSETS = 40


@pytest.fixture
async def plant(deployment: Settings, tmp_path: Path) -> AsyncIterator[Deployment]:
    deployed = Deployment(deployment, assets=ASSETS, seed=1, logs=tmp_path)
    yield deployed
    deployed.close()


async def heal(plant: Deployment) -> None:
    """Everything under way comes to its end, and the oracle judges."""
    await plant.drain()
    await plant.stop_workers()
    print(await plant.verdict())


async def test_an_undisturbed_worker_agrees_with_the_oracle(plant: Deployment) -> None:
    async with plant.load():
        plant.start_worker()
        await plant.processing()
        await plant.processing()
    await heal(plant)


async def test_workers_killed_at_random_lose_nothing_and_count_nothing_twice(plant: Deployment) -> None:
    async with plant.load():
        await faults.kill_workers(plant, 3, delete_state_every=2)
    await heal(plant)


async def test_a_second_worker_that_comes_and_goes_leaves_no_trace(plant: Deployment) -> None:
    async with plant.load():
        await faults.join_and_leave(plant, 2)
    await heal(plant)


async def test_a_worker_that_slept_past_its_session_writes_nothing_more(plant: Deployment) -> None:
    async with plant.load():
        await faults.stop_and_continue(plant)
    await heal(plant)


async def test_a_broker_killed_at_random_loses_nothing(tmp_path: Path, deployment: Settings) -> None:
    async with EmbeddedKafka(tmp_path / "kafka") as kafka:
        settings = deployment.model_copy(update={"bootstrap": kafka.bootstrap})
        plant = Deployment(settings, assets=ASSETS, seed=2, logs=tmp_path)
        try:
            async with plant.load():
                await faults.kill_broker(plant, kafka, 1)
            await heal(plant)
        finally:
            plant.close()


@pytest.mark.parametrize(
    "points",
    [
        ("after_outputs:3", "after_changelog:5", "after_rocksdb:9"),
        ("before_offsets:2", "in_restore:2"),
        ("in_revoke:2",),
    ],
    ids=lambda points: "+".join(point.partition(":")[0] for point in points),
)
async def test_a_worker_may_die_at_any_step_of_a_commit(plant: Deployment, points: tuple[str, ...]) -> None:
    async with plant.load():
        for point in points:
            name, _, count = point.partition(":")
            await faults.crash_at(plant, name, int(count))
        plant.start_worker()
        await plant.processing()
    await heal(plant)
