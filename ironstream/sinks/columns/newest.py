"""What of many rows counts where each replaces the one before: of each key the row that is highest in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def newest(table: pa.Table, key: Sequence[str], order: Sequence[str]) -> NDArray[np.int64]:
    """Places of the rows that are the highest of their key, ascending; of equals the last one."""
    if not len(table):
        return np.empty(0, np.int64)
    codes = [_codes(table[name]) for name in key]
    columns = [_numbers(table[name]) for name in order]
    # the last of lexsort's keys sorts first, and equals stay in their order
    sorting = np.lexsort((*reversed(columns), *reversed(codes)))
    ends = np.zeros(len(table), bool)
    ends[-1] = True
    for column in codes:
        found = column[sorting]
        ends[:-1] |= found[1:] != found[:-1]
    return np.sort(sorting[ends])


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        return _numbers(array.indices)
    if pa.types.is_string(array.type):
        return _numbers(array.dictionary_encode().indices)
    return _numbers(array)


def _numbers(column: Any) -> NDArray[np.int64]:
    return np.asarray(pc.cast(column, pa.int64()).to_numpy(zero_copy_only=False), np.int64)
