"""Reads registers by pymodbus over any transport. Only I/O: no decoding, and a lost connection stays lost.

pymodbus' own reconnecting and repeating are off: the gateway decides on the one, the configuration on the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, Protocol

from pymodbus.client import ModbusBaseClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from adapters.modbus.config import ModbusConfig, RegisterKind
from adapters.modbus.exceptions import ACKNOWLEDGE, BUSY, refused
from adapters.modbus.framers import (
    ANSWERS,
    IDENTIFICATION,
    MAX_PENDING_BYTES,
    Answer,
    Expected,
    RtuFramer,
    SocketFramer,
)
from adapters.modbus.line import Line
from adapters.modbus.plan import ReadRequest
from ironstream.gateway.adapter import (
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
)

_FUNCTIONS: Final = {
    RegisterKind.COIL: 1,
    RegisterKind.DISCRETE: 2,
    RegisterKind.HOLDING: 3,
    RegisterKind.INPUT: 4,
}
_REGULAR_IDENTIFICATION: Final = 2
_NEVER: Final = 1 << 62


class RegisterClient(Protocol):
    """A connection to a device, whatever the transport."""

    async def connect(self) -> None:
        """Open the connection. Raises DeviceConnectionError."""

    async def read(self, request: ReadRequest, *, retry: bool = True) -> bytes:
        """The `request.count` registers, two bytes each, or bits, eight to a byte. Raises AdapterError.

        `retry` False: of a unit that failed lately, so that it shall not cost its neighbours more time than it must.
        """

    async def identify(self, unit_id: int) -> Mapping[int, str]:
        """What the unit says of itself (function 43/14), by object id. Raises AdapterError."""

    async def close(self) -> None:
        """Close the connection; may be repeated."""


class Link(Protocol):
    """A transport: what is opened."""

    @property
    def where(self) -> str:
        """Its name in messages."""

    @property
    def numbered(self) -> bool:
        """Whether frames carry a number that tells which request they answer."""

    @property
    def pause_s(self) -> float:
        """Silence between two frames."""

    async def open(self) -> ModbusBaseClient:
        """A connection. Raises DeviceConnectionError."""


class ModbusClient:
    """A `RegisterClient` over one link."""

    def __init__(self, config: ModbusConfig, link: Link) -> None:
        # pymodbus logs failures itself, with whole frames and the host, which may be a secret; our errors say them once
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        self._config = config
        self._link = link
        self._client: ModbusBaseClient | None = None
        self._framer: RtuFramer | SocketFramer | None = None
        self._sent = b""
        # outlives the connection: an answer that is owed may come into the next one
        self._line = Line(link.pause_s)
        self._answered = asyncio.Event()

    async def connect(self) -> None:
        """Open a new connection and wait `pause_after_connect_s`. Raises DeviceConnectionError."""
        await self.close()
        client = await self._link.open()
        ctx = client.ctx
        self._framer = SocketFramer(ctx.framer.decoder) if self._link.numbered else RtuFramer(ctx.framer.decoder)
        for answer in ANSWERS:
            client.register(answer)
        ctx.framer, ctx.max_buffer_size = self._framer, MAX_PENDING_BYTES
        # silent units must not cost their neighbours the connection; the adapter gives it up when nobody answers
        ctx.max_until_disconnect = ctx.count_until_disconnect = _NEVER
        ctx.trace_packet, ctx.trace_pdu = self._on_bytes, self._on_pdu
        ctx.trace_connect = self._on_connection
        self._client = client
        await asyncio.sleep(self._config.pause_after_connect_s)

    async def read(self, request: ReadRequest, *, retry: bool = True) -> bytes:
        """The registers or bits as they are on the wire; a busy device, or a noisy line, is asked again as configured.

        Raises DeviceConnectionError, DeviceTimeoutError, DeviceRefusedError or DeviceProtocolError.
        """
        function, unit_id = _FUNCTIONS[request.kind], request.unit_id
        size = (request.count + 7) // 8 if request.kind.is_bits else 2 * request.count
        last = request.address + request.count - 1
        what = f"{self._link.where} unit {unit_id} {request.kind} {request.address}-{last}"

        def call(client: ModbusBaseClient) -> Awaitable[ModbusPDU]:
            method = {
                RegisterKind.COIL: client.read_coils,
                RegisterKind.DISCRETE: client.read_discrete_inputs,
                RegisterKind.INPUT: client.read_input_registers,
                RegisterKind.HOLDING: client.read_holding_registers,
            }[request.kind]
            return method(request.address, count=request.count, device_id=unit_id)

        answer = await self._ask_patiently(what, Expected(unit_id, function, size), call, retry)
        if not isinstance(answer, Answer) or not len(answer.payload) == answer.byte_count == size:
            got = len(answer.payload) if isinstance(answer, Answer) else 0
            raise DeviceProtocolError(
                f"{what}: {got} bytes of values instead of {size}",
                "the device does not follow the protocol: lower max_registers_per_read",
            )
        return answer.payload

    async def identify(self, unit_id: int) -> Mapping[int, str]:
        """Vendor, product, revision and what else the unit tells, by object id. Raises as `read`."""
        what = f"{self._link.where} unit {unit_id} identification"
        objects: dict[int, str] = {}
        next_id = 0
        while True:

            def call(client: ModbusBaseClient, object_id: int = next_id) -> Awaitable[ModbusPDU]:
                return client.read_device_information(
                    read_code=_REGULAR_IDENTIFICATION, object_id=object_id, device_id=unit_id
                )

            answer = await self._ask_patiently(what, Expected(unit_id, IDENTIFICATION, None), call, retry=True)
            if not isinstance(answer, ReadDeviceInformationResponse):
                raise DeviceProtocolError(f"{what}: not an identification", "the device does not follow the protocol")
            texts = {key: text for key, text in answer.information.items() if isinstance(text, bytes)}
            objects |= {key: text.decode("utf-8", "replace") for key, text in texts.items()}
            # a device that says "more" without end must not hold us
            if not answer.more_follows or answer.next_object_id <= next_id:
                return objects
            next_id = answer.next_object_id

    async def close(self) -> None:
        """Close the connection; may be repeated."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _ask_patiently(
        self, what: str, expected: Expected, call: Callable[[ModbusBaseClient], Awaitable[ModbusPDU]], retry: bool
    ) -> ModbusPDU:
        retries, busy_retries = self._config.retries if retry else 0, self._config.busy_retries
        while True:
            try:
                return await self._ask(what, expected, call)
            except DeviceRefusedError as error:
                if error.code not in (ACKNOWLEDGE, BUSY) or busy_retries == 0:
                    raise
                busy_retries -= 1
                await asyncio.sleep(self._config.busy_pause_s)
            except (DeviceTimeoutError, DeviceProtocolError):
                if retries == 0:
                    raise
                retries -= 1

    async def _ask(
        self, what: str, expected: Expected, call: Callable[[ModbusBaseClient], Awaitable[ModbusPDU]]
    ) -> ModbusPDU:
        timeout_s = self._config.timeout_of(expected.unit_id)
        client = self._client
        if client is not None and client.connected:
            await self._silence(what, expected.unit_id, timeout_s)
        if client is None or not client.connected:
            raise self._lost()
        if isinstance(self._framer, RtuFramer):
            self._framer.expected = expected
            self._line.asked(expected.unit_id)
        client.ctx.comm_params.timeout_connect = timeout_s
        try:
            response = await call(client)
        except (ConnectionException, OSError) as error:
            raise self._lost() from error
        except asyncio.CancelledError:
            # the answer is cancelled when the connection goes (see connect); a cancelled task of ours has more to say
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise self._lost() from None
        except ModbusException as error:
            if not client.connected:
                raise self._lost() from error
            raise self._unanswered(what, timeout_s, client) from error
        finally:
            late_s = self._config.late_answer_of(expected.unit_id)
            self._line.gave_up(expected.unit_id, asyncio.get_running_loop().time() + late_s)
        if response.function_code & 0x7F != expected.function:
            raise DeviceProtocolError(f"{what}: the answer is to something else", "check the device and its gateway")
        if isinstance(response, ExceptionResponse):
            raise refused(what, response.exception_code)
        return response

    async def _silence(self, what: str, unit_id: int, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        given_up_s = loop.time() + timeout_s + self._line.pause_s + self._config.late_answer_of(unit_id)
        while (wait_s := self._line.wait_s(unit_id, loop.time())) > 0:
            if loop.time() > given_up_s:
                raise DeviceProtocolError(
                    f"{what}: the line is never silent", "look for a second master, or for noise on the line"
                )
            self._answered.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._answered.wait()

    def _on_bytes(self, sending: bool, data: bytes) -> bytes:
        self._line.heard(asyncio.get_running_loop().time())
        if sending:
            self._sent = data
        return data

    def _on_pdu(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if not sending:
            self._line.answered(pdu.dev_id)
            self._answered.set()
        return pdu

    def _on_connection(self, connected: bool) -> None:
        # else the answer is waited for until its timeout, on a connection that is gone
        if not connected and self._client is not None:
            self._client.ctx.response_future.cancel()

    def _unanswered(
        self, what: str, timeout_s: float, client: ModbusBaseClient
    ) -> DeviceTimeoutError | DeviceProtocolError:
        noise = b"" if self._link.numbered else client.ctx.recv_buffer.removeprefix(self._sent)
        if noise:
            return DeviceProtocolError(
                f"{what}: {len(noise)} bytes came in {timeout_s:g} s and no answer among them",
                "check baudrate, parity and wiring, and that no two devices have one unit_id; or raise timeout_s",
            )
        return DeviceTimeoutError(f"{what}: no answer in {timeout_s:g} s", "check unit_id, or raise timeout_s")

    def _lost(self) -> DeviceConnectionError:
        return DeviceConnectionError(f"{self._link.where} closed the connection", "it is opened again by itself")
