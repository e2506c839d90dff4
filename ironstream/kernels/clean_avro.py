"""Clean readings in Avro as pieces: the bytes of the raw one up to its quality, and the fields that follow."""

from __future__ import annotations

from typing import Any

from ironstream.kernels.bytes import copy
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
from ironstream.kernels.layout import BEGIN, QUALITY_AT
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
        begin_row(row, what, keys)
        if what[WHICH] < 0:
            take_written(row, written[-1 - what[WHICH]])
            continue
        reading = found[what[WHICH]]
        quality = qualities[what[QUALITY_TEXT]]
        time = times[what[TIME_TEXT]]
        tail = used = write_id(row, made, used, prefix, what[OFFSET])
        used = copy(made, used, made, quality[2], quality[3])
        used = write_varint(made, used, what[SKEW_MS])
        used = copy(made, used, made, time[0], time[1])
        stream = stream_places[what[STREAM]]
        used = copy(made, used, stream_texts, stream[0], stream[1])
        piece(row, 0, 0, 0, quality[0], quality[1])
        piece(row, 1, reading[BEGIN], reading[QUALITY_AT], tail, used)
    return used
