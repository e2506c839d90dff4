"""Units on a serial line, and behind a serial server, for the conformance suite."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.base import ModbusBaseServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests.support.serial_ports import NullModem

UNITS = {"a": 1, "b": 2}
TAGS = [
    {"name": "a", "address": 0, "unit": "bar"},
    {"name": "running", "address": 1, "bit": 0, "event": True},
    {"name": "text", "address": 2, "type": "STRING", "length": 4},
    {"name": "b", "address": 0, "unit_id": 2},
]
TIMES = {"timeout_s": 5, "unit_timeout_s": {2: 0.2}, "late_answer_s": 0, "probe_interval_s": 0.1}
"""Silence of `b` costs little, and a busy machine is no silence of `a`."""


class _Units:
    """Two units of which one may say nothing, as units on a line do that have no power."""

    def __init__(self) -> None:
        self.server: ModbusBaseServer | None = None
        self._silent: str | None = None

    def silence(self, part: str | None) -> None:
        self._silent = part

    def devices(self) -> list[SimDevice]:
        return [
            SimDevice(unit, [SimData(0, values=[unit, 1, 0x4F4B, 0x2121], datatype=DataType.REGISTERS)])
            for unit in UNITS.values()
        ]

    def heard(self, sending: bool, data: bytes) -> bytes:
        """Hook of pymodbus' servers: what is sent in place of `data`."""
        return b"" if sending and self._silent is not None and data[:1] == bytes([UNITS[self._silent]]) else data

    async def start(self, server: ModbusBaseServer) -> None:
        self.server = server
        await server.serve_forever(background=True)

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped
            self.server = None


class ModbusRtuBench:
    """pymodbus' serial server at one end of a line; to stop it pulls out our port, too."""

    adapter = "modbus-rtu"
    bad_config: Mapping[str, Any] = {
        "serial_port": "socket://plc:502",
        "baudrate": 3,
        "parity": "even",
        "rs485": {"rts_on_send": 5},
        "tags": [{"name": "a", "address": -1}, {"name": "b b", "address": 0}, {"name": "c", "address": 0, "type": "X"}],
        "surprise": 1,
    }
    bad_fields = ("serial_port", "baudrate", "parity", "rs485.rts_on_send", "tags.0.address", "tags.1.name", "surprise")

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir()) / f"serial-{uuid.uuid4().hex}"
        self._line = NullModem(self._folder)
        self._units = _Units()

    @property
    def secret(self) -> tuple[str, str]:
        other = self._folder / "another-name"
        other.symlink_to(self._line.a.path)
        return "serial_port", str(other)

    async def start(self) -> None:
        self._folder.mkdir()
        self._line.plug()
        server = ModbusSerialServer(
            self._units.devices(),
            port=str(self._line.b.path),
            ignore_missing_devices=True,
            trace_packet=self._units.heard,
        )
        await self._units.start(server)

    async def stop(self) -> None:
        await self._units.stop()
        self._line.unplug()
        shutil.rmtree(self._folder, ignore_errors=True)

    def silence(self, part: str | None) -> None:
        self._units.silence(part)

    def config(self) -> dict[str, Any]:
        return {"serial_port": str(self._line.a.path), "parity": "N", "retries": 0, **TIMES, "tags": TAGS}


class RtuOverTcpBench:
    """pymodbus' TCP server with RTU frames, as a serial server passes them on."""

    adapter = "modbus-tcp"
    secret = ("host", "localhost")
    bad_config: Mapping[str, Any] = {"host": "", "framer": "ascii", "unit_id": 300, "tags": []}
    bad_fields = ("host", "framer", "unit_id", "tags")

    def __init__(self) -> None:
        self._port = 0
        self._units = _Units()

    async def start(self) -> None:
        server = ModbusTcpServer(
            self._units.devices(),
            framer=FramerType.RTU,
            address=("127.0.0.1", self._port),
            ignore_missing_devices=True,
            trace_packet=self._units.heard,
        )
        await self._units.start(server)
        assert isinstance(server.transport, asyncio.Server)
        self._port = server.transport.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        await self._units.stop()

    def silence(self, part: str | None) -> None:
        self._units.silence(part)

    def config(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self._port, "framer": "rtu", **TIMES, "tags": TAGS}
