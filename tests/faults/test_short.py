"""Nothing lost, nothing counted twice: short forms of the fault tests (long ones: `make faults`)."""

from __future__ import annotations

import pytest

from tests.support.faults import faults
from tests.support.faults.deployment import Deployment, heal


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


async def test_rebalances_that_meet_one_another_leave_no_trace(plant: Deployment) -> None:
    async with plant.load():
        await faults.rebalance_storm(plant, 10.0)
    await heal(plant)


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
