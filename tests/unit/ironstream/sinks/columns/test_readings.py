"""Both ways of reading clean readings make the same table, whatever was done to the bytes, and in whatever company."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ironstream.contract import CONTROL_KEY, ID_HEADER
from ironstream.schemas import Schemas
from ironstream.sinks.columns import readings
from ironstream.sinks.sink import Prepared
from tests.support.engine import MemoryRecord, chunk

TIME = "2026-11-21T12:00:00.123Z"
CLEAN: dict[str, Any] = {
    "schema_version": 1, "tenant_id": "acme", "site_id": "works", "asset_id": "pump", "parameter": "temperature",
    "value": 21.5, "unit": "°C", "quality": "SUSPECT", "classification": "TELEMETRY",
    "timestamps": {"device_time": TIME, "gateway_time": TIME, "kafka_time": TIME},
    "metadata": {"pipeline_id": "p", "adapter_id": "a", "adapter_version": "1", "hostname": "h", "boot": "b", "seq": 7},
    "quality_reasons": ["stuck", "clock_skew"], "clock_skew_ms": -3, "site_name": "Werk Süd", "machine_type": "pump",
    "canonical_name": "temp", "topology_version": 2,
}  # fmt: skip
Read = Prepared[pa.Table]


def wire(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def chunk_of(values: list[bytes | None]) -> Any:
    header = [(ID_HEADER, b"telemetry.raw/3/17")]
    return chunk("telemetry.clean", [MemoryRecord(at, 0, b"k", value, header) for at, value in enumerate(values)], 5)


def agree(values: list[bytes | None]) -> Read:
    """Read all of them; the slow way on its own must say the same."""
    one = chunk_of(values)
    found, slow = readings.decode(one, Schemas()), readings._slow(one, Schemas())
    found.rows.validate(full=True)
    assert found.rows.schema == slow.rows.schema == readings.SCHEMA
    assert found.rows.to_pylist() == slow.rows.to_pylist()
    assert {column.num_chunks for column in found.rows.itercolumns()} == {1}
    assert np.signbit(found.rows["value"].to_numpy()).tolist() == np.signbit(slow.rows["value"].to_numpy()).tolist()
    assert found.places.tolist() == slow.places.tolist()
    assert list(found.refusals) == list(slow.refusals)
    return found


def taken(value: bytes) -> bool:
    return bool(len(readings._fast(chunk_of([value])).places))


texts = st.text(st.characters(codec="utf-8", exclude_characters='"\\', min_codepoint=32), max_size=9)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["null", "true", "false", "-0", "-0.0"]),
)
times = st.one_of(st.datetimes().map(lambda time: wire(time.isoformat() + "+02:30").decode()), numbers)
kinds: dict[str, st.SearchStrategy[str]] = {
    "value": numbers, "schema_version": st.sampled_from(["0", "1", "2", "null", "-0", "1.0"]),
    "clock_skew_ms": numbers, "topology_version": numbers, "seq": numbers,
    "device_time": times, "gateway_time": times, "kafka_time": times,
    "historical": st.sampled_from(["true", "false", "falsy", "null"]),
    "quality_reasons": st.lists(texts | st.none(), max_size=3).map(lambda one: json.dumps(one, ensure_ascii=False)),
}  # fmt: skip
text_fields = st.one_of(texts.map(lambda one: wire(one).decode()), st.sampled_from(["null", '""', '"default"']))


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A reading of fields in any order, some of them missing, some with anything in them."""
    space = draw(st.sampled_from(["", "", " ", "\n"]))

    def object_of(body: dict[str, Any]) -> str:
        names = draw(st.permutations(list(body)))
        names = names[draw(st.integers(0, 1)) :]
        changed = draw(st.sets(st.sampled_from(list(body)), max_size=2))
        fields = []
        for name in names:
            value = body[name]
            if isinstance(value, dict):
                said = object_of(value)
            elif name in changed:
                said = draw(kinds.get(name, text_fields))
            else:
                said = wire(value).decode()
            fields.append(f'{space}"{name}"{space}:{space}{said}{space}')
        return "{" + ",".join(fields) + "}"

    return object_of(CLEAN | {"metadata": CLEAN["metadata"] | {"historical": True}}).encode("utf-8", "surrogatepass")


def spoiled(value: bytes, at: int, put: bytes, cut: int) -> bytes:
    at %= len(value)
    return value[:at] + put + value[at + cut :]


