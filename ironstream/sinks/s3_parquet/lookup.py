"""Which rows are in the files of a chain already, at other offsets: looked up in those that may hold them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ironstream.sinks.classes import DataClass
from ironstream.sinks.s3_parquet.chain import Chain, Extent
from ironstream.sinks.s3_parquet.chains import firsts_of, read_extents
from ironstream.sinks.s3_parquet.files import DamagedFileError, decode_marked
from ironstream.sinks.s3_parquet.layout import file_name
from ironstream.sinks.s3_parquet.repeats import doubtful_marks, marks_of, without_repeats
from ironstream.sinks.s3_parquet.store import Store
from ironstream.sinks.sink import SinkUnavailableError

_AT_ONCE: Final = 16


class Lookup:
    """Asks the files of one stem in one directory."""

    def __init__(self, store: Store, directory: str, stem: str, data_class: DataClass) -> None:
        self._store = store
        self._directory = directory
        self._stem = stem
        self._class = data_class

    async def new(self, rows: pa.Table, chain: Chain) -> pa.Table:
        """`rows`, in order of their offsets and none of them covered, without those that repeat another.

        Raises SinkUnavailableError, and GoneError where a listed file has been compacted away.
        """
        first, last = rows["offset"][0].as_py(), rows["offset"][-1].as_py()
        doubtful = doubtful_marks(marks_of(rows, self._class), chain.highest_mark_before(first))
        if len(doubtful):
            rows = await self._without(rows, await self._before(first, int(doubtful[0])), doubtful)
        if len(rows) and (after := chain.after(last)):
            extents = await read_extents(self._store, self._directory, self._stem, after)
            rows = await self._without(rows, extents.values(), np.unique(marks_of(rows, self._class)))
        return rows

    async def _before(self, offset: int, lowest: int) -> list[Extent]:
        """What files before `offset` cover, back to where none can hold so low a mark or a higher one."""
        entries = await self._store.entries(self._directory, f"{self._stem}-")
        firsts = sorted((first for first in firsts_of(list(entries), self._stem) if first < offset), reverse=True)
        found: list[Extent] = []
        for start in range(0, len(firsts), _AT_ONCE):
            some = firsts[start : start + _AT_ONCE]
            extents = await read_extents(self._store, self._directory, self._stem, some)
            for extent in (extents[first] for first in some):
                if extent.marks.reach < lowest:
                    return found
                found.append(extent)
        return found

    async def _without(self, rows: pa.Table, files: Iterable[Extent], marks: NDArray[np.int64]) -> pa.Table:
        stored = [await self._stored(extent, marks) for extent in files if extent.marks.may_hold(marks)]
        return await asyncio.to_thread(without_repeats, rows, stored, self._class, marks)

    async def _stored(self, extent: Extent, marks: NDArray[np.int64]) -> pa.Table:
        path = f"{self._directory}/{file_name(self._stem, extent.first)}"
        body = await self._store.read(path)
        try:
            return await asyncio.to_thread(decode_marked, body, self._class, marks)
        except DamagedFileError as err:
            raise SinkUnavailableError(
                f"{path} is damaged: {err}",
                "move it away, and replay its offsets: what it holds cannot be told, so nothing is written after it",
            ) from err
