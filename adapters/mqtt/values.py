"""Values of payloads: numbers, states, text. Pure."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

Value = bool | int | float | str | None
_STATES: Final = {
    "true": True,
    "on": True,
    "yes": True,
    "false": False,
    "off": False,
    "no": False,
}
_CERTAIN: Final = frozenset({"true", "false", "on", "off"})
"""Words that are a state wherever they come; the others only where a state is expected."""
_INT64: Final = 2**63
_UINT64: Final = 2**64


class UnfitValueError(ValueError):
    """A value that is not of the type that is expected; the text says why."""


class ValueType(StrEnum):
    """What a value is taken for: a number becomes a reading, a state (bool) a reading and an event, text an event."""

    NUMBER = "number"
    BOOL = "bool"
    TEXT = "text"
    AUTO = "auto"


def from_json(value: Any, type_: ValueType) -> Value:
    """A single value of a JSON document as `type_`; None for null. Raises UnfitValueError for any that is not so."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if type_ in (ValueType.TEXT, ValueType.AUTO) else from_text(value, type_)
    if not isinstance(value, bool | int | float):
        raise UnfitValueError(f"an {'array' if isinstance(value, list) else 'object'} is no single value")
    match type_:
        case ValueType.AUTO:
            return _bounded(value)
        case ValueType.NUMBER:
            return _bounded(value) if not isinstance(value, bool) else int(value)
        case ValueType.BOOL:
            if value not in (0, 1):
                raise UnfitValueError(f"{value} is no state: 0, 1, true and false are")
            return bool(value)
    return _text(value)


def from_text(text: str, type_: ValueType) -> Value:
    """The value of a text as `type_`; `auto`: a number, else a state (true, false, on, off), else the text.

    Raises UnfitValueError where it is not so.
    """
    stripped = text.strip()
    word = stripped.lower()
    match type_:
        case ValueType.TEXT:
            return stripped
        case ValueType.BOOL:
            if word in ("1", "0"):
                return word == "1"
            if word not in _STATES:
                raise UnfitValueError(f"{stripped[:40]!r} is no state: true, false, on, off, yes, no, 1 and 0 are")
            return _STATES[word]
    number = _number(stripped)
    if number is not None:
        return number
    if type_ is ValueType.NUMBER:
        raise UnfitValueError(f"{stripped[:40]!r} is not a number")
    return _STATES[word] if word in _CERTAIN else stripped


def scaled(value: int | float, scale: float, offset: float) -> int | float:
    """value × scale + offset; what has neither keeps its exact integer."""
    if scale == 1.0 and offset == 0.0:
        return value
    if isinstance(value, float):
        return value * scale + offset
    # 3 at scale 0.1 is 0.3 to whoever reads it, not 0.30000000000000004
    return float(value * Decimal(repr(scale)) + Decimal(repr(offset)))


def is_finite(value: Value) -> bool:
    """Whether a value is none of NaN and ±Inf."""
    return not isinstance(value, float) or math.isfinite(value)


def _number(text: str) -> int | float | None:
    # Python's own parsers take more than a device means: 1_000, inf, digits of other scripts
    if not text.isascii() or "_" in text or len(text) > 400:
        return None
    try:
        return _bounded(int(text))
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _bounded(value: int | float) -> int | float:
    """Integers of more than 64 bits as floats: nothing downstream can hold them."""
    if isinstance(value, bool | float) or -_INT64 <= value < _UINT64:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _text(value: bool | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
