"""OPC UA servers for the conformance suite: one that is polled, one that is subscribed to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from asyncua import ua

from tests.support.opcua.server import URI, PlantServer


class OpcUaPollBench:
    """A server with four variables; a silenced one has no communication with its device."""

    adapter = "opcua"
    mode = "poll"
    bad_config: Mapping[str, Any] = {
        "endpoint": "opc.tcp://127.0.0.1:4840",
        "mode": "guess",
        "tags": [{"name": "a", "node": ""}, {"name": "b b", "node": "i=1"}, {"name": "c", "node": "i=2", "index": -1}],
        "security": "Basic128Rsa15",
        "surprise": 1,
    }
    secret = ("host", "localhost")
    bad_fields = ("mode", "tags.0.node", "tags.1.name", "tags.2.index", "security", "surprise")

    def __init__(self) -> None:
        self._server = PlantServer()
        self._known = False
        self._writer: asyncio.Task[None] | None = None
        self._silent: str | None = None
        self._written: asyncio.Future[None] | None = None

    async def start(self) -> None:
        await self._server.start()
        if not self._known:
            self._known = True
            await self._server.add("a", 1, ua.VariantType.Int32)
            await self._server.add("b", 2, ua.VariantType.Int32)
            await self._server.add("running", True, ua.VariantType.Boolean)
            await self._server.add("text", "OK!!", ua.VariantType.String)
        await self._write()
        self._writer = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
        await self._server.stop()

    def silence(self, part: str | None) -> None:
        self._silent = part
        # at once, not with the next round
        self._written = asyncio.ensure_future(self._write())

    def config(self) -> dict[str, Any]:
        return {
            "endpoint": self._server.endpoint,
            "host": "127.0.0.1",
            "mode": self.mode,
            "security": "none",
            "timeout_s": 2,
            "publishing_interval_s": 0.02,
            "heartbeat_timeout_s": 2,
            "trigger": "status_value_timestamp",
            "namespaces": {"plant": URI},
            "tags": [
                {"name": "a", "node": "ns=plant;s=a", "unit": "bar"},
                {"name": "running", "node": f"nsu={URI};s=running", "event": True},
                {"name": "text", "node": "/Objects/plant:Plant/plant:text", "text": True},
                {"name": "b", "node": "ns=plant;s=b"},
            ],
        }

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            await self._write()

    async def _write(self) -> None:
        """The values as a device would tell them now, each time with the time."""
        for name, value in (("a", 1), ("b", 2), ("running", True), ("text", "OK!!")):
            status = ua.StatusCodes.BadNoCommunication if name == self._silent else ua.StatusCodes.Good
            await self._server.set(name, value, int(status))


class OpcUaSubscribeBench(OpcUaPollBench):
    """The same, sending by itself."""

    mode = "subscribe"
