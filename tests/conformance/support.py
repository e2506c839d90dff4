"""What the conformance suite runs adapters with: a gateway in this process, and a publisher in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from adapters.registry import ADAPTERS
from ironstream.gateway.outgoing import Outgoing
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.supervisor import run_pipelines
from tests.conformance.benches.bench import Bench


class MemoryPublisher:
    """Keeps what was put; `refuse_flush` makes it a Kafka that is away."""

    def __init__(self) -> None:
        self.connected = True
        self.records: list[Outgoing] = []
        self.flushed_at: int | None = None
        self.room = asyncio.Event()
        self.room.set()

    async def wait_for_room(self) -> None:
        await self.room.wait()

    def put(self, record: Outgoing) -> None:
        self.records.append(record)
        record.settle()

    def offer(self, record: Outgoing) -> bool:
        self.records.append(record)
        return True

    async def flush(self, timeout_s: float) -> None:
        self.flushed_at = len(self.records)

    def of(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.records if record.topic == topic]

    def readings(self, parameter: str) -> list[dict[str, Any]]:
        return [reading for reading in self.of("telemetry.raw") if reading["parameter"] == parameter]


@dataclass
class Running:
    """A gateway that runs while the block is entered."""

    publisher: MemoryPublisher
    stop: asyncio.Event
    task: asyncio.Task[int]
    port: int
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.port}"

    async def until(self, condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
        """Wait for something to be so; the timeout is only there to fail."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    assert not self.task.done(), "the gateway ended"
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"it did not come to this: {what}; {len(self.publisher.records)} records") from None


def settings(**fields: Any) -> GatewaySettings:
    return GatewaySettings(**{"backoff_initial_s": 0.05, "backoff_max_s": 0.2, "hostname": "gw-1", **fields})


def pipeline(bench: Bench, **fields: Any) -> PipelineSpec:
    base: dict[str, Any] = {
        "id": "p1",
        "adapter": bench.adapter,
        "asset_id": "pump-1",
        "tenant_id": "acme",
        "site_id": "north",
        "poll_interval_s": 0.05,
        "config": bench.config(),
    }
    return PipelineSpec(**{**base, **fields})


@asynccontextmanager
async def running(*pipelines: PipelineSpec, **fields: Any) -> AsyncIterator[Running]:
    publisher, stop = MemoryPublisher(), asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        run_pipelines(
            pipelines, settings(**fields), stop, adapters=ADAPTERS, publisher=publisher, on_ready=ready.set_result
        )
    )
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        await task
    try:
        yield Running(publisher, stop, task, ready.result())
    finally:
        stop.set()
        # the limit is only there to say what hangs
        async with asyncio.timeout(60):
            await task
