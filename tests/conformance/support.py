"""What the conformance suite needs of each adapter: a device that can be broken, and a publisher in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from adapters.registry import ADAPTERS
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.publisher import Outgoing
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.supervisor import run_pipelines


class Bench(Protocol):
    """One kind of device for the suite: parts `a` and `b` of it, each with a number, can be silenced.

    `bad_config` has several faults; `bad_fields` are those that must be named.
    """

    @property
    def adapter(self) -> str: ...
    @property
    def bad_config(self) -> Mapping[str, Any]: ...
    @property
    def bad_fields(self) -> tuple[str, ...]: ...

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def silence(self, part: str | None) -> None: ...
    def config(self) -> dict[str, Any]: ...


class ModbusBench:
    """A Modbus TCP server with two units, one register each, a text and a bit."""

    adapter = "modbus-tcp"
    bad_config: Mapping[str, Any] = {
        "host": "",
        "port": 99999,
        "tags": [{"name": "a", "address": -1}, {"name": "b b", "address": 0}, {"name": "c", "address": 0, "type": "X"}],
        "surprise": 1,
    }
    bad_fields = ("host", "port", "tags.0.address", "tags.1.name", "tags.2.type", "surprise")

    def __init__(self) -> None:
        self.port = 0
        self._server: ModbusTcpServer | None = None
        self._silent: str | None = None

    async def start(self) -> None:
        self._server = ModbusTcpServer(
            [self._device(1, "a"), self._device(2, "b")], address=("127.0.0.1", self.port), ignore_missing_devices=False
        )
        await self._server.serve_forever(background=True)
        assert isinstance(self._server.transport, asyncio.Server)
        self.port = self._server.transport.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped
            self._server = None

    def silence(self, part: str | None) -> None:
        self._silent = part

    def config(self) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "timeout_s": 0.5,
            "probe_interval_s": 0.1,
            "tags": [
                {"name": "a", "address": 0, "unit": "bar"},
                {"name": "running", "address": 1, "bit": 0, "event": True},
                {"name": "text", "address": 2, "type": "STRING", "length": 4},
                {"name": "b", "address": 0, "unit_id": 2},
            ],
        }

    def _device(self, unit_id: int, part: str) -> SimDevice:
        async def action(*_: object) -> ExcCodes | None:
            return ExcCodes.GATEWAY_NO_RESPONSE if self._silent == part else None

        return SimDevice(
            unit_id, [SimData(0, values=[unit_id, 1, 0x4F4B, 0x2121], datatype=DataType.REGISTERS)], action=action
        )


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
        await task
