from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus.framer import FramerType
from pymodbus.pdu.device import ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from adapters.modbus.client import ModbusClient
from adapters.modbus.config import ModbusTcpConfig, RegisterKind
from adapters.modbus.plan import ReadRequest
from adapters.modbus.tcp import tcp_client
from ironstream.gateway.adapter import (
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
)

ONE_TWO = b"\0\1\0\2"
REQUEST = ReadRequest(1, RegisterKind.HOLDING, 0, 2, ())
Answer = Callable[[bytes], bytes | None]


def frame(request: bytes, pdu: bytes) -> bytes:
    return request[:4] + struct.pack(">HB", len(pdu) + 1, request[6]) + pdu


def registers(request: bytes, *words: int) -> bytes:
    return frame(request, struct.pack(f">BB{len(words)}H", request[7], 2 * len(words), *words))


def exception(request: bytes, code: int) -> bytes:
    return frame(request, bytes([request[7] | 0x80, code]))


@asynccontextmanager
async def device(answer: Answer, **fields: Any) -> AsyncIterator[ModbusClient]:
    """A client of a raw TCP server that answers each request of 12 bytes by `answer`; None closes the connection."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while len(request := await reader.read(12)) >= 11:
            reply = answer(request)
            if reply is None:
                break
            writer.write(reply)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = ModbusTcpConfig.model_validate(
        {
            "host": "127.0.0.1",
            "port": port,
            "timeout_s": 0.3,
            "busy_pause_s": 0,
            "tags": [{"name": "a", "address": 0}],
            **fields,
        }
    )
    client = tcp_client(config)
    try:
        await client.connect()
        yield client
    finally:
        await client.close()
        for writer in writers:
            writer.close()
        server.close()


async def test_registers_and_bits_are_read_with_the_function_of_their_kind() -> None:
    functions: list[int] = []

    def answer(request: bytes) -> bytes:
        functions.append(request[7])
        if request[7] in (1, 2):
            return frame(request, bytes([request[7], 1, 0b10]))
        return registers(request, 7, 8)

    async with device(answer, timeout_s=10) as client:
        read = {kind: await client.read(ReadRequest(1, kind, 0, 2, ())) for kind in RegisterKind}
    assert read == {
        RegisterKind.COIL: b"\2",
        RegisterKind.DISCRETE: b"\2",
        RegisterKind.INPUT: b"\0\7\0\10",
        RegisterKind.HOLDING: b"\0\7\0\10",
    }
    assert functions == [1, 2, 4, 3]


async def test_a_busy_device_is_asked_again() -> None:
    asked = 0

    def answer(request: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return exception(request, 6) if asked <= 2 else registers(request, 1, 2)

    async with device(answer, busy_retries=2) as client:
        assert await client.read(REQUEST) == ONE_TWO


async def test_a_device_that_stays_busy_is_refused_with_its_code() -> None:
    async with device(lambda request: exception(request, 6), busy_retries=1) as client:
        with pytest.raises(DeviceRefusedError, match="busy") as caught:
            await client.read(REQUEST)
    assert caught.value.code == 6
    assert "busy_retries" in caught.value.hint


async def test_a_silent_device_times_out_and_may_be_asked_again() -> None:
    silent = True
    async with device(lambda request: b"" if silent else registers(request, 1, 2)) as client:
        with pytest.raises(DeviceTimeoutError, match="no answer"):
            await client.read(REQUEST)
        silent = False
        assert await client.read(REQUEST) == ONE_TWO


async def test_a_connection_that_the_device_closes_is_a_connection_error_and_connect_mends_it() -> None:
    closing = True
    async with device(lambda request: None if closing else registers(request, 1, 2)) as client:
        with pytest.raises(DeviceConnectionError):
            await client.read(REQUEST)
        with pytest.raises(DeviceConnectionError):
            await client.read(REQUEST)
        closing = False
        await client.connect()
        assert await client.read(REQUEST) == ONE_TWO


async def test_too_few_registers_are_an_error_and_not_a_value() -> None:
    async with device(lambda request: registers(request, 1)) as client:
        with pytest.raises(DeviceProtocolError, match="2 bytes of values instead of 4"):
            await client.read(REQUEST)


async def test_silent_units_do_not_cost_their_neighbours_the_connection() -> None:
    async with device(lambda request: registers(request, 1, 2) if request[6] == 1 else b"", timeout_s=0.05) as client:
        for unit_id in range(2, 8):
            with pytest.raises(DeviceTimeoutError):
                await client.read(ReadRequest(unit_id, RegisterKind.HOLDING, 0, 2, ()))
        assert await client.read(REQUEST) == ONE_TWO


async def test_a_late_answer_is_told_by_its_number() -> None:
    late: list[bytes] = []

    def answer(request: bytes) -> bytes:
        late.append(registers(request, 8, 9))
        return b"" if len(late) == 1 else late[0] + registers(request, 1, 2)

    async with device(answer, timeout_s=0.3) as client:
        with pytest.raises(DeviceTimeoutError):
            await client.read(REQUEST)
        assert await client.read(REQUEST) == ONE_TWO


@pytest.mark.parametrize("pdu", [b"\4\4\0\1\0\2", b"\x84\2", b"\2\1\0", b"\x65", b"\3\4\0\1", b"\3\6\0\1\0\2\0\3"])
async def test_an_answer_to_something_else_is_a_protocol_error(pdu: bytes) -> None:
    async with device(lambda request: frame(request, pdu), timeout_s=10) as client:
        with pytest.raises(DeviceProtocolError):
            await client.read(REQUEST)


async def test_a_request_is_repeated_as_often_as_configured() -> None:
    asked = 0

    def answer(request: bytes) -> bytes:
        nonlocal asked
        asked += 1
        return b"" if asked < 3 else registers(request, 1, 2)

    async with device(answer, retries=2, timeout_s=0.3) as client:
        assert await client.read(REQUEST) == ONE_TWO
    assert asked == 3


async def test_a_connection_that_breaks_is_told_at_once() -> None:
    async with device(lambda request: None, timeout_s=60) as client, asyncio.timeout(30):
        with pytest.raises(DeviceConnectionError):
            await client.read(REQUEST)


async def test_a_device_that_says_more_without_end_is_identified_all_the_same() -> None:
    def answer(request: bytes) -> bytes:
        assert request[7:10] == bytes([0x2B, 0x0E, 2])
        text = b"ACME" if request[10] == 0 else b"pump"
        return frame(request, bytes([0x2B, 0x0E, 2, 1, 0xFF, 1, 1, request[10], 4]) + text)

    async with device(answer, timeout_s=10) as client:
        assert await client.identify(1) == {0: "ACME", 1: "pump"}


@pytest.mark.parametrize("framer", [FramerType.SOCKET, FramerType.RTU])
async def test_a_long_identification_is_read_in_parts(framer: FramerType) -> None:
    told = {"VendorName": "ACME", "ProductCode": "P", "ProductName": "y" * 100, "ModelName": "x" * 200}
    server = ModbusTcpServer(
        SimDevice(1, [SimData(0, values=[1], datatype=DataType.REGISTERS)]),
        framer=framer,
        address=("127.0.0.1", 0),
        identity=ModbusDeviceIdentification(info_name=told),  # type: ignore[no-untyped-call]  # pymodbus leaves it so
    )
    await server.serve_forever(background=True)
    assert isinstance(server.transport, asyncio.Server)
    port = server.transport.sockets[0].getsockname()[1]
    tags = [{"name": "a", "address": 0}]
    config = {"host": "127.0.0.1", "port": port, "framer": framer.value, "timeout_s": 10, "tags": tags}
    client = tcp_client(ModbusTcpConfig.model_validate(config))
    await client.connect()
    objects = await client.identify(1)
    await client.close()
    await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped
    assert {0: "ACME", 1: "P", 4: "y" * 100, 5: "x" * 200}.items() <= objects.items()


async def test_noise_is_a_typed_error() -> None:
    async with device(lambda request: b"\xff" * 40) as client:
        with pytest.raises((DeviceTimeoutError, DeviceProtocolError, DeviceConnectionError)):
            await client.read(REQUEST)


async def test_a_cancelled_read_is_cancelled() -> None:
    async with device(lambda request: b"", timeout_s=30) as client:
        task = asyncio.create_task(client.read(REQUEST))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_pauses_after_connecting_and_between_requests_are_kept() -> None:
    loop = asyncio.get_running_loop()
    asked_at_s: list[float] = []

    def answer(request: bytes) -> bytes:
        asked_at_s.append(loop.time())
        return registers(request, 1, 2)

    fields = {"pause_after_connect_s": 0.05, "pause_between_requests_s": 0.05, "timeout_s": 10}
    async with device(answer, **fields) as client:
        start_s = loop.time()
        await client.connect()
        assert loop.time() - start_s >= 0.05
        for _ in range(3):
            await client.read(REQUEST)
    first, second, third = asked_at_s
    assert second - first >= 0.05
    assert third - second >= 0.05
