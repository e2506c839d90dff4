"""Avro in, Avro out: the same readings come out as by JSON, whatever mixture of both is on the topic."""

from __future__ import annotations

import json
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.telemetry import logic_factory
from agents.telemetry_wire import AvroWire, JsonWire
from ironstream.domain.times import to_us
from ironstream.schemas import CLEAN, Schemas, frame
from tests.support.avro import CLEAN_ID, READING_ID, as_avro, avro, schema_folder
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs, chunk
from tests.support.telemetry import Log, message, topology_of

FOREIGN_ID = 9
TOPOLOGY = """
version: 1
sites: [{id: works, name: The works}]
assets:
  - id: pump
    site: works
    parameters:
      - {name: temperature, unit: degC, range: {min: -50, max: 90, action: suspect}}
      - {name: pressure}
"""
FOREIGN = {
    "type": "record",
    "name": "Sample",
    "fields": [
        {"name": "asset_id", "type": "string"},
        {"name": "parameter", "type": "string"},
        {"name": "value", "type": "float"},
        {"name": "colour", "type": "string"},
        {
            "name": "timestamps",
            "type": {"type": "record", "name": "T", "fields": [{"name": "device_time", "type": "string"}]},
        },
    ],
}
topology = topology_of(TOPOLOGY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = schema_folder(tmp_path_factory.mktemp("schemas"))
    (made / f"{FOREIGN_ID}.avsc").write_text(json.dumps(FOREIGN))
    return made


def run(records: list[MemoryRecord], folder: Path, *, out_avro: bool, cuts: tuple[int, ...] = ()) -> RecordedOutputs:
    schemas, out, store = Schemas(folder), RecordedOutputs(), MemoryStore()
    wire = AvroWire(schemas.clean_id) if out_avro else JsonWire()
    logic = logic_factory(topology, 1, schemas, wire)(store, 0)
    bounds = sorted({0, *cuts, len(records)})
    for first, last in pairwise(bounds):
        logic.apply(chunk("telemetry.raw", records[first:last]), out)
    return out


def clean(out: RecordedOutputs) -> list[dict[str, Any]]:
    """Clean readings, of both wires in the same shape."""
    found = []
    for sent in out.to("telemetry.clean"):
        value = sent.value or b""
        if value[:1] == b"\0":
            assert sent.header("schema_id") == b"%d" % CLEAN_ID
            assert value[:5] == frame(CLEAN_ID)
            stream = BytesIO(value[5:])
            said: Any = fastavro.schemaless_reader(stream, fastavro.parse_schema(CLEAN), None)
            assert not stream.read()
            times = {name: time for name, time in said.pop("timestamps").items() if time is not None}
            times["kafka_time"] = said.pop("kafka_time")
            extra = json.loads(said.pop("extra") or "{}")
            said = (
                {name: one for name, one in said.items() if name == "value" or one not in (None, [])}
                | {"timestamps": times}
                | extra
            )
            if said.get("metadata"):
                said["metadata"] = {name: one for name, one in said["metadata"].items() if one is not None}
            said["timestamps"] = {name: round(time.timestamp() * 1e6) for name, time in times.items()}
        else:
            said = json.loads(value)
            said["timestamps"] = {name: to_us(time) for name, time in said["timestamps"].items()}
        found.append(said | {"id": sent.header("ironstream-id"), "key": sent.key})
    return found


bodies = st.builds(
    lambda at, value, seq, more, unit: (
        message(at / 10, value, seq, **({"quality": more} if more else {}))
        | {"site_id": "works", "tenant_id": "default", "schema_version": 1}
        | ({"unit": unit} if unit else {})
    ),
    st.integers(0, 400),
    st.one_of(st.floats(-100, 100), st.none(), st.integers(-3, 3).map(float)),
    st.one_of(st.none(), st.integers(1, 30)),
    st.sampled_from([None, None, "GOOD", "SUSPECT", "BAD"]),
    st.sampled_from(["degC", "degC", "degF", None]),
)


@settings(deadline=None)
@given(plan=st.lists(st.tuples(bodies, st.booleans()), max_size=12), cut=st.integers(0, 12))
def test_both_wires_say_the_same(plan: list[tuple[dict[str, Any], bool]], cut: int, folder: Path) -> None:
    json_log, avro_log, mixed_log = Log(), Log(), Log()
    for number, (body, in_avro) in enumerate(plan):
        json_log.add(number, body)
        avro_log.add(number, as_avro(body))
        mixed_log.add(number, as_avro(body) if in_avro else body)
    want = clean(run(json_log.records, folder, out_avro=False))
    for records in (json_log.records, avro_log.records, mixed_log.records):
        assert clean(run(records, folder, out_avro=True, cuts=(cut,))) == want
        assert clean(run(records, folder, out_avro=False)) == want


def test_avro_of_another_schema_is_read_by_names_and_its_unknown_fields_are_kept(folder: Path) -> None:
    body = {"asset_id": "pump", "parameter": "pressure", "value": 1.5, "colour": "red"}
    log = Log()
    log.add(0, avro(FOREIGN, FOREIGN_ID, body | {"timestamps": {"device_time": "2023-11-14T22:13:20Z"}}))
    for out_avro in (False, True):
        (said,) = clean(run(log.records, folder, out_avro=out_avro))
        assert (said["value"], said["colour"], said["quality"]) == (1.5, "red", "GOOD")


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (frame(99) + b"\2", "has no 99.avsc"),
        (b"\0\0", "framed Avro"),
        (frame(READING_ID), "not a record of schema 7"),
        (frame(READING_ID) + b"\2\0\0\x08pump", "not a record of schema 7"),
        (frame(READING_ID) + b"\xff" * 40, "not a record of schema 7"),
    ],
)
def test_avro_that_cannot_be_read_is_a_dead_letter_and_costs_no_other(value: bytes, detail: str, folder: Path) -> None:
    log = Log()
    good = as_avro(message(0, 1.0, 1) | {"site_id": "works", "tenant_id": "default"})
    for one in (good, value, as_avro(message(1, 2.0, 2) | {"site_id": "works", "tenant_id": "default"})):
        log.add(0, one)
    out = run(log.records, folder, out_avro=True)
    assert [said["value"] for said in clean(out)] == [1.0, 2.0]
    (dead,) = out.to("dlq.invalid_telemetry")
    assert dead.value == value
    assert detail in (dead.header("dlq-detail") or b"").decode()


@settings(deadline=None)
@given(value=st.binary(max_size=60))
def test_no_framed_bytes_raise(value: bytes, folder: Path) -> None:
    log = Log()
    for schema_id in (READING_ID, FOREIGN_ID):
        log.add(0, frame(schema_id) + value)
    out = run(log.records, folder, out_avro=True)
    assert len(out.to("telemetry.clean")) + len(out.to("dlq.invalid_telemetry")) <= 2


def test_the_bytes_of_our_schema_go_on_as_they_are(folder: Path) -> None:
    body = message(0, 20.0, 1) | {"site_id": "works", "tenant_id": "default", "unit": "degC", "schema_version": 1}
    log = Log()
    log.add(0, as_avro(body))
    (sent,) = run(log.records, folder, out_avro=True).to("telemetry.clean")
    raw = log.records[0].value or b""
    assert (sent.value or b"")[5:].startswith(raw[5:-1])
