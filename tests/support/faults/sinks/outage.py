"""A database that is away for long: the lag of its sink grows, and its memory does not."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import psutil

from ironstream.embedded.postgres import EmbeddedPostgres
from tests.support.faults.sinks import faults
from tests.support.faults.sinks.plant import SinkPlant

_SAMPLES: Final = 20
FILLED_MB: Final = 160
"""More than the buffers of a sink process take from empty to full: 60 000 records under way, and what is fetched."""
FLAT_MB: Final = 12
"""How far it may wander when they are full."""


@dataclass(frozen=True, slots=True)
class Outage:
    """What was seen. Memory in MB: when the database went, the most in the first half, the most in the second."""

    seconds: float
    lag_before: int
    lag_after: int
    before_mb: float
    first_half_mb: float
    second_half_mb: float

    def __str__(self) -> str:
        return (
            f"database away for {self.seconds:.0f} s: lag {self.lag_before} to {self.lag_after} records, memory "
            f"{self.before_mb:.0f} MB before, then at most {self.first_half_mb:.0f} and {self.second_half_mb:.0f} MB"
        )


async def outage(on: SinkPlant, sink_id: str, server: EmbeddedPostgres, seconds: float, burst: int = 0) -> Outage:
    """The database goes away while the log grows, by `burst` readings at once beside what is produced anyway.

    With a burst the buffers are full from the beginning on, and memory must be flat.
    """
    process = faults.only(on, sink_id)
    await on.works(sink_id)
    memory = psutil.Process(process.child.pid)
    lag_before, before_mb = await on.lag(sink_id), _mb(memory)
    await server.stop()
    if burst:
        await on.produce(burst)
    began, seen = time.monotonic(), []
    while (passed := time.monotonic() - began) < seconds:
        seen.append((passed, _mb(memory)))
        await asyncio.sleep(seconds / _SAMPLES)
    lag_after = await on.lag(sink_id)
    assert process.child.poll() is None, process.said()[-3000:]
    await server.start()
    on.faults["the database is away for long"] += 1
    halves = [[mb for passed, mb in seen if (passed < seconds / 2) is first] for first in (True, False)]
    found = Outage(seconds, lag_before, lag_after, before_mb, max(halves[0]), max(halves[1]))
    print(f"  {found}", flush=True)
    assert lag_after > lag_before + 100 * seconds, f"the lag must grow: {found}"
    assert found.second_half_mb < before_mb + FILLED_MB, f"memory has a bound: {found}"
    assert not burst or found.second_half_mb < found.first_half_mb + FLAT_MB, f"full buffers grow no more: {found}"
    await on.works(sink_id)
    return found


def _mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20
