"""The kernel reads ids as a few lines of Python do, and no header whatever makes it read beyond its record."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.engine.records import Records, encode_headers
from ironstream.kernels.layout import HEADERS, PADDING, RECORD_COLUMNS
from ironstream.kernels.source_ids import source_ids
from tests.support.engine import record

NAME, PREFIX = "ironstream-id", "telemetry.raw/"
Headers = Sequence[tuple[str, bytes]]


def bytes_of(text: str) -> np.typing.NDArray[np.uint8]:
    return np.frombuffer(bytearray(text.encode()), np.uint8)


def ids_of(records: Records) -> list[tuple[int, int]]:
    partitions, offsets = np.full(len(records), 77, np.int64), np.full(len(records), 77, np.int64)
    source_ids(records.buffer, records.places, bytes_of(NAME), bytes_of(PREFIX), partitions, offsets)
    return list(zip(partitions.tolist(), offsets.tolist(), strict=True))


def read(headers: Headers) -> tuple[int, int]:
    """The same, simply."""
    found = (-1, -1)
    for name, value in headers:
        match = re.fullmatch(rb"telemetry\.raw/([0-9]{1,18})/([0-9]{1,18})(/.*)?", value, re.DOTALL)
        if name == NAME and match and int(match[1]) < 2**31:
            found = (int(match[1]), int(match[2]))
    return found


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], (-1, -1)),
        ([(NAME, b"telemetry.raw/3/17")], (3, 17)),
        ([("schema_id", b"7"), (NAME, b"telemetry.raw/0/0"), ("traceparent", b"00-1")], (0, 0)),
        ([(NAME, b"telemetry.raw/3/17/vibration")], (3, 17)),
        ([(NAME, b"telemetry.raw/3/17/")], (3, 17)),
        ([(NAME, b"telemetry.raw/3/")], (-1, -1)),
        ([(NAME, b"telemetry.raw/3")], (-1, -1)),
        ([(NAME, b"telemetry.raw//3")], (-1, -1)),
        ([(NAME, b"telemetry.raw/")], (-1, -1)),
        ([(NAME, b"")], (-1, -1)),
        ([(NAME, b"telemetry.raw/-1/3")], (-1, -1)),
        ([(NAME, b"telemetry.raw/3/4x")], (-1, -1)),
        ([(NAME, b"telemetry.raw/2147483647/999999999999999999")], (2**31 - 1, 999_999_999_999_999_999)),
        ([(NAME, b"telemetry.raw/2147483648/5")], (-1, -1)),
        ([(NAME, b"telemetry.raw/9999999999/5")], (-1, -1)),
        ([(NAME, b"telemetry.raw/3/9999999999999999999")], (-1, -1)),
        ([(NAME, b"acme/north/pump/temperature/60/17/0")], (-1, -1)),
        ([("Ironstream-id", b"telemetry.raw/3/17")], (-1, -1)),
    ],
)
def test_an_id_leads_to_its_raw_record_or_to_none(headers: Headers, expected: tuple[int, int]) -> None:
    assert ids_of(Records.of([record(0, b"k", b"{}", 0, headers)])) == [expected]
    assert read(headers) == expected


numbers = st.integers(0, 10**20).map(str) | st.sampled_from(["", "-1", "1x", "007", "2147483647", "2147483648"])
ids = st.builds(
    lambda a, b, part: f"{PREFIX}{a}/{b}{part}".encode(), numbers, numbers, st.sampled_from(["", "/", "/p"])
)
headers = st.lists(
    st.tuples(
        st.sampled_from([NAME, NAME, "schema_id", NAME + "x", ""]) | st.text(max_size=14),
        ids | st.binary(max_size=20),
    ),
    max_size=6,
)


@given(st.lists(headers, max_size=8))
def test_any_headers_in_any_order_are_read_as_simply(many: list[Headers]) -> None:
    records = Records.of([record(at, b"k", b"v" * at, 0, one) for at, one in enumerate(many)])
    assert ids_of(records) == [read(one) for one in many]


@given(headers, st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6), st.integers(0, 200))
def test_headers_that_are_none_are_no_id_and_read_no_further(
    good: Headers, changes: list[tuple[int, int]], length: int
) -> None:
    wire = bytearray(encode_headers(good))
    for at, byte in changes:
        wire[at % len(wire)] = byte
    wire = wire[: length % (len(wire) + 1)]
    buffer = np.frombuffer(wire + bytearray(PADDING), np.uint8)
    places = np.zeros((1, RECORD_COLUMNS), np.int64)
    places[0, HEADERS + 1] = len(wire)
    ((partition, offset),) = ids_of(Records(buffer, places))
    assert (partition == -1) == (offset == -1)


def test_lengths_beyond_all_memory_are_not_followed() -> None:
    for wire in (
        b"\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" * 3,
        b"\x02\x01",
    ):
        buffer = np.frombuffer(bytearray(wire + bytes(PADDING)), np.uint8)
        places = np.zeros((1, RECORD_COLUMNS), np.int64)
        places[0, HEADERS + 1] = len(wire)
        assert ids_of(Records(buffer, places)) == [(-1, -1)]
