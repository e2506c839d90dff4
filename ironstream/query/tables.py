"""Rows of every store brought into one form: types, order, JSON, one row of those that are the same."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ironstream.query.shapes import Shape
from ironstream.sinks.columns.newest import newest


def unique(table: pa.Table, shape: Shape) -> pa.Table:
    """One row of those that are alike in the shape's key, in the shape's order."""
    if not len(table):
        return table
    table = table.unify_dictionaries().combine_chunks()
    table = table.take(newest(table, shape.key, shape.newest))
    # dictionaries sort by their codes
    plain = {name: _plain(table[name]) for name in shape.sort}
    return table.take(pc.sort_indices(pa.table(plain), sort_keys=[(name, "ascending") for name in shape.sort]))


def shaped(table: pa.Table, shape: Shape) -> pa.Table:
    """The table with the shape's schema; a column that it lacks is null."""
    columns: list[Any] = []
    for field in shape.schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
            continue
        column = _plain(table[field.name])
        if field.name in shape.json:
            column = pa.array([canonical_json(text) for text in column.to_pylist()], pa.string())
        if pa.types.is_list(field.type):
            column = _never_null(column, field.type)
        columns.append(column if column.type == field.type else pc.cast(column, field.type))
    return pa.table(columns, schema=shape.schema)


def canonical_json(text: str | None) -> str | None:
    """JSON text in one form: keys sorted, no spaces, whole numbers without a point. Text that is none stays."""
    if text is None:
        return None
    try:
        return msgspec.json.encode(_whole(msgspec.json.decode(text)), order="sorted").decode()
    except (ValueError, RecursionError):
        return text


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _never_null(column: pa.ChunkedArray, kind: pa.DataType) -> Any:
    """No reasons are an empty list, however the store says so."""
    if not column.null_count:
        return column
    array = column.combine_chunks()
    counts = np.asarray(pc.fill_null(pc.list_value_length(array), 0))
    ends = pa.array(np.concatenate(([0], np.cumsum(counts))).astype(np.int32))
    return pa.ListArray.from_arrays(ends, array.flatten()).cast(kind)
