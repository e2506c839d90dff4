"""Where the bytes of a value lie among those of its registers, and how they become the value. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from adapters.modbus.config import DataType, DeviceTimeTag, Tag

Value = bool | int | float | str

FORMAT: Final[dict[DataType, str]] = {
    DataType.INT8L: "b",
    DataType.INT8H: "b",
    DataType.UINT8L: "B",
    DataType.UINT8H: "B",
    DataType.INT16: "h",
    DataType.UINT16: "H",
    DataType.INT32: "i",
    DataType.UINT32: "I",
    DataType.INT64: "q",
    DataType.UINT64: "Q",
    DataType.FLOAT16: "e",
    DataType.FLOAT32: "f",
    DataType.FLOAT64: "d",
}
"""Code of each number in the module struct."""
FLOATS: Final = frozenset({DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64})
SWAPPED_BYTES: Final = frozenset({"DCBA", "BADC", "HGFEDCBA", "BADCFEHG"})
REVERSED_WORDS: Final = frozenset({"DCBA", "CDAB", "HGFEDCBA", "GHEFCDAB"})
_LOW_BYTE: Final = frozenset({DataType.INT8L, DataType.UINT8L})
_HIGH_BYTE: Final = frozenset({DataType.INT8H, DataType.UINT8H})
_MICROSECONDS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
_YEAR_9999_US: Final = 253_370_764_800_000_000

Finish = Callable[[Any], Value | None]


@dataclass(frozen=True, slots=True)
class Layout:
    """The bytes of a value on the wire: `positions` bring them into big-endian order, `format` is that of struct.

    `finish` makes the value of what struct gives; None: it is the value already.
    """

    positions: tuple[int, ...]
    format: str
    finish: Finish | None = None

    def moved(self, by: int) -> Layout:
        """The same value `by` bytes further on."""
        return Layout(tuple(position + by for position in self.positions), self.format, self.finish)


def layout_of_tag(tag: Tag) -> Layout:
    """Layout of a tag in its registers; a coil or discrete input is the lowest bit of the first byte."""
    if tag.kind.is_bits:
        return layout_of_bit(0)
    if tag.bit is not None:
        # bits are counted from the low byte of the word, which comes last
        positions = _ordered(2, tag.byte_order)
        return Layout((positions[1 - tag.bit // 8],), "B", _bit(tag.bit % 8))
    if tag.length is not None:
        # words of a string are in reading order: only the two characters of each may be swapped
        order = "BADC" if tag.byte_order in SWAPPED_BYTES else "ABCD"
        positions = _ordered(2 * tag.registers, order)[: tag.length]
        return Layout(positions, f"{tag.length}s", _text)
    return Layout(*_number(tag.type, tag), _scaler(tag))


def layout_of_bit(index: int) -> Layout:
    """Layout of coil or discrete input `index` of a read; eight to a byte, the first lowest."""
    return Layout((index // 8,), "B", _bit(index % 8))


def layout_of_clock(clock: DeviceTimeTag) -> Layout:
    """Layout of a device's clock: µs since the epoch, or None when it holds no time (0, negative, not a number)."""
    unit_us = _MICROSECONDS[clock.resolution]

    def time_us(raw: int | float) -> int | None:
        # NaN fails this too, and so does what no calendar can name
        return round(raw * unit_us) if 0 < raw < _YEAR_9999_US / unit_us else None

    return Layout(*_number(clock.type, clock), time_us)


def _number(type_: DataType, at: Tag | DeviceTimeTag) -> tuple[tuple[int, ...], str]:
    positions = _ordered(2 * at.registers, at.byte_order)
    if type_ in _LOW_BYTE:
        positions = positions[1:2]
    elif type_ in _HIGH_BYTE:
        positions = positions[0:1]
    return positions, FORMAT[type_]


def _ordered(size: int, byte_order: str) -> tuple[int, ...]:
    words = range(0, size, 2)
    first, second = (1, 0) if byte_order in SWAPPED_BYTES else (0, 1)
    ordered = reversed(words) if byte_order in REVERSED_WORDS else words
    return tuple(position for word in ordered for position in (word + first, word + second))


def _bit(number: int) -> Finish:
    mask = 1 << number
    return lambda raw: raw & mask != 0


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace").rstrip()


def _scaler(tag: Tag) -> Finish | None:
    scale, offset = tag.scale, tag.offset
    if scale == 1.0 and offset == 0.0:
        return None
    if tag.type in FLOATS:
        return lambda raw: raw * scale + offset
    # a register of 3 at scale 0.1 is 0.3 to whoever reads it, not 0.30000000000000004: one division of whole numbers,
    # which rounds once
    exact_scale, exact_offset = Fraction(repr(scale)), Fraction(repr(offset))
    divisor = math.lcm(exact_scale.denominator, exact_offset.denominator)
    factor, summand = int(exact_scale * divisor), int(exact_offset * divisor)

    def scaled(raw: int) -> float:
        try:
            return (raw * factor + summand) / divisor
        except OverflowError:
            return math.inf

    return scaled
