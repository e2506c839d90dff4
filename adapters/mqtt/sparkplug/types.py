"""Data types of Sparkplug B and the values that they have. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

from ironstream.domain.times import MAX_US, to_iso


class DataType(IntEnum):
    """What a metric is, by the numbers of the specification."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19

    @property
    def is_text(self) -> bool:
        """Sent as events only."""
        return self in _TEXT

    @property
    def is_single(self) -> bool:
        """One number, state or text."""
        return 1 <= self <= 15


_TEXT: Final = frozenset({DataType.STRING, DataType.TEXT, DataType.UUID, DataType.DATETIME})
_SIGNED_BITS: Final = {DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64}
_UNSIGNED_BITS: Final = {DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64}

Value = bool | int | float | str


class MetricError(ValueError):
    """A metric that cannot be read; the text says why."""


def datatype_of(number: int) -> DataType:
    """The type of a number. Raises MetricError for one that is no single value, data set or template."""
    try:
        return DataType(number)
    except ValueError:
        raise MetricError(f"datatype {number} is not read (arrays, property sets)") from None


def value_of(type_: DataType, holder: Any) -> Value | None:
    """The single value that a message holds (`value` oneof) as its type; None where it holds none.

    Raises MetricError where what it holds is of another type.
    """
    field = holder.WhichOneof("value")
    if field is None:
        return None
    try:
        raw = getattr(holder, field)
    except UnicodeDecodeError:
        raise MetricError("text that is not UTF-8") from None
    if type_ is DataType.UNKNOWN:
        type_ = _GUESSED.get(field, DataType.UNKNOWN)
    if type_ in _SIGNED_BITS and isinstance(raw, int) and not isinstance(raw, bool):
        return _signed(raw, _SIGNED_BITS[type_])
    if type_ in _UNSIGNED_BITS and isinstance(raw, int) and not isinstance(raw, bool):
        return int(raw & (1 << _UNSIGNED_BITS[type_]) - 1)
    if type_ in (DataType.FLOAT, DataType.DOUBLE) and isinstance(raw, float):
        return raw
    if type_ is DataType.BOOLEAN and isinstance(raw, bool):
        return raw
    if type_ is DataType.DATETIME and isinstance(raw, int) and not isinstance(raw, bool):
        return to_iso(raw * 1000) if raw * 1000 <= MAX_US else str(raw)
    if type_ in _TEXT and isinstance(raw, str):
        return raw
    raise MetricError(f"{type_.name} holds {field}")


_GUESSED: Final = {
    "int_value": DataType.INT32,
    "long_value": DataType.INT64,
    "float_value": DataType.FLOAT,
    "double_value": DataType.DOUBLE,
    "boolean_value": DataType.BOOLEAN,
    "string_value": DataType.STRING,
}


def _signed(raw: int, bits: int) -> int:
    raw &= (1 << bits) - 1
    return raw - (1 << bits) if raw >> bits - 1 else raw
