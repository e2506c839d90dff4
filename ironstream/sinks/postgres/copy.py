"""Columns as the bytes of PostgreSQL's binary COPY. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ironstream.kernels.copy_rows import begin_rows, put_fixed, put_varying

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01, from which PostgreSQL counts, in µs since 1970."""
_OIDS: Final = {"text[]": 25, "bytea[]": 17}
"""Types of the elements of lists."""
_FIXED: Final = {
    "smallint": ">i2",
    "integer": ">i4",
    "bigint": ">i8",
    "double precision": ">f8",
    "boolean": "?",
    "timestamptz": ">i8",
}
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Fixed:
    data: NDArray[np.uint8]
    width: int
    nulls: NDArray[np.bool_]

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        return np.where(self.nulls[rows], 0, self.width)

    def put(self, out: NDArray[np.uint8], at: Rows, rows: Rows) -> None:
        put_fixed(out, at, rows, self.data, self.width, self.nulls)


@dataclass(frozen=True, slots=True)
class _Varying:
    data: NDArray[np.uint8]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    nulls: NDArray[np.bool_]

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        lengths: NDArray[np.int64] = np.where(self.nulls, 0, self.ends - self.begins)[rows]
        return lengths

    def put(self, out: NDArray[np.uint8], at: Rows, rows: Rows) -> None:
        put_varying(out, at, rows, self.data, self.begins, self.ends, self.nulls)


Encoded = Mapping[str, "_Fixed | _Varying"]


def encode_columns(types: Mapping[str, str], columns: Mapping[str, pa.Array]) -> Encoded:
    """Columns in the form that rows are put together from. `types` are PostgreSQL's: text, text[], integer, …

    The bytes of a text are those of bytea; only a list says of what it is one.
    """
    return {name: _column(kind, columns[name]) for name, kind in types.items()}


def encode_rows(columns: Encoded, rows: Rows) -> memoryview:
    """The rows at these places, in this order, as all that a COPY … (FORMAT binary) reads."""
    fields = list(columns.values())
    lengths = np.full(len(rows), 2 + 4 * len(fields), np.int64)
    for field in fields:
        lengths += field.lengths(rows)
    ends = np.cumsum(lengths) + len(_HEADER)
    out = np.empty((int(ends[-1]) if len(rows) else len(_HEADER)) + len(_TRAILER), np.uint8)
    out[: len(_HEADER)] = np.frombuffer(_HEADER, np.uint8)
    out[-len(_TRAILER) :] = np.frombuffer(_TRAILER, np.uint8)
    at = ends - lengths
    begin_rows(out, at, len(fields))
    for field in fields:
        field.put(out, at, rows)
    return out.data


def _column(kind: str, column: pa.Array) -> _Fixed | _Varying:
    nulls = _nulls(column)
    if kind in _OIDS:
        return _lists(column, nulls, _OIDS[kind])
    if kind == "text":
        return _texts(column, nulls)
    if kind == "timestamptz":
        column = pc.cast(column, pa.int64())
    elif kind == "boolean":
        column = pc.cast(column, pa.uint8())
    if column.null_count:
        column = pc.fill_null(column, 0)
    values = column.to_numpy(zero_copy_only=False)
    if kind == "timestamptz":
        values = values - _EPOCH_US
    data = values.astype(_FIXED[kind])
    return _Fixed(data.view(np.uint8), data.itemsize, nulls)


def _nulls(column: pa.Array) -> NDArray[np.bool_]:
    if not column.null_count:
        return np.zeros(len(column), np.bool_)
    found: NDArray[np.bool_] = np.array(column.is_null().to_numpy(zero_copy_only=False))
    return found


def _texts(column: pa.Array, nulls: NDArray[np.bool_]) -> _Varying:
    if not pa.types.is_dictionary(column.type):
        return _Varying(*_bytes(column), nulls)
    data, begins, ends = _bytes(column.dictionary)
    if not len(begins):
        begins = ends = np.zeros(1, np.int64)
    codes = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)
    return _Varying(data, begins[codes], ends[codes], nulls)


def _bytes(texts: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The bytes of all texts, and where each begins and ends in them."""
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    # a copy: kernels take no array that cannot be written
    content = np.array(np.frombuffer(data, np.uint8)) if data else np.empty(0, np.uint8)
    return content, places[:-1], places[1:]


def _lists(column: pa.Array, nulls: NDArray[np.bool_], oid: int) -> _Varying:
    """Lists of texts; there are few different ones, and an empty list is null."""
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    texts = pc.dictionary_encode(pc.fill_null(column.flatten(), ""))
    words: Sequence[bytes] = [one.as_buffer().to_pybytes() for one in texts.dictionary]
    codes = texts.indices.to_numpy(zero_copy_only=False)
    starts = np.cumsum(lengths) - lengths
    begins, ends, blob = np.zeros(len(column), np.int64), np.zeros(len(column), np.int64), bytearray()
    for length in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == length)
        lists = codes[starts[rows][:, None] + np.arange(length)]
        distinct, which = np.unique(lists, axis=0, return_inverse=True)
        made = [_list([words[code] for code in one], oid) for one in distinct]
        stops = np.cumsum([len(one) for one in made]) + len(blob)
        blob += b"".join(made)
        ends[rows] = stops[which.ravel()]
        begins[rows] = ends[rows] - np.array([len(one) for one in made])[which.ravel()]
    return _Varying(np.array(np.frombuffer(bytes(blob), np.uint8)), begins, ends, nulls | (lengths == 0))


def _list(texts: Sequence[bytes], oid: int) -> bytes:
    numbers: tuple[Any, ...] = (1, 0, oid, len(texts), 1)
    head = b"".join(number.to_bytes(4, "big") for number in numbers)
    return head + b"".join(len(text).to_bytes(4, "big") + text for text in texts)
