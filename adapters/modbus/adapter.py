"""The Modbus adapter: one device, or several units behind one gateway, by one connection."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from adapters.modbus.client import (
    GATEWAY_NO_RESPONSE,
    GATEWAY_PATH_UNAVAILABLE,
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    RegisterClient,
    TcpRegisterClient,
)
from adapters.modbus.config import DataType, ModbusConfig, ModbusTcpConfig, Tag
from adapters.modbus.decode import decode, decode_time_us
from adapters.modbus.plan import DEVICE_TIME, ReadRequest, plan, spans_of, split
from adapters.modbus.units import UnitHealth
from ironstream.contract import Quality
from ironstream.gateway.adapter import (
    COMM_LOSS,
    NOT_A_NUMBER,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceTimeoutError,
    Fault,
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
        self._tags = {tag.key: tag for tag in config.tags}
        self._points = {tag.key: _point(config, tag) for tag in config.tags}
        self._requests: dict[int, tuple[ReadRequest, ...]] = {}
        for request in plan(
            spans_of(config),
            max_gap=config.max_gap,
            max_registers=config.max_registers_per_read,
            max_bits=config.max_bits_per_read,
        ):
            self._requests[request.unit_id] = (*self._requests.get(request.unit_id, ()), request)
        self._units = {
            unit: UnitHealth(config.suspend_after_failures, config.probe_interval_s) for unit in self._requests
        }
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

    async def _read_unit(self, unit: int, samples: dict[str, Sample]) -> None:
        """Put what the unit gives into `samples`, also when it fails half-way; its clock stamps its own tags only."""
        read: dict[str, Sample] = {}
        device_time_us: int | None = None
        try:
            for request in self._requests[unit]:
                for part, values in await self._read_request(request):
                    now_us = self._wall_us()
                    for span in part.spans:
                        words = part.part(span, values)
                        if span.key != DEVICE_TIME:
                            read[span.key] = _sample(self._points[span.key], self._tags[span.key], words, now_us)
                        elif self._config.device_time is not None:
                            device_time_us = decode_time_us(self._config.device_time, words)
        finally:
            if self._config.device_time is not None:
                read = {key: replace(sample, device_time_us=device_time_us) for key, sample in read.items()}
            samples.update(read)

    async def _read_request(self, request: ReadRequest) -> list[tuple[ReadRequest, list[int]]]:
        try:
            return [(request, await self._client.read(request))]
        except DeviceRefusedError as error:
            if error.code in (GATEWAY_PATH_UNAVAILABLE, GATEWAY_NO_RESPONSE):
                raise
            self._faults.append(Fault(error.kind, str(error)))
            if error.code not in (ILLEGAL_ADDRESS, ILLEGAL_VALUE):
                return []
        parts = split(request)
        if len(parts) == 1:
            return []
        # one address that the device does not have must not take its neighbours with it
        unit = self._requests[request.unit_id]
        at = unit.index(request)
        self._requests[request.unit_id] = (*unit[:at], *parts, *unit[at + 1 :])
        return [pair for part in parts for pair in await self._read_request(part)]

    def _lost(self, point: Point) -> Sample:
        return Sample(point, None, self._wall_us(), None, Quality.BAD, COMM_LOSS)


def modbus_tcp(config: ModbusTcpConfig) -> ModbusAdapter:
    """The adapter of a device on Modbus TCP; no I/O yet."""
    return ModbusAdapter(config, TcpRegisterClient(config))


def _point(config: ModbusConfig, tag: Tag) -> Point:
    return Point(
        parameter=tag.name,
        asset_id=tag.asset,
        unit=tag.unit,
        report=tag.report if tag.report is not None else config.report,
        event=tag.event,
        is_event=tag.type is DataType.STRING,
    )


def _sample(point: Point, tag: Tag, words: Sequence[int], now_us: int) -> Sample:
    value = decode(tag, words)
    if isinstance(value, float) and not math.isfinite(value):
        return Sample(point, None, now_us, now_us, Quality.BAD, NOT_A_NUMBER)
    # a register without a clock holds the value of this moment: when it was read is when it was so
    return Sample(point, value, now_us, now_us)
