"""Whatever bytes a clean topic holds: nothing raises, and a bad record costs itself, whoever its neighbours are."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.contract import CONTROL_KEY
from ironstream.engine.control import TICK
from ironstream.schemas import Schemas
from ironstream.sinks.classes import class_of
from ironstream.sinks.columns import SCHEMAS, decode_columns
from ironstream.sinks.sink import Prepared
from tests.support.engine import MemoryRecord, chunk, record

TIME = "2026-11-21T12:00:00.123Z"
WHO = {"tenant_id": "acme", "site_id": "works", "asset_id": "pump"}
READING = WHO | {
    "parameter": "temperature", "value": 1.5, "unit": "degC", "quality": "GOOD", "quality_reasons": ["stuck"],
    "timestamps": {"device_time": TIME, "gateway_time": TIME, "kafka_time": TIME}, "schema_version": 1,
    "metadata": {"pipeline_id": "p", "boot": "b", "seq": 7}, "clock_skew_ms": 3, "topology_version": 2,
}  # fmt: skip
WINDOW = WHO | {
    "parameter": "temperature", "unit": "degC", "window_start": TIME, "window_end": TIME, "size_s": 60, "revision": 0,
    "final": True, "aggregates": {"avg": 1.5, "min": 1.0, "max": 2.0, "count": 3}, "percentile_method": "exact",
    "quality_summary": {"good": 3, "pct_good": 100.0}, "topology_version": 2,
}  # fmt: skip
EVENT = WHO | {"type": "state", "from": "a", "to": {"b": 1}, "timestamps": {"device_time": TIME}, "details": {"x": 1}}
ALARM = WHO | {
    "alarm_id": "a", "occurrence_id": "o", "transition": 1, "parameter": None, "type": "hot", "severity": "HIGH",
    "state": "ACTIVE", "previous_state": None, "raised_at": TIME, "acked_at": None, "acked_by": None,
    "cleared_at": None, "time": TIME, "message": "m", "value": 1.5, "threshold": 1.0, "unit": None, "actor": None,
    "comment": None, "reason": None, "until": None, "count": 1,
    "evidence": {"topic": "telemetry.clean", "partition": 0, "offset": 9, "rule_id": "r", "topology_version": 1},
}  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    "telemetry.clean": READING, "telemetry.1min": WINDOW, "events.clean": EVENT, "alarms.clean": ALARM,
}  # fmt: skip
TOPICS = pytest.mark.parametrize("topic", GOOD)


def line(body: Any) -> bytes:
    """JSON; a text "RAW …" stands for what follows, as it is."""
    found = json.dumps(body)
    while (at := found.find('"RAW ')) >= 0:
        end = found.index('"', at + 1)
        found = found[:at] + found[at + 5 : end] + found[end + 1 :]
    return found.encode("utf-8", "surrogatepass")


def decoded(topic: str, values: list[bytes | None]) -> Prepared[pa.Table]:
    prepared = decode_columns(chunk(topic, [record(at, b"k", value, 0) for at, value in enumerate(values)]), Schemas())
    data_class = class_of(topic)
    assert data_class is not None
    prepared.rows.validate(full=True)
    assert prepared.rows.schema == SCHEMAS[data_class]
    assert len(prepared.rows) == len(prepared.places)
    assert prepared.rows["offset"].to_pylist() == prepared.places.tolist()
    assert {refusal.place for refusal in prepared.refusals} & set(prepared.places.tolist()) == set()
    return prepared


def alone(topic: str, value: bytes | None) -> dict[str, Any] | None:
    """The row that a record makes on its own; None where it is refused."""
    rows = decoded(topic, [value]).rows.to_pylist()
    return without_place(rows[0]) if rows else None


def without_place(row: dict[str, Any]) -> dict[str, Any]:
    # an id is made of the place where a record has none
    return {name: value for name, value in row.items() if name not in ("offset", "raw_offset", "id")}


def is_fair(topic: str, values: list[bytes | None]) -> None:
    """Each record fares in company as it does alone."""
    together = decoded(topic, values)
    rows = dict(zip(together.places.tolist(), map(without_place, together.rows.to_pylist()), strict=True))
    refused = {refusal.place for refusal in together.refusals}
    for at, value in enumerate(values):
        assert rows.get(at) == alone(topic, value)
        assert (at in refused) == (at not in rows)


# -- the odd ones by name -------------------------------------------------------------------------------------------

ODD = {
    "none": None,
    "empty": b"",
    "no JSON": b"nonsense",
    "half": line(READING)[:-20],
    "list": b"[]",
    "number": b"1",
    "null": b"null",
    "bytes": b"\xff\xfe\x00\x01",
    "Avro of an unknown schema": b"\x00\x00\x00\x00\x07abc",
    "Avro cut off": b"\x00\x00",
    "deep objects": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "deep lists": b'{"quality_reasons":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep lists of an unknown field": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "two of them": b"{}{}",
    "with a NUL": b'{"a":1}\x00}',
}


@TOPICS
@pytest.mark.parametrize("name", ODD)
def test_a_record_that_cannot_be_read_costs_only_itself(topic: str, name: str) -> None:
    good = line(GOOD[topic])
    prepared = decoded(topic, [good, ODD[name], good])
    assert prepared.places.tolist() == [0, 2]
    (refusal,) = prepared.refusals
    assert (refusal.place, refusal.reason) == (1, "malformed")
    assert 0 < len(refusal.detail) < 1000


@TOPICS
def test_records_that_are_JSON_only_together_are_none(topic: str) -> None:
    body = line(GOOD[topic])
    is_fair(topic, [body[:-1] + b',"metadata":', b'{"seq":1}}', body + body])
    is_fair(topic, [body[:-1] + b',"metadata":{"seq":1}', b',"seq":2}', body + body])
    is_fair(topic, [body + body + b"\0}", body])
    is_fair(topic, [body + b"\n" + body, b"{", body])


@TOPICS
def test_a_record_over_several_lines_is_one(topic: str) -> None:
    pretty = json.dumps(GOOD[topic], indent=2).encode()
    assert alone(topic, pretty) == alone(topic, line(GOOD[topic])) is not None
    is_fair(topic, [line(GOOD[topic]), pretty, line(GOOD[topic])])


@TOPICS
def test_newlines_and_quotes_within_texts_stay(topic: str) -> None:
    text = 'one\ntwo\r\n"three"\t\\ \u2028 \U0001f600 \x00'
    row = alone(topic, line(GOOD[topic] | {"unit": text, "type": text}))
    assert row is not None
    assert text in (row.get("unit"), row.get("type"))


@TOPICS
def test_ticks_of_the_engine_are_neither_rows_nor_refusals(topic: str) -> None:
    good = line(GOOD[topic])
    records = [record(0, b"k", good, 0), record(1, CONTROL_KEY, TICK, 0), record(2, b"k", good, 0)]
    prepared = decode_columns(chunk(topic, records), Schemas())
    assert (prepared.places.tolist(), list(prepared.refusals)) == ([0, 2], [])


@TOPICS
def test_a_topic_of_control_records_alone_has_no_rows(topic: str) -> None:
    prepared = decode_columns(chunk(topic, [record(0, CONTROL_KEY, TICK, 0)]), Schemas())
    assert (len(prepared.rows), list(prepared.refusals)) == (0, [])
    assert decoded(topic, [b""]).rows.num_rows == 0


READING_CHANGES: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool] | None]] = [
    ({"value": True}, lambda row: row["value"] == 1.0),
    ({"value": None}, lambda row: row["value"] is None),
    ({"value": 10**300}, lambda row: row["value"] == 1e300),
    ({"value": 10**400}, None),
    ({"value": "RAW 1e999"}, None),
    ({"value": "RAW NaN"}, None),
    ({"value": "RAW Infinity"}, None),
    ({"value": "12"}, None),
    ({"timestamps": {"device_time": 1_795_262_400}}, lambda row: row["time"].year == 2026),
    ({"timestamps": {"device_time": 1_795_262_400_123}}, lambda row: row["time"].microsecond == 123_000),
    ({"timestamps": {"device_time": 1_795_262_400.5}}, lambda row: row["time"].microsecond == 500_000),
    ({"timestamps": {"gateway_time": TIME}}, lambda row: row["time"] == row["gateway_time"]),
    ({"timestamps": {"device_time": "2026-11-21T12:00:00.123456789Z"}}, lambda row: row["time"].microsecond == 123_456),
    ({"timestamps": {"device_time": "2026-11-21T12:00:00-00:30"}}, lambda row: row["time"].minute == 30),
    ({"timestamps": {"device_time": "2026-11-21 12:00:00Z"}}, lambda row: row["time"].year == 2026),
    ({"timestamps": {"device_time": "1600-01-01T00:00:00Z"}}, None),
    ({"timestamps": {"device_time": "2026-11-21T12:00:00"}}, None),
    ({"timestamps": {"device_time": "2026-11-21"}}, None),
    ({"timestamps": {}}, None),
    ({"timestamps": {"kafka_time": TIME}}, None),
    ({"timestamps": None}, None),
    ({"metadata": None}, lambda row: row["seq"] is None),
    ({"metadata": {"historical": None}}, lambda row: True),
    ({"metadata": {"historical": "yes"}}, None),
    ({"metadata": {"seq": 2**63}}, None),
    ({"metadata": {"seq": 2**63 - 1}}, lambda row: row["seq"] == 2**63 - 1),
    ({"clock_skew_ms": -(2**64)}, None),
    ({"topology_version": 2**31}, None),
    ({"schema_version": 99}, None),
    ({"schema_version": 0}, lambda row: True),
    ({"tenant_id": "", "site_id": ""}, lambda row: (row["tenant_id"], row["site_id"]) == ("default", "default")),
    ({"quality": ""}, lambda row: row["quality"] == "GOOD"),
    ({"quality": None, "tenant_id": None}, lambda row: (row["quality"], row["tenant_id"]) == ("GOOD", "default")),
    ({"quality_reasons": [None]}, None),
    ({"quality_reasons": []}, lambda row: row["quality_reasons"] == []),
    ({"asset_id": None}, None),
    ({"unit": 'RAW "\\ud800"'}, None),
    ({"colour": [1, {"a": None}]}, lambda row: json.loads(row["extra"]) == {"colour": [1, {"a": None}]}),
    (
        {"timestamps": {"device_time": TIME, "plc": 1}},
        lambda row: json.loads(row["extra"]) == {"timestamps": {"plc": 1}},
    ),
]


@pytest.mark.parametrize(
    ("change", "expected"), READING_CHANGES, ids=[str(change)[:60] for change, _ in READING_CHANGES]
)
def test_a_reading_is_read_alike_alone_and_among_others(
    change: dict[str, Any], expected: Callable[[dict[str, Any]], bool] | None
) -> None:
    value = line(READING | change)
    row = alone("telemetry.clean", value)
    assert (row is None) == (expected is None)
    assert row is None or expected is None or expected(row)
    for neighbour in (line(READING), line(READING | {"colour": 1}), b"bad"):
        is_fair("telemetry.clean", [neighbour, value, neighbour])


@pytest.mark.parametrize(
    "change",
    [
        {"revision": 2**31}, {"revision": -1}, {"size_s": 2**31}, {"topology_version": 2**40}, {"final": None},
        {"aggregates": None}, {"quality_summary": None}, {"aggregates": {"count": 2**63}},
        {"aggregates": {"avg": "RAW NaN"}}, {"aggregates": {"avg": 10**400}},
        {"quality_summary": {"good": 2**64}},
        {"window_start": None}, {"window_start": "1600-01-01T00:00:00Z"}, {"window_end": "never"}, {"tenant_id": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_window_that_no_table_can_hold_is_refused_alone_and_among_others(change: dict[str, Any]) -> None:
    value = line(WINDOW | change)
    assert alone("telemetry.1min", value) is None
    for neighbour in (line(WINDOW), line(WINDOW | {"colour": 1}), b"bad"):
        is_fair("telemetry.1min", [neighbour, value, neighbour])


@pytest.mark.parametrize(
    "change",
    [
        {"transition": 2**31}, {"transition": "1"}, {"count": 2**63}, {"evidence": None},
        {"evidence": {"topic": "t", "partition": 2**31, "offset": 0}},
        {"evidence": {"topic": "t", "partition": 0, "offset": 2**63}}, {"threshold": 10**400}, {"time": None},
        {"message": "RAW \"\\ud800\""}, {"raised_at": "soon"}, {"severity": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_transition_that_no_table_can_hold_is_refused(change: dict[str, Any]) -> None:
    assert alone("alarms.clean", line(ALARM | change)) is None


def test_an_event_without_an_id_is_known_by_its_place_also_where_the_header_is_empty() -> None:
    headers: list[list[tuple[str, bytes]]] = [[], [("ironstream-id", b"")], [("ironstream-id", b"state/pump/1")]]
    records = [MemoryRecord(at + 7, 0, b"k", line(EVENT), one) for at, one in enumerate(headers)]
    found = decode_columns(chunk("events.clean", records, 2), Schemas()).rows["id"].to_pylist()
    assert found == ["events.clean/2/7", "events.clean/2/8", "state/pump/1"]


def test_a_reading_without_an_id_is_known_by_its_place_which_no_raw_record_has() -> None:
    records = [MemoryRecord(9, 0, b"k", line(READING), [("ironstream-id", b"telemetry.raw/99999999999/5")])]
    row = decode_columns(chunk("telemetry.clean", records, 2), Schemas()).rows.to_pylist()[0]
    assert (row["raw_partition"], row["raw_offset"]) == (-3, 9)


# -- all others -----------------------------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        [TIME, "", "RAW NaN", "RAW -0", "RAW 1e5", "RAW 1E400", "RAW 01", "9999-12-31T23:59:59.999999+14:00"]
    ),
)
anything = st.recursive(
    scalars, lambda one: st.lists(one, max_size=2) | st.dictionaries(st.text(max_size=5), one, max_size=2)
)


def bodies(topic: str) -> st.SearchStrategy[bytes]:
    good = GOOD[topic]
    nested = [name for name, value in good.items() if isinstance(value, dict)]

    def changed(changes: dict[str, Any], inner: tuple[str, dict[str, Any]], dropped: set[str]) -> bytes:
        body = {name: value for name, value in (good | changes).items() if name not in dropped}
        if isinstance(body.get(inner[0]), dict):
            body[inner[0]] = body[inner[0]] | inner[1]
        return line(body)

    fields = st.dictionaries(st.sampled_from([*good, "unknown"]), anything, max_size=2)
    names = [field for name in nested for field in good[name]]
    inner = st.tuples(st.sampled_from(nested), st.dictionaries(st.sampled_from(names), anything, max_size=1))
    return st.builds(changed, fields, inner, st.sets(st.sampled_from(list(good)), max_size=1))


def spoiled(value: bytes, changes: list[tuple[int, int]]) -> bytes:
    found = bytearray(value)
    for at, byte in changes:
        found[at % len(found)] = byte
    return bytes(found)


def values_of(topic: str) -> st.SearchStrategy[bytes | None]:
    good = st.just(line(GOOD[topic]))
    broken = st.builds(spoiled, good, st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=3))
    cut = st.builds(lambda at: line(GOOD[topic])[: at % 400], st.integers(0, 400))
    return st.one_of(
        good, good, bodies(topic), broken, cut, st.binary(max_size=20), st.sampled_from(list(ODD.values()))
    )


@TOPICS
@settings(max_examples=120)
@given(data=st.data())
def test_each_record_fares_in_any_company_as_it_does_alone(topic: str, data: st.DataObject) -> None:
    is_fair(topic, data.draw(st.lists(values_of(topic), min_size=1, max_size=5)))


@TOPICS
@given(data=st.data())
def test_a_record_that_is_cut_in_two_is_two_that_are_refused(topic: str, data: st.DataObject) -> None:
    whole = line(GOOD[topic])
    bounds = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), min_size=1, max_size=3)))
    pieces: list[bytes | None] = [whole[first:last] for first, last in pairwise([0, *bounds, len(whole)])]
    prepared = decoded(topic, [*pieces, whole])
    assert prepared.places.tolist() == [len(pieces)]
