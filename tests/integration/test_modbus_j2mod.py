"""Interoperability with j2mod, a Modbus slave that we did not write, over each transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.modbus.adapter import ModbusAdapter, modbus_rtu, modbus_tcp
from adapters.modbus.config import ModbusTcpConfig
from adapters.modbus.serial_config import ModbusRtuConfig
from ironstream.gateway.adapter import AdapterError, DeviceConnectionError
from tests.support.java.process import JavaProcess
from tests.support.serial_ports import NullModem

# type of ours, type of j2mod's encoder, value
NUMBERS: Final[list[tuple[str, str, float]]] = [
    ("INT16", "short", -12345),
    ("INT32", "int", -1_234_567_890),
    ("INT64", "long", -1_234_567_890_123_456_789),
    ("FLOAT32", "float", 3.140625),
    ("FLOAT64", "double", 2.718281828459045),
]
ORDERS: Final = ("ABCD", "CDAB", "BADC", "DCBA")
TRANSPORTS: Final = ("tcp", "rtu over tcp", "serial")


def swapped(words: list[int], byte_order: str) -> list[int]:
    """What a device of that byte order has in its registers where a big-endian one has `words`."""
    if byte_order in ("CDAB", "DCBA"):
        words = words[::-1]
    if byte_order in ("BADC", "DCBA"):
        words = [(word & 0xFF) << 8 | word >> 8 for word in words]
    return words


async def fill(server: JavaProcess) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Put something of every space, type and byte order into the slave: the tags that read it, and what they give."""
    tags: list[dict[str, Any]] = []
    expected: dict[str, Any] = {}

    def tag(name: str, value: Any, **fields: Any) -> None:
        tags.append({"name": name, **fields})
        expected[name] = value

    for space in ("holding", "input"):
        address = 10
        for type_, java_type, value in NUMBERS:
            words = await server.call("encode", java_type=java_type, value=value)
            for order in ORDERS:
                await server.call("set_words", space=space, address=address, words=swapped(words, order))
                tag(f"{space}_{type_}_{order}", value, kind=space, address=address, type=type_, byte_order=order)
                address += len(words)
        await server.call("set_words", space=space, address=200, words=[0x8001, 0x4F4B, 0x2100])
        tag(f"{space}_low_bit", True, kind=space, address=200, bit=0)
        tag(f"{space}_bit", False, kind=space, address=200, bit=7)
        tag(f"{space}_high_bit", True, kind=space, address=200, bit=15)
        tag(f"{space}_high_byte", -128, kind=space, address=200, type="INT8H")
        tag(f"{space}_low_byte", 1, kind=space, address=200, type="UINT8L")
        tag(f"{space}_text", "OK!", kind=space, address=201, type="STRING", length=4)
    for space in ("coil", "discrete"):
        bits = [bit % 3 == 0 for bit in range(20)]
        await server.call("set_bits", space=space, address=5, bits=bits)
        for at, bit in enumerate(bits, 5):
            tag(f"{space}_{at}", bit, kind=space, address=at)
    await server.call("set_words", space="holding", address=0, words=[4711], unit_id=2)
    tag("other_unit", 4711, unit_id=2, address=0)
    return tags, expected


@asynccontextmanager
async def slave(transport: str, folder: Path) -> AsyncIterator[tuple[JavaProcess, dict[str, Any]]]:
    """A j2mod that listens, and where."""
    async with JavaProcess("j2mod_server") as server:
        line = NullModem(folder)
        line.plug()
        try:
            if transport == "serial":
                await server.call("listen_serial", path=str(line.b.path.resolve()))
                yield server, {"serial_port": str(line.a.path), "parity": "N"}
            else:
                port = await server.call("listen", rtu=transport != "tcp")
                yield server, {"host": "127.0.0.1", "port": port, "framer": "socket" if transport == "tcp" else "rtu"}
        finally:
            line.unplug()


def adapter(where: dict[str, Any], tags: list[dict[str, Any]]) -> ModbusAdapter:
    config = {**where, "timeout_s": 10, "late_answer_s": 1, "tags": tags}
    if "serial_port" in where:
        return modbus_rtu(ModbusRtuConfig.model_validate(config))
    return modbus_tcp(ModbusTcpConfig.model_validate(config))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_space_type_and_byte_order_is_read_and_refusals_and_restarts_are_told(
    transport: str, tmp_path: Path
) -> None:
    async with slave(transport, tmp_path) as (server, where):
        tags, expected = await fill(server)
        device = adapter(where, [*tags, {"name": "missing", "address": 5000}])
        await device.connect()
        received = await device.read()
        values = {sample.parameter: sample.value for sample in received.samples}
        assert values == {**expected, "missing": None}
        assert "illegal data address" in received.faults[0].message
        if transport == "serial":
            await device.close()
            return
        await server.call("close")
        with pytest.raises(DeviceConnectionError):
            await device.read()
        with pytest.raises(AdapterError):
            await device.connect()
        await server.call("listen", rtu=transport != "tcp", port=where["port"])
        await device.connect()
        again = await device.read()
        assert {sample.parameter: sample.value for sample in again.samples} == values
        await device.close()
