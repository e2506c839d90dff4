"""Numbers and times as JSON writes them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ironstream.domain.times import MAX_US, MILLISECONDS_FROM
from ironstream.kernels.compiler import helper

_EXACT_POWERS: Final = 22
_POWERS: Final = np.array([10.0**power for power in range(_EXACT_POWERS + 1)])
_EXACT_INTEGER: Final = 1 << 53
_MOST_DIGITS: Final = 18
_LARGEST_EXPONENT: Final = 250
_MONTH_ENDS: Final = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365])

INTEGER: Final = 0
DECIMAL: Final = 1
LONG: Final = 2
"""A number that only float() reads to the last bit."""
NO_NUMBER: Final = -1


@helper
def is_digit(byte: int) -> bool:
    """Whether it is one of 0 … 9."""
    return 48 <= byte <= 57


@helper
def read_number(buffer: Any, at: int, end: int) -> tuple[int, int, float, int]:
    """Kind, value as an integer (of `INTEGER`s), value, and the place after it, of the JSON number at `at`.

    The value is the double nearest to the text, but for `LONG`. Anything that is no JSON number, has more than 18
    digits or is far out of the doubles' range is `NO_NUMBER`.
    """
    negative = at < end and buffer[at] == 45
    if negative:
        at += 1
    start = at
    mantissa = 0
    digits = 0
    while at < end and is_digit(buffer[at]) and digits <= _MOST_DIGITS:
        mantissa = mantissa * 10 + buffer[at] - 48
        digits += mantissa != 0
        at += 1
    if at == start or (buffer[start] == 48 and at - start > 1) or digits > _MOST_DIGITS:
        return NO_NUMBER, 0, 0.0, at
    exponent = 0
    kind = INTEGER
    if at < end and buffer[at] == 46:
        kind = DECIMAL
        at += 1
        start = at
        while at < end and is_digit(buffer[at]) and digits <= _MOST_DIGITS:
            mantissa = mantissa * 10 + buffer[at] - 48
            digits += mantissa != 0
            at += 1
        exponent = start - at
        if at == start or digits > _MOST_DIGITS:
            return NO_NUMBER, 0, 0.0, at
    if at < end and (buffer[at] == 101 or buffer[at] == 69):
        kind = DECIMAL
        at += 1
        down = at < end and buffer[at] == 45
        if down or (at < end and buffer[at] == 43):
            at += 1
        start = at
        power = 0
        while at < end and is_digit(buffer[at]) and power <= _LARGEST_EXPONENT:
            power = power * 10 + buffer[at] - 48
            at += 1
        if at == start or power > _LARGEST_EXPONENT:
            return NO_NUMBER, 0, 0.0, at
        exponent += -power if down else power
    if at < end and is_digit(buffer[at]):
        return NO_NUMBER, 0, 0.0, at
    value = float(mantissa)
    if mantissa > _EXACT_INTEGER or exponent > _EXACT_POWERS or exponent < -_EXACT_POWERS:
        if mantissa != 0 and not (kind == INTEGER and mantissa <= _EXACT_INTEGER):
            return LONG, -mantissa if negative else mantissa, -value if negative else value, at
    elif exponent > 0:
        # Both factors are exact, so the product is the nearest double.
        value *= _POWERS[exponent]
    elif exponent < 0:
        value /= _POWERS[-exponent]
    return kind, -mantissa if negative else mantissa, -value if negative else value, at


@helper
def _two(buffer: Any, at: int) -> int:
    """A number of two digits; negative where they are none."""
    if is_digit(buffer[at]) and is_digit(buffer[at + 1]):
        return int(buffer[at] - 48) * 10 + int(buffer[at + 1]) - 48
    return -1_000_000


@helper
def epoch_us(value: int) -> int:
    """µs of an integer epoch in s or ms; -1 where it is outside 1970 … 9999."""
    if value < 0 or value > MAX_US:
        return -1
    if value >= MILLISECONDS_FROM:
        value = value * 1_000 if value <= MAX_US // 1_000 else -1
    else:
        value *= 1_000_000
    return value if value <= MAX_US else -1


@helper
def read_time(buffer: Any, start: int, end: int) -> int:
    """µs since the epoch of YYYY-MM-DDThh:mm:ss[.mmm|.ffffff](Z|±hh:mm); -1 for any other text or year."""
    if end - start < 20:
        return -1
    if (
        buffer[start + 4] != 45
        or buffer[start + 7] != 45
        or buffer[start + 10] != 84
        or buffer[start + 13] != 58
        or buffer[start + 16] != 58
    ):
        return -1
    year = _two(buffer, start) * 100 + _two(buffer, start + 2)
    month, day = _two(buffer, start + 5), _two(buffer, start + 8)
    hour, minute, second = _two(buffer, start + 11), _two(buffer, start + 14), _two(buffer, start + 17)
    if year < 1970 or month < 1 or month > 12 or day < 1:
        return -1
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return -1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = _MONTH_ENDS[month] - _MONTH_ENDS[month - 1] + (1 if leap and month == 2 else 0)
    if day > length:
        return -1
    before = year - 1
    days = (year - 1970) * 365 + before // 4 - before // 100 + before // 400 - 477
    days += _MONTH_ENDS[month - 1] + (1 if leap and month > 2 else 0) + day - 1
    microseconds = (days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000
    at = start + 19
    if buffer[at] == 46:
        scale = 1_000_000
        fraction = 0
        at += 1
        first = at
        while at < end and is_digit(buffer[at]) and at - first < 6:
            fraction = fraction * 10 + buffer[at] - 48
            scale //= 10
            at += 1
        if at - first != 3 and at - first != 6:
            return -1
        microseconds += fraction * scale
    if at + 1 == end and buffer[at] == 90:
        pass
    elif at + 6 == end and (buffer[at] == 43 or buffer[at] == 45) and buffer[at + 3] == 58:
        hours, minutes = _two(buffer, at + 1), _two(buffer, at + 4)
        if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
            return -1
        shift = (hours * 3600 + minutes * 60) * 1_000_000
        microseconds += -shift if buffer[at] == 43 else shift
    else:
        return -1
    return microseconds if 0 <= microseconds <= MAX_US else -1
