"""Values of records as lines of JSON, in one piece, without an object for any."""

from __future__ import annotations

from typing import Any, Final

from ironstream.kernels.bytes import copy
from ironstream.kernels.compiler import kernel
from ironstream.kernels.layout import VALUE

_OPENS: Final = 123
_CLOSES: Final = 125
_NEWLINE: Final = 10
_SPACE: Final = 32


@kernel("int64(uint8[::1], int64[:, ::1], uint8[::1])")
def json_lines(buffer: Any, records: Any, lines: Any) -> int:
    """Copy the value of each record and a newline into `lines`, which has room; returns how much of it is used.

    -1 where a value is none, does not stand in braces, or has a control character, a newline among them. Else no record
    can lean on the next: a brace that closes and one that opens never follow one another within an object. So what
    reads as many objects as there are records has read one of each.
    """
    used = 0
    for row in range(len(records)):
        start, end = records[row, VALUE], records[row, VALUE + 1]
        if end <= start or buffer[start] != _OPENS or buffer[end - 1] != _CLOSES:
            return -1
        lowest = buffer[start]
        for at in range(start, end):
            # without a branch, so that it is done by vectors
            lowest = min(lowest, buffer[at])
        if lowest < _SPACE:
            return -1
        used = copy(lines, used, buffer, start, end)
        lines[used] = _NEWLINE
        used += 1
    return used
