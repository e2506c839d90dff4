"""Rows of PostgreSQL's binary COPY, column after column into one buffer.

Every row has its place in the buffer, `at`, which each column moves on; a field is its length in four bytes and then
its bytes, or the length -1 for null. `rows[i]` is the row of the columns that the i-th row of the buffer is made of.
"""

from __future__ import annotations

from typing import Any

from ironstream.kernels.compiler import helper, kernel


@helper
def _length(out: Any, at: int, length: int) -> None:
    for byte in range(4):
        out[at + byte] = (length >> (24 - 8 * byte)) & 0xFF


@kernel("(uint8[::1], int64[::1], int64)")
def begin_rows(out: Any, at: Any, columns: int) -> None:
    """The number of fields, which every row begins with."""
    for row in range(len(at)):
        out[at[row]] = columns >> 8
        out[at[row] + 1] = columns & 0xFF
        at[row] += 2


@kernel("(uint8[::1], int64[::1], int64[::1], uint8[::1], int64, boolean[::1])")
def put_fixed(out: Any, at: Any, rows: Any, data: Any, width: int, nulls: Any) -> None:
    """A column of fields of `width` bytes, which stand in `data` one after the other."""
    for place in range(len(rows)):
        row, to = rows[place], at[place]
        if nulls[row]:
            _length(out, to, -1)
            at[place] = to + 4
            continue
        _length(out, to, width)
        for byte in range(width):
            out[to + 4 + byte] = data[row * width + byte]
        at[place] = to + 4 + width


@kernel("(uint8[::1], int64[::1], int64[::1], uint8[::1], int64[::1], int64[::1], boolean[::1])")
def put_varying(out: Any, at: Any, rows: Any, data: Any, begins: Any, ends: Any, nulls: Any) -> None:
    """A column of fields of any length: that of a row is `data` from its begin to its end."""
    for place in range(len(rows)):
        row, to = rows[place], at[place]
        if nulls[row]:
            _length(out, to, -1)
            at[place] = to + 4
            continue
        begin, length = begins[row], ends[row] - begins[row]
        _length(out, to, length)
        for byte in range(length):
            out[to + 4 + byte] = data[begin + byte]
        at[place] = to + 4 + length
