"""A Modbus device for the conformance suite."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


class ModbusBench:
    """A Modbus TCP server with two units, one register each, a text and a bit."""

    adapter = "modbus-tcp"
    bad_config: Mapping[str, Any] = {
        "host": "",
        "port": 99999,
        "tags": [{"name": "a", "address": -1}, {"name": "b b", "address": 0}, {"name": "c", "address": 0, "type": "X"}],
        "surprise": 1,
    }
    secret = ("host", "localhost")
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
