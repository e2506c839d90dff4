"""The Modbus TCP server of the simulated plant: every read shows the machines as they are at that moment."""

from __future__ import annotations

import asyncio
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from adapters.modbus.config import RegisterKind
from adapters.simulator.live import LivePlant
from adapters.simulator.registers import ASSETS, Image, image

_KIND_OF_FUNCTION = {
    1: RegisterKind.COIL,
    2: RegisterKind.DISCRETE,
    3: RegisterKind.HOLDING,
    4: RegisterKind.INPUT,
}
_SPACES = (RegisterKind.COIL, RegisterKind.DISCRETE, RegisterKind.HOLDING, RegisterKind.INPUT)


class PlantServer:
    """Serves the plant while it is entered. `port` 0 takes a free one; `port` is then the real one."""

    def __init__(
        self,
        plant: LivePlant,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.host = host
        self.port = port
        self._plant = plant
        self._server: ModbusTcpServer | None = None

    async def __aenter__(self) -> PlantServer:
        self._server = ModbusTcpServer(
            [self._device(unit_id) for unit_id in ASSETS], address=(self.host, self.port), ignore_missing_devices=False
        )
        await self._server.serve_forever(background=True)
        # a listener's transport is asyncio's Server, which pymodbus declares as a plain transport
        self.port = cast(asyncio.Server, self._server.transport).sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped

    def _device(self, unit_id: int) -> SimDevice:
        machine = self._plant.moved().machines[unit_id]

        async def action(
            function_code: int,
            start: int,
            address: int,
            count: int,
            registers: list[int],
            values: list[int] | list[bool] | None,
        ) -> ExcCodes | None:
            kind = _KIND_OF_FUNCTION.get(function_code)
            if kind is None or values is not None:
                return ExcCodes.ILLEGAL_FUNCTION
            self._plant.moved()
            if not machine.answers:
                return ExcCodes.GATEWAY_NO_RESPONSE
            for at, word in _packed(image(unit_id, machine, self._plant.wall_us()), kind).items():
                registers[at - start] = word
            return None

        now = image(unit_id, machine, self._plant.wall_us())
        blocks = [_block(now, kind) for kind in _SPACES]
        return SimDevice(id=unit_id, simdata=(blocks[0], blocks[1], blocks[2], blocks[3]), action=action)


def _packed(now: Image, kind: RegisterKind) -> dict[int, int]:
    """The values of a space by register; bits are packed 16 to a register, the lowest address lowest."""
    if not kind.is_bits:
        return now[kind]
    packed: dict[int, int] = {}
    for address, bit in now[kind].items():
        packed[address // 16] = packed.get(address // 16, 0) | bit << address % 16
    return packed


def _block(now: Image, kind: RegisterKind) -> list[SimData]:
    """The addresses that a space has; reading any other is answered with "illegal data address"."""
    if kind.is_bits:
        return [SimData(0, values=[False] * 16, datatype=SimType.BITS)]
    # every device has at least one register, because a space without any cannot be declared
    addresses = sorted(now[kind]) or [0]
    return [SimData(address, values=0, datatype=SimType.REGISTERS) for address in addresses]
