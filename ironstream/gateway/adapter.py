"""What an adapter is to the gateway: points that it offers, samples that it reads, errors that it raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from ironstream.contract import Quality
from ironstream.errors import IronstreamError
from ironstream.gateway.report_config import ReportConfig

Value = bool | int | float | str | None
COMM_LOSS = "comm_loss"
NOT_A_NUMBER = "not_a_number"


class AdapterError(IronstreamError):
    """The device could not be read. `kind` is the label `type` of adapter_errors_total."""

    kind: ClassVar[str] = "adapter"


class DeviceConnectionError(AdapterError):
    """There is no connection to the device, or it broke."""

    kind: ClassVar[str] = "connection"


class DeviceTimeoutError(AdapterError):
    """The device, or one unit of it, gave no answer in time."""

    kind: ClassVar[str] = "timeout"


class DeviceRefusedError(AdapterError):
    """The device answered that it cannot do what was asked; `code` is the protocol's own."""

    kind: ClassVar[str] = "device"

    def __init__(self, message: str, hint: str = "", *, code: int = 0) -> None:
        super().__init__(message, hint)
        self.code = code


class DeviceProtocolError(AdapterError):
    """The device answered something that the protocol does not allow."""

    kind: ClassVar[str] = "protocol"


@dataclass(frozen=True, slots=True)
class Point:
    """One value that an adapter offers. `is_event`: text, sent as events only; `event`: sent as readings and events.

    `asset_id` None is the asset of the pipeline.
    """

    parameter: str
    unit: str | None = None
    report: ReportConfig = field(default_factory=ReportConfig)
    event: bool = False
    is_event: bool = False
    asset_id: str | None = None

    @property
    def key(self) -> str:
        """Tells the point from all others of the adapter; that of its samples."""
        return _key(self.asset_id, self.parameter)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value as read. Times are µs since the epoch, UTC; `reason` says why the quality is not GOOD."""

    parameter: str
    value: Value
    gateway_time_us: int
    device_time_us: int | None = None
    quality: Quality = Quality.GOOD
    reason: str | None = None
    asset_id: str | None = None

    @property
    def key(self) -> str:
        """Key of the point that this is a sample of."""
        return _key(self.asset_id, self.parameter)


def _key(asset_id: str | None, parameter: str) -> str:
    return f"{asset_id}/{parameter}" if asset_id else parameter


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong in a read that went on without it; `kind` as in `AdapterError.kind`."""

    kind: str
    message: str


class Adapter(Protocol):
    """One device. The constructor validates and does no I/O; only the gateway retries."""

    @property
    def points(self) -> Sequence[Point]:
        """All that `read` may give, whatever the state of the device."""

    async def connect(self) -> None:
        """Open the connection, closing an earlier one. Raises AdapterError."""

    async def read(self) -> list[Sample]:
        """Read every point once.

        A part of the device that fails gives samples of quality BAD, value None and reason `comm_loss`, and a fault;
        when nothing can be read, AdapterError is raised and `connect` must come before the next read.
        """

    def take_faults(self) -> list[Fault]:
        """The faults of the reads since the last call."""

    async def close(self) -> None:
        """Let go of the connection; may be repeated, raises nothing."""

    async def test(self) -> list[Sample]:
        """Connect, read once, close. Raises AdapterError."""


@dataclass(frozen=True, slots=True)
class AdapterKind:
    """One entry of the registry: how a kind of adapter is configured and made.

    `from_mapping(source, mapping)` turns the `source` and `mapping` of CONFIG_JSON into what `config_model` reads, and
    raises ConfigurationError naming every fault of them.
    """

    config_model: type[BaseModel]
    factory: Callable[[Any], Adapter]
    from_mapping: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
