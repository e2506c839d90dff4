"""The link to the units on a serial port."""

from __future__ import annotations

import os
import termios

from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ModbusException
from pymodbus.transport.serialtransport import SerialTransport
from serial.rs485 import RS485Settings

from adapters.modbus.client import ModbusClient
from adapters.modbus.serial_config import ModbusRtuConfig
from ironstream.gateway.adapter import DeviceConnectionError


class SerialLink:
    """A serial port, which is locked while it is open."""

    numbered = False

    def __init__(self, config: ModbusRtuConfig) -> None:
        self._config = config
        self.where = config.serial_port
        self.pause_s = config.silence_s

    async def open(self) -> AsyncModbusSerialClient:
        """The port, opened. Raises DeviceConnectionError."""
        client = AsyncModbusSerialClient(
            self._config.serial_port,
            baudrate=self._config.baudrate,
            bytesize=self._config.bytesize,
            parity=self._config.parity,
            stopbits=self._config.stopbits,
            timeout=self._config.timeout_s,
            retries=0,
            reconnect_delay=0,
        )
        try:
            if await client.connect():
                self._switch_rs485(client)
                return client
        except (OSError, ValueError, termios.error, ModbusException) as error:
            # a driver says "not with these settings" in any of these ways
            client.close()
            raise DeviceConnectionError(
                f"{self.where} does not take its settings: {error}", "check baudrate, bytesize, parity, stopbits, rs485"
            ) from error
        client.close()
        raise self._unreachable()

    def _switch_rs485(self, client: AsyncModbusSerialClient) -> None:
        rs485, transport = self._config.rs485, client.ctx.transport
        if rs485 is None or not isinstance(transport, SerialTransport):
            return
        transport.sync_serial.rs485_mode = RS485Settings(
            rts_level_for_tx=rs485.rts_on_send,
            rts_level_for_rx=rs485.rts_after_send,
            loopback=rs485.receive_while_sending,
            delay_before_tx=rs485.delay_before_send_s,
            delay_before_rx=rs485.delay_after_send_s,
        )

    def _unreachable(self) -> DeviceConnectionError:
        port = self._config.serial_port
        if not os.path.exists(port):
            return DeviceConnectionError(
                f"there is no {port}", "check serial_port and the cable; `ls /dev/serial/by-id`"
            )
        if not os.access(port, os.R_OK | os.W_OK):
            return DeviceConnectionError(f"{port} may not be opened", "add the user to the group of the port (dialout)")
        return DeviceConnectionError(
            f"{port} cannot be opened", "see whether another program has it, and that it is a serial port"
        )


def serial_client(config: ModbusRtuConfig) -> ModbusClient:
    """The client of the units on a serial port; no I/O yet."""
    return ModbusClient(config, SerialLink(config))
