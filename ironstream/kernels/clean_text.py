"""Clean readings as pieces: the raw bytes, and beside them the text that a clean reading has more. Nothing is encoded
anew.

The clean reading is the raw object with `kafka_time` put into its timestamps, its quality replaced where it differs,
and the rest of what it got put in before its last brace.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ironstream.kernels.bytes import copy, write_decimal
from ironstream.kernels.clean_rows import (
    OFFSET,
    QUALITY_TEXT,
    SKEW_MS,
    STREAM,
    TIME_TEXT,
    WHICH,
    begin_row,
    piece,
    take_written,
    write_id,
)
from ironstream.kernels.compiler import kernel
from ironstream.kernels.layout import BEGIN, END, QUALITY, QUALITY_AT, TIMES_END, VERSION

_VERSION_FIELD: Final = np.frombuffer(bytearray(b',"schema_version":1'), np.uint8)
_QUALITY_FIELD: Final = np.frombuffer(bytearray(b',"quality":'), np.uint8)
_SKEW_FIELD: Final = np.frombuffer(bytearray(b',"clock_skew_ms":'), np.uint8)
_CLOSE: Final = 125


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
        begin_row(row, what, keys)
        if what[WHICH] < 0:
            take_written(row, written[-1 - what[WHICH]])
            continue
        reading = found[what[WHICH]]
        quality = qualities[what[QUALITY_TEXT]]
        time = times[what[TIME_TEXT]]
        tail = used = write_id(row, made, used, prefix, what[OFFSET])
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
