"""Registers to values and back. Pure: no network, no clock."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from operator import itemgetter

from adapters.modbus.config import DataType, DeviceTimeTag, Tag
from adapters.modbus.layout import (
    FLOATS,
    FORMAT,
    REVERSED_WORDS,
    SWAPPED_BYTES,
    Layout,
    layout_of_clock,
    layout_of_tag,
)
from adapters.modbus.layout import Value as Value


class Decoder:
    """Decodes the values of one read together: their bytes are put in order once and unpacked by one struct.

    Worked out once for each read of the plan; a call costs a tenth of decoding tag by tag.
    """

    def __init__(self, layouts: Sequence[Layout]) -> None:
        positions = [position for layout in layouts for position in layout.positions]
        self._first = positions[0]
        # bytes that lie in order already, as those of big-endian neighbours do, need no gathering
        ordered = positions == list(range(self._first, self._first + len(positions)))
        self._gather = None if ordered else itemgetter(*positions)
        self._struct = struct.Struct(">" + "".join(layout.format for layout in layouts))
        self._finishes = [layout.finish for layout in layouts]
        self._unpacked_are_values = not any(self._finishes)

    def __call__(self, data: bytes) -> Sequence[Value | None]:
        """A value for each layout, in their order, of `data` as the device sent it."""
        if self._gather is None:
            unpacked = self._struct.unpack_from(data, self._first)
        else:
            unpacked = self._struct.unpack(bytes(self._gather(data)))
        if self._unpacked_are_values:
            return unpacked
        return [raw if finish is None else finish(raw) for raw, finish in zip(unpacked, self._finishes, strict=True)]


def decode(tag: Tag, words: Sequence[int]) -> Value:
    """Value of `tag` from its own registers (`tag.registers` of them; one bit for coils and discrete inputs).

    Scale and offset are applied to numbers; a number without them keeps its exact integer. Floats may be NaN or ±Inf:
    the caller decides what a dead sensor is. A STRING ends at its first NUL and loses its trailing spaces.
    """
    if tag.kind.is_bits:
        return bool(words[0])
    (value,) = Decoder([layout_of_tag(tag)])(to_bytes(words))
    assert value is not None, "only a clock may hold nothing"
    return value


def decode_time_us(tag: DeviceTimeTag, words: Sequence[int]) -> int | None:
    """The device's clock in microseconds since the epoch; None when it holds no time (0, negative or not a number)."""
    (time_us,) = Decoder([layout_of_clock(tag)])(to_bytes(words))
    return None if time_us is None else int(time_us)


def to_bytes(words: Sequence[int]) -> bytes:
    """Registers (0 to 65535 each) as they are on the wire."""
    return struct.pack(f">{len(words)}H", *words)


def to_words(data: bytes, byte_order: str) -> list[int]:
    """Registers of a big-endian value of `len(data)` (an even number of) bytes that lies there in `byte_order`."""
    words = list(struct.unpack(f"{'<' if byte_order in SWAPPED_BYTES else '>'}{len(data) // 2}H", data))
    return words[::-1] if byte_order in REVERSED_WORDS else words


def encode(value: float, type_: DataType, byte_order: str = "ABCD") -> list[int]:
    """Registers of a number of 16 to 64 bits (integers are rounded); the inverse of decoding without scale and offset.

    Raises struct.error or OverflowError when the value does not fit the type.
    """
    number = value if type_ in FLOATS else round(value)
    return to_words(struct.pack(">" + FORMAT[type_], number), byte_order)


def encode_string(text: str, length: int) -> list[int]:
    """Registers of a string, two characters each, padded with NUL."""
    size = (length + 1) // 2 * 2
    return to_words(text.encode()[:length].ljust(size, b"\0"), "ABCD")
