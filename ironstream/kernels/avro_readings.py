"""Readings in Avro to columns: a writer's schema, compiled to steps (`ironstream.avro`), is run per record.

Values are in Confluent framing: 0x00, the schema's id in 4 bytes (big endian), the record in Avro's binary encoding.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ironstream.domain.times import MAX_US
from ironstream.kernels.compiler import helper, kernel
from ironstream.kernels.layout import (
    BEGIN,
    DEVICE,
    END,
    GATEWAY,
    MISSING,
    QUALITY,
    QUALITY_AT,
    SEQ,
    SLOW,
    TAKEN_AVRO,
    VALUE,
)
from ironstream.kernels.numbers import read_time
from ironstream.kernels.varints import read_varint

FRAME_BYTES: Final = 5
"""Bytes before the record."""

LEAVE: Final = 0
"""The record is left to the slow way."""
SKIP_NUMBER: Final = 1
SKIP_BYTES: Final = 2
SKIP_FIXED: Final = 3
"""So many bytes as the argument says."""
TEXT: Final = 4
"""A string whose place goes to the column of the argument and the next."""
TIME: Final = 5
"""A number to the column of the argument, times the second argument to make µs."""
TIME_TEXT: Final = 6
NUMBER: Final = 7
"""A number that is not negative, to the column of the argument."""
DOUBLE: Final = 8
FLOAT: Final = 9
WHOLE: Final = 10
"""The value of the reading, in three types."""
CODE: Final = 11
"""An enum to the column of the argument; the second argument is where its codes begin in `codes`."""
BRANCH: Final = 12
"""A union with as many branches as the argument says; the steps of its branches begin where the next rows say."""
JUMP: Final = 13
MARK: Final = 14
"""The place here goes to the column of the argument."""
STEP_COLUMNS: Final = 3
"""Columns of a step: what, argument, second argument."""

_EXACT_INTEGER: Final = 1 << 53


@helper
def _run(buffer: Any, at: int, end: int, steps: Any, codes: Any, row: Any) -> tuple[int, float]:
    """Run the program on one record; returns its fate and value."""
    value = 0.0
    step = 0
    while step < len(steps):
        what, argument = steps[step, 0], steps[step, 1]
        if what in (TEXT, SKIP_BYTES):
            length, at = read_varint(buffer, at, end)
            if at < 0 or length < 0 or length > end - at:
                return SLOW, 0.0
            if what == TEXT:
                row[argument] = at
                row[argument + 1] = at + length
                for place in range(at, at + length):
                    if buffer[place] < 32 or buffer[place] > 126:
                        return SLOW, 0.0
            at += length
        elif what in (DOUBLE, FLOAT, SKIP_FIXED):
            size = 8 if what == DOUBLE else 4 if what == FLOAT else argument
            if end - at < size:
                return SLOW, 0.0
            if what == DOUBLE:
                value = buffer[at : at + 8].view(np.float64)[0]
            elif what == FLOAT:
                value = float(buffer[at : at + 4].view(np.float32)[0])
            if not np.isfinite(value):
                return SLOW, 0.0
            at += size
        elif what == JUMP:
            step = argument - 1
        elif what == MARK:
            row[argument] = at
        elif what == LEAVE:
            return SLOW, 0.0
        elif what == TIME_TEXT:
            length, at = read_varint(buffer, at, end)
            if at < 0 or length < 0 or length > end - at:
                return SLOW, 0.0
            row[argument] = read_time(buffer, at, at + length)
            if row[argument] < 0:
                return SLOW, 0.0
            at += length
        else:
            number, at = read_varint(buffer, at, end)
            if at < 0:
                return SLOW, 0.0
            if what == TIME:
                scale = steps[step, 2]
                if number < 0 or number > MAX_US // scale:
                    return SLOW, 0.0
                row[argument] = number * scale
            elif what == NUMBER:
                if number < 0:
                    return SLOW, 0.0
                row[argument] = number
            elif what == WHOLE:
                if number > _EXACT_INTEGER or number < -_EXACT_INTEGER:
                    return SLOW, 0.0
                value = float(number)
            elif what == CODE:
                first = steps[step, 2]
                if number < 0 or number >= codes[first] or codes[first + 1 + number] < 0:
                    return SLOW, 0.0
                row[argument] = codes[first + 1 + number]
            elif what == BRANCH:
                if number < 0 or number >= argument:
                    return SLOW, 0.0
                step = steps[step + 1 + number, 1] - 1
        step += 1
    return (TAKEN_AVRO if at == end else SLOW), value


@kernel(
    "void(uint8[::1], int64[:, ::1], int64, int64[:, ::1], int64[::1], int64[:, ::1], float64[::1], uint8[::1])",
)
def read_avro(
    buffer: Any, records: Any, schema_id: int, steps: Any, codes: Any, found: Any, values: Any, fates: Any
) -> None:
    """Read the values of `records` (rows of `layout`) that are framed with `schema_id` and not read yet.

    Per record: `found` (columns of `layout`), its value, and its fate: `TAKEN_AVRO`, or `SLOW` as before.
    """
    for at in range(len(records)):
        start, end = records[at, VALUE], records[at, VALUE + 1]
        if fates[at] != SLOW or end - start < FRAME_BYTES or buffer[start] != 0:
            continue
        framed = 0
        for place in range(1, FRAME_BYTES):
            framed = framed << 8 | int(buffer[start + place])
        if framed != schema_id:
            continue
        row = found[at]
        row[:] = -1
        row[SEQ] = 0
        row[DEVICE] = MISSING
        row[GATEWAY] = MISSING
        row[BEGIN] = start + FRAME_BYTES
        row[END] = end
        fates[at], values[at] = _run(buffer, start + FRAME_BYTES, end, steps, codes, row)
        if row[QUALITY] < 0:
            row[QUALITY_AT + 1] = row[QUALITY_AT]
