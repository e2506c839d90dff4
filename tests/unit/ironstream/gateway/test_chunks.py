from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.gateway.chunks import pack, split, unpack
from ironstream.gateway.outgoing import Outgoing, Priority

RECORDS = st.lists(
    st.builds(
        Outgoing, st.sampled_from(["a", "b"]), st.none() | st.binary(max_size=3), st.binary(max_size=300),
        st.sampled_from(Priority),
        headers=st.lists(st.tuples(st.sampled_from(["dlq-reason", "x"]), st.binary(max_size=5)), max_size=2).map(tuple),
    ),
    max_size=40,
)  # fmt: skip


@given(RECORDS)
def test_records_come_back_from_a_chunk_as_they_were(records: list[Outgoing]) -> None:
    same = [
        Outgoing(record.topic, record.key, record.value, Priority.LOW, headers=record.headers) for record in records
    ]
    assert unpack(Priority.LOW, pack(same)) == same


@given(st.binary(max_size=200))
def test_bytes_that_are_no_chunk_raise_only_a_decode_error(packed: bytes) -> None:
    with suppress(msgspec.DecodeError):
        unpack(Priority.NORMAL, packed)


@given(RECORDS, st.integers(1, 2_000))
def test_every_record_is_in_one_chunk_of_its_priority_and_in_order(records: list[Outgoing], max_bytes: int) -> None:
    chunks = list(split(records, max_bytes))
    for priority in Priority:
        places = [place for of, chunk in chunks for place in chunk if of is priority]
        assert places == [place for place, record in enumerate(records) if record.priority is priority]
    for _, chunk in chunks:
        assert len(chunk) == 1 or sum(records[place].size for place in chunk) <= max_bytes


def test_no_records_are_no_chunk() -> None:
    assert list(split([], 1000)) == []
    with pytest.raises(msgspec.DecodeError):
        unpack(Priority.NORMAL, b"")
