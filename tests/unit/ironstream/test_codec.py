import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.codec import Decoded, decode_readings, encode_reading, encode_with

OF_003 = b"""{
  "asset_id": "offshore_well_12",
  "parameter": "pressure",
  "value": 185.4,
  "unit": "psi",
  "quality": "GOOD",
  "classification": "TELEMETRY",
  "timestamps": {
    "device_time": "2025-01-10T12:01:03.123Z",
    "gateway_time": "2025-01-10T12:01:04.001Z",
    "kafka_time": null
  },
  "metadata": {
    "adapter_id": "adapter-xbee-modbus-001",
    "adapter_version": "1.2.0",
    "pipeline_id": "offshore_well_12",
    "hostname": "gateway-rig-alpha"
  }
}"""
GOOD: dict[str, Any] = {"asset_id": "a", "parameter": "p", "value": 1.5, "timestamps": {"device_time": 1_700_000_000}}


def encoded(decoded: Decoded, at: int) -> Any:
    reading, extra = decoded.readings[at], decoded.extras.get(at)
    return json.loads(encode_reading(reading) if extra is None else encode_with(reading, extra))


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return value


def test_the_message_of_the_gateway_document_is_accepted_as_it_stands_there() -> None:
    decoded = decode_readings([OF_003])
    assert not decoded.faults
    assert encoded(decoded, 0) == without_nulls(json.loads(OF_003))


def test_unknown_fields_are_kept_at_every_level() -> None:
    raw = GOOD | {
        "x": [1, {"y": None}],
        "timestamps": {"device_time": 1, "ntp": True},
        "metadata": {"boot": "b", "z": "é"},
    }
    assert encoded(decode_readings([json.dumps(raw).encode()]), 0) == raw


@pytest.mark.parametrize("version", [2, -1, 10**30])
@pytest.mark.parametrize("neighbour", [GOOD, GOOD | {"unknown": 1}])
def test_a_version_of_the_contract_that_is_not_known_is_refused_beside_any_neighbour(
    version: int, neighbour: dict[str, Any]
) -> None:
    records = [json.dumps(GOOD | {"schema_version": version}).encode(), json.dumps(neighbour).encode()]
    decoded = decode_readings(records)
    assert decoded.source == [1]
    assert [(place, fault.field) for place, fault in decoded.faults] == [(0, "schema_version")]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b"", "value"), (None, "value"), (b"\x00\x00\x00\x00\x01abc", "value"), (b"[]", "value"), (b"{", "value"),
        (json.dumps(GOOD | {"value": "1"}).encode(), "value"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "asset_id"}).encode(), "asset_id"),
        (json.dumps(GOOD | {"timestamps": {"device_time": []}}).encode(), "timestamps.device_time"),
        (json.dumps(GOOD | {"metadata": {"seq": "1"}}).encode(), "metadata.seq"),
    ],
)  # fmt: skip
def test_a_refused_record_says_which_field_is_at_fault(value: bytes | None, field: str) -> None:
    ((place, fault),) = decode_readings([value]).faults
    assert (place, fault.field) == (0, field)
    assert fault.detail


def test_a_flat_payload_gives_readings_that_share_their_record_and_a_status() -> None:
    flat = {"machine_id": "m", "ts": 1_700_000_000, "status": "stopped", "metrics": {"a": 1, "b": 2.5}}
    decoded = decode_readings([json.dumps(GOOD).encode(), json.dumps(flat).encode()])
    assert decoded.source == [0, 1, 1]
    assert decoded.parts == {1: "a", 2: "b"}
    assert [(place, json.loads(value)["status"]) for place, value in decoded.statuses] == [(1, "stopped")]


one = json.dumps(GOOD).encode()
pieces = st.sampled_from([
    *(one, OF_003, json.dumps(GOOD | {"x": 1}).encode(), json.dumps(GOOD | {"schema_version": 9}).encode()),
    *(b'{"asset_id":"', b'","parameter":"p","value":1,"timestamps":{"device_time":1}}', one + b"," + one),
    *(one + b",1," + one, b"[", b"]", b",", b"1", b"{}", b" ", b'"', b"\\", b"\xff", b"\x00", b"null", b"/*", None),
])  # fmt: skip


@settings(max_examples=300)
@given(st.lists(pieces | st.binary(max_size=6), max_size=8))
def test_what_a_record_says_does_not_depend_on_its_neighbours(values: list[bytes | None]) -> None:
    together = decode_readings(values)
    alone = [decode_readings([value]) for value in values]
    assert [msgspec.to_builtins(said) for said in together.readings] == [
        msgspec.to_builtins(said) for decoded in alone for said in decoded.readings
    ]
    assert together.source == [place for place, decoded in enumerate(alone) for _ in decoded.readings]
    assert [place for place, _ in together.faults] == [place for place, decoded in enumerate(alone) if decoded.faults]
    assert list(together.extras) == [at for at, place in enumerate(together.source) if alone[place].extras]
