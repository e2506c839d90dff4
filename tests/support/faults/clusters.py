"""Faults of a Kafka of three nodes: one of them dies at the worst place; two go on."""

from __future__ import annotations

import asyncio

from tests.support.faults.cluster import EmbeddedCluster
from tests.support.faults.deployment import Deployment
from tests.support.faults.faults import somebody_works


async def kill_leader(on: Deployment, cluster: EmbeddedCluster) -> None:
    """kill -9 of the node that leads a partition of telemetry.raw; work goes on without it, and while it comes back."""
    await cluster.whole()
    on.only_worker()
    await on.processing()
    partition = on.random.randrange(on.settings.partitions)
    node = await cluster.leader_of(on.settings.topic("telemetry.raw"), partition)
    await _without(on, cluster, node)
    on.faults["kill -9 of a partition's leader"] += 1


async def kill_controller(on: Deployment, cluster: EmbeddedCluster) -> None:
    """kill -9 of the active controller (a broker too); work goes on without it, and while it comes back."""
    await cluster.whole()
    on.only_worker()
    await on.processing()
    await _without(on, cluster, await cluster.controller())
    on.faults["kill -9 of the active controller"] += 1


async def _without(on: Deployment, cluster: EmbeddedCluster, node: int) -> None:
    await asyncio.sleep(on.random.uniform(0.0, 1.0))
    cluster.kill_node(node)
    await somebody_works(on)
    cluster.start_node(node)
    await somebody_works(on)
