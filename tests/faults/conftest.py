"""A deployment for each test, on the Kafka of all tests, or on one that may be broken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ironstream.embedded import EmbeddedKafka
from ironstream.settings import Settings
from tests.support.faults.deployment import Deployment

ASSETS = 40


@pytest.fixture
async def plant(deployment: Settings, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment on the Kafka of all tests."""
    deployed = Deployment(deployment, assets=ASSETS, seed=1, logs=tmp_path)
    yield deployed
    deployed.close()


# not of the session: an idle broker takes 3 % of a core, and there is one in each process of the tests
@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A Kafka that tests may kill, stop and fill."""
    broker = EmbeddedKafka(tmp_path_factory.mktemp("victim"), heap_mb=256)
    asyncio.run(broker.start())
    yield broker
    asyncio.run(broker.stop())


@pytest.fixture
async def plant_of_victim(victim: EmbeddedKafka, deployment: Settings, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment on a Kafka that the test may kill, stop and fill."""
    await victim.start()
    settings = deployment.model_copy(update={"bootstrap": victim.bootstrap})
    deployed = Deployment(settings, assets=ASSETS, seed=2, logs=tmp_path)
    yield deployed
    deployed.close()
