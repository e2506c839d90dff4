"""The Modbus adapter: one device, or several units behind one gateway or on one line, by one connection."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Sequence

from adapters.modbus.browse import browse
from adapters.modbus.client import RegisterClient
from adapters.modbus.compiled import CompiledRead, ReadCompiler
from adapters.modbus.config import DataType, ModbusConfig, ModbusTcpConfig, Tag
from adapters.modbus.exceptions import GATEWAY_NO_RESPONSE, GATEWAY_PATH_UNAVAILABLE, ILLEGAL_ADDRESS, ILLEGAL_VALUE
from adapters.modbus.layout import Value
from adapters.modbus.plan import DEVICE_TIME
from adapters.modbus.serial_config import ModbusRtuConfig
from adapters.modbus.serial_line import serial_client
from adapters.modbus.tcp import tcp_client
from adapters.modbus.units import UnitHealth
from ironstream.contract import Quality
from ironstream.gateway.adapter import (
    COMM_LOSS,
    NOT_A_NUMBER,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    Fault,
    Offer,
    Point,
    Polled,
    Received,
    Sample,
)


class ModbusAdapter(Polled):
    """Reads the tags of a `ModbusConfig` through any `RegisterClient`. No I/O before `connect`.

    `wall_us` gives the gateway's time (µs since the epoch), `monotonic_s` paces the probes of suspended units.
    """

    def __init__(
        self,
        config: ModbusConfig,
        client: RegisterClient,
        *,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._client = client
        self._wall_us = wall_us
        self._monotonic_s = monotonic_s
        self._points = {tag.key: _point(config, tag) for tag in config.tags}
        self._compiler = ReadCompiler(config)
        self._reads = dict(self._compiler.plan())
        self._units = {unit: UnitHealth(config.suspend_after_failures, config.probe_interval_s) for unit in self._reads}
        self._faults: list[Fault] = []

    @property
    def points(self) -> Sequence[Point]:
        """The tags, in the order of the configuration."""
        return tuple(self._points.values())

    async def connect(self) -> None:
        """Open the connection. Raises DeviceConnectionError."""
        await self._client.connect()

    async def close(self) -> None:
        """Close the connection; may be repeated."""
        await self._client.close()

    async def read(self) -> Received:
        """Every tag once, in the order of the configuration; tags of a failed or suspended unit are BAD `comm_loss`.

        Raises AdapterError when the connection broke, or when all units asked stayed silent: then it may be the
        connection, and a new one is worth a try.
        """
        samples: dict[str, Sample] = {}
        timed_out: DeviceTimeoutError | None = None
        answered = False
        for unit, health in self._units.items():
            if not health.is_due(self._monotonic_s()):
                continue
            try:
                await self._read_unit(unit, samples)
            except (DeviceTimeoutError, DeviceRefusedError, DeviceProtocolError) as error:
                health.failed(self._monotonic_s())
                self._faults.append(Fault(error.kind, str(error)))
                if isinstance(error, DeviceTimeoutError):
                    timed_out = error
                else:
                    answered = True
            else:
                health.succeeded()
                answered = True
        faults, self._faults = self._faults, []
        if timed_out is not None and not answered:
            raise timed_out
        return Received([samples.get(key) or self._lost(point) for key, point in self._points.items()], faults=faults)

    def browse(self, pattern: str = "*") -> AsyncIterator[Offer]:
        """Registers and bits that answer, and what the device says of itself; see `browse.browse`."""
        return browse(self._client, self._config, pattern)

    async def _read_unit(self, unit: int, samples: dict[str, Sample]) -> None:
        """Put what the unit gives into `samples`, also when it fails half-way; its clock stamps its own tags only."""
        read: list[tuple[CompiledRead, Sequence[Value | None], int]] = []
        retry = self._units[unit].failures == 0
        try:
            for of_unit in self._reads[unit]:
                for part, data in await self._fetch(of_unit, retry):
                    read.append((part, part.decoder(data), self._wall_us()))
        finally:
            has_clock = self._config.device_time is not None
            clock_us = _clock_us(read) if has_clock else None
            for part, values, now_us in read:
                # a register without a clock holds the value of this moment: when it was read is when it was so
                device_time_us = clock_us if has_clock else now_us
                for key, value in zip(part.keys, values, strict=True):
                    if key == DEVICE_TIME:
                        continue
                    if isinstance(value, float) and not math.isfinite(value):
                        samples[key] = Sample(
                            self._points[key], None, now_us, device_time_us, Quality.BAD, NOT_A_NUMBER
                        )
                    else:
                        samples[key] = Sample(self._points[key], value, now_us, device_time_us)

    async def _fetch(self, read: CompiledRead, retry: bool) -> list[tuple[CompiledRead, bytes]]:
        try:
            return [(read, await self._client.read(read.request, retry=retry))]
        except DeviceRefusedError as error:
            if error.code in (GATEWAY_PATH_UNAVAILABLE, GATEWAY_NO_RESPONSE):
                raise
            self._faults.append(Fault(error.kind, str(error)))
            if error.code not in (ILLEGAL_ADDRESS, ILLEGAL_VALUE):
                return []
        parts = self._compiler.split(read)
        if len(parts) == 1:
            return []
        # one address that the device does not have must not take its neighbours with it
        unit_id = read.request.unit_id
        unit = self._reads[unit_id]
        at = unit.index(read)
        self._reads[unit_id] = (*unit[:at], *parts, *unit[at + 1 :])
        return [pair for part in parts for pair in await self._fetch(part, retry)]

    def _lost(self, point: Point) -> Sample:
        return Sample(point, None, self._wall_us(), None, Quality.BAD, COMM_LOSS)


def modbus_tcp(config: ModbusTcpConfig) -> ModbusAdapter:
    """The adapter of a device on Modbus TCP, or on RTU over TCP; no I/O yet."""
    return ModbusAdapter(config, tcp_client(config))


def modbus_rtu(config: ModbusRtuConfig) -> ModbusAdapter:
    """The adapter of the units on one serial line; no I/O yet."""
    return ModbusAdapter(config, serial_client(config))


def _clock_us(read: Sequence[tuple[CompiledRead, Sequence[Value | None], int]]) -> int | None:
    for part, values, _ in read:
        if DEVICE_TIME in part.keys:
            time_us = values[part.keys.index(DEVICE_TIME)]
            return None if time_us is None else int(time_us)
    return None


def _point(config: ModbusConfig, tag: Tag) -> Point:
    return Point(
        parameter=tag.name,
        asset_id=tag.asset,
        unit=tag.unit,
        report=tag.report if tag.report is not None else config.report,
        event=tag.event,
        is_event=tag.type is DataType.STRING,
    )
