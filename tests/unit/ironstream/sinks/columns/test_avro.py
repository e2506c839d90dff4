"""Clean readings that the agents wrote in Avro are the same rows and messages as those that they wrote in JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.telemetry_wire import AvroWire
from ironstream.domain.times import to_us
from ironstream.schemas import CLEAN, Schemas
from ironstream.sinks.columns import readings
from ironstream.sinks.http import messages
from tests.support.avro import CLEAN_ID, as_avro, avro, schema_folder
from tests.support.clean_log import clean_log
from tests.support.engine import MemoryRecord, chunk, record
from tests.support.telemetry import Log, message, topology_of

TOPOLOGY = topology_of(
    """
version: 1
sites: [{id: works, name: "The works, north"}]
machine_types: [{id: press}]
assets:
  - id: pump
    site: works
    machine_type: press
    parameters:
      - {name: temperature, unit: degC, range: {min: -50, max: 90, action: suspect}}
      - {name: pressure}
"""
)
WHOLE = {"tenant_id": "acme", "site_id": "works", "unit": "degC", "schema_version": 1}
ODD: list[dict[str, Any]] = [
    {},
    {"parameter": "pressure"},
    {"unit": "degF"},
    {"unit": None},
    {"quality": "SUSPECT"},
    {"quality": "BAD"},
    {"lag_s": 20},
    {"classification": "TELEMETRY"},
    {"metadata": {"adapter_id": "a", "hostname": "h", "boot": "b", "seq": 3}},
    {"metadata": {}},
]
UNPLACED: list[dict[str, Any]] = [
    {"colour": {"name": "blue\nand\tgreen", "codes": [1, None]}},
    {"colour": None},
    {"extra": "mine", "kafka_time": 5},
    {"metadata": {"boot": "b", "seq": 3, "historical": True, "rack": 7}},
    {"metadata": {"rack": 7}},
    {"metadata": {"boot": "b", "seq": 2**63}},
    {"timestamps": {"gateway_time": "2023-11-14T22:13:20.123456Z", "timezone": "Europe/Vienna", "source": "ntp"}},
]


def body_of(at: int, value: Any, more: dict[str, Any]) -> dict[str, Any]:
    return message(at / 10, value, at + 1, **(WHOLE | more))


bodies = st.builds(
    body_of, st.integers(0, 1200), st.floats(-100, 100) | st.none(), st.sampled_from(ODD)
)  # what Avro and JSON can say alike


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    return Schemas(schema_folder(tmp_path_factory.mktemp("schemas")))


def rows_of(records: list[MemoryRecord], schemas: Schemas, count: int) -> list[dict[str, Any]]:
    """Rows of clean readings, `count` in all with the refused ones."""
    prepared = readings.decode(chunk("telemetry.clean", records, 5), schemas)
    prepared.rows.validate(full=True)
    assert prepared.rows.schema == readings.SCHEMA
    assert len(prepared.rows) + len(prepared.refusals) == count
    rows: list[dict[str, Any]] = prepared.rows.to_pylist()
    return rows


def clean(raw: list[Any], schemas: Schemas, *, in_avro: bool) -> list[MemoryRecord]:
    log = Log()
    for number, one in enumerate(raw):
        log.add(number, one)
    wire = AvroWire(schemas.clean_id) if in_avro else None
    records = clean_log(log.records, TOPOLOGY, schemas=schemas, wire=wire)["telemetry.clean"]
    assert all(one.value is not None and (one.value[:1] == b"\0") == in_avro for one in records)
    return records


@settings(max_examples=50, deadline=None)
@given(st.lists(bodies, min_size=1, max_size=12))
@example([body_of(number, 21.5, more) for number, more in enumerate(ODD)])
@example([body_of(0, None, {"quality": "BAD"})])
def test_readings_that_were_read_in_either_are_the_same_rows_in_either(
    schemas: Schemas, plan: list[dict[str, Any]]
) -> None:
    written = [(raw, in_avro) for raw in (plan, [as_avro(body) for body in plan]) for in_avro in (False, True)]
    want, *others = (clean(raw, schemas, in_avro=in_avro) for raw, in_avro in written)
    rows = rows_of(want, schemas, len(want))
    assert all(row["kafka_time"] is not None and row["extra"] is None for row in rows)
    for records in others:
        assert rows_of(records, schemas, len(want)) == rows


@pytest.mark.parametrize("more", UNPLACED, ids=str)
@pytest.mark.parametrize("value", [1.5, True, 10**25], ids=str)
def test_what_our_schema_has_no_field_for_is_kept_all_the_same(
    schemas: Schemas, more: dict[str, Any], value: Any
) -> None:
    raw = [body_of(0, 1.0, {}), body_of(1, value, more), body_of(2, 2.0, {})]
    in_json, in_avro = (clean(raw, schemas, in_avro=avro) for avro in (False, True))
    assert len(in_json) == 3
    assert rows_of(in_avro, schemas, 3) == rows_of(in_json, schemas, 3)
    said, want = (messages.prepare(chunk("telemetry.clean", one), schemas).rows for one in (in_avro, in_json))
    assert [data_of(one) for one in said] == [data_of(one) for one in want]


def data_of(one: messages.Message) -> dict[str, Any]:
    """What a message says; times may be written in several ways, and a value in Avro is a float."""
    data: dict[str, Any] = json.loads(one.text)["data"]
    data["value"] = None if data["value"] is None else float(data["value"])
    for name in ("device_time", "gateway_time", "kafka_time"):
        if name in data["timestamps"]:
            data["timestamps"][name] = to_us(data["timestamps"][name])
    return data


@pytest.mark.parametrize("extra", ["", "[]", "1", "{", "[" * 100_000], ids=lambda text: text[:9])
def test_a_record_with_anything_else_in_extra_is_refused_alone(schemas: Schemas, extra: str) -> None:
    times = {"device_time": 1, "gateway_time": None}
    body = {"asset_id": "pump", "parameter": "flow", "value": 1.0, "quality": "GOOD", "quality_reasons": []}
    body |= {"schema_version": 1, "timestamps": times, "clock_skew_ms": 0, "kafka_time": 2, "topology_version": 1}
    values = [avro(CLEAN, CLEAN_ID, body | {"extra": one}) for one in (None, extra, '{"colour":"red"}')]
    records = [record(at, b"k", value, 0) for at, value in enumerate(values)]
    prepared = readings.decode(chunk("telemetry.clean", records), schemas)
    assert [(one.place, one.reason) for one in prepared.refusals] == [(1, "malformed")]
    assert "extra" in prepared.refusals[0].detail
    assert prepared.rows["extra"].to_pylist() == [None, '{"colour":"red"}']
