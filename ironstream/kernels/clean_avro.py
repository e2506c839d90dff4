"""Clean readings in Avro as pieces: the bytes of the raw one up to its quality, and the fields that follow."""

from __future__ import annotations

from typing import Any

from ironstream.kernels.bytes import copy, write_decimal
from ironstream.kernels.clean_text import (
    APPEND_MS,
    OFFSET,
    QUALITY_TEXT,
    SERIES,
    SKEW_MS,
    STREAM,
    TIME_TEXT,
    WHICH,
    piece,
)
from ironstream.kernels.compiler import kernel
from ironstream.kernels.layout import BEGIN, QUALITY_AT, ROW_ID, ROW_KEY, ROW_TIMESTAMP
from ironstream.kernels.varints import write_varint


@kernel(
    "int64(int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], int64[:, ::1], uint8[::1],"
    " int64[:, ::1], uint8[::1], uint8[::1], int64, int64[:, ::1])"
)
def plan_clean_avro(
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
    """The same as `clean_text.plan_clean_readings`, in Avro.

    `qualities` leads to the frame of the schema of clean readings and to quality and reasons, `times` to kafka_time,
    `stream_texts` has the fields after it, all as they are in Avro.
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
        used = copy(made, used, made, quality[2], quality[3])
        used = write_varint(made, used, what[SKEW_MS])
        used = copy(made, used, made, time[0], time[1])
        stream = stream_places[what[STREAM]]
        used = copy(made, used, stream_texts, stream[0], stream[1])
        piece(row, 0, 0, 0, quality[0], quality[1])
        piece(row, 1, reading[BEGIN], reading[QUALITY_AT], tail, used)
    return used
