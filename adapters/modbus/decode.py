"""Registers to values and back. Pure: no network, no clock."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from adapters.modbus.config import DataType, DeviceTimeTag, Tag

Value = bool | int | float | str

_FORMAT: Final[dict[DataType, str]] = {
    DataType.INT16: ">h",
    DataType.UINT16: ">H",
    DataType.INT32: ">i",
    DataType.UINT32: ">I",
    DataType.INT64: ">q",
    DataType.UINT64: ">Q",
    DataType.FLOAT16: ">e",
    DataType.FLOAT32: ">f",
    DataType.FLOAT64: ">d",
}
_SWAPPED_BYTES: Final = frozenset({"DCBA", "BADC", "HGFEDCBA", "BADCFEHG"})
_REVERSED_WORDS: Final = frozenset({"DCBA", "CDAB", "HGFEDCBA", "GHEFCDAB"})
_MICROSECONDS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
_YEAR_9999_US: Final = 253_370_764_800_000_000


def to_bytes(words: Sequence[int], byte_order: str) -> bytes:
    """Big-endian bytes of a value that lies in `words` (0 to 65535 each) in the given order."""
    ordered = reversed(words) if byte_order in _REVERSED_WORDS else words
    return b"".join(word.to_bytes(2, "little" if byte_order in _SWAPPED_BYTES else "big") for word in ordered)


def to_words(data: bytes, byte_order: str) -> list[int]:
    """Inverse of `to_bytes`; `data` has an even length."""
    endian = "little" if byte_order in _SWAPPED_BYTES else "big"
    words = [int.from_bytes(data[i : i + 2], "little" if endian == "little" else "big") for i in range(0, len(data), 2)]
    return words[::-1] if byte_order in _REVERSED_WORDS else words


def decode(tag: Tag, words: Sequence[int]) -> Value:
    """Value of `tag` from its own registers (`tag.registers` of them; one bit for coils and discrete inputs).

    Scale and offset are applied to numbers; a number without them keeps its exact integer. Floats may be NaN or ±Inf:
    the caller decides what a dead sensor is. A STRING ends at its first NUL and loses its trailing spaces.
    """
    if tag.kind.is_bits:
        return bool(words[0])
    if tag.bit is not None:
        return bool(to_word(words[0], tag.byte_order) >> tag.bit & 1)
    if tag.type is DataType.STRING:
        # words of a string are in reading order: only the two characters of each may be swapped
        raw = to_bytes(words, "BADC" if tag.byte_order in _SWAPPED_BYTES else "ABCD")
        return raw[: tag.length].split(b"\0", 1)[0].decode("utf-8", "replace").rstrip()
    return _scaled(tag, _number(tag.type, tag.byte_order, words))


def to_word(word: int, byte_order: str) -> int:
    """One register with its bytes in big-endian order."""
    return int.from_bytes(to_bytes([word], byte_order), "big")


def decode_time_us(tag: DeviceTimeTag, words: Sequence[int]) -> int | None:
    """The device's clock in microseconds since the epoch; None when it holds no time (0, negative or not a number)."""
    raw = _number(tag.type, tag.byte_order, words)
    # NaN fails this too, and so does what no calendar can name
    if not 0 < raw < _YEAR_9999_US / _MICROSECONDS[tag.resolution]:
        return None
    return round(raw * _MICROSECONDS[tag.resolution])


def encode(value: float, type_: DataType, byte_order: str = "ABCD") -> list[int]:
    """Registers of a number (integers are rounded); the inverse of decoding without scale and offset.

    Raises struct.error or OverflowError when the value does not fit the type.
    """
    number = value if _FORMAT[type_][1] in "efd" else round(value)
    return to_words(struct.pack(_FORMAT[type_], number), byte_order)


def encode_string(text: str, length: int) -> list[int]:
    """Registers of a string, two characters each, padded with NUL."""
    size = (length + 1) // 2 * 2
    return to_words(text.encode()[:length].ljust(size, b"\0"), "ABCD")


def _number(type_: DataType, byte_order: str, words: Sequence[int]) -> int | float:
    data = to_bytes(words, byte_order)
    match type_:
        case DataType.INT8L | DataType.INT8H:
            return int.from_bytes(data[1:2] if type_ is DataType.INT8L else data[0:1], "big", signed=True)
        case DataType.UINT8L | DataType.UINT8H:
            return data[1] if type_ is DataType.UINT8L else data[0]
    number: int | float = struct.unpack(_FORMAT[type_], data)[0]
    return number


def _scaled(tag: Tag, raw: int | float) -> int | float:
    if tag.scale == 1.0 and tag.offset == 0.0:
        return raw
    if isinstance(raw, float):
        return raw * tag.scale + tag.offset
    # a register of 3 at scale 0.1 is 0.3 to whoever reads it, not 0.30000000000000004
    return float(raw * Decimal(repr(tag.scale)) + Decimal(repr(tag.offset)))
