"""Readings in JSON to columns, and where their parts stand in the bytes.

Taken is what machines send: an object of known fields, each once, strings of plain ASCII without escapes. Everything
else (unknown fields, escapes, null or boolean values, older payloads, whatever is no reading) is left to the slow way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.kernels.bytes import load_word
from ironstream.kernels.compiler import helper, inlined, kernel
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
_FIRST, _FIRST_TIME, _FIRST_META = range(20, 23)
"""Stand for the field before the first of each object."""


def _in_words(texts: Iterable[bytes]) -> NDArray[np.uint64]:
    """Texts of up to 16 bytes as two words of 8 bytes each, the first byte the lowest."""
    return np.frombuffer(b"".join(text.ljust(16, b"\0") for text in texts), "<u8").reshape(-1, 2).copy()


_LENGTHS: Final = np.array([len(name) for name in _NAMES])
_WORDS: Final = _in_words(name.encode() for name in _NAMES)
_MASKS: Final = _in_words(b"\xff" * len(name) for name in _NAMES)
"""What of the words belongs to the name."""
_QUALITIES: Final = np.frombuffer(bytearray(b"GOODSUSPECTUNCERTAINBAD"), np.uint8)
_QUALITY_ENDS: Final = np.array([4, 11, 20, 23])
_QUALITY_STARTS: Final = np.array([0, 4, 11, 20])
_ONES: Final = np.uint64(0x0101010101010101)
_HIGH: Final = np.uint64(0x8080808080808080)
_SPACES: Final = np.uint64(0x2020202020202020)
_QUOTES: Final = np.uint64(0x2222222222222222)
_SLASHES: Final = np.uint64(0x5C5C5C5C5C5C5C5C)
_QUOTE, _COMMA, _COLON, _OPEN, _CLOSE = 34, 44, 58, 123, 125


@inlined
def _skip_space(buffer: Any, at: int, end: int) -> int:
    while at < end and (buffer[at] == 32 or buffer[at] == 10 or buffer[at] == 13 or buffer[at] == 9):
        at += 1
    return at


@helper
def _string_end(buffer: Any, at: int, end: int) -> int:
    """Place of the quote that closes the string which begins at `at`; -1 where it is not plain."""
    while at + 8 <= end:
        word = load_word(buffer, at)
        # The highest bit of each byte that is not plain: not ASCII, below a space, DEL, a quote, a backslash. The
        # subtractions borrow only from bytes behind the first one found, and the first is looked at alone.
        odd = word | (word - _SPACES) | (word + _ONES)
        quotes, slashes = word ^ _QUOTES, word ^ _SLASHES
        odd |= (quotes - _ONES) & ~quotes | (slashes - _ONES) & ~slashes
        if odd & _HIGH:
            break
        at += 8
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
def _name(buffer: Any, at: int, end: int, fields: Any, seen: int, before: int, next_ones: Any) -> tuple[int, int]:
    """Number of the field whose name stands at `at`, and the place of its value; -1 for one that is not expected.

    `before` is the number of the field before it. Machines send their fields in one order, so what followed that field
    the last time (`next_ones`) is tried first.
    """
    if at >= end or buffer[at] != _QUOTE:
        return -1, at
    number = next_ones[before]
    stop = at + 1
    if number >= 0:
        stop += _LENGTHS[number]
    if number < 0 or stop >= end or buffer[stop] != _QUOTE or not _is_name(buffer, at + 1, stop, number):
        stop = _string_end(buffer, at + 1, end)
        if stop < 0:
            return -1, at
        number = fields[0]
        while number < fields[1] and not _is_name(buffer, at + 1, stop, number):
            number += 1
        if number == fields[1]:
            return -1, at
        next_ones[before] = number
    after = _skip_space(buffer, stop + 1, end)
    if seen >> number & 1 or after >= end or buffer[after] != _COLON:
        return -1, at
    return number, _skip_space(buffer, after + 1, end)


@inlined
def _is_name(buffer: Any, start: int, end: int, number: int) -> bool:
    if end - start != _LENGTHS[number]:
        return False
    low, high = load_word(buffer, start), load_word(buffer, start + 8)
    return bool((low & _MASKS[number, 0]) == _WORDS[number, 0] and (high & _MASKS[number, 1]) == _WORDS[number, 1])


@inlined
def _after(buffer: Any, at: int, end: int) -> tuple[int, bool]:
    """Place of the next name, and whether there is one; the place after the object else, or -1."""
    at = _skip_space(buffer, at, end)
    if at < end and buffer[at] == _COMMA:
        return _skip_space(buffer, at + 1, end), True
    if at < end and buffer[at] == _CLOSE:
        return at + 1, False
    return -1, False


@helper
def _read_times(buffer: Any, at: int, end: int, row: Any, next_ones: Any) -> int:
    """Read the object `timestamps`; returns the place after it, or -1."""
    if at >= end or buffer[at] != _OPEN:
        return -1
    at = _skip_space(buffer, at + 1, end)
    seen = 0
    before = _FIRST_TIME
    more = True
    while more:
        number, at = _name(buffer, at, end, _IN_TIMES, seen, before, next_ones)
        if number < 0:
            return -1
        before = number
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
def _read_metadata(buffer: Any, at: int, end: int, row: Any, next_ones: Any) -> int:
    """Read the object `metadata`; returns the place after it, or -1."""
    if at >= end or buffer[at] != _OPEN:
        return -1
    at = _skip_space(buffer, at + 1, end)
    seen = 0
    before = _FIRST_META
    more = True
    while more:
        number, at = _name(buffer, at, end, _IN_META, seen, before, next_ones)
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
def _read_reading(buffer: Any, at: int, end: int, row: Any, next_ones: Any) -> tuple[int, float]:
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
    before = _FIRST
    more = True
    while more:
        number, at = _name(buffer, at, end, _TOP, seen, before, next_ones)
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
    `TAKEN_LONG` where the value must be read by float() from its text. `layout.PADDING` bytes follow the last value.
    """
    next_ones = np.full(_FIRST_META + 1, -1, np.int64)
    for at in range(len(records)):
        fates[at] = SLOW
        start, end = records[at, VALUE], records[at, VALUE + 1]
        if end > start and buffer[start] != 0:
            fates[at], values[at] = _read_reading(buffer, start, end, found[at], next_ones)
