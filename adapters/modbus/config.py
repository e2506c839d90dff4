"""Configuration of the Modbus adapters.

A pipeline of topology.yaml carries this under `config:`:

    config:
      host: 127.0.0.1
      port: 5020
      unit_id: 1
      address_base: 0
      tags:
        - {name: temperature, address: 0, type: FLOAT32, byte_order: CDAB, unit: degC}
        - {name: speed, address: 2, type: INT16, scale: 0.1, unit: rpm}
        - {name: running, address: 4, type: BIT, bit: 0, event: true}
        - {name: firmware, address: 10, type: STRING, length: 8}
        - {name: valve_open, kind: coil, address: 0}
      device_time: {address: 20, type: UINT32, resolution: s}
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ironstream.gateway.report_config import ReportConfig
from ironstream.names import IdentityPart, twice
from ironstream.naming import Nameless

MAX_REGISTERS_PER_READ = 125
MAX_BITS_PER_READ = 2000


class RegisterKind(StrEnum):
    """The four address spaces of a Modbus device."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def is_bits(self) -> bool:
        """True for the two spaces that are read bit by bit."""
        return self in (RegisterKind.COIL, RegisterKind.DISCRETE)


class DataType(StrEnum):
    """How the registers of a tag are read. `L`/`H` is the low or high byte of one register."""

    BIT = "BIT"
    INT8L = "INT8L"
    INT8H = "INT8H"
    UINT8L = "UINT8L"
    UINT8H = "UINT8H"
    INT16 = "INT16"
    UINT16 = "UINT16"
    INT32 = "INT32"
    UINT32 = "UINT32"
    INT64 = "INT64"
    UINT64 = "UINT64"
    FLOAT16 = "FLOAT16"
    FLOAT32 = "FLOAT32"
    FLOAT64 = "FLOAT64"
    STRING = "STRING"


REGISTERS: dict[DataType, int] = {
    DataType.INT32: 2,
    DataType.UINT32: 2,
    DataType.FLOAT32: 2,
    DataType.INT64: 4,
    DataType.UINT64: 4,
    DataType.FLOAT64: 4,
}
"""Registers of the types that take more than one (STRING: by its length)."""

ByteOrder = Literal["ABCD", "DCBA", "BADC", "CDAB", "ABCDEFGH", "HGFEDCBA", "BADCFEHG", "GHEFCDAB"]
"""ABCD: big endian. DCBA: little endian. BADC: bytes swapped in each register. CDAB: registers in reverse order. The
eight-letter forms say the same of four registers; the four-letter ones hold for values of any width."""


