"""Rows of a table as whole numbers that can be compared and sorted at once. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def row_numbers(table: pa.Table, columns: Sequence[str]) -> NDArray[np.int64]:
    """A number for each row, ordered as the rows are by these columns (null last), equal where all of them are."""
    numbers, size = np.zeros(len(table), np.int64), 1
    for name in columns:
        ranks, count = _ranks(table[name])
        if size > 2**62 // count:
            numbers, size = dense(numbers)
        numbers, size = numbers * count + ranks, size * count
    return dense(numbers)[0] if size > 2**16 else numbers


def dense(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """The same order with numbers from 0 on without gaps, and how many different ones there are."""
    values, places = np.unique(numbers, return_inverse=True)
    return places.astype(np.int64), max(1, len(values))


def _ranks(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], int]:
    """Rank of each row's value among those of the column, and how many ranks there are; null has the last."""
    coded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    codes = coded.unify_dictionaries().combine_chunks()
    values = codes.dictionary
    ranks = np.empty(len(values) + 1, np.int64)
    ranks[pc.array_sort_indices(values).to_numpy()] = np.arange(len(values))
    ranks[len(values)] = len(values)
    return ranks[pc.fill_null(codes.indices, len(values)).to_numpy()], len(values) + 1
