"""Values of records as lines of JSON, in one piece, without an object for any."""

from __future__ import annotations

from typing import Any, Final

from ironstream.kernels.bytes import copy
from ironstream.kernels.compiler import kernel
from ironstream.kernels.layout import VALUE

_BRACE: Final = 123
_NEWLINE: Final = 10


@kernel("int64(uint8[::1], int64[:, ::1], uint8[::1])")
def json_lines(buffer: Any, records: Any, lines: Any) -> int:
    """Copy the value of each record and a newline into `lines`, which has room; returns how much of it is used.

    -1 where a value is none, does not begin with a brace, or is of several lines: then a line is not a record.
    """
    used = 0
    for row in range(len(records)):
        start, end = records[row, VALUE], records[row, VALUE + 1]
        if end <= start or buffer[start] != _BRACE:
            return -1
        for at in range(start, end):
            if buffer[at] == _NEWLINE:
                return -1
        used = copy(lines, used, buffer, start, end)
        lines[used] = _NEWLINE
        used += 1
    return used
