"""Every test of the suite runs against every bench."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.benches import BENCHES
from tests.conformance.benches.bench import Bench


@pytest.fixture(params=sorted(BENCHES))
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A device that runs."""
    made = BENCHES[request.param]()
    await made.start()
    yield made
    await made.stop()
