"""What an adapter is to the gateway: points that it offers, what a read gives, errors that it raises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec
from pydantic import BaseModel

from ironstream.contract import Quality, Severity
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


class DeviceSecurityError(AdapterError):
    """The device and we do not trust one another: certificate, user, or a security policy that one side lacks."""

    kind: ClassVar[str] = "security"


@dataclass(frozen=True, slots=True)
class Point:
    """One value that an adapter offers. `is_event`: text, sent as events only; `event`: sent as readings and events.

    `tenant_id`, `site_id` and `asset_id` are those of the pipeline where they are None.
    """

    parameter: str
    unit: str | None = None
    report: ReportConfig = field(default_factory=ReportConfig)
    event: bool = False
    is_event: bool = False
    asset_id: str | None = None
    site_id: str | None = None
    tenant_id: str | None = None
    key: str = field(init=False, compare=False)
    """Tells the point from all others of the adapter."""

    def __post_init__(self) -> None:
        parts = (self.tenant_id, self.site_id, self.asset_id, self.parameter)
        object.__setattr__(self, "key", "/".join(part for part in parts if part))


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One value of one point. Times are µs since the epoch, UTC; `reason` says why the quality is not GOOD.

    `historical`: made while nobody was listening and told later; it is sent as it is, past report by exception.
    `numbered` False: the device may deliver it once more after a crash of ours, so that its own time must tell a
    repeat, not our count of readings.
    """

    point: Point
    value: Value
    gateway_time_us: int
    device_time_us: int | None = None
    quality: Quality = Quality.GOOD
    reason: str | None = None
    historical: bool = False
    numbered: bool = True

    @property
    def parameter(self) -> str:
        """Parameter of the point."""
        return self.point.parameter

    @property
    def time_us(self) -> int:
        """When the value was so: the device's time, else the gateway's."""
        return self.gateway_time_us if self.device_time_us is None else self.device_time_us


@dataclass(frozen=True, slots=True)
class DeviceAlarm:
    """An alarm that the device itself raised (`active`) or cleared; identity and times as those of a sample."""

    type: str
    active: bool
    gateway_time_us: int
    device_time_us: int | None = None
    severity: Severity = Severity.MEDIUM
    message: str = ""
    parameter: str | None = None
    value: Value = None
    threshold: float | None = None
    asset_id: str | None = None
    site_id: str | None = None
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong in a read that went on without it; `kind` as in `AdapterError.kind`."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """What the device sent and nobody can read: kept as a dead letter, with its own bytes.

    `origin` says where it came from (`mqtt:` and the topic), `detail` what is wrong with it.
    """

    origin: str
    payload: bytes
    detail: str
    gateway_time_us: int


@dataclass(frozen=True, slots=True)
class Received:
    """What one read gave. A `receipt` is handed to `Adapter.acknowledge` once Kafka has all of it."""

    samples: Sequence[Sample] = ()
    alarms: Sequence[DeviceAlarm] = ()
    faults: Sequence[Fault] = ()
    refused: Sequence[Refused] = ()
    receipt: object | None = None


class Adapter(Protocol):
    """One device. The constructor validates and does no I/O; only the gateway retries."""

    @property
    def paced(self) -> bool:
        """True: `read` asks the device, on the gateway's grid. False: it waits for what the device sends by itself."""

    @property
    def points(self) -> Sequence[Point]:
        """All that is known to be offered, whatever the state of the device; more may come up in what is read."""

    async def connect(self) -> None:
        """Open the connection, closing an earlier one. Raises AdapterError."""

    async def read(self) -> Received:
        """Paced: every point once. Else: what has come since the last read, waiting until there is something.

        A part of the device that fails gives samples of quality BAD, value None and reason `comm_loss`, and a fault;
        when nothing can be read, AdapterError is raised and `connect` must come before the next read. The caller may
        cancel it: nothing received is lost by that.
        """

    def pending(self) -> Received:
        """What has come and was not read yet; asked once when reading stops."""

    async def acknowledge(self, receipt: object) -> None:
        """Kafka has all that was received with `receipt`; called in the order of the reads.

        Raises nothing: that the connection broke is for the next read to tell.
        """

    async def close(self) -> None:
        """Let go of the connection; may be repeated, raises nothing."""


class Polled:
    """The parts of an `Adapter` that one which is asked for everything has no use for."""

    paced = True

    def pending(self) -> Received:
        """Nothing: what was asked for was read."""
        return Received()

    async def acknowledge(self, receipt: object) -> None:
        """Nothing: such a device does not keep what it told."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that a device offers; `tag` is what would read it under `tags:` of the configuration, if it can be.

    `address` is the protocol's own name of it, `path` where it stands for a reader, `type` the protocol's type.
    """

    address: str
    path: str
    type: str
    value: str = ""
    unit: str | None = None
    tag: Mapping[str, Any] | None = None


@runtime_checkable
class Browsable(Protocol):
    """An adapter whose device can say what it offers."""

    def browse(self, pattern: str = "*") -> AsyncIterator[Offer]:
        """What the connected device offers whose path matches the shell pattern. Raises AdapterError."""


@dataclass(frozen=True, slots=True)
class AdapterKind:
    """One entry of the registry: how a kind of adapter is configured and made.

    `config_model` has the field `tags`, a list of `tag_model`. `from_mapping(source, mapping)` turns the `source` and
    `mapping` of CONFIG_JSON into what `config_model` reads, and raises ConfigurationError naming every fault of them.
    `blank` is what a configuration needs beside the address of its device while no tag is known: enough to browse.
    `polled(config)` is what `Adapter.paced` will be with this `config` of a pipeline, which need not be validated.
    """

    config_model: type[BaseModel]
    tag_model: type[BaseModel]
    factory: Callable[[Any], Adapter]
    from_mapping: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
    blank: Mapping[str, Any] = field(default_factory=dict)
    polled: Callable[[Mapping[str, Any]], bool] = lambda config: False
