"""Aggregates of windows as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ironstream.engine.api import Chunk
from ironstream.errors import DecodeError
from ironstream.schemas import Schemas
from ironstream.sinks.columns import common
from ironstream.sinks.columns.common import IDENTITY, MALFORMED, PLACE, TEXT, TIME
from ironstream.sinks.sink import Prepared, Refusal

_VALUES: Final = (
    "avg", "min", "max", "stddev", "count", "p50", "p95", "p99", "first", "last", "time_weighted_avg",
)  # fmt: skip
_QUALITY: Final = ("good", "suspect", "uncertain", "bad", "pct_good")
_WHOLE: Final = frozenset(("count", "good", "suspect", "uncertain", "bad"))


def _number_type(name: str) -> pa.DataType:
    return pa.int64() if name in _WHOLE else pa.float64()


SCHEMA: Final = pa.schema(
    [
        *IDENTITY,
        pa.field("parameter", TEXT, nullable=False),
        pa.field("window_start", TIME, nullable=False),
        pa.field("window_end", TIME, nullable=False),
        pa.field("size_s", pa.int32(), nullable=False),
        pa.field("revision", pa.int32(), nullable=False),  # a higher one restates the window
        pa.field("final", pa.bool_(), nullable=False),
        pa.field("unit", TEXT),
        *(pa.field(name, _number_type(name)) for name in _VALUES),
        pa.field("percentile_method", TEXT),
        *(pa.field(name, _number_type(name)) for name in _QUALITY),
        pa.field("topology_version", pa.int32()),
        *PLACE,
    ]
)
_LINE: Final = pa.schema(
    [
        ("schema_version", pa.int64()),
        *((name, pa.string()) for name in ("tenant_id", "site_id", "asset_id", "parameter", "unit")),
        ("window_start", pa.string()),
        ("window_end", pa.string()),
        ("size_s", pa.int64()),
        ("revision", pa.int64()),
        ("final", pa.bool_()),
        ("aggregates", pa.struct([(name, _number_type(name)) for name in _VALUES])),
        ("percentile_method", pa.string()),
        ("quality_summary", pa.struct([(name, _number_type(name)) for name in _QUALITY])),
        ("topology_version", pa.int64()),
    ]
)
_REQUIRED: Final = tuple(
    field.name for field in SCHEMA if not field.nullable and field.name not in ("partition", "offset")
)
_WHOLE_COLUMNS: Final = common.whole_columns(SCHEMA)
_OBJECTS: Final = ("aggregates", "quality_summary")


class _Values(msgspec.Struct):
    avg: float | None = None
    min: float | None = None
    max: float | None = None
    stddev: float | None = None
    count: int | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    first: float | None = None
    last: float | None = None
    time_weighted_avg: float | None = None


class _Quality(msgspec.Struct):
    good: int | None = None
    suspect: int | None = None
    uncertain: int | None = None
    bad: int | None = None
    pct_good: float | None = None


class _Aggregate(msgspec.Struct):
    tenant_id: str
    site_id: str
    asset_id: str
    parameter: str
    window_start: str | int | float
    window_end: str | int | float
    size_s: int
    revision: int
    final: bool
    aggregates: _Values
    quality_summary: _Quality
    unit: str | None = None
    percentile_method: str | None = None
    topology_version: int | None = None


def decode(chunk: Chunk, schemas: Schemas) -> Prepared[pa.Table]:
    """A row per window. Never raises for what a record holds."""
    prepared = _fast(chunk)
    return _slow(chunk) if prepared is None else prepared


def _fast(chunk: Chunk) -> Prepared[pa.Table] | None:
    lines = common.read_lines(chunk, _LINE)
    if lines is None or any(lines[name].null_count for name in _OBJECTS):
        return None
    columns: dict[str, Any] = {name: lines[name] for name in SCHEMA.names if name in lines.column_names}
    columns |= _nested(lines, "aggregates", _VALUES)
    columns |= _nested(lines, "quality_summary", _QUALITY)
    try:
        columns |= {name: common.times(lines[name]) for name in ("window_start", "window_end")}
        common.within(lines["revision"], 0, 2**31 - 1)
        for name in (*_VALUES, *_QUALITY):
            common.finite(columns[name])
        if any(columns[name].null_count for name in _REQUIRED):
            return None
        places = np.arange(len(lines))
        table = common.table_of(SCHEMA, columns | common.place_columns(chunk, places))
    except pa.ArrowInvalid:
        return None
    return Prepared(table, places, table.nbytes)


def _nested(lines: pa.Table, field: str, names: Sequence[str]) -> dict[str, Any]:
    """Columns of the fields of an object."""
    found = lines[field].combine_chunks()
    return {name: pc.struct_field(found, name) for name in names}


def _slow(chunk: Chunk) -> Prepared[pa.Table]:
    rows, places, refusals = [], [], []
    for place, record in common.data_records(chunk):
        try:
            rows.append(common.fitting(_row(record.value), _WHOLE_COLUMNS))
        except DecodeError as fault:
            refusals.append(Refusal(place, MALFORMED, str(fault)))
            continue
        places.append(place)
    return common.from_rows(SCHEMA, chunk, rows, places, refusals)


def _row(value: bytes | None) -> dict[str, Any]:
    try:
        one = msgspec.json.decode(value or b"", type=_Aggregate)
    except (ValueError, RecursionError) as err:
        raise DecodeError("value", f"not an aggregate: {err}") from err
    if one.revision < 0:
        raise DecodeError("revision", "is less than 0")
    times = {name: common.time_of(getattr(one, name), name) for name in ("window_start", "window_end")}
    return {
        **{name: getattr(one, name) for name in _Aggregate.__struct_fields__},
        **{name: getattr(one.aggregates, name) for name in _VALUES},
        **{name: getattr(one.quality_summary, name) for name in _QUALITY},
        **times,
    }