class Location(BaseModel):
    """Where a value is in a device, and how its registers are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: RegisterKind = Field(
        default=RegisterKind.HOLDING, description="Address space: coil, discrete, input, holding."
    )
    address: int = Field(
        ge=0, le=65536, description="Address of the first register or bit, counted from the device's address_base."
    )
    byte_order: ByteOrder = Field(default="ABCD", description="Order of the bytes of the value on the wire.")
    unit_id: int | None = Field(
        default=None, ge=0, le=255, description="Unit (slave) id of this tag; left out: that of the device."
    )


class TagValue(BaseModel):
    """What becomes of a value once it is read, the same wherever registers come from."""

    scale: float = Field(default=1.0, allow_inf_nan=False, description="Value = raw × scale + offset.")
    offset: float = Field(
        default=0.0, allow_inf_nan=False, description="Value = raw × scale + offset, in the unit of the tag."
    )
    unit: str | None = Field(default=None, description="Unit of the value after scale and offset.")
    event: bool = Field(default=False, description="Send an event on each change as well (discrete states).")
    report: ReportConfig | None = Field(
        default=None, description="Report by exception; left out: the `report` of the device."
    )


class Tag(TagValue, Location):
    """One value to read: a number becomes a reading, a string an event."""

    name: IdentityPart = Field(description="Name of the parameter in ironstream.")
    asset: IdentityPart | None = Field(
        default=None,
        description="Asset of this tag, for several machines behind one connection; empty: the pipeline's.",
    )
    type: DataType = Field(
        default=DataType.UINT16, description="How the registers are read; BIT for coils and discrete inputs."
    )
    bit: int | None = Field(default=None, ge=0, le=15, description="Bit of the register, 0 = least significant (BIT).")
    length: int | None = Field(default=None, ge=1, le=250, description="Characters of a STRING, two per register.")

    @model_validator(mode="before")
    @classmethod
    def _bits_are_bits(cls, data: object) -> object:
        if (
            isinstance(data, dict)
            and "type" not in data
            and ("bit" in data or data.get("kind") in ("coil", "discrete"))
        ):
            return {**data, "type": DataType.BIT}
        return data

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind.is_bits and self.type is not DataType.BIT:
            raise ValueError(f"a {self.kind} is a bit: type {self.type} needs kind holding or input")
        if self.kind.is_bits and self.bit is not None:
            raise ValueError(f"bit picks one of a register: a {self.kind} has its own address")
        if not self.kind.is_bits and (self.type is DataType.BIT) != (self.bit is not None):
            raise ValueError("type BIT of a register needs bit 0 to 15, and bit needs type BIT")
        if (self.type is DataType.STRING) != (self.length is not None):
            raise ValueError("type STRING needs length, and only it")
        if self.type in (DataType.STRING, DataType.BIT) and (self.scale != 1.0 or self.offset != 0.0):
            raise ValueError(f"scale and offset do not apply to type {self.type}")
        if self.scale == 0:
            raise ValueError("scale 0 makes every value the same")
        if len(self.byte_order) == 8 and self.registers != 4 and self.type is not DataType.STRING:
            raise ValueError(f"byte_order {self.byte_order} is of four registers, {self.type} has {self.registers}")
        return self

    @property
    def key(self) -> str:
        """Tells the tag from all others of the device."""
        return f"{self.asset}/{self.name}" if self.asset else self.name

    @property
    def registers(self) -> int:
        """Registers (or bits, for coils and discrete inputs) that the tag takes."""
        if self.length is not None:
            return (self.length + 1) // 2
        return REGISTERS.get(self.type, 1)


class DeviceTimeTag(Location):
    """Registers that hold the device's own clock as UTC; its readings then carry that time."""

    type: Literal[DataType.UINT32, DataType.UINT64, DataType.FLOAT64] = Field(
        default=DataType.UINT32, description="UINT32, UINT64 or FLOAT64 since 1970-01-01 UTC."
    )
    resolution: Literal["s", "ms", "us"] = Field(default="s", description="What the clock counts.")

    @property
    def registers(self) -> int:
        """Registers that the clock takes."""
        return REGISTERS[self.type]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind.is_bits:
            raise ValueError("a clock is in holding or input registers")
        if len(self.byte_order) == 8 and self.registers != 4:
            raise ValueError(f"byte_order {self.byte_order} is of four registers, {self.type} has {self.registers}")
        return self


