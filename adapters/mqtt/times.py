"""Times of payloads to µs since the epoch. Pure."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

from ironstream.domain.times import MAX_US, to_us


class TimeUnit(StrEnum):
    """What a time that is a number counts; `auto` tells s, ms, µs and ns by its size."""

    AUTO = "auto"
    S = "s"
    MS = "ms"
    US = "us"
    NS = "ns"


_PER_UNIT_US: Final = {TimeUnit.S: 1e6, TimeUnit.MS: 1e3, TimeUnit.US: 1.0, TimeUnit.NS: 1e-3}
_FROM: Final = ((1e17, TimeUnit.NS), (1e14, TimeUnit.US), (1e11, TimeUnit.MS))
"""From this size on a number counts that: each holds the years 1973 to 5138."""


class TimeError(ValueError):
    """What should be a time is none; the text says why."""


def time_us(value: object, unit: TimeUnit = TimeUnit.AUTO) -> int:
    """ISO-8601 with offset, or a number (also as text) since the epoch. Raises TimeError."""
    if isinstance(value, str):
        try:
            number = float(value) if "." in value else int(value)
        except ValueError:
            return _iso(value)
        return _epoch(number, unit)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TimeError(f"a {type(value).__name__} is not a time: give ISO-8601 with offset, or the epoch")
    return _epoch(value, unit)


def _iso(text: str) -> int:
    try:
        return to_us(text)
    except ValueError as error:
        raise TimeError(str(error)) from error


def _epoch(number: int | float, unit: TimeUnit) -> int:
    if not math.isfinite(number) or number <= 0 or number > MAX_US * 1e3:
        raise TimeError("the number is outside the years 1970 to 9999")
    if unit is TimeUnit.AUTO:
        unit = next((name for least, name in _FROM if number >= least), TimeUnit.S)
    us = _exact_us(number, unit) if isinstance(number, int) else round(number * _PER_UNIT_US[unit])
    if not 0 < us <= MAX_US:
        raise TimeError("the number is outside the years 1970 to 9999")
    return us


def _exact_us(number: int, unit: TimeUnit) -> int:
    # a double has no room for all digits of a time in ns
    return number // 1000 if unit is TimeUnit.NS else number * int(_PER_UNIT_US[unit])
