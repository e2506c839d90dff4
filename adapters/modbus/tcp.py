"""The link to a device by TCP: with Modbus TCP's own frames, or with RTU frames as serial servers pass them on."""

from __future__ import annotations

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType

from adapters.modbus.client import ModbusClient
from adapters.modbus.config import ModbusTcpConfig
from ironstream.gateway.adapter import DeviceConnectionError


class TcpLink:
    """A device, or a gateway, at `host` and `port`."""

    def __init__(self, config: ModbusTcpConfig) -> None:
        self._config = config
        self.where = f"{config.host}:{config.port}"
        self.numbered = config.has_numbered_frames()
        self.pause_s = config.pause_between_requests_s or 0.0

    async def open(self) -> AsyncModbusTcpClient:
        """A new connection. Raises DeviceConnectionError."""
        client = AsyncModbusTcpClient(
            self._config.host,
            port=self._config.port,
            framer=FramerType(self._config.framer),
            timeout=self._config.timeout_s,
            retries=0,
            reconnect_delay=0,
        )
        try:
            if await client.connect():
                return client
        except (OSError, ModbusException) as error:
            client.close()
            raise self._unreachable() from error
        client.close()
        raise self._unreachable()

    def _unreachable(self) -> DeviceConnectionError:
        return DeviceConnectionError(
            f"{self.where} cannot be reached", "check host, port, the network and the device's limit of connections"
        )


def tcp_client(config: ModbusTcpConfig) -> ModbusClient:
    """The client of a device on TCP; no I/O yet."""
    return ModbusClient(config, TcpLink(config))
