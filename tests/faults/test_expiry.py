"""Records that expire before they are processed: they are lost, the worker names each of them, all else holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ironstream.settings import Settings
from tests.faults.conftest import ASSETS
from tests.support.faults import logs
from tests.support.faults.deployment import Deployment, heal


@pytest.fixture
async def patient(deployment: Settings, tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment whose workers may be held up for some seconds without losing their session."""
    deployed = Deployment(deployment, assets=ASSETS, seed=1, logs=tmp_path, session_timeout_s=30.0)
    yield deployed
    deployed.close()


async def test_a_worker_names_what_expired_before_it_came_to_it_and_all_else_holds(patient: Deployment) -> None:
    async with patient.load():
        await logs.overtake_running_worker(patient)
        await logs.overtake_stopped_worker(patient)
    await heal(patient)
