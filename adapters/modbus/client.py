"""Reads registers over Modbus TCP. Only I/O: no retry of a lost connection, no decoding."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Protocol

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from adapters.modbus.config import ModbusTcpConfig, RegisterKind
from adapters.modbus.plan import ReadRequest
from ironstream.gateway.adapter import (
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
)

ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
ACKNOWLEDGE: Final = 5
BUSY: Final = 6
GATEWAY_PATH_UNAVAILABLE: Final = 10
GATEWAY_NO_RESPONSE: Final = 11
_MEANING: Final = {
    1: ("illegal function", "the device does not know this kind of register: check `kind`"),
    ILLEGAL_ADDRESS: ("illegal data address", "check address, address_base and kind, or lower max_gap"),
    ILLEGAL_VALUE: ("illegal data value", "the device takes fewer registers at once: lower max_registers_per_read"),
    4: ("device failure", "see the device's own diagnosis"),
    ACKNOWLEDGE: ("still working", "raise busy_retries or busy_pause_s"),
    BUSY: ("busy", "raise busy_retries, busy_pause_s or poll_interval_s"),
    GATEWAY_PATH_UNAVAILABLE: ("gateway path unavailable", "check unit_id and the gateway's routes"),
    GATEWAY_NO_RESPONSE: ("unit does not answer its gateway", "check power and wiring of the unit, and unit_id"),
}


class RegisterClient(Protocol):
    """A connection to a device, whatever the transport."""

    async def connect(self) -> None:
        """Open the connection. Raises DeviceConnectionError."""

    async def read(self, request: ReadRequest) -> list[int]:
        """Values of `request.count` registers or bits. Raises AdapterError."""

    async def close(self) -> None:
        """Close the connection; may be repeated."""


class TcpRegisterClient:
    """Modbus TCP by pymodbus, whose own reconnecting and repeating are off: the gateway decides on both."""

    def __init__(self, config: ModbusTcpConfig) -> None:
        # pymodbus logs failures itself, with whole frames and the host, which may be a secret; our errors say them once
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        self._config = config
        self._client: AsyncModbusTcpClient | None = None
        self._asked = False

    @property
    def _where(self) -> str:
        return f"{self._config.host}:{self._config.port}"

    async def connect(self) -> None:
        """Open a new connection and wait `pause_after_connect_s`. Raises DeviceConnectionError."""
        await self.close()
        client = AsyncModbusTcpClient(
            self._config.host,
            port=self._config.port,
            timeout=self._config.timeout_s,
            retries=0,
            reconnect_delay=0,
        )
        try:
            connected = await client.connect()
        except (OSError, ModbusException) as error:
            client.close()
            raise self._unreachable() from error
        if not connected:
            client.close()
            raise self._unreachable()
        self._client, self._asked = client, False
        await asyncio.sleep(self._config.pause_after_connect_s)

    async def read(self, request: ReadRequest) -> list[int]:
        """Values of the registers, or 0 and 1 for bits. A busy device is asked again as configured.

        Raises DeviceConnectionError, DeviceTimeoutError, DeviceRefusedError or DeviceProtocolError.
        """
        for attempt in range(self._config.busy_retries + 1):
            response = await self._ask(request)
            if not isinstance(response, ExceptionResponse):
                return self._values(request, response)
            if response.exception_code not in (ACKNOWLEDGE, BUSY) or attempt == self._config.busy_retries:
                break
            await asyncio.sleep(self._config.busy_pause_s)
        what, hint = _MEANING.get(response.exception_code, (f"exception {response.exception_code}", "see its manual"))
        raise DeviceRefusedError(f"{self._describe(request)}: {what}", hint, code=response.exception_code)

    async def close(self) -> None:
        """Close the connection; may be repeated."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _ask(self, request: ReadRequest) -> ModbusPDU:
        client = self._client
        if client is None or not client.connected:
            raise DeviceConnectionError(f"{self._where} closed the connection", "it is opened again by itself")
        if self._asked and self._config.pause_between_requests_s:
            await asyncio.sleep(self._config.pause_between_requests_s)
        self._asked = True
        call = {
            RegisterKind.COIL: client.read_coils,
            RegisterKind.DISCRETE: client.read_discrete_inputs,
            RegisterKind.INPUT: client.read_input_registers,
            RegisterKind.HOLDING: client.read_holding_registers,
        }[request.kind]
        try:
            return await call(request.address, count=request.count, device_id=request.unit_id)
        except (ConnectionException, OSError) as error:
            raise DeviceConnectionError(
                f"{self._where} closed the connection", "it is opened again by itself"
            ) from error
        except asyncio.CancelledError:
            # pymodbus cancels the answer it waits for when the peer closes; a cancelled task of ours has more to say
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise DeviceConnectionError(
                f"{self._where} closed the connection", "it is opened again by itself"
            ) from None
        except ModbusException as error:
            if not client.connected:
                raise DeviceConnectionError(
                    f"{self._where} closed the connection", "it is opened again by itself"
                ) from error
            raise DeviceTimeoutError(
                f"{self._describe(request)}: no answer in {self._config.timeout_s:g} s",
                "check unit_id, or raise timeout_s",
            ) from error

    def _values(self, request: ReadRequest, response: ModbusPDU) -> list[int]:
        values = [int(bit) for bit in response.bits] if request.kind.is_bits else list(response.registers)
        # bits come in whole bytes, hence more than were asked for; fewer of either kind cannot be decoded
        if len(values) < request.count:
            raise DeviceProtocolError(
                f"{self._describe(request)}: {len(values)} values instead of {request.count}",
                "the device does not follow the protocol: lower max_registers_per_read",
            )
        return values[: request.count]

    def _describe(self, request: ReadRequest) -> str:
        last = request.address + request.count - 1
        return f"{self._where} unit {request.unit_id} {request.kind} {request.address}-{last}"

    def _unreachable(self) -> DeviceConnectionError:
        return DeviceConnectionError(
            f"{self._where} cannot be reached", "check host, port, the network and the device's limit of connections"
        )