junk = st.one_of(
    st.sampled_from([bytes([one]) for one in b'{}[]",:\\0e.-nt \x00\x7f\xff']),
    st.binary(max_size=3),
    st.sampled_from([b"\xc3\xa9", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98\x80", b"\xe2\x82"]),
)
broken = st.builds(spoiled, bodies() | st.just(wire(CLEAN)), st.integers(0, 2000), junk, st.integers(0, 3))


@given(st.lists(bodies(), min_size=1, max_size=4))
def test_readings_of_any_fields_in_any_order_are_read_alike(values: list[bytes]) -> None:
    agree(list(values))


@given(st.lists(broken | st.just(wire(CLEAN)), min_size=1, max_size=4))
def test_readings_with_bytes_changed_put_in_or_cut_are_read_alike(values: list[bytes]) -> None:
    agree(list(values))


@given(st.binary(max_size=60))
@example(b"")
def test_no_bytes_are_too_strange(value: bytes) -> None:
    agree([value, wire(CLEAN), None])


@pytest.mark.parametrize(
    "change",
    [
        {"value": None}, {"value": True}, {"value": 0.1 + 0.2}, {"value": 10**17 + 1}, {"unit": None}, {"unit": ""},
        {"quality": "FINE"}, {"quality_reasons": None}, {"quality_reasons": []}, {"metadata": None}, {"tenant_id": ""},
        {"schema_version": None}, {"timestamps": {"gateway_time": 1_795_262_400_123, "device_time": None}},
        {"timestamps": {"device_time": TIME, "timezone": "Europe/Vienna"}}, {"metadata": {"historical": False}},
        {"site_name": "工場 😀"},
    ],
    ids=str,
)  # fmt: skip
def test_what_agents_write_is_read_by_the_kernel(change: dict[str, Any]) -> None:
    value = wire(CLEAN | change)
    assert taken(value)
    agree([value])


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"}, {"unit": 'a"b'}, {"value": 10**30}, {"topology_version": 2**31}, {"timestamps": {}},
        {"timestamps": {"kafka_time": TIME}}, {"asset_id": None}, {"quality_reasons": [None]}, {"metadata": {}},
        {"schema_version": 2}, {"timestamps": {"device_time": "2026-11-21 12:00:00Z"}},
    ],
    ids=str,
)  # fmt: skip
def test_an_odd_record_is_looked_at_alone_and_stays_in_its_place(change: dict[str, Any]) -> None:
    plain, odd = wire(CLEAN), wire(CLEAN | change)
    assert not taken(odd)
    one = chunk_of([plain, odd, plain, odd])
    assert readings._fast(one).places.tolist() == [0, 2]
    agree([plain, odd, plain, odd])


def test_a_field_that_stands_there_twice_is_looked_at_alone() -> None:
    value = wire(CLEAN).replace(b'"seq":7', b'"seq":7,"seq":8')
    assert not taken(value)
    agree([value, wire(CLEAN)])


def test_many_readings_that_share_an_odd_one_are_in_order_and_whole() -> None:
    values = [wire(CLEAN | {"asset_id": f"pump-{at % 37}", "value": at / 7}) for at in range(500)]
    values[250] = wire(CLEAN | {"colour": "red", "asset_id": "other"})
    found = agree(list(values))
    assert found.places.tolist() == list(range(500))
    assert found.rows["asset_id"][250].as_py() == "other"


def test_readings_of_several_metrics_in_one_record_stay_together() -> None:
    flat = {"machine_id": "m", "tenant_id": "t", "site_id": "s", "ts": TIME, "status": "RUN", "schema_version": 1}
    many = wire(flat | {"metrics": {"a": 1.0, "b": 2.0}})
    found = agree([wire(CLEAN), many, wire(CLEAN)])
    assert found.places.tolist() in ([0, 1, 1, 2], [0, 2])


def test_texts_are_numbered_in_the_order_in_which_they_come_and_kept_once() -> None:
    names = ["b", "a", "b", "", "c", "default", "a"]
    rows = agree([wire(CLEAN | {"asset_id": name, "tenant_id": name}) for name in names]).rows
    asset, tenant = rows["asset_id"].combine_chunks(), rows["tenant_id"].combine_chunks()
    assert asset.dictionary.to_pylist() == ["b", "a", "", "c", "default"]
    assert tenant.dictionary.to_pylist() == ["b", "a", "default", "c"]


def test_a_control_record_is_no_row_even_where_it_looks_like_a_reading() -> None:
    records = [MemoryRecord(0, 0, CONTROL_KEY, wire(CLEAN), []), MemoryRecord(1, 0, b"k", wire(CLEAN), [])]
    found = readings.decode(chunk("telemetry.clean", records, 0), Schemas())
    assert (found.places.tolist(), list(found.refusals)) == ([1], [])
