"""Readings in JSON to columns, and where their parts stand in the bytes.

Taken is what machines send: an object of known fields, each once, strings of plain ASCII without escapes. Everything
else (unknown fields, escapes, null or boolean values, older payloads, whatever is no reading) is left to the slow way.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ironstream.kernels.compiler import helper, kernel
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

_TENANT, _SITE, _ASSET, _PARAMETER, _UNIT, _VERSION, _QUALITY, _CLASS, _VALUE, _TIMES, _META = range(11)
_DEVICE_TIME, _GATEWAY_TIME, _TIMEZONE = range(11, 14)
_BOOT, _SEQ, _PIPELINE, _ADAPTER, _ADAPTER_VERSION, _HOST = range(14, 20)
_NAMES: Final = (
    "tenant_id", "site_id", "asset_id", "parameter", "unit", "schema_version", "quality", "classification", "value",
    "timestamps", "metadata",
    "device_time", "gateway_time", "timezone",
    "boot", "seq", "pipeline_id", "adapter_id", "adapter_version", "hostname",
)  # fmt: skip
_TOP: Final = (0, 11)
_IN_TIMES: Final = (11, 14)
_IN_META: Final = (14, 20)
_TEXT: Final = np.frombuffer(bytearray("".join(_NAMES).encode()), np.uint8)
_ENDS: Final = np.cumsum([len(name) for name in _NAMES])
_STARTS: Final = _ENDS - np.array([len(name) for name in _NAMES])
_QUALITIES: Final = np.frombuffer(bytearray(b"GOODSUSPECTUNCERTAINBAD"), np.uint8)
_QUALITY_ENDS: Final = np.array([4, 11, 20, 23])
_QUALITY_STARTS: Final = np.array([0, 4, 11, 20])
_QUOTE, _COMMA, _COLON, _OPEN, _CLOSE = 34, 44, 58, 123, 125


@helper
def _skip_space(buffer: Any, at: int, end: int) -> int:
    while at < end and (buffer[at] == 32 or buffer[at] == 10 or buffer[at] == 13 or buffer[at] == 9):
        at += 1
    return at


@helper
def _string_end(buffer: Any, at: int, end: int) -> int:
    """Place of the quote that closes the string which begins at `at`; -1 where it is not plain."""
    while at < end:
        byte = buffer[at]
        if byte == _QUOTE:
            return at
        if byte < 32 or byte > 126 or byte == 92:
            return -1
        at += 1
    return -1


@helper
def _same(buffer: Any, start: int, end: int, text: Any, text_start: int, text_end: int) -> bool:
    if end - start != text_end - text_start:
        return False
    for place in range(end - start):  # noqa: SIM110  # numba compiles no generator within all()
        if buffer[start + place] != text[text_start + place]:
            return False
    return True


@helper
def _name(buffer: Any, at: int, end: int, first: int, last: int, seen: int) -> tuple[int, int]:
    """Number of the field whose name stands at `at`, and the place of its value; -1 for one that is not expected."""
    if at >= end or buffer[at] != _QUOTE:
        return -1, at
    stop = _string_end(buffer, at + 1, end)
    if stop < 0:
        return -1, at
    for number in range(first, last):
        if _same(buffer, at + 1, stop, _TEXT, _STARTS[number], _ENDS[number]):
            after = _skip_space(buffer, stop + 1, end)
            if seen >> number & 1 or after >= end or buffer[after] != _COLON:
                return -1, at
            return number, _skip_space(buffer, after + 1, end)
    return -1, at


@helper
def _after(buffer: Any, at: int, end: int) -> tuple[int, bool]:
    """Place of the next name, and whether there is one; the place after the object else, or -1."""
    at = _skip_space(buffer, at, end)
    if at < end and buffer[at] == _COMMA:
        return _skip_space(buffer, at + 1, end), True
    if at < end and buffer[at] == _CLOSE:
        return at + 1, False
    return -1, False


@helper
def _read_times(buffer: Any, at: int, end: int, row: Any) -> int:
    """Read the object `timestamps`; returns the place after it, or -1."""
    if at >= end or buffer[at] != _OPEN:
        return -1
    at = _skip_space(buffer, at + 1, end)
    seen = 0
    more = True
    while more:
        number, at = _name(buffer, at, end, _IN_TIMES[0], _IN_TIMES[1], seen)
        if number < 0:
            return -1
        seen |= 1 << number
        if at < end and buffer[at] == _QUOTE:
            stop = _string_end(buffer, at + 1, end)
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
        at, more = _after(buffer, at, end)
        if at < 0:
            return -1
    row[TIMES_END] = at - 1
    if row[DEVICE] == MISSING and row[GATEWAY] == MISSING:
        return -1
    return at


@helper
def _read_metadata(buffer: Any, at: int, end: int, row: Any) -> int:
    """Read the object `metadata`; returns the place after it, or -1."""
    if at >= end or buffer[at] != _OPEN:
        return -1
    at = _skip_space(buffer, at + 1, end)
    seen = 0
    more = True
    while more:
        number, at = _name(buffer, at, end, _IN_META[0], _IN_META[1], seen)
        if number < 0:
            return -1
        seen |= 1 << number
        if number == _SEQ:
            kind, whole, _, at = read_number(buffer, at, end)
            if kind != INTEGER or whole < 0:
                return -1
            row[SEQ] = whole
        else:
            stop = _string_end(buffer, at + 1, end) if at < end and buffer[at] == _QUOTE else -1
            if stop < 0:
                return -1
            if number == _BOOT:
                row[PARTS + 10] = at + 1
                row[PARTS + 11] = stop
            at = stop + 1
        at, more = _after(buffer, at, end)
        if at < 0:
            return -1
    return at


@helper
def _read_reading(buffer: Any, at: int, end: int, row: Any) -> tuple[int, float]:
    """Fill a row with one reading; returns its fate and value."""
    row[:] = -1
    row[SEQ] = 0
    row[DEVICE] = MISSING
    row[GATEWAY] = MISSING
    at = _skip_space(buffer, at, end)
    if at >= end or buffer[at] != _OPEN:
        return SLOW, 0.0
    row[BEGIN] = at
    at = _skip_space(buffer, at + 1, end)
    fate = TAKEN
    value = 0.0
    seen = 0
    more = True
    while more:
        number, at = _name(buffer, at, end, _TOP[0], _TOP[1], seen)
        if number < 0:
            return SLOW, 0.0
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
            at = _read_times(buffer, at, end, row)
        elif number == _META:
            at = _read_metadata(buffer, at, end, row)
        elif number == _VERSION:
            kind, whole, _, at = read_number(buffer, at, end)
            row[VERSION] = 1
            if kind != INTEGER or whole != 1:
                return SLOW, 0.0
        else:
            stop = _string_end(buffer, at + 1, end) if at < end and buffer[at] == _QUOTE else -1
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
        at, more = _after(buffer, at, end)
        if at < 0:
            return SLOW, 0.0
    row[END] = at - 1
    required = 1 << _ASSET | 1 << _PARAMETER | 1 << _VALUE | 1 << _TIMES
    if seen & required != required or _skip_space(buffer, at, end) != end:
        return SLOW, 0.0
    return fate, value


@kernel("void(uint8[::1], int64[:, ::1], int64[:, ::1], float64[::1], uint8[::1])")
def read_json(buffer: Any, records: Any, found: Any, values: Any, fates: Any) -> None:
    """Read the values of `records` (rows of `layout`) that are plain readings in JSON.

    Per record: `found` (columns of `layout`), its value, and its fate: `SLOW` (the rest means nothing), `TAKEN`, or
    `TAKEN_LONG` where the value must be read by float() from its text.
    """
    for at in range(len(records)):
        fates[at] = SLOW
        start, end = records[at, VALUE], records[at, VALUE + 1]
        if end > start and buffer[start] != 0:
            fates[at], values[at] = _read_reading(buffer, start, end, found[at])
