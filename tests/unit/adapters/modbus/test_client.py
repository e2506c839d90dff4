from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

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
        while len(request := await reader.read(12)) == 12:
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

    async with device(answer) as client:
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


async def wait_and_measure(work: Callable[[], Awaitable[object]]) -> float:
    loop = asyncio.get_running_loop()
    start = loop.time()
    await work()
    return loop.time() - start


async def test_the_pauses_after_connecting_and_between_requests_are_kept() -> None:
    fields = {"pause_after_connect_s": 0.05, "pause_between_requests_s": 0.05}
    async with device(lambda request: registers(request, 1, 2), **fields) as client:
        assert await wait_and_measure(client.connect) >= 0.05
        await client.read(REQUEST)
        assert await wait_and_measure(lambda: client.read(REQUEST)) >= 0.05
