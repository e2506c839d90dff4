"""Readings in JSON to columns, and where their parts stand in the bytes.

Taken is what machines send: an object of known fields, each once, strings of plain ASCII without escapes. Everything
else (unknown fields, escapes, null or boolean values, older payloads, whatever is no reading) is left to the slow way.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.kernels.compiler import helper, kernel
from ironstream.kernels.json_fields import (
    FIRST,
    FIRST_METADATA,
    FIRST_TIME,
    NAMES,
    OPEN,
    ORDER_LENGTH,
    QUOTE,
    RAW_IN_METADATA,
    RAW_IN_TIMES,
    RAW_TOP,
    after,
    field,
    skip_space,
    string_end,
)
from ironstream.kernels.layout import (
    BEGIN,
    DEVICE,
    END,
    GATEWAY,
    MISSING,
    PARTS,
    QUALITY,
    QUALITY_AT,
    SEQ,
    SLOW,
    TAKEN,
    TAKEN_LONG,
    TIMES_END,
    VALUE,
    VALUE_AT,
    VERSION,
)
from ironstream.kernels.numbers import INTEGER, LONG, NO_NUMBER, epoch_us, read_number, read_time

# the first of the parts stand in `layout` in the order of their names' numbers
_ASSET, _PARAMETER = NAMES.index("asset_id"), NAMES.index("parameter")
_VERSION, _QUALITY, _CLASS = (NAMES.index(name) for name in ("schema_version", "quality", "classification"))
_VALUE, _TIMES, _META = (NAMES.index(name) for name in ("value", "timestamps", "metadata"))
_DEVICE_TIME, _TIMEZONE = NAMES.index("device_time"), NAMES.index("timezone")
_GATEWAY_TIME, _BOOT, _SEQ = (NAMES.index(name) for name in ("gateway_time", "boot", "seq"))
_QUALITIES: Final = np.frombuffer(bytearray(b"GOODSUSPECTUNCERTAINBAD"), np.uint8)
_QUALITY_ENDS: Final = np.array([4, 11, 20, 23])
_QUALITY_STARTS: Final = np.array([0, 4, 11, 20])


@helper
def _same(buffer: Any, start: int, end: int, text: Any, text_start: int, text_end: int) -> bool:
    if end - start != text_end - text_start:
        return False
    for place in range(end - start):  # noqa: SIM110  # numba compiles no generator within all()
        if buffer[start + place] != text[text_start + place]:
            return False
    return True


@helper
def _read_times(buffer: Any, at: int, end: int, row: Any, next_ones: Any) -> int:
    """Read the object `timestamps`; returns the place after it, or -1."""
    if at >= end or buffer[at] != OPEN:
        return -1
    at = skip_space(buffer, at + 1, end)
    seen = 0
    before = FIRST_TIME
    more = True
    while more:
        number, at = field(buffer, at, end, RAW_IN_TIMES, seen, before, next_ones)
        if number < 0:
            return -1
        before = number
        seen |= 1 << number
        if at < end and buffer[at] == QUOTE:
            stop = string_end(buffer, at + 1, end)
            time = 0 if number == _TIMEZONE or stop < 0 else read_time(buffer, at + 1, stop)
            at = stop + 1
            if stop < 0:
                return -1
        else:
            kind, whole, _, at = read_number(buffer, at, end)
            time = epoch_us(whole) if kind == INTEGER and number != _TIMEZONE else -1
        if time < 0:
            return -1
        if number == _DEVICE_TIME:
            row[DEVICE] = time
        elif number == _GATEWAY_TIME:
            row[GATEWAY] = time
        at, more = after(buffer, at, end)
        if at < 0:
            return -1
    row[TIMES_END] = at - 1
    if row[DEVICE] == MISSING and row[GATEWAY] == MISSING:
        return -1
    return at


@helper
def _read_metadata(buffer: Any, at: int, end: int, row: Any, next_ones: Any) -> int:
    """Read the object `metadata`; returns the place after it, or -1."""
    if at >= end or buffer[at] != OPEN:
        return -1
    at = skip_space(buffer, at + 1, end)
    seen = 0
    before = FIRST_METADATA
    more = True
    while more:
        number, at = field(buffer, at, end, RAW_IN_METADATA, seen, before, next_ones)
        if number < 0:
            return -1
        before = number
        seen |= 1 << number
        if number == _SEQ:
            kind, whole, _, at = read_number(buffer, at, end)
            if kind != INTEGER or whole < 0:
                return -1
            row[SEQ] = whole
        else:
            stop = string_end(buffer, at + 1, end) if at < end and buffer[at] == QUOTE else -1
            if stop < 0:
                return -1
            if number == _BOOT:
                row[PARTS + 10] = at + 1
                row[PARTS + 11] = stop
            at = stop + 1
        at, more = after(buffer, at, end)
        if at < 0:
            return -1
    return at


@helper
def _read_reading(buffer: Any, at: int, end: int, row: Any, next_ones: Any) -> tuple[int, float]:
    """Fill a row with one reading; returns its fate and value."""
    row[:] = -1
    row[SEQ] = 0
    row[DEVICE] = MISSING
    row[GATEWAY] = MISSING
    at = skip_space(buffer, at, end)
    if at >= end or buffer[at] != OPEN:
        return SLOW, 0.0
    row[BEGIN] = at
    at = skip_space(buffer, at + 1, end)
    fate = TAKEN
    value = 0.0
    seen = 0
    before = FIRST
    more = True
    while more:
        number, at = field(buffer, at, end, RAW_TOP, seen, before, next_ones)
        if number < 0:
            return SLOW, 0.0
        before = number
        seen |= 1 << number
        if number == _VALUE:
            row[VALUE_AT] = at
            kind, _, value, at = read_number(buffer, at, end)
            row[VALUE_AT + 1] = at
            if kind == NO_NUMBER:
                return SLOW, 0.0
            if kind == LONG:
                fate = TAKEN_LONG
        elif number == _TIMES:
            at = _read_times(buffer, at, end, row, next_ones)
        elif number == _META:
            at = _read_metadata(buffer, at, end, row, next_ones)
        elif number == _VERSION:
            kind, whole, _, at = read_number(buffer, at, end)
            row[VERSION] = 1
            if kind != INTEGER or whole != 1:
                return SLOW, 0.0
        else:
            stop = string_end(buffer, at + 1, end) if at < end and buffer[at] == QUOTE else -1
            if stop < 0:
                return SLOW, 0.0
            if number == _QUALITY:
                row[QUALITY_AT] = at
                row[QUALITY_AT + 1] = stop + 1
                for code in range(4):
                    if _same(buffer, at + 1, stop, _QUALITIES, _QUALITY_STARTS[code], _QUALITY_ENDS[code]):
                        row[QUALITY] = code
                if row[QUALITY] < 0:
                    return SLOW, 0.0
            elif number != _CLASS:
                row[PARTS + 2 * number] = at + 1
                row[PARTS + 2 * number + 1] = stop
            at = stop + 1
        if at < 0:
            return SLOW, 0.0
        at, more = after(buffer, at, end)
        if at < 0:
            return SLOW, 0.0
    row[END] = at - 1
    required = 1 << _ASSET | 1 << _PARAMETER | 1 << _VALUE | 1 << _TIMES
    if seen & required != required or skip_space(buffer, at, end) != end:
        return SLOW, 0.0
    return fate, value


@kernel("void(uint8[::1], int64[:, ::1], int64[:, ::1], float64[::1], uint8[::1], int64[::1])")
def _read_all(buffer: Any, records: Any, found: Any, values: Any, fates: Any, next_ones: Any) -> None:
    for at in range(len(records)):
        fates[at] = SLOW
        start, end = records[at, VALUE], records[at, VALUE + 1]
        if end > start and buffer[start] != 0:
            fates[at], values[at] = _read_reading(buffer, start, end, found[at], next_ones)


def read_json(
    buffer: NDArray[np.uint8],
    records: NDArray[np.int64],
    found: NDArray[np.int64],
    values: NDArray[np.float64],
    fates: NDArray[np.uint8],
) -> None:
    """Read the values of `records` (rows of `layout`) that are plain readings in JSON.

    Per record: `found` (columns of `layout`), its value, and its fate: `SLOW` (the rest means nothing), `TAKEN`, or
    `TAKEN_LONG` where the value must be read by float() from its text. `layout.PADDING` bytes follow the last value.
    """
    _read_all(buffer, records, found, values, fates, np.full(ORDER_LENGTH, -1, np.int64))