class ModbusConfig(BaseModel):
    """What every transport of Modbus shares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit_id: int = Field(default=1, ge=0, le=255, description="Unit (slave) id of the device.")
    address_base: Literal[0, 1] = Field(
        default=0, description="Address of the first register in the device's manual: 0 or 1."
    )
    tags: tuple[Tag, ...] = Field(min_length=1, description="The values to read.")
    device_time: DeviceTimeTag | None = Field(
        default=None, description="Registers of the device's clock; left out: readings carry the gateway's time only."
    )
    report: ReportConfig = Field(default=ReportConfig(), description="Report by exception of tags without their own.")
    max_gap: int = Field(
        default=8, ge=0, le=125, description="Unused registers (or bits) that one read may span to merge two tags."
    )
    max_registers_per_read: int = Field(
        default=MAX_REGISTERS_PER_READ, ge=1, le=MAX_REGISTERS_PER_READ, description="The device's cap of one read."
    )
    max_bits_per_read: int = Field(
        default=MAX_BITS_PER_READ, ge=1, le=MAX_BITS_PER_READ, description="The device's cap of one read of bits."
    )
    timeout_s: float = Field(default=3.0, gt=0, description="Longest wait for a connection and for one answer.")
    pause_after_connect_s: float = Field(default=0.0, ge=0, description="Wait after connecting, for slow gateways.")
    pause_between_requests_s: float | None = Field(
        default=None,
        ge=0,
        description="Silence before each request; left out: 3.5 characters of a serial line, else 0.",
    )
    retries: int = Field(
        default=0,
        ge=0,
        le=20,
        description="How often a request without a whole answer is repeated; not of a failed unit.",
    )
    unit_timeout_s: dict[Annotated[int, Field(ge=0, le=255)], Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="`timeout_s` of single units, by unit_id."
    )
    late_answer_s: float | None = Field(
        default=None,
        ge=0,
        description="RTU frames: how long a unit is not asked after it did not answer, for its late answer could not "
        "be told from the next one; left out: as long as its timeout.",
    )
    busy_retries: int = Field(
        default=3, ge=0, le=20, description="How often a request is repeated that the device answered with 'busy'."
    )
    busy_pause_s: float = Field(default=0.1, ge=0, description="Wait before a busy device is asked again.")
    suspend_after_failures: int = Field(
        default=3, ge=1, description="A unit that failed this many cycles in a row is left out until the next probe."
    )
    probe_interval_s: float = Field(default=10.0, gt=0, description="How often a suspended unit is asked again.")

    @property
    def nameless(self) -> list[Nameless]:
        """Tags without an asset."""
        return [Nameless(("tags", at), tag.name) for at, tag in enumerate(self.tags) if tag.asset is None]

    def timeout_of(self, unit_id: int) -> float:
        """Longest wait for an answer of the unit, in s."""
        return self.unit_timeout_s.get(unit_id, self.timeout_s)

    def late_answer_of(self, unit_id: int) -> float:
        """How long after its timeout an answer of the unit may still come, in s."""
        return self.timeout_of(unit_id) if self.late_answer_s is None else self.late_answer_s

    def has_numbered_frames(self) -> bool:
        """False for RTU frames, which do not tell the request that they answer."""
        return True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults: list[str] = []
        faults += [f"tag {name} is given twice" for name in twice(tag.key for tag in self.tags)]
        for label, location, registers in self._located():
            last = location.address - self.address_base + registers - 1
            if location.address < self.address_base or last > 65535:
                faults.append(f"{label}: address {location.address} with address_base {self.address_base} is outside")
            cap = self.max_bits_per_read if location.kind.is_bits else self.max_registers_per_read
            if registers > cap:
                faults.append(f"{label}: {registers} registers are more than one read may take ({cap})")
        if not self.has_numbered_frames() and any(self._unit_of(at) == 0 for _, at, _ in self._located()):
            faults.append("unit_id 0 is a broadcast in RTU frames, which nobody answers: give 1 to 247")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _unit_of(self, location: Location) -> int:
        return self.unit_id if location.unit_id is None else location.unit_id

    def _located(self) -> list[tuple[str, Location, int]]:
        located: list[tuple[str, Location, int]] = [(f"tag {tag.key}", tag, tag.registers) for tag in self.tags]
        if self.device_time is not None:
            located.append(("device_time", self.device_time, self.device_time.registers))
        return located


class ModbusTcpConfig(ModbusConfig):
    """A device, or a gateway with several units behind it, on Modbus TCP."""

    host: str = Field(min_length=1, description="Host name or address of the device.")
    port: int = Field(default=502, ge=1, le=65535, description="TCP port of the device.")
    framer: Literal["socket", "rtu"] = Field(
        default="socket", description="socket: Modbus TCP. rtu: RTU frames over TCP, as serial servers pass them on."
    )

    def has_numbered_frames(self) -> bool:
        """Whether frames carry a transaction id."""
        return self.framer == "socket"
