"""Where a value lies among the virtual registers of a node, and how its bytes are read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.modbus.config import ByteOrder, DataType, DeviceTimeTag, RegisterKind, TagValue
from adapters.modbus.config import Tag as ModbusTag
from adapters.modbus.decode import Decoder
from adapters.modbus.layout import SWAPPED_BYTES, layout_of_bit, layout_of_clock, layout_of_tag
from ironstream.names import IdentityPart

DIGITAL_LINES: Final = 16
ANALOG_LINES: Final = 8
SUPPLY_LINE: Final = 7
"""Analog line that stands for the supply voltage of the radio itself."""

_BYTES: Final = {"INT8": DataType.INT8H, "UINT8": DataType.UINT8H}
_ONE_BYTE: Final = {
    DataType.INT8L: DataType.INT8H,
    DataType.INT8H: DataType.INT8H,
    DataType.UINT8L: DataType.UINT8H,
    DataType.UINT8H: DataType.UINT8H,
    DataType.BIT: DataType.BIT,
}


class _Place(BaseModel):
    """A place among the virtual registers: a register, or a byte of them (bytes 2 r and 2 r + 1 are register r)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: int | None = Field(default=None, ge=0, le=65535, description="Virtual register, or line, counted from 0.")
    byte: int | None = Field(
        default=None,
        ge=0,
        le=131_071,
        description="In place of `address`, a byte of the virtual registers, counted from 0: bytes 2 r and 2 r + 1 are "
        "register r, so without a layout it is the byte of the payload. INT8, UINT8 and BIT take this one byte.",
    )
    byte_order: ByteOrder = Field(default="ABCD", description="Order of the bytes of the value in the payload.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.address is None) == (self.byte is None):
            raise ValueError("give address or byte, one of them")
        return self

    @property
    def first_byte(self) -> int:
        """Byte of the virtual registers that the value begins at."""
        return self.byte if self.byte is not None else 2 * (self.address or 0)


class TimeField(_Place):
    """Where a message carries the radio's own clock, as UTC."""

    type: Literal[DataType.UINT32, DataType.UINT64, DataType.FLOAT64] = Field(
        default=DataType.UINT32, description="UINT32, UINT64 or FLOAT64 since 1970-01-01 UTC."
    )
    resolution: Literal["s", "ms", "us"] = Field(default="s", description="What the clock counts.")

    @cached_property
    def size(self) -> int:
        """Bytes that it takes."""
        return 2 * self._as_modbus.registers

    @cached_property
    def decoder(self) -> Decoder:
        """What makes the time of its bytes."""
        return Decoder([layout_of_clock(self._as_modbus)])

    @property
    def _as_modbus(self) -> DeviceTimeTag:
        return DeviceTimeTag(address=0, type=self.type, byte_order=self.byte_order, resolution=self.resolution)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _faults_of(lambda: self._as_modbus)
        return self


class Tag(TagValue, _Place):
    """One value of one node: a number becomes a reading, a string an event.

    `kind` names the space as Modbus does: holding registers are the payload of data frames, discrete inputs the digital
    lines (DIO0 is 0) and input registers the analog lines (AD0 is 0, the supply voltage 7) of I/O samples.
    """

    name: IdentityPart = Field(description="Name of the parameter in ironstream.")
    node: str | None = Field(
        default=None, description="Its node, by node_id or address64; may be left out where there is only one."
    )
    asset: IdentityPart | None = Field(default=None, description="Asset of this tag; left out: that of the node.")
    kind: Literal[RegisterKind.HOLDING, RegisterKind.INPUT, RegisterKind.DISCRETE] = Field(
        default=RegisterKind.HOLDING,
        description="holding: payload of data frames. input: analog lines. discrete: digital lines.",
    )
    type: DataType = Field(default=DataType.UINT16, description="How the bytes are read; with `byte` also INT8, UINT8.")
    bit: int | None = Field(default=None, ge=0, le=15, description="Bit of a register or byte, 0 = least significant.")
    length: int | None = Field(default=None, ge=1, le=250, description="Characters of a STRING.")

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        if "type" not in data and ("bit" in data or data.get("kind") == RegisterKind.DISCRETE):
            return {**data, "type": DataType.BIT}
        if data.get("type") in _BYTES and data.get("byte") is not None:
            return {**data, "type": _BYTES[data["type"]]}
        return data

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind is RegisterKind.HOLDING:
            if self.is_byte and self.bit is not None and self.bit > 7:
                raise ValueError(f"bit {self.bit} is not in a byte: it has 0 to 7")
        else:
            lines = DIGITAL_LINES if self.kind is RegisterKind.DISCRETE else ANALOG_LINES
            if self.address is None or self.address >= lines:
                raise ValueError(f"kind {self.kind} is a line of the radio: give address 0 to {lines - 1}")
            if self.kind is RegisterKind.INPUT and self.type not in (DataType.UINT16, DataType.INT16):
                raise ValueError("an analog line is one register: type UINT16")
        _faults_of(lambda: self._as_modbus)
        return self

    @property
    def is_byte(self) -> bool:
        """Whether the value is one byte or within it, not registers."""
        return self.byte is not None and self.type in _ONE_BYTE

    @cached_property
    def size(self) -> int:
        """Bytes that the value takes."""
        if self.is_byte:
            return 1
        # a text may end within a register, unless the two characters of each are swapped
        if self.length is not None and self.byte_order not in SWAPPED_BYTES:
            return self.length
        return 2 * self._as_modbus.registers

    @cached_property
    def decoder(self) -> Decoder:
        """What makes the value of its bytes; of a line they are those of its register, or one byte with bit 0."""
        if self.is_byte and self.bit is not None:
            return Decoder([layout_of_bit(self.bit)])
        return Decoder([layout_of_tag(self._as_modbus)])

    @property
    def _as_modbus(self) -> ModbusTag:
        type_, order = (_ONE_BYTE[self.type], "ABCD") if self.is_byte else (self.type, self.byte_order)
        return ModbusTag.model_validate(
            {
                "name": self.name,
                "kind": self.kind,
                "address": 0,
                "type": type_,
                "byte_order": order,
                "bit": self.bit,
                "length": self.length,
                "scale": self.scale,
                "offset": self.offset,
            }
        )


def _faults_of(make: Callable[[], object]) -> None:
    """Let the rules of Modbus speak, in the words of this configuration."""
    try:
        make()
    except ValidationError as error:
        raise ValueError("; ".join(e["msg"].removeprefix("Value error, ") for e in error.errors())) from None
