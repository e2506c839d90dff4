"""What PostgreSQL sends as a binary copy, read as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ironstream.contract import SeriesId
from ironstream.query.origins import Origins, TakeOrigins

_HEADER_BYTES: Final = 19
"""Signature, flags and the length of an extension that there is none of."""
_ROW: Final = np.dtype(
    [("fields", ">i2"), ("_1", ">i4"), ("series_id", ">i4"), ("_2", ">i4"), ("raw_partition", ">i4"), ("_3", ">i4"),
     ("raw_offset", ">i8")]
)  # fmt: skip
"""How many columns, then each with its length before it. None of them can be null, so all rows are of one size."""
_PIECE_BYTES: Final = 64 * 1024 * _ROW.itemsize
_END: Final = b"\xff\xff"


class CopiedOrigins:
    """Takes `series_id, raw_partition, raw_offset` as they come, and tells them on in pieces.

    `series_ids` are the numbers of all series that may come, ascending, and `names` what they are called.
    """

    def __init__(self, series_ids: Sequence[int], names: Sequence[SeriesId], take: TakeOrigins) -> None:
        self.series_ids = np.array(series_ids, np.int64)
        self._names = names
        self._take = take
        self._waiting = bytearray()
        self._begun = False

    async def feed(self, data: bytes) -> None:
        """The next bytes of the copy, cut anywhere."""
        self._waiting += data
        if not self._begun and len(self._waiting) >= _HEADER_BYTES:
            del self._waiting[:_HEADER_BYTES]
            self._begun = True
        if self._begun and len(self._waiting) >= _PIECE_BYTES:
            self._tell()

    def finish(self) -> None:
        """The copy has come to its end: tell the rest. Raises ValueError where the end is missing."""
        if self._waiting[-len(_END) :] != _END:
            raise ValueError("the copy ended in the middle")
        self._tell()

    def _tell(self) -> None:
        count = len(self._waiting) // _ROW.itemsize
        if not count:
            return
        # a copy: what it stands in moves on
        rows = np.frombuffer(bytes(self._waiting[: count * _ROW.itemsize]), _ROW)
        del self._waiting[: count * _ROW.itemsize]
        at = np.searchsorted(self.series_ids, rows["series_id"])
        self._take(
            Origins(rows["raw_partition"].astype(np.int64), rows["raw_offset"].astype(np.int64), at, self._names)
        )
