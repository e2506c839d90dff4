"""An adapter under test, read until something is so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from adapters.opcua.adapter import OpcUaPoller, OpcUaSubscriber, opcua
from adapters.opcua.config import OpcUaConfig
from ironstream.gateway.adapter import DeviceAlarm, Fault, Sample

Adapter = OpcUaPoller | OpcUaSubscriber


class Seen:
    """All that an adapter has told."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.samples: list[Sample] = []
        self.alarms: list[DeviceAlarm] = []
        self.faults: list[Fault] = []

    async def until(self, condition: Callable[[], object], timeout_s: float = 20) -> None:
        """Read until it is so; the timeout is only there to fail."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    received = await self.adapter.read()
                    self.samples += received.samples
                    self.alarms += received.alarms
                    self.faults += received.faults
        except TimeoutError:
            raise AssertionError(f"it did not come to this; {self.samples=} {self.alarms=} {self.faults=}") from None

    def of(self, parameter: str) -> list[Sample]:
        return [sample for sample in self.samples if sample.parameter == parameter]

    def values(self, parameter: str) -> list[Any]:
        return [sample.value for sample in self.of(parameter)]


def make(endpoint: str, **fields: Any) -> Adapter:
    """An adapter with short times."""
    base: dict[str, Any] = {
        "endpoint": endpoint,
        "security": "none",
        "timeout_s": 3,
        "publishing_interval_s": 0.02,
        "heartbeat_timeout_s": 3,
        "probe_interval_s": 0.05,
    }
    return opcua(OpcUaConfig.model_validate({**base, **fields}))


@asynccontextmanager
async def connected(endpoint: str, **fields: Any) -> AsyncIterator[Seen]:
    """An adapter that is connected while the block is entered."""
    adapter = make(endpoint, **fields)
    await adapter.connect()
    try:
        yield Seen(adapter)
    finally:
        await adapter.close()
