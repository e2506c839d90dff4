"""Which series the rows of a table belong to."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Name = tuple[str, str, str, str]
"""Tenant, site, asset, parameter."""
IDENTITY: Final = ("tenant_id", "site_id", "asset_id", "parameter")
"""The columns, which are dictionaries, that name a series."""


def single(column: pa.ChunkedArray) -> pa.Array:
    """A column of a table without chunks as one array."""
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def names_of(rows: pa.Table) -> tuple[list[Name], NDArray[np.int64], NDArray[np.int64]]:
    """The series of a table without chunks: each once, which of them each row belongs to, and the last row of each."""
    code = np.zeros(len(rows), np.int64)
    dictionaries: list[list[str]] = []
    for name in IDENTITY:
        column = single(rows[name])
        dictionaries.append(column.dictionary.to_pylist())
        code = code * max(1, len(dictionaries[-1])) + column.indices.to_numpy(zero_copy_only=False)
    distinct, which = np.unique(code, return_inverse=True)
    parts: list[list[str]] = []
    for words in reversed(dictionaries):
        distinct, at = np.divmod(distinct, max(1, len(words)))
        parts.append([words[one] for one in at])
    names = list(zip(*reversed(parts), strict=True))
    last = np.zeros(len(names), np.int64)
    last[which] = np.arange(len(which))
    return names, which, last
