"""Clean readings in JSON to columns, and where their texts stand in the bytes.

Taken is what our own agent writes: an object of known fields, each once, nulls where the contract allows them, strings
without escapes. Everything else (unknown fields, escapes, times that are written oddly, whatever is no reading) is left
to the slow way.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.kernels.bytes import load_word
from ironstream.kernels.compiler import helper, inlined, kernel
from ironstream.kernels.json_fields import (
    CLEAN_IN_METADATA,
    CLEAN_IN_TIMES,
    CLEAN_TOP,
    COMMA,
    FIRST,
    FIRST_METADATA,
    FIRST_TIME,
    NAMES,
    OPEN,
    ORDER_LENGTH,
    QUOTE,
    after,
    field,
    skip_space,
    text_end,
)
from ironstream.kernels.layout import (
    CLEAN_TEXTS,
    CLEAN_VALUE_AT,
    CLEAN_WHOLE,
    MISSING,
    SLOW,
    TAKEN,
    TAKEN_LONG,
    VALUE,
)
from ironstream.kernels.numbers import INTEGER, LONG, NO_NUMBER, epoch_us, read_number, read_time

_UNUSED, _TEXT, _TEXTS, _TIME, _WHOLE, _VERSION, _FLAG, _VALUE, _OBJECT = range(9)
_KINDS_BY_NAME: Final = {
    "schema_version": _VERSION,
    "value": _VALUE,
    "timestamps": _OBJECT,
    "metadata": _OBJECT,
    "quality_reasons": _TEXTS,
    "historical": _FLAG,
    "device_time": _TIME,
    "gateway_time": _TIME,
    "kafka_time": _TIME,
    "clock_skew_ms": _WHOLE,
    "topology_version": _WHOLE,
    "seq": _WHOLE,
}
"""What a field holds; one that is not named here holds a text."""


def _kind(name: str) -> int:
    return _KINDS_BY_NAME.get(name, _TEXT if name in CLEAN_TEXTS else _UNUSED)


def _column(name: str) -> int:
    if name in CLEAN_TEXTS:
        return 2 * CLEAN_TEXTS.index(name)
    return 2 * len(CLEAN_TEXTS) + CLEAN_WHOLE.index(name) if name in CLEAN_WHOLE else -1


_KINDS: Final = np.array([_kind(name) for name in NAMES])
_COLUMNS: Final = np.array([_column(name) for name in NAMES])
_TIMESTAMPS: Final = NAMES.index("timestamps")
_METADATA: Final = NAMES.index("metadata")
_REQUIRED: Final = sum(1 << NAMES.index(name) for name in ("asset_id", "parameter", "value", "timestamps"))
_ASSET, _PARAMETER, _DEVICE, _GATEWAY = map(_column, ("asset_id", "parameter", "device_time", "gateway_time"))
_VERSION_NUMBER: Final = _column("topology_version")
_FIRST_WHOLE: Final = 2 * len(CLEAN_TEXTS)
_LARGEST_VERSION: Final = 2**31 - 1
_OPENS_LIST: Final = 91
_CLOSES_LIST: Final = 93
_FOUR_BYTES: Final = np.uint64(0xFFFFFFFF)
_LETTER_E: Final = 101


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


_NULL: Final = _word(b"null")
_TRUE: Final = _word(b"true")
_FALSE: Final = _word(b"fals")


@inlined
def _stands(buffer: Any, at: int, end: int, word: Any) -> bool:
    """Whether these four bytes stand there."""
    return bool(at + 4 <= end and (load_word(buffer, at) & _FOUR_BYTES) == word)


@helper
def _flag(buffer: Any, at: int, end: int) -> tuple[int, int]:
    """0 or 1, and the place after it; -1 for anything else."""
    if _stands(buffer, at, end, _TRUE):
        return 1, at + 4
    if _stands(buffer, at, end, _FALSE) and at + 4 < end and buffer[at + 4] == _LETTER_E:
        return 0, at + 5
    return -1, at


@helper
def _list_end(buffer: Any, at: int, end: int) -> int:
    """The place after a list of texts, or -1."""
    if at >= end or buffer[at] != _OPENS_LIST:
        return -1
    at = skip_space(buffer, at + 1, end)
    if at < end and buffer[at] == _CLOSES_LIST:
        return at + 1
    while at < end and buffer[at] == QUOTE:
        stop = text_end(buffer, at + 1, end)
        if stop < 0:
            return -1
        at = skip_space(buffer, stop + 1, end)
        if at < end and buffer[at] == _CLOSES_LIST:
            return at + 1
        if at >= end or buffer[at] != COMMA:
            return -1
        at = skip_space(buffer, at + 1, end)
    return -1


@helper
def _read_time(buffer: Any, at: int, end: int) -> tuple[int, int]:
    """µs since the epoch, -1 for a time that is none or oddly written, and the place after it."""
    if at < end and buffer[at] == QUOTE:
        stop = text_end(buffer, at + 1, end)
        return (read_time(buffer, at + 1, stop) if stop >= 0 else -1), stop + 1
    kind, whole, _, at = read_number(buffer, at, end)
    return (epoch_us(whole) if kind == INTEGER else -1), at


@helper
def _read_value(buffer: Any, at: int, end: int, row: Any) -> tuple[int, float, int]:
    """Fate and value (NaN where it is null), and the place after it."""
    if _stands(buffer, at, end, _NULL):
        return TAKEN, np.nan, at + 4
    flag, behind = _flag(buffer, at, end)
    if flag >= 0:
        return TAKEN, float(flag), behind
    kind, whole, value, behind = read_number(buffer, at, end)
    if kind == NO_NUMBER:
        return SLOW, 0.0, behind
    row[CLEAN_VALUE_AT] = at
    row[CLEAN_VALUE_AT + 1] = behind
    if kind == INTEGER and whole == 0:
        value = 0.0  # whole numbers know no -0
    return (TAKEN_LONG if kind == LONG else TAKEN), value, behind


@helper
def _read_field(buffer: Any, at: int, end: int, number: int, row: Any) -> int:
    """Read a field that is neither the value nor an object; returns the place after it, or -1."""
    kind, column = _KINDS[number], _COLUMNS[number]
    if at < end and buffer[at] == QUOTE and kind in (_TEXT, _UNUSED):
        stop = text_end(buffer, at + 1, end)
        if kind == _TEXT:
            row[column] = at + 1
            row[column + 1] = stop
        return stop + 1 if stop >= 0 else -1
    if kind == _FLAG:
        flag, at = _flag(buffer, at, end)
        return at if flag >= 0 else -1
    if _stands(buffer, at, end, _NULL):
        return at + 4
    if kind == _TIME:
        row[column], at = _read_time(buffer, at, end)
        return at if row[column] >= 0 else -1
    if kind in (_WHOLE, _VERSION):
        what, whole, _, at = read_number(buffer, at, end)
        if what != INTEGER:
            return -1
        if kind == _VERSION:
            return at if whole == 0 or whole == 1 else -1
        row[column] = whole
        return at
    if kind == _TEXTS:
        row[column] = at
        at = _list_end(buffer, at, end)
        row[column + 1] = at
        return at
    return -1


@helper
def _read_reading(buffer: Any, at: int, end: int, row: Any, next_ones: Any) -> tuple[int, float]:
    """Fill a row with one reading; returns its fate and value."""
    row[:] = -1
    row[_FIRST_WHOLE:CLEAN_VALUE_AT] = MISSING
    at = skip_space(buffer, at, end)
    if at >= end or buffer[at] != OPEN:
        return SLOW, 0.0
    at = skip_space(buffer, at + 1, end)
    fate, value, seen = TAKEN, 0.0, 0
    fields, before, within = CLEAN_TOP, FIRST, -1
    while True:
        number, at = field(buffer, at, end, fields, seen, before, next_ones)
        if number < 0:
            return SLOW, 0.0
        before = number
        seen |= 1 << number
        kind = _KINDS[number]
        if kind == _VALUE:
            fate, value, at = _read_value(buffer, at, end, row)
            if fate == SLOW:
                return SLOW, 0.0
        elif kind == _OBJECT and at < end and buffer[at] == OPEN:
            within = number
            if number == _TIMESTAMPS:
                fields, before = CLEAN_IN_TIMES, FIRST_TIME
            else:
                fields, before = CLEAN_IN_METADATA, FIRST_METADATA
            at = skip_space(buffer, at + 1, end)
            continue
        elif kind == _OBJECT:
            at = at + 4 if number == _METADATA and _stands(buffer, at, end, _NULL) else -1
        else:
            at = _read_field(buffer, at, end, number, row)
        if at < 0:
            return SLOW, 0.0
        at, more = after(buffer, at, end)
        if at >= 0 and not more and within >= 0:
            fields, before, within = CLEAN_TOP, within, -1
            at, more = after(buffer, at, end)
        if at < 0:
            return SLOW, 0.0
        if not more:
            break
    if seen & _REQUIRED != _REQUIRED or skip_space(buffer, at, end) != end:
        return SLOW, 0.0
    if row[_ASSET] < 0 or row[_PARAMETER] < 0 or (row[_DEVICE] == MISSING and row[_GATEWAY] == MISSING):
        return SLOW, 0.0
    version = row[_VERSION_NUMBER]
    if version != MISSING and (version > _LARGEST_VERSION or version < -_LARGEST_VERSION):
        return SLOW, 0.0
    return fate, value


@kernel("void(uint8[::1], int64[:, ::1], int64[:, ::1], float64[::1], uint8[::1], int64[::1])")
def _read_all(buffer: Any, records: Any, found: Any, values: Any, fates: Any, next_ones: Any) -> None:
    for at in range(len(records)):
        fates[at] = SLOW
        start, end = records[at, VALUE], records[at, VALUE + 1]
        if end > start and buffer[start] != 0:
            fates[at], values[at] = _read_reading(buffer, start, end, found[at], next_ones)


def read_clean_json(
    buffer: NDArray[np.uint8],
    records: NDArray[np.int64],
    found: NDArray[np.int64],
    values: NDArray[np.float64],
    fates: NDArray[np.uint8],
) -> None:
    """Read the values of `records` (rows of `layout`) that are plain clean readings in JSON.

    Per record: `found` (columns of `layout`), its value (NaN where it is null), and its fate: `SLOW` (the rest means
    nothing), `TAKEN`, or `TAKEN_LONG` where the value must be read by float() from its text. `layout.PADDING` bytes
    follow the last value.
    """
    _read_all(buffer, records, found, values, fates, np.full(ORDER_LENGTH, -1, np.int64))
