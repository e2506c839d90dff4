"""Devices for `bench acquisition`, as cheap as they can be: what is measured is who reads them.

`python -m ironstream.bench.devices modbus` serves any unit's holding registers; `… opcua ITEMS` variables of which each
changes once a second. They print `listening on 127.0.0.1:PORT` and end with the process that started them.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import sys
import time
from datetime import UTC, datetime
from typing import Final

from asyncua import ua
from asyncua.server.server import Server

from ironstream.embedded.ports import free_port

_HEADER: Final = struct.Struct(">HHHBBHH")
"""Transaction, protocol, length, unit, function, address, count: a request to read."""
_HOLDING: Final = 3
_REGISTERS: Final = b"".join(address.to_bytes(2, "big") for address in range(65536))
OPCUA_NAMESPACE: Final = "urn:ironstream:bench"
_ITEMS_IN_A_FOLDER: Final = 200
"""asyncua looks through all of a folder for each variable that is added to it."""


class ModbusDevice(asyncio.Protocol):
    """Answers every read of holding registers, each of which holds its own address; closes on anything else."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._received += data
        while len(self._received) >= _HEADER.size:
            transaction, protocol, _, unit, function, address, count = _HEADER.unpack_from(self._received)
            self._received = self._received[_HEADER.size :]
            if function != _HOLDING:
                self._transport.close()
                return
            words = _REGISTERS[2 * address : 2 * (address + count)]
            head = struct.pack(">HHHBBB", transaction, protocol, 3 + len(words), unit, function, len(words))
            self._transport.write(head + words)


async def serve_modbus() -> None:
    """Serve until cancelled."""
    server = await asyncio.get_running_loop().create_server(ModbusDevice, "127.0.0.1", 0, backlog=1024)
    _say(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def serve_opcua(items: int) -> None:
    """Serve variables `ns=OPCUA_NAMESPACE;i=0` and so on, all of which change once a second, until cancelled."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    server = Server()
    await server.init()
    port = free_port()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(OPCUA_NAMESPACE)
    nodes = [ua.NodeId(ua.Int32(item), ua.Int16(index)) for item in range(1, items + 1)]
    for first in range(0, items, _ITEMS_IN_A_FOLDER):
        name = f"folder {first}"
        folder = await server.nodes.objects.add_folder(ua.NodeId(ua.String(name), ua.Int16(index)), name)
        for node in nodes[first : first + _ITEMS_IN_A_FOLDER]:
            await folder.add_variable(node, f"v{node.Identifier!s}", 0.0)
    async with server:
        _say(port)
        due_s = time.monotonic()
        while True:
            due_s = max(due_s + 1.0, time.monotonic())
            now = datetime.now(UTC)
            for number, node in enumerate(nodes):
                if number % _ITEMS_IN_A_FOLDER == 0:
                    # a client shall be answered in between
                    await asyncio.sleep(0)
                value = ua.DataValue(
                    ua.Variant(now.timestamp(), ua.VariantType.Double),
                    SourceTimestamp=ua.DateTime.fromtimestamp(now.timestamp(), UTC),
                )
                await server.write_attribute_value(node, value)
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))


def _say(port: int) -> None:
    print(f"listening on 127.0.0.1:{port}", flush=True)


def main(arguments: list[str]) -> None:
    """Serve what the arguments say."""
    asyncio.run(serve_modbus() if arguments[0] == "modbus" else serve_opcua(int(arguments[1])))


if __name__ == "__main__":
    main(sys.argv[1:])
