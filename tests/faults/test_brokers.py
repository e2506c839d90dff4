"""Brokers that stop, die or have no room, alone and in a cluster: nothing that was acknowledged is lost."""

from __future__ import annotations

from pathlib import Path

from ironstream.embedded import EmbeddedKafka
from ironstream.settings import Settings
from ironstream.topics import describe, topic_specs
from tests.faults.conftest import ASSETS
from tests.support.faults import clusters, disks, faults
from tests.support.faults.cluster import EmbeddedCluster
from tests.support.faults.deployment import Deployment, heal


async def test_a_broker_killed_at_random_loses_nothing(plant_of_victim: Deployment, victim: EmbeddedKafka) -> None:
    async with plant_of_victim.load():
        await faults.kill_broker(plant_of_victim, victim, 1)
    await heal(plant_of_victim)


async def test_a_broker_stopped_in_order_under_load_loses_nothing(
    plant_of_victim: Deployment, victim: EmbeddedKafka
) -> None:
    async with plant_of_victim.load():
        await faults.stop_broker(plant_of_victim, victim)
    await heal(plant_of_victim)


async def test_a_broker_without_room_halts_and_loses_nothing_that_it_acknowledged(
    plant_of_victim: Deployment, victim: EmbeddedKafka
) -> None:
    async with plant_of_victim.load():
        await disks.fill_broker_disk(plant_of_victim, victim)
    await heal(plant_of_victim)


async def test_of_three_brokers_the_leader_and_the_controller_may_be_killed(
    deployment: Settings, tmp_path: Path
) -> None:
    async with EmbeddedCluster(tmp_path / "cluster") as cluster:
        settings = deployment.model_copy(update={"bootstrap": cluster.bootstrap, "replication": 3, "partitions": 2})
        plant = Deployment(settings, assets=ASSETS, seed=3, logs=tmp_path)
        try:
            async with plant.load():
                await clusters.kill_leader(plant, cluster)
                await clusters.kill_controller(plant, cluster)
            await cluster.whole()
            await heal(plant)
            names = [spec.name for spec in topic_specs(settings, [1, 10])]
            states = await describe(settings.kafka_client_kwargs(), names)
            assert {state.replication for state in states.values()} == {3}
            assert {state.config["min.insync.replicas"] for state in states.values()} == {"2"}
        finally:
            plant.close()
