"""A table as the bytes of a Parquet file, and what a file's footer says of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ironstream import __version__
from ironstream.sinks.classes import DataClass
from ironstream.sinks.s3_parquet.chain import Extent
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.ordering import row_numbers
from ironstream.sinks.s3_parquet.repeats import IDENTITIES, Marks, marks_of, with_marks

SCHEMA_VERSION: Final = 1
"""Grows with each change of the columns; a change only adds columns that may be null."""
TAIL_BYTES: Final = 64 * 1024
"""What is read of a file for its footer at first; most are smaller."""
SERIES: Final = ("tenant_id", "site_id", "asset_id", "parameter")
_MAGIC: Final = b"PAR1"
_ZSTD_LEVEL: Final = 3
_CONSTANTS: Final = ("topology_version", "partition", "raw_partition", "size_s", "revision", "evidence_partition")
"""Whole numbers of which a file has few."""

_UNREADABLE: Final = (pa.ArrowException, OSError, ValueError)
"""What pyarrow raises for bytes that are no Parquet file; ValueError for text that is not UTF-8."""


class DamagedFileError(ValueError):
    """Bytes that are no Parquet file of this sink."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of a file come from."""

    topic: str
    """With the deployment's prefix."""
    partition: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How files are encoded."""

    compression: str
    compression_level: int | None
    row_group_rows: int

    @classmethod
    def of(cls, config: S3ParquetConfig) -> Encoding:
        """As the configuration says."""
        level = config.compression_level if config.compression == "snappy" else config.compression_level or _ZSTD_LEVEL
        return cls(config.compression, level, config.row_group_rows)


def encode(table: pa.Table, time_column: str, source: Source, extent: Extent, encoding: Encoding) -> bytes:
    """The file of rows in order of their offsets: sorted by series and time, with the range that it covers."""
    facts = {
        "topic": source.topic,
        "partition": source.partition,
        "first_offset": extent.first,
        "last_offset": extent.last,
        "complete_from": extent.complete_from,
        "rows": extent.rows,
        "mark_low": extent.marks.low,
        "mark_high": extent.marks.high,
        "mark_reach": extent.marks.reach,
        "schema_version": SCHEMA_VERSION,
        "writer_version": __version__,
    }
    table = table.take(pa.array(order_by_series(table, time_column)))
    table = table.replace_schema_metadata({f"ironstream.{name}": str(value) for name, value in facts.items()})
    out = pa.BufferOutputStream()
    pq.write_table(table, out, **write_options(table.schema, time_column, encoding))
    body: bytes = out.getvalue().to_pybytes()
    return body


def extent_of(table: pa.Table, data_class: DataClass, complete_from: int, reach_before: int) -> Extent:
    """What a file of rows in order of their offsets covers, after files whose marks reach so far."""
    offsets = table["offset"]
    marks = Marks.of(marks_of(table, data_class), reach_before)
    return Extent(offsets[0].as_py(), offsets[-1].as_py(), complete_from, len(table), marks)


def write_options(schema: pa.Schema, time_column: str | None, encoding: Encoding) -> dict[str, object]:
    """Keyword arguments of pyarrow.parquet.write_table for tables of this schema; without a time: not sorted."""
    small = [field.name for field in schema if pa.types.is_dictionary(field.type) or field.name in _CONSTANTS]
    lists = [f"{field.name}.list.element" for field in schema if pa.types.is_list(field.type)]
    rising = [
        field.name
        for field in schema
        if field.name not in small and (pa.types.is_timestamp(field.type) or pa.types.is_int64(field.type))
    ]
    order = [(name, "ascending") for name in (*SERIES, time_column)] if time_column else []
    return {
        "version": "2.6",
        "compression": encoding.compression,
        "compression_level": encoding.compression_level,
        "row_group_size": encoding.row_group_rows,
        "use_dictionary": [*small, *lists],
        # times and offsets of a sorted series lie close together: a byte or two of difference in place of eight
        "column_encoding": dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
        "write_statistics": True,
        "write_page_index": True,
        "write_page_checksum": True,
        "sorting_columns": pq.SortingColumn.from_ordering(schema, order, null_placement="at_end") if order else None,
    }


def order_by_series(table: pa.Table, time_column: str) -> NDArray[np.intp]:
    """Places of the rows ordered by series (null last), time, and then as they stand."""
    series = row_numbers(table, SERIES)
    if len(series) and int(series.max()) < 2**16:
        series = series.astype(np.uint16)  # numpy sorts these by radix
    time = pc.cast(table[time_column], pa.int64()).to_numpy()
    by_time = np.argsort(time, kind="stable")
    order: NDArray[np.intp] = by_time[np.argsort(series[by_time], kind="stable")]
    return order


def footer_bytes(tail: bytes) -> int:
    """How many bytes at the end of a file its footer takes. Raises DamagedFileError."""
    if len(tail) < 12 or tail[-4:] != _MAGIC:
        raise DamagedFileError("it does not end as a Parquet file does")
    return int.from_bytes(tail[-8:-4], "little") + 8


def read_extent(tail: bytes) -> Extent:
    """What the footer at the end of `tail` says. Raises DamagedFileError."""
    try:
        # a reader looks for the footer from the end, so the end alone is enough
        metadata = pq.read_metadata(pa.BufferReader(tail)).metadata or {}
    except _UNREADABLE as err:
        raise DamagedFileError("its footer cannot be read") from err

    def fact(name: str) -> int:
        return int(metadata[f"ironstream.{name}".encode()])

    try:
        marks = Marks(fact("mark_low"), fact("mark_high"), fact("mark_reach"))
        return Extent(fact("first_offset"), fact("last_offset"), fact("complete_from"), fact("rows"), marks)
    except (KeyError, ValueError) as err:
        raise DamagedFileError("its footer does not name the offsets that it covers") from err


def decode(body: bytes) -> pa.Table:
    """The rows of a file, in order of their offsets. Raises DamagedFileError."""
    try:
        table = pq.ParquetFile(pa.BufferReader(body), page_checksum_verification=True).read()
    except _UNREADABLE as err:
        raise DamagedFileError(f"it cannot be read: {err}") from err
    return table.take(pa.array(np.argsort(table["offset"].to_numpy(), kind="stable")))


def decode_marked(body: bytes, data_class: DataClass, marks: NDArray[np.int64]) -> pa.Table:
    """What the rows of a file are that have one of these marks. Raises DamagedFileError."""
    try:
        file = pq.ParquetFile(pa.BufferReader(body), page_checksum_verification=True)
        return with_marks(file.read(columns=IDENTITIES[data_class].needed), data_class, marks)
    except _UNREADABLE as err:
        raise DamagedFileError(f"it cannot be read: {err}") from err


def joined(tables: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    """Tables of this schema or older ones (or newer: what they add is kept) as one, rows in order, each offset once.

    `tables` are in the order of their files. A record's rows stand together, so those of an offset that an earlier
    table has are left out.
    """
    kept, last = [], -1
    for table in tables:
        offsets = table["offset"].to_numpy()
        kept.append(table.slice(int(np.searchsorted(offsets, last, "right"))).replace_schema_metadata())
        last = max(last, int(offsets[-1])) if len(offsets) else last
    fields = {field.name: field for field in schema}
    for table in kept:
        fields |= {field.name: field.with_nullable(True) for field in table.schema if field.name not in fields}
    whole = pa.schema(list(fields.values()))
    return pa.concat_tables([_as(table, whole) for table in kept]).unify_dictionaries().combine_chunks()


def _as(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        pc.cast(table[field.name], field.type) if field.name in table.schema.names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
