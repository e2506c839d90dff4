"""Every test of the suite runs against every bench."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.conformance.sinks.benches import BENCHES
from tests.conformance.sinks.benches.bench import SinkBench
from tests.conformance.sinks.benches.parquet import S3ParquetBench
from tests.conformance.sinks.benches.postgres import PostgresBench


@pytest.fixture(scope="session")
def s3() -> Iterator[ThreadedMotoServer]:
    """A server that speaks S3, shared by all tests: each has a bucket of its own."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=sorted(BENCHES))
def make_bench(request: pytest.FixtureRequest) -> Callable[[Path, AsyncExitStack], SinkBench]:
    """Makes the bench; only whoever needs a server waits for it."""
    made = BENCHES[request.param]
    if issubclass(made, PostgresBench):
        return partial(made, server=request.getfixturevalue("postgres"))
    if issubclass(made, S3ParquetBench):
        return partial(made, server=request.getfixturevalue("s3"))
    return made


@pytest.fixture
async def bench(make_bench: Callable[[Path, AsyncExitStack], SinkBench], tmp_path: Path) -> AsyncIterator[SinkBench]:
    """A target that is there, and empty."""
    async with AsyncExitStack() as stack:
        one = make_bench(tmp_path, stack)
        await one.start()
        yield one
