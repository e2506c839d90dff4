from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.framer.rtu import FramerRTU

from adapters.modbus.client import ModbusClient
from adapters.modbus.config import RegisterKind
from adapters.modbus.plan import ReadRequest
from adapters.modbus.serial_config import ModbusRtuConfig
from adapters.modbus.serial_line import serial_client
from ironstream.gateway.adapter import (
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
)
from tests.support.serial_ports import SerialPort

Answer = Callable[[bytes], bytes]
SILENT = b""


def request(address: int, unit_id: int = 1, count: int = 1) -> ReadRequest:
    return ReadRequest(unit_id, RegisterKind.HOLDING, address, count, ())


def frame(body: bytes) -> bytes:
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def address_of(asked: bytes) -> int:
    return int.from_bytes(asked[2:4], "big")


def registers(asked: bytes) -> bytes:
    """Every register holds its own address."""
    first, count = struct.unpack(">HH", asked[2:6])
    return frame(asked[:2] + bytes([2 * count]) + struct.pack(f">{count}H", *range(first, first + count)))


def word(value: int) -> bytes:
    return value.to_bytes(2, "big")


class Device:
    """The other end of the line: answers each request of 8 bytes by `answer`, `delay_s` later."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.port = SerialPort(path, self._received)
        self.answer = answer
        self.delay_s = 0.0
        self.asked: list[bytes] = []
        self.asked_at_s: list[float] = []
        self._buffer = b""

    def _received(self, data: bytes) -> None:
        self._buffer += data
        loop = asyncio.get_running_loop()
        while len(self._buffer) >= 8:
            asked, self._buffer = self._buffer[:8], self._buffer[8:]
            self.asked.append(asked)
            self.asked_at_s.append(loop.time())
            loop.call_later(self.delay_s, self.port.write, self.answer(asked))


@asynccontextmanager
async def line(tmp_path: Path, answer: Answer, **fields: Any) -> AsyncIterator[tuple[Device, ModbusClient]]:
    device = Device(tmp_path / "tty", answer)
    device.port.plug()
    config = {"timeout_s": 10, "retries": 0, "parity": "N", "tags": [{"name": "a", "address": 0}], **fields}
    client = serial_client(ModbusRtuConfig.model_validate({"serial_port": str(device.port.path), **config}))
    try:
        await client.connect()
        yield device, client
    finally:
        await client.close()
        device.port.unplug()


async def test_registers_and_bits_are_read_with_the_function_of_their_kind(tmp_path: Path) -> None:
    def answer(asked: bytes) -> bytes:
        return frame(asked[:2] + b"\1\2") if asked[1] in (1, 2) else registers(asked)

    async with line(tmp_path, answer) as (device, client):
        read = {kind: await client.read(ReadRequest(1, kind, 7, 2, ())) for kind in RegisterKind}
    assert read == {
        RegisterKind.COIL: b"\2",
        RegisterKind.DISCRETE: b"\2",
        RegisterKind.INPUT: word(7) + word(8),
        RegisterKind.HOLDING: word(7) + word(8),
    }
    assert [asked[1] for asked in device.asked] == [1, 2, 4, 3]


async def test_a_late_answer_is_never_taken_for_that_of_the_next_request(tmp_path: Path) -> None:
    async with line(tmp_path, registers, timeout_s=0.4) as (device, client):
        device.delay_s = 0.6
        with pytest.raises(DeviceTimeoutError):
            await client.read(request(10))
        device.delay_s = 0.0
        assert await client.read(request(20)) == word(20)
        assert await client.read(request(30)) == word(30)
    assert device.asked_at_s[1] - device.asked_at_s[0] >= 0.6


async def test_a_late_answer_ends_the_wait_for_it(tmp_path: Path) -> None:
    async with line(tmp_path, registers, timeout_s=0.4, late_answer_s=600) as (device, client):
        device.delay_s = 0.5
        with pytest.raises(DeviceTimeoutError):
            await client.read(request(10))
        device.delay_s = 0.0
        async with asyncio.timeout(30):
            assert await client.read(request(20)) == word(20)


async def test_a_unit_that_stays_slow_gives_no_value_rather_than_a_wrong_one(tmp_path: Path) -> None:
    async with line(tmp_path, registers, timeout_s=0.08, retries=1) as (device, client):
        device.delay_s = 0.12
        for address in range(5):
            with pytest.raises(DeviceTimeoutError):
                await client.read(request(address))


async def test_a_late_answer_does_not_disturb_another_unit(tmp_path: Path) -> None:
    async with line(tmp_path, registers, unit_timeout_s={1: 0.1}) as (device, client):
        device.delay_s = 0.2
        with pytest.raises(DeviceTimeoutError):
            await client.read(request(10, unit_id=1))
        assert await client.read(request(20, unit_id=2)) == word(20)


async def test_an_answer_that_was_abandoned_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    async with line(tmp_path, registers) as (device, client):
        device.delay_s = 0.1
        reading = asyncio.create_task(client.read(request(10)))
        while not device.asked:  # noqa: ASYNC110  the device has no event for this
            await asyncio.sleep(0.001)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        device.delay_s = 0.0
        assert await client.read(request(20)) == word(20)


async def test_a_broken_checksum_is_asked_again_as_often_as_configured(tmp_path: Path) -> None:
    broken = 2

    def answer(asked: bytes) -> bytes:
        nonlocal broken
        broken -= 1
        whole = registers(asked)
        return whole if broken < 0 else whole[:-1] + bytes([whole[-1] ^ 1])

    async with line(tmp_path, answer, retries=2, timeout_s=0.3, late_answer_s=0) as (device, client):
        assert await client.read(request(5)) == word(5)
        assert len(device.asked) == 3
        broken = 3
        with pytest.raises(DeviceProtocolError, match="7 bytes came"):
            await client.read(request(5))


@pytest.mark.parametrize(
    ("what", "noise"),
    [
        ("noise", b"\0\xff\0"),
        ("the beginning of an answer", b"\1\3\2"),
        ("an answer of another unit", frame(b"\2\3\2\0\7")),
        ("an answer to another function", frame(b"\1\4\2\0\7")),
        ("an answer of another length", frame(b"\1\3\4\0\7\0\7")),
        ("more than pymodbus keeps", b"\2" * 400),
    ],
)
async def test_what_stands_before_the_answer_is_passed_over(tmp_path: Path, what: str, noise: bytes) -> None:
    async with line(tmp_path, lambda asked: noise + registers(asked)) as (_, client):
        assert await client.read(request(5)) == word(5), what


@pytest.mark.parametrize("address", [5, 0x0200])
async def test_an_adapter_that_echoes_what_is_sent_is_put_up_with(tmp_path: Path, address: int) -> None:
    async with line(tmp_path, lambda asked: asked + registers(asked), unit_timeout_s={2: 0.1}) as (device, client):
        assert await client.read(request(address)) == word(address)
        device.answer = lambda asked: asked
        with pytest.raises(DeviceTimeoutError, match="no answer"):
            await client.read(request(address, unit_id=2))


async def test_a_refusal_has_its_code(tmp_path: Path) -> None:
    async with line(tmp_path, lambda asked: frame(bytes([asked[0], asked[1] | 0x80, 2]))) as (_, client):
        with pytest.raises(DeviceRefusedError, match="illegal data address") as caught:
            await client.read(request(5))
    assert caught.value.code == 2


async def test_a_unit_has_its_own_timeout(tmp_path: Path) -> None:
    async with line(tmp_path, lambda asked: SILENT, timeout_s=30, unit_timeout_s={2: 0.05}) as (_, client):
        with pytest.raises(DeviceTimeoutError, match=r"unit 2 .* in 0\.05 s"):
            await client.read(request(5, unit_id=2))


async def test_frames_are_kept_apart_by_silence(tmp_path: Path) -> None:
    async with line(tmp_path, registers, pause_between_requests_s=0.05) as (device, client):
        for address in range(3):
            await client.read(request(address))
    first, second, third = device.asked_at_s
    assert second - first >= 0.05
    assert third - second >= 0.05


async def test_a_line_that_babbles_is_an_error_and_no_hang(tmp_path: Path) -> None:
    async with line(tmp_path, registers, pause_between_requests_s=1, timeout_s=0.1, late_answer_s=0) as (
        device,
        client,
    ):

        async def babble() -> None:
            while True:
                device.port.write(b"\x55")
                await asyncio.sleep(0.005)

        babbling = asyncio.create_task(babble())
        await asyncio.sleep(0.02)
        with pytest.raises(DeviceProtocolError, match="never silent"):
            await client.read(request(1))
        babbling.cancel()


async def test_a_port_that_is_pulled_out_is_a_connection_error_at_once_and_comes_back(tmp_path: Path) -> None:
    async with line(tmp_path, lambda asked: SILENT, timeout_s=30) as (device, client):
        reading = asyncio.create_task(client.read(request(1)))
        while not device.asked:  # noqa: ASYNC110  the device has no event for this
            await asyncio.sleep(0.001)
        device.port.unplug()
        async with asyncio.timeout(10):
            with pytest.raises(DeviceConnectionError, match="closed the connection"):
                await reading
        with pytest.raises(DeviceConnectionError):
            await client.read(request(1))
        with pytest.raises(DeviceConnectionError, match="there is no") as caught:
            await client.connect()
        assert "serial_port" in caught.value.hint
        device.port.plug()
        device.answer = registers
        await client.connect()
        assert await client.read(request(2, unit_id=2)) == word(2)


async def test_a_port_is_locked_while_it_is_open(tmp_path: Path) -> None:
    async with line(tmp_path, registers) as (device, _):
        config = {"serial_port": str(device.port.path), "parity": "N", "tags": [{"name": "a", "address": 0}]}
        other = serial_client(ModbusRtuConfig.model_validate(config))
        with pytest.raises(DeviceConnectionError, match="cannot be opened") as caught:
            await other.connect()
        assert "another program" in caught.value.hint


async def test_what_is_no_serial_port_is_a_connection_error(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("")
    config = {"serial_port": str(tmp_path / "file"), "tags": [{"name": "a", "address": 0}]}
    with pytest.raises(DeviceConnectionError):
        await serial_client(ModbusRtuConfig.model_validate(config)).connect()


async def test_a_port_without_rs485_says_so(tmp_path: Path) -> None:
    with pytest.raises(DeviceConnectionError, match="settings") as caught:
        async with line(tmp_path, registers, rs485={"rts_on_send": True}):
            pass
    assert "rs485" in caught.value.hint
