"""Clean readings as pieces: the raw bytes, and beside them the text that a clean reading has more. Nothing is encoded
anew.

The clean reading is the raw object with `kafka_time` put into its timestamps, its quality replaced where it differs,
and the rest of what it got put in before its last brace.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ironstream.kernels.bytes import copy, write_decimal
from ironstream.kernels.compiler import helper, kernel
from ironstream.kernels.layout import (
    BEGIN,
    END,
    QUALITY,
    QUALITY_AT,
    ROW_ID,
    ROW_KEY,
    ROW_TIMESTAMP,
    ROW_VALUE,
    TIMES_END,
    VERSION,
)

WHICH: Final = 0
"""The row of `found`; below 0 the reading is written out already, as number -1 - WHICH of `written`."""
OFFSET: Final = 1
APPEND_MS: Final = 2
SKEW_MS: Final = 3
QUALITY_TEXT: Final = 4
TIME_TEXT: Final = 5
SERIES: Final = 6
STREAM: Final = 7
CLEAN_COLUMNS: Final = 8
"""What is known of a clean reading beside its bytes; the texts, series and stream are rows of the tables of texts."""

ROOM: Final = 160
"""Bytes that the texts of one reading take at most, beside its id's prefix and the texts of its quality and stream."""

_VERSION_FIELD: Final = np.frombuffer(bytearray(b',"schema_version":1'), np.uint8)
_QUALITY_FIELD: Final = np.frombuffer(bytearray(b',"quality":'), np.uint8)
_SKEW_FIELD: Final = np.frombuffer(bytearray(b',"clock_skew_ms":'), np.uint8)
_CLOSE: Final = 125


@helper
def piece(row: Any, number: int, start: int, end: int, made_start: int, made_end: int) -> None:
    """Set a piece of a row to write: places in the source, then in what was made."""
    at = ROW_VALUE + 4 * number
    row[at] = start
    row[at + 1] = end
    row[at + 2] = made_start
    row[at + 3] = made_end


@kernel(
    "int64(int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], uint8[::1],"
    " int64[:, ::1], uint8[::1], uint8[::1], int64, int64[:, ::1])"
)
def plan_clean_readings(
    clean: Any,
    found: Any,
    written: Any,
    qualities: Any,
    times: Any,
    stream_places: Any,
    stream_texts: Any,
    keys: Any,
    prefix: Any,
    made: Any,
    used: int,
    rows: Any,
) -> int:
    """Fill `rows` (of `record_batches.append_rows`) with clean readings, and `made` with what they need.

    `used` bytes of `made` are there already: what `written` (start and end of value and id), `qualities` (of its name
    in quotes and of the field of its reasons, then its code) and `times` (of the field kafka_time) lead to. The fields
    of a stream are in `stream_texts`, the key of a series in another array. An id is `prefix` and the offset. Returns
    how much of `made` is used.
    """
    for at in range(len(clean)):
        what = clean[at]
        row = rows[at]
        row[:] = 0
        row[ROW_TIMESTAMP] = what[APPEND_MS]
        row[ROW_KEY] = keys[what[SERIES], 0]
        row[ROW_KEY + 1] = keys[what[SERIES], 1]
        if what[WHICH] < 0:
            done = written[-1 - what[WHICH]]
            piece(row, 0, 0, 0, done[0], done[1])
            row[ROW_ID] = done[2]
            row[ROW_ID + 1] = done[3]
            continue
        reading = found[what[WHICH]]
        quality = qualities[what[QUALITY_TEXT]]
        time = times[what[TIME_TEXT]]
        row[ROW_ID] = used
        used = copy(made, used, prefix, 0, len(prefix))
        used = write_decimal(made, used, what[OFFSET])
        row[ROW_ID + 1] = used
        tail = used
        if reading[VERSION] < 0:
            used = copy(made, used, _VERSION_FIELD, 0, len(_VERSION_FIELD))
        if reading[QUALITY] < 0:
            used = copy(made, used, _QUALITY_FIELD, 0, len(_QUALITY_FIELD))
            used = copy(made, used, made, quality[0], quality[1])
        used = copy(made, used, made, quality[2], quality[3])
        used = copy(made, used, _SKEW_FIELD, 0, len(_SKEW_FIELD))
        used = write_decimal(made, used, what[SKEW_MS])
        stream = stream_places[what[STREAM]]
        used = copy(made, used, stream_texts, stream[0], stream[1])
        made[used] = _CLOSE
        used += 1
        begin, stamp, end = reading[BEGIN], reading[TIMES_END], reading[END]
        name_at, name_end = reading[QUALITY_AT], reading[QUALITY_AT + 1]
        if reading[QUALITY] < 0 or reading[QUALITY] == quality[4]:
            piece(row, 0, begin, stamp, time[0], time[1])
            piece(row, 1, stamp, end, tail, used)
        elif name_at < stamp:
            piece(row, 0, begin, name_at, quality[0], quality[1])
            piece(row, 1, name_end, stamp, time[0], time[1])
            piece(row, 2, stamp, end, tail, used)
        else:
            piece(row, 0, begin, stamp, time[0], time[1])
            piece(row, 1, stamp, name_at, quality[0], quality[1])
            piece(row, 2, name_end, end, tail, used)
    return used
