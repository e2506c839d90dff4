"""What the kernels of both wires share that put clean readings together: what they are given, and how a row begins."""

from __future__ import annotations

from typing import Any, Final

from ironstream.kernels.bytes import copy, write_decimal
from ironstream.kernels.compiler import helper
from ironstream.kernels.layout import ROW_ID, ROW_KEY, ROW_TIMESTAMP, ROW_VALUE

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


@helper
def piece(row: Any, number: int, start: int, end: int, made_start: int, made_end: int) -> None:
    """Set a piece of a row to write: places in the source, then in what was made."""
    at = ROW_VALUE + 4 * number
    row[at] = start
    row[at + 1] = end
    row[at + 2] = made_start
    row[at + 3] = made_end


@helper
def begin_row(row: Any, what: Any, keys: Any) -> None:
    """Set time and key of a row."""
    row[:] = 0
    row[ROW_TIMESTAMP] = what[APPEND_MS]
    row[ROW_KEY] = keys[what[SERIES], 0]
    row[ROW_KEY + 1] = keys[what[SERIES], 1]


@helper
def take_written(row: Any, written: Any) -> None:
    """Set value and id of a row to those of a reading that is written out already."""
    piece(row, 0, 0, 0, written[0], written[1])
    row[ROW_ID] = written[2]
    row[ROW_ID + 1] = written[3]


@helper
def write_id(row: Any, made: Any, used: int, prefix: Any, offset: int) -> int:
    """Write the id of a row, `prefix` and the offset; returns how much of `made` is used."""
    row[ROW_ID] = used
    used = copy(made, used, prefix, 0, len(prefix))
    used = write_decimal(made, used, offset)
    row[ROW_ID + 1] = used
    return used
