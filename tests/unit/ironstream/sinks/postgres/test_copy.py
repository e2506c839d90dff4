"""What goes into PostgreSQL's binary COPY comes out of it as it was."""

from __future__ import annotations

import struct
from typing import Any

import asyncpg
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ironstream.sinks.columns.common import TEXT, TIME
from ironstream.sinks.postgres.copy import encode_columns, encode_rows

TYPES = {
    "s": "smallint", "i": "integer", "b": "bigint", "f": "double precision", "t": "boolean", "at": "timestamptz",
    "x": "text", "d": "text", "l": "text[]",
}  # fmt: skip
ARROW = {
    "s": pa.int16(), "i": pa.int32(), "b": pa.int64(), "f": pa.float64(), "t": pa.bool_(), "at": TIME,
    "x": pa.string(), "d": pa.string(), "l": pa.list_(pa.string()),
}  # fmt: skip
LATEST_US = 253_402_300_799_999_999

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
words = st.sampled_from(["clock_skew", "stuck", "über", "", "range"])
rows_of_everything = st.lists(
    st.fixed_dictionaries(
        {
            "s": st.none() | st.integers(-(2**15), 2**15 - 1),
            "i": st.none() | st.integers(-(2**31), 2**31 - 1),
            "b": st.none() | st.integers(-(2**63), 2**63 - 1),
            "f": st.none() | st.floats(width=64),
            "t": st.none() | st.booleans(),
            "at": st.none() | st.integers(0, LATEST_US),
            "x": st.none() | texts,
            "d": st.none() | words,
            "l": st.none() | st.lists(words | texts, max_size=4),
        }
    ),
    max_size=12,
)


def columns_of(rows: list[dict[str, Any]]) -> dict[str, pa.Array]:
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in ARROW.items()}
    columns["d"] = columns["d"].dictionary_encode().cast(TEXT)
    return columns


def fields_of(payload: bytes) -> list[list[bytes | None]]:
    """By the description of the format in PostgreSQL's manual."""
    assert payload[:19] == b"PGCOPY\n\xff\r\n\0" + bytes(8)
    at, rows = 19, []
    while (count := struct.unpack_from(">h", payload, at)[0]) != -1:
        at += 2
        fields: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", payload, at)
            at += 4
            fields.append(None if length == -1 else payload[at : at + length])
            at += max(length, 0)
        rows.append(fields)
    assert at + 2 == len(payload)
    return rows


@given(rows_of_everything, st.randoms())
def test_every_field_is_where_the_format_has_it_in_the_order_that_was_asked_for(
    rows: list[dict[str, Any]], random: Any
) -> None:
    order = random.sample(range(len(rows)), random.randint(0, len(rows)))

    payload = encode_rows(encode_columns(TYPES, columns_of(rows)), np.array(order, np.int64))

    found = fields_of(bytes(payload))
    assert len(found) == len(order)
    for row, fields in zip(order, found, strict=True):
        source = rows[row]
        for name, field in zip(TYPES, fields, strict=True):
            value = source[name]
            if value is None or value == []:
                assert field is None
            elif name in ("x", "d"):
                assert field == value.encode()
            elif name == "f":
                assert field == struct.pack(">d", value)
            elif name in "sib":
                assert field is not None
                assert int.from_bytes(field, "big", signed=True) == value
                assert len(field) == {"s": 2, "i": 4, "b": 8}[name]


@pytest.fixture
async def table(store: str) -> Any:
    connection = await asyncpg.connect(store)
    await connection.execute(
        "CREATE TABLE t (n serial, " + ", ".join(f"{name} {kind}" for name, kind in TYPES.items()) + ")"
    )
    await connection.execute("SET timezone = 'UTC'")
    yield connection
    await connection.close()


def shown(name: str, value: Any) -> Any:
    if value is None or value == []:
        return None
    if name == "f":
        return struct.pack(">d", value)  # NaN is what it was, and 0 is not -0
    return value


# one database for all examples, which each leaves as it found it
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=rows_of_everything)
async def test_the_server_gives_back_what_it_was_given(table: Any, rows: list[dict[str, Any]]) -> None:
    payload = encode_rows(encode_columns(TYPES, columns_of(rows)), np.arange(len(rows)))
    await table.execute("TRUNCATE t")

    await table.copy_to_table("t", source=payload, columns=list(TYPES), format="binary")

    found = await table.fetch(
        "SELECT s, i, b, f, t, (extract(epoch FROM at) * 1000000)::bigint AS at, x, d, l FROM t ORDER BY n"
    )
    assert [{name: shown(name, row[name]) for name in TYPES} for row in found] == [
        {name: shown(name, row[name]) for name in TYPES} for row in rows
    ]


def test_columns_that_are_slices_are_encoded_from_where_they_begin() -> None:
    rows = [{"x": f"text-{n}", "l": [f"w{n}"] * (n % 3), "d": f"d{n}"} for n in range(10)]
    columns = {
        "x": pa.array([row["x"] for row in rows])[3:7],
        "l": pa.array([row["l"] for row in rows], pa.list_(pa.string()))[3:7],
        "d": pa.array([row["d"] for row in rows]).dictionary_encode()[3:7],
    }

    payload = encode_rows(encode_columns({"x": "text", "l": "text[]", "d": "text"}, columns), np.arange(4))

    found = fields_of(bytes(payload))
    assert [fields[0] for fields in found] == [b"text-3", b"text-4", b"text-5", b"text-6"]
    assert [fields[2] for fields in found] == [b"d3", b"d4", b"d5", b"d6"]
    assert [fields[1] is None for fields in found] == [True, False, False, True]
    assert found[1][1] is not None
    assert found[1][1].endswith(b"\0\0\0\2w4")
