"""From a cut to the rows that are written: which of them, in which order, with which columns. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ironstream.contract import IDENTITY_PART, Quality
from ironstream.sinks.classes import DataClass
from ironstream.sinks.columns.common import MALFORMED, TEXT
from ironstream.sinks.columns.names import IDENTITY, single
from ironstream.sinks.postgres.tables import Table
from ironstream.sinks.sink import Cut, Prepared, Refusal

DAY_US: Final = 86_400_000_000
_QUALITIES: Final = frozenset(Quality.__members__)
_LAST_YEAR: Final = 8999
_END_DAY: Final = (date(_LAST_YEAR + 1, 1, 1) - date(1970, 1, 1)).days
"""From here on a partition could end where no calendar does."""
_NUL: Final = "holds the character NUL, which PostgreSQL's texts cannot"


def checked(prepared: Prepared[pa.Table], table: Table) -> Prepared[pa.Table]:
    """Without the rows that no server would take: they are refusals here, where finding them costs next to nothing."""
    rows = prepared.rows
    bad: dict[int, str] = {}
    for column in table.columns:
        for name in IDENTITY if column.name == "series_id" else (column.source,):
            found = rows[name].combine_chunks()
            for row in np.flatnonzero(_unfit(name, found)):
                bad.setdefault(int(row), f"{name}: {_why(name)}")
    for row in _times_outside(table, rows):
        bad.setdefault(int(row), f"{table.time}: is outside the years 1970 to {_LAST_YEAR}")
    if not bad:
        return prepared
    kept = np.setdiff1d(np.arange(len(rows)), np.fromiter(bad, np.int64))
    refusals = [Refusal(int(prepared.places[row]), MALFORMED, why) for row, why in sorted(bad.items())]
    left = rows.take(kept)
    return Prepared(left, prepared.places[kept], left.nbytes, [*prepared.refusals, *refusals])


def _times_outside(table: Table, rows: pa.Table) -> NDArray[np.int64]:
    days = days_of(table, rows)
    return np.empty(0, np.int64) if days is None else np.flatnonzero((days < 0) | (days >= _END_DAY))


def _unfit(name: str, column: Any) -> NDArray[np.bool_]:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    none = np.zeros(len(column), np.bool_)
    if pa.types.is_dictionary(column.type):
        words = _words(column.dictionary)
        unfit = np.array([not _fits(name, word) for word in words], np.bool_)
        if not unfit.any():
            return none
        codes = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)
        found: NDArray[np.bool_] = unfit[codes] & ~column.is_null().to_numpy(zero_copy_only=False)
        return found
    if pa.types.is_string(column.type):
        return _true(pc.match_substring(pc.cast(column, pa.binary()), b"\0"))
    if pa.types.is_list(column.type) and len(column.flatten()):
        unfit = _true(pc.match_substring(pc.cast(column.flatten(), pa.binary()), b"\0"))
        if unfit.any():
            none[pc.list_parent_indices(column).to_numpy(zero_copy_only=False)[unfit]] = True
    return none


def _true(mask: pa.Array) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return found


def _words(texts: pa.Array) -> Sequence[str | None]:
    """Texts; None for what is no UTF-8."""
    words: list[str | None] = []
    for one in pc.cast(texts, pa.binary()).to_pylist():
        try:
            words.append(one.decode())
        except UnicodeDecodeError:
            words.append(None)
    return words


def _fits(name: str, word: str | None) -> bool:
    if word is None or "\0" in word:
        return False
    if name in IDENTITY:
        return IDENTITY_PART.fullmatch(word) is not None
    return name != "quality" or word in _QUALITIES


def _why(name: str) -> str:
    if name in IDENTITY:
        return "is no name of a series: letters, digits, `.`, `_`, `-`, at most 128"
    if name == "quality":
        return "is none of " + ", ".join(Quality.__members__)
    return _NUL


def gather(cut: Cut[pa.Table]) -> pa.Table:
    """All rows of a cut as one table, with one dictionary per column."""
    return pa.concat_tables([part.prepared.rows for part in cut.parts]).unify_dictionaries().combine_chunks()


def columns_of(table: Table, rows: pa.Table, series_ids: NDArray[np.int32] | None) -> dict[str, pa.Array]:
    """What goes into each column of the table."""
    columns = {}
    for column in table.columns:
        if column.name == "series_id":
            columns[column.name] = pa.array(series_ids)
        elif table.data_class is DataClass.READINGS and column.name == "quality":
            columns[column.name] = _codes(single(rows[column.source]))
        else:
            columns[column.name] = single(rows[column.source])
    return columns


def _codes(qualities: pa.DictionaryArray) -> pa.Array:
    codes = np.array([int(Quality[word]) for word in qualities.dictionary.to_pylist()] or [0], np.int16)
    return pa.array(codes[pc.fill_null(qualities.indices, 0).to_numpy(zero_copy_only=False)])


def in_order(table: Table, columns: Mapping[str, pa.Array], some: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the rows `some` those to write, ordered by the table's sort, each key once: the newest, else the last."""
    keys = [_comparable(columns[name])[some] for name in table.sort]
    newest = [_comparable(columns[name])[some] for name in table.newest]
    order = np.lexsort((*reversed(newest), *reversed(keys)))
    last = np.ones(len(order), np.bool_)
    if len(order):
        same = np.ones(len(order) - 1, np.bool_)
        for key in keys:
            ranked = key[order]
            same &= ranked[1:] == ranked[:-1]
        last[:-1] = ~same
    return some[order[last]]


def superseded(
    table: Table,
    columns: Mapping[str, pa.Array],
    some: NDArray[np.int64],
    chosen: NDArray[np.int64],
    refused: Sequence[int],
) -> NDArray[np.int64]:
    """Those of the rows `some` that `in_order` left out for one of `refused`, which it had `chosen`."""
    left = np.setdiff1d(some, chosen)
    if not refused or not len(left):
        return np.empty(0, np.int64)
    rows = np.concatenate([left, np.asarray(refused, np.int64)])
    keys = np.stack([_comparable(columns[name])[rows] for name in table.sort])
    codes = np.unique(keys, axis=1, return_inverse=True)[1].ravel()
    found: NDArray[np.int64] = left[np.isin(codes[: len(left)], codes[len(left) :])]
    return found


def _comparable(column: pa.Array) -> NDArray[np.int64]:
    """Numbers that are alike where the values are; their order is that of numbers and times."""
    if pa.types.is_string(column.type):
        column = pc.dictionary_encode(column)
    if column.type == TEXT:
        column = column.indices
    found: NDArray[np.int64] = pc.cast(column, pa.int64()).to_numpy(zero_copy_only=False)
    return found


def days_of(table: Table, rows: pa.Table) -> NDArray[np.int64] | None:
    """Day since 1970 of each row by the time that its table is partitioned by; None where it is not."""
    if table.time is None:
        return None
    times = pc.cast(rows[table.time], pa.int64()).to_numpy(zero_copy_only=False)
    days: NDArray[np.int64] = times // DAY_US
    return days
