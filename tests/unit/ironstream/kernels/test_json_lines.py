from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.engine.api import Records
from ironstream.kernels.json_lines import json_lines
from tests.support.engine import record


def lines_of(values: list[bytes | None]) -> bytes | None:
    """What the kernel makes of values; None where it leaves them alone."""
    records = Records.of([record(at, b"k", value, 0) for at, value in enumerate(values)])
    lines = np.full(sum(len(value or b"") + 1 for value in values) + 16, 7, np.uint8)
    used = json_lines(records.buffer, records.places, lines)
    return None if used < 0 else lines[:used].tobytes()


@pytest.mark.parametrize(
    "odd", [None, b"", b"[]", b"{", b"}", b" {}", b"{} ", b"{}\n", b'{"a":\n1}', b'{"a":"\x00"}', b"{\t}", b"\x00\x01"]
)
def test_a_value_that_is_not_one_line_in_braces_leaves_all_to_be_looked_at(odd: bytes | None) -> None:
    assert lines_of([b'{"a": 1}', odd, b'{"b": 2}']) is None


def test_a_slice_of_records_gives_the_lines_of_that_slice() -> None:
    records = Records.of([record(at, b"k", b'{"a":%d}' % at, 0) for at in range(5)])[2:4]
    lines = np.zeros(100, np.uint8)
    used = json_lines(records.buffer, records.places, lines)
    assert lines[:used].tobytes() == b'{"a":2}\n{"a":3}\n'


pieces = st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b",", b":", b'"a"', b"1", b"\n", b" ", b'"', b"{}", b"\\"]))


@given(st.lists(st.one_of(pieces.map(b"".join), st.binary(max_size=6).map(lambda b: b"{" + b + b"}"))))
def test_as_many_objects_as_records_are_one_of_each(values: list[bytes]) -> None:
    joined = lines_of(list(values))
    if joined is None:
        return
    assert joined == b"".join(value + b"\n" for value in values)
    try:
        found = _objects(joined.decode())
    except ValueError:
        return
    if len(found) == len(values):
        assert found == [json.loads(value) for value in values]


def _objects(text: str) -> list[object]:
    """Every JSON object in a text, one after the other, as a reader of streams finds them."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        one, at = decoder.raw_decode(text, at)
        found.append(one)
    return found
