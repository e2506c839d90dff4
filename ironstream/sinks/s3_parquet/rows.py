"""Rows of chunks and cuts: which of them have a place here, and which go into one file. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ironstream.contract import IDENTITY_PART
from ironstream.sinks.s3_parquet.layout import DAY_US, FIRST_DAY, LAST_DAY
from ironstream.sinks.sink import Cut, Prepared, Refusal


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of a cut for one directory, in order of their offsets."""

    tenant: str
    day: int
    """Since the epoch."""
    rows: pa.Table
    offsets: NDArray[np.int64]


def placeable(prepared: Prepared[pa.Table], column: str) -> Prepared[pa.Table]:
    """Without the rows whose tenant cannot be part of a path, or whose day has no name: these are refused."""
    table = prepared.rows
    if not len(table):
        return prepared
    right = _right_tenants(table["tenant_id"])
    days = _days(table[column])
    right &= (days >= FIRST_DAY) & (days <= LAST_DAY)
    if right.all():
        return prepared
    refusals = list(prepared.refusals)
    for row in np.flatnonzero(~right):
        tenant = table["tenant_id"][int(row)].as_py()
        detail = (
            f"tenant_id: {tenant[:200]!r} is no name of a tenant"
            if not IDENTITY_PART.fullmatch(tenant)
            else f"{column}: outside of the years 1 to 9999"
        )
        refusals.append(Refusal(int(prepared.places[row]), "malformed", detail))
    kept = table.filter(pa.array(right))
    return Prepared(kept, prepared.places[right], kept.nbytes, refusals)


def _right_tenants(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    parts = []
    for chunk in column.chunks:
        names = np.array([bool(IDENTITY_PART.fullmatch(name or "")) for name in chunk.dictionary.to_pylist()], np.bool_)
        codes = chunk.indices.to_numpy(zero_copy_only=False)
        parts.append(np.ones(len(chunk), np.bool_) if names.all() else names[codes])
    return np.concatenate(parts)


def _days(column: pa.ChunkedArray) -> NDArray[np.int64]:
    days: NDArray[np.int64] = np.floor_divide(pc.cast(column, pa.int64()).to_numpy(), DAY_US)
    return days


def groups(cut: Cut[pa.Table], column: str) -> Iterator[Group]:
    """The rows of a cut by directory, one after the other so that only one is copied at a time."""
    tables = [part.prepared.rows for part in cut.parts if len(part)]
    if not tables:
        return
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    offsets = table["offset"].to_numpy()
    tenants = table["tenant_id"].combine_chunks()
    codes = tenants.indices.to_numpy().astype(np.int64)
    days = _days(table[column])
    first_day = int(days.min())
    span = int(days.max()) - first_day + 1
    key = codes * span + (days - first_day)
    found = np.unique(key)
    for one in found.tolist():
        tenant, day = tenants.dictionary[one // span].as_py(), first_day + one % span
        if len(found) == 1:
            yield Group(tenant, day, table, offsets)
            return
        places = np.flatnonzero(key == one)
        yield Group(tenant, day, table.take(pa.array(places)), offsets[places])
