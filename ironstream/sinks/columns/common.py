"""What the columns of all classes share: types, times, the joined text of a chunk, tables from lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from numpy.typing import NDArray

from ironstream.contract import ID_HEADER
from ironstream.domain.times import MAX_US, to_us
from ironstream.engine.api import Chunk, Record
from ironstream.engine.control import is_control
from ironstream.errors import DecodeError
from ironstream.kernels.json_lines import json_lines
from ironstream.kernels.layout import PADDING, VALUE
from ironstream.sinks.sink import Prepared, Refusal

TEXT: Final = pa.dictionary(pa.int32(), pa.string())
"""Text of which there are few: names, units, states."""
TIME: Final = pa.timestamp("us", "UTC")
PLACE: Final = [pa.field("partition", pa.int32(), nullable=False), pa.field("offset", pa.int64(), nullable=False)]
"""Where the record stands on its topic: the last columns of every class."""
IDENTITY: Final = [
    pa.field("tenant_id", TEXT, nullable=False),
    pa.field("site_id", TEXT, nullable=False),
    pa.field("asset_id", TEXT, nullable=False),
]
MALFORMED: Final = "malformed"
_BLOCK_BYTES: Final = 256 * 1024
"""Read at once: what fits into the cache is read twice as fast. A longer record is looked at on its own."""


def read_lines(chunk: Chunk, schema: pa.Schema) -> pa.Table | None:
    """The values as a table of a row each, with a column for every field that any has; None: look at each of them."""
    records = chunk.records
    places = np.ascontiguousarray(records.places)
    lines = np.empty(int((places[:, VALUE + 1] - places[:, VALUE] + 1).clip(0).sum()) + PADDING, np.uint8)
    used = json_lines(records.buffer, places, lines)
    if used < 0:
        return None
    try:
        # Arrow takes any bytes for text, and whoever reads the column later would fail.
        str(lines[:used].data, "utf-8")
        table = pj.read_json(
            pa.BufferReader(pa.py_buffer(lines[:used])),
            read_options=pj.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        )
    except (UnicodeDecodeError, pa.ArrowInvalid):
        return None
    return table if len(table) == len(records) and table.schema.equals(schema) else None


def times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO-8601 texts as times. Raises ArrowInvalid where one is none, finer than a µs, or outside 1970 … 9999."""
    found = pc.cast(column, TIME)
    within(pc.cast(found, pa.int64()), 0, MAX_US)
    return found


def within(column: Any, lowest: int, highest: int) -> None:
    """Raise ArrowInvalid where a number is outside these two. Nulls are not."""
    found = pc.min_max(column)
    if found["min"].is_valid and not lowest <= found["min"].as_py() <= found["max"].as_py() <= highest:
        raise pa.ArrowInvalid(f"not within {lowest} and {highest}")


def finite(column: Any) -> None:
    """Raise ArrowInvalid where a number is infinite, or none: Arrow's JSON knows NaN, and numbers of any length."""
    if not pc.all(pc.is_finite(column), min_count=0).as_py():
        raise pa.ArrowInvalid("not finite")


def place_columns(chunk: Chunk, places: NDArray[np.int64]) -> dict[str, Any]:
    """Columns `partition` and `offset` of the rows that come from the records at `places`."""
    return {
        "partition": pa.array(np.full(len(places), chunk.partition, np.int32)),
        "offset": pa.array(chunk.records.offsets[places]),
    }


def table_of(schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """A table of this schema; arrays are cast (text becomes dictionaries), lists are converted."""
    made = []
    for field in schema:
        column = columns[field.name]
        if not isinstance(column, pa.Array | pa.ChunkedArray):
            column = pa.array(column, field.type.value_type if field.type == TEXT else field.type)
        if field.type == TEXT and not pa.types.is_dictionary(column.type):
            column = pc.dictionary_encode(column)
        made.append(column if column.type == field.type else pc.cast(column, field.type))
    return pa.table(made, schema=schema)


def from_rows(
    schema: pa.Schema, chunk: Chunk, rows: Sequence[Mapping[str, Any]], places: Sequence[int], refusals: list[Refusal]
) -> Prepared[pa.Table]:
    """Rows (by column, without `partition` and `offset`, checked by `fitting`) as a table."""
    at = np.asarray(places, np.int64)
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in schema.names[: -len(PLACE)]}
    table = table_of(schema, columns | place_columns(chunk, at))
    return Prepared(table, at, table.nbytes, refusals)


def whole_columns(schema: pa.Schema) -> tuple[tuple[str, int], ...]:
    """Name and bits of every column of whole numbers."""
    return tuple((field.name, field.type.bit_width) for field in schema if pa.types.is_signed_integer(field.type))


def fitting(row: dict[str, Any], columns: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    """The row, whose whole numbers fit into `whole_columns`. Raises DecodeError: JSON knows numbers of any length."""
    for name, bits in columns:
        value = row.get(name)
        if value is not None and not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise DecodeError(name, f"is too large for a whole number of {bits} bits")
    return row


def data_records(chunk: Chunk, among: Iterable[int] | None = None) -> Iterable[tuple[int, Record]]:
    """Places and records, without the engine's own; only those at the places `among`, where it is given."""
    places = range(len(chunk.records)) if among is None else among
    return ((place, record) for place in places if not is_control(record := chunk.records[place]))


def json_object(record: Record) -> dict[str, Any]:
    """The value as a JSON object. Raises DecodeError."""
    if not record.value:
        raise DecodeError("value", "the record is empty")
    try:
        found = msgspec.json.decode(record.value)
    except (ValueError, RecursionError) as err:  # msgspec's own errors and bad UTF-8
        raise DecodeError("value", f"not JSON: {err}") from err
    if not isinstance(found, dict):
        raise DecodeError("value", "not a JSON object")
    return found


def time_of(value: Any, field: str) -> int | None:
    """A time of the wire in µs; None stays. Raises DecodeError."""
    if value is None:
        return None
    try:
        return to_us(value)
    except (ValueError, TypeError) as err:
        raise DecodeError(field, str(err)) from err


def record_id(record: Record, chunk: Chunk) -> str:
    """The id that the product gave the record; where it has none, its place on the topic."""
    for name, value in record.headers:
        if name == ID_HEADER and value:
            return value.decode("utf-8", "replace")
    return f"{chunk.topic}/{chunk.partition}/{record.offset}"


def json_text(value: Any) -> str | None:
    """A value of any type as JSON text; None where there is none."""
    return None if value is None else msgspec.json.encode(value).decode()
