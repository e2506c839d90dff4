"""Every test of the suite runs against every bench."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.conformance.sinks.benches import BENCHES
from tests.conformance.sinks.benches.bench import SinkBench
from tests.conformance.sinks.benches.postgres import PostgresBench


@pytest.fixture(params=sorted(BENCHES))
def make_bench(request: pytest.FixtureRequest) -> Callable[[Path, AsyncExitStack], SinkBench]:
    """Makes the bench; only whoever has a database waits for the server."""
    made = BENCHES[request.param]
    if issubclass(made, PostgresBench):
        return partial(made, server=request.getfixturevalue("postgres"))
    return made


@pytest.fixture
async def bench(make_bench: Callable[[Path, AsyncExitStack], SinkBench], tmp_path: Path) -> AsyncIterator[SinkBench]:
    """A target that is there, and empty."""
    async with AsyncExitStack() as stack:
        one = make_bench(tmp_path, stack)
        await one.start()
        yield one
