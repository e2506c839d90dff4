from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.sparkplug.payload import SparkplugError, decode_payload, rebirth_request, single_values
from adapters.mqtt.sparkplug.types import DataType, MetricError, datatype_of
from adapters.mqtt.sparkplug.wire import PayloadMessage
from tests.support.sparkplug import metric, payload, unit


def decoded(**fields: Any) -> list[tuple[str, Any]]:
    (one,) = decode_payload(payload(0, fields)).metrics
    return [(name, value) for name, _, value in single_values(one, datatype_of(one.datatype or 0))]


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"datatype": 1, "int_value": 0xFFFFFFFD}, -3),
        ({"datatype": 1, "int_value": 0xFD}, -3),
        ({"datatype": 2, "int_value": 0x8000}, -32768),
        ({"datatype": 3, "int_value": 0xFFFFFFFF}, -1),
        ({"datatype": 4, "long_value": 2**64 - 2}, -2),
        ({"datatype": 5, "int_value": 255}, 255),
        ({"datatype": 7, "long_value": 2**32 - 1}, 2**32 - 1),
        ({"datatype": 8, "long_value": 2**64 - 1}, 2**64 - 1),
        ({"datatype": 9, "float_value": 1.5}, 1.5),
        ({"datatype": 10, "double_value": 21.1}, 21.1),
        ({"datatype": 11, "boolean_value": True}, True),
        ({"datatype": 12, "string_value": "on"}, "on"),
        ({"datatype": 13, "long_value": 1_736_510_463_123}, "2025-01-10T12:01:03.123Z"),
        ({"datatype": 10, "is_null": True}, None),
        ({"int_value": 5}, 5),
    ],
)
def test_a_metric_has_the_value_of_its_type(fields: dict[str, Any], value: Any) -> None:
    assert decoded(name="m", **fields) == [("", value)]


def test_a_data_set_gives_its_cells_and_a_template_its_members() -> None:
    rows = [{"elements": [{"int_value": 1}, {"string_value": "x"}]}, {"elements": [{"int_value": 2}, {}]}]
    dataset = {"num_of_columns": 2, "columns": ["n", "t"], "types": [3, 12], "rows": rows}
    assert decoded(name="d", datatype=16, dataset_value=dataset) == [
        ("0.n", 1),
        ("0.t", "x"),
        ("1.n", 2),
        ("1.t", None),
    ]
    inner = {"name": "in", "datatype": 19, "template_value": {"metrics": [metric("b", 2.5)]}}
    template = {"template_ref": "motor", "metrics": [metric("a", 1), inner]}
    assert decoded(name="t", datatype=19, template_value=template) == [("a", 1), ("in/b", 2.5)]
    assert decoded(name="t", datatype=19, template_value={**template, "is_definition": True}) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"datatype": 17, "bytes_value": b"x"},
        {"datatype": 24, "bytes_value": b"x"},
        {"datatype": 10, "string_value": "x"},
        {"datatype": 16, "dataset_value": {"columns": ["a"], "types": []}},
        {"datatype": 16, "dataset_value": {"columns": ["a"], "types": [3], "rows": [{}]}},
    ],
)
def test_what_is_no_single_value_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(MetricError):
        decoded(name="m", **fields)


def test_time_unit_quality_and_flags_come_with_the_metric() -> None:
    properties = unit("bar")
    properties["keys"].append("Quality")
    properties["values"].append({"type": 3, "int_value": 500})
    told = decode_payload(
        payload(7, metric("m", 1, alias=9, timestamp=1000, is_historical=True, properties=properties), timestamp=2000)
    )
    (one,) = told.metrics
    assert (told.seq, told.time_us) == (7, 2_000_000)
    assert (one.name, one.alias, one.time_us, one.historical) == ("m", 9, 1_000_000, True)
    assert (one.unit, one.quality) == ("bar", 500)


def test_a_request_for_a_birth_is_what_edge_nodes_listen_for() -> None:
    message = PayloadMessage()
    message.ParseFromString(rebirth_request(5))
    (one,) = message.metrics
    assert (message.timestamp, one.name, one.datatype, one.boolean_value) == (5, "Node Control/Rebirth", 11, True)
    assert not message.HasField("seq")


def mutated(data: bytes, at: int, with_: bytes) -> bytes:
    at %= len(data)
    return data[:at] + with_ + data[at + len(with_) :]


RICH = payload(
    3,
    metric("a", 1, properties=unit("bar")),
    metric("t", None),
    {"name": "d", "datatype": 16, "dataset_value": {"columns": ["n"], "types": [3], "rows": [{"elements": [{}]}]}},
    {"name": "x", "datatype": 19, "template_value": {"metrics": [metric("s", "text")]}},
)


@given(st.binary() | st.builds(mutated, st.just(RICH), st.integers(0, 500), st.binary(min_size=1, max_size=4)))
def test_any_bytes_are_metrics_or_refused(data: bytes) -> None:
    try:
        told = decode_payload(data)
    except SparkplugError:
        return
    for one in told.metrics:
        try:
            list(single_values(one, datatype_of(one.datatype or 0)))
        except MetricError:
            continue


def test_templates_within_templates_end_somewhere() -> None:
    inner: dict[str, Any] = metric("x", 1)
    for _ in range(20):
        inner = {"name": "t", "datatype": DataType.TEMPLATE, "template_value": {"metrics": [inner]}}
    with pytest.raises(MetricError, match="deep"):
        decoded(**inner)
