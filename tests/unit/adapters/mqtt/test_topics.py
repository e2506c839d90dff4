from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.harvest import Harvest
from adapters.mqtt.topics import TopicInterpreter
from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS
from tests.unit.adapters.mqtt.support import NOW_US, config, only, told, values

AT = "2025-01-10T12:00:00Z"
AT_US = 1_736_510_400_000_000
FLAT = {
    "tenant_id": "acme",
    "site_id": "north",
    "machine_id": "m-1",
    "ts": 1_736_510_400,
    "status": "running",
    "metrics": {"temp": 71.5, "load": 3},
}
READING = {
    "asset_id": "m-1",
    "parameter": "pressure",
    "value": 5.5,
    "unit": "bar",
    "quality": "SUSPECT",
    "quality_reasons": ["stuck"],
    "timestamps": {"device_time": AT, "gateway_time": "2025-01-10T12:00:01Z"},
    "metadata": {"historical": True},
}


def rules(*entries: dict[str, Any], **fields: Any) -> TopicInterpreter:
    return TopicInterpreter(config(topics=list(entries), **fields))


def tags(*entries: dict[str, Any], **fields: Any) -> TopicInterpreter:
    return TopicInterpreter(config(tags=list(entries), **fields))


def test_every_single_value_of_a_document_becomes_a_parameter_named_by_its_path() -> None:
    harvest = told(
        rules({"pattern": "plant/{asset}/state", "time": "$.ts"}),
        "plant/pump-1/state",
        json.dumps({"ts": AT, "motor": {"temp": 71, "on": True}, "mode": "auto", "list": [1], "no": None}),
    )
    assert values(harvest) == {
        "pump-1/motor.temp": 71,
        "pump-1/motor.on": True,
        "pump-1/mode": "auto",
        "pump-1/list.0": 1,
    }
    assert {sample.device_time_us for sample in harvest.samples} == {AT_US}
    assert [(s.point.event, s.point.is_event) for s in harvest.samples] == [
        (False, False),
        (True, False),
        (False, True),
        (False, False),
    ]
    assert not harvest.faults


def test_fields_are_picked_named_scaled_and_the_rest_of_a_star_keeps_its_names() -> None:
    interpreter = rules(
        {
            "pattern": "{line}/{machine}/data",
            "asset": "{line}-{machine}",
            "site": "s",
            "fields": [
                {"path": "$.t", "name": "temperature", "unit": "degC", "scale": 0.1, "offset": -10},
                {"path": "$.state", "name": "{line}.state", "type": "bool"},
                {"path": "counters.*"},
                {"path": "absent"},
            ],
        }
    )
    harvest = told(interpreter, "l1/m2/data", '{"t": 315, "state": "on", "counters": {"good": 5}, "ignored": 1}')
    assert values(harvest) == {
        "s/l1-m2/temperature": 21.5,
        "s/l1-m2/l1.state": True,
        "s/l1-m2/good": 5,
    }
    assert harvest.samples[0].point.unit == "degC"


@pytest.mark.parametrize(("payload", "value"), [("21.5", 21.5), ("off", False), ("idle", "idle"), (" 3 ", 3)])
def test_a_scalar_is_what_its_payload_makes_it(payload: str, value: Any) -> None:
    interpreter = rules({"pattern": "{site}/{asset}/{parameter}", "format": "scalar"})
    assert values(told(interpreter, "north/p/level", payload)) == {"north/p/level": value}


def test_tags_of_one_topic_share_its_messages_and_come_before_patterns() -> None:
    interpreter = TopicInterpreter(
        config(
            tags=[
                {"name": "t", "topic": "a/b", "path": "$.t", "unit": "degC"},
                {"name": "ok", "topic": "a/b", "path": "$.ok", "type": "bool"},
                {"name": "level", "topic": "a/c"},
            ],
            topics=[{"pattern": "a/#", "asset": "x"}],
        )
    )
    assert [point.key for point in interpreter.points] == ["t", "ok", "level"]
    assert values(told(interpreter, "a/b", '{"t": 1, "ok": true}')) == {"t": 1, "ok": True}
    assert values(told(interpreter, "a/c", "5")) == {"level": 5}
    assert values(told(interpreter, "a/d", '{"y": 2}')) == {"x/y": 2}
    assert [(s.filter, s.qos) for s in interpreter.subscriptions] == [("a/#", 1)]


def test_the_flat_payload_of_a_machine_gives_a_reading_per_metric_and_its_status() -> None:
    interpreter = rules({"pattern": "ironlink/{tenant}/{site}/{asset}/telemetry", "format": "ironstream"})
    harvest = told(interpreter, "ironlink/acme/north/m-1/telemetry", json.dumps(FLAT))
    assert values(harvest) == {
        "acme/north/m-1/temp": 71.5,
        "acme/north/m-1/load": 3,
        "acme/north/m-1/status": "running",
    }
    assert {(s.device_time_us, s.numbered) for s in harvest.samples} == {(AT_US, False)}
    assert harvest.samples[2].point.is_event


def test_a_reading_as_payload_keeps_its_times_quality_and_unit() -> None:
    sample = only(told(rules({"pattern": "raw/#", "format": "ironstream"}), "raw/x", json.dumps(READING)))
    assert (sample.point.key, sample.value, sample.point.unit) == ("m-1/pressure", 5.5, "bar")
    assert (sample.quality, sample.reason, sample.historical) == (Quality.SUSPECT, "stuck", True)
    assert (sample.device_time_us, sample.gateway_time_us) == (AT_US, AT_US + 1_000_000)


@pytest.mark.parametrize("topic", ["ironlink/evil/north/m-1/telemetry", "ironlink/acme/north/m-2/telemetry"])
def test_a_payload_that_names_another_than_its_topic_is_refused(topic: str) -> None:
    interpreter = rules({"pattern": "ironlink/{tenant}/{site}/{asset}/telemetry", "format": "ironstream"})
    harvest = told(interpreter, topic, json.dumps(FLAT))
    assert not harvest.samples
    assert "by the topic" in harvest.refused[0].detail
    assert harvest.refused[0].payload == json.dumps(FLAT).encode()
    assert harvest.refused[0].origin == f"mqtt:{topic}"


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"v": 1, "ts": "noon"}', "not ISO-8601"),
        (b"[" * 5000, "not JSON"),
    ],
)
def test_a_payload_that_cannot_be_read_is_kept_as_it_came(payload: bytes, why: str) -> None:
    harvest = told(rules({"pattern": "p/{asset}", "time": "$.ts"}), "p/a", payload)
    assert not harvest.samples
    assert [(fault.kind) for fault in harvest.faults] == ["protocol"]
    assert why in harvest.refused[0].detail
    assert harvest.refused[0].payload == payload


def test_one_value_that_cannot_be_read_does_not_take_the_others_with_it() -> None:
    interpreter = rules({"pattern": "p/{asset}", "fields": [{"path": "a"}, {"path": "b"}]})
    harvest = told(interpreter, "p/x", '{"a": "broken", "b": 2}')
    assert values(harvest) == {"x/b": 2}
    assert len(harvest.refused) == 1


@pytest.mark.parametrize("topic", ["p//t", "p/???/t", "p/" + "x" * 200 + "/t"])
def test_a_topic_that_cannot_be_a_name_is_refused(topic: str) -> None:
    harvest = told(rules({"pattern": "p/{asset}/{parameter}", "format": "scalar"}), topic, "1")
    assert not harvest.samples
    assert "cannot be a name" in harvest.refused[0].detail


def test_a_value_without_a_time_is_as_old_as_its_message_unless_a_broker_kept_it() -> None:
    interpreter = tags({"name": "t", "topic": "t"})
    live = only(told(interpreter, "t", "1"))
    assert (live.device_time_us, live.historical, live.numbered) == (NOW_US, False, True)
    assert only(told(interpreter, "t", "1", backlog=True)).device_time_us is None
    retained = only(told(interpreter, "t", "1", retained=True))
    assert (retained.device_time_us, retained.historical) == (None, True)


def test_a_time_of_its_own_tells_a_repeat_where_the_broker_may_repeat() -> None:
    own = {"name": "t", "topic": "t", "path": "$.v", "time": "$.ts"}
    payload = json.dumps({"v": 1, "ts": AT})
    assert not only(told(tags(own), "t", payload)).numbered
    assert only(told(tags(own), "t", payload, qos=0)).numbered
    assert only(told(tags(own, session_expiry_s=0), "t", payload)).numbered


def test_retained_messages_can_be_ignored() -> None:
    interpreter = tags({"name": "t", "topic": "t", "retained": "ignore"})
    assert not told(interpreter, "t", "1", retained=True).samples
    assert told(interpreter, "t", "1").samples


def test_nulls_and_what_is_not_finite_are_bad() -> None:
    interpreter = tags({"name": "t", "topic": "t", "path": "$.v"})
    sample = only(told(interpreter, "t", '{"v": null}'))
    assert (sample.value, sample.quality, sample.reason) == (None, Quality.BAD, "not_a_number")
    assert only(told(tags({"name": "t", "topic": "t"}), "t", "nan")).quality is Quality.BAD


def test_values_that_fall_silent_are_lost_once_known_ones_and_found_ones() -> None:
    interpreter = TopicInterpreter(
        config(
            tags=[{"name": "known", "topic": "k", "silence_s": 5}],
            topics=[{"pattern": "f/{asset}/{parameter}", "format": "scalar", "silence_s": 2}],
        )
    )
    interpreter.connected(0.0, NOW_US)
    told(interpreter, "f/a/x", "1", now_s=1.0)
    lost: list[tuple[float, str]] = []
    for now_s in (1.0, 2.9, 3.0, 4.0, 5.0, 9.0):
        harvest = Harvest()
        interpreter.tick(harvest, now_s, NOW_US)
        lost += [(now_s, s.point.key) for s in harvest.samples if s.reason == COMM_LOSS]
        assert len(harvest.faults) == len(harvest.samples)
    assert lost == [(3.0, "a/x"), (5.0, "known")]
    assert only(told(interpreter, "k", "1", now_s=10.0)).quality is Quality.GOOD
    assert interpreter.due_s() == 15.0


def test_a_retained_message_is_no_sign_of_life() -> None:
    interpreter = tags({"name": "t", "topic": "t", "silence_s": 5})
    interpreter.connected(0.0, NOW_US)
    told(interpreter, "t", "1", now_s=4.0, retained=True)
    assert interpreter.due_s() == 5.0


def test_points_come_up_until_there_are_too_many() -> None:
    interpreter = rules({"pattern": "p/{asset}"}, max_points=2)
    harvest = told(interpreter, "p/a", '{"x": 1, "y": 2, "z": 3}')
    assert list(values(harvest)) == ["a/x", "a/y"]
    assert "max_points" in harvest.refused[0].detail


def test_two_names_that_would_become_one_series_are_not_mixed() -> None:
    harvest = told(rules({"pattern": "p/{asset}"}), "p/a", '{"x y": 1, "x_y": 2}')
    assert values(harvest) == {"a/x_y": 1}
    assert "would both be" in harvest.refused[0].detail


def test_a_topic_that_nobody_asked_for_is_a_fault_and_no_dead_letter() -> None:
    harvest = told(tags({"name": "t", "topic": "t"}), "other", "1")
    assert len(harvest.faults) == 1
    assert not harvest.refused


EVERY = TopicInterpreter(
    config(
        topics=[
            {"pattern": "json/{asset}", "time": "t", "fields": [{"path": "*"}]},
            {"pattern": "one/{asset}", "fields": [{"path": "a.b"}, {"path": "c", "type": "bool"}]},
            {"pattern": "scalar/{asset}/{parameter}", "format": "scalar"},
            {"pattern": "raw/{asset}", "format": "ironstream"},
        ],
        max_points=50,
    )
)
HOSTILE = st.binary() | st.text().map(str.encode) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["a", "b", "c", "t"]), inner),
    max_leaves=8,
).map(lambda document: json.dumps(document).encode()) | st.fixed_dictionaries(
    {}, optional={name: st.none() | st.text() | st.integers() | st.dictionaries(st.text(), st.floats(allow_nan=False))
                  for name in (*FLAT, *READING)}
).map(lambda document: json.dumps(document).encode())  # fmt: skip


@given(st.sampled_from(["json/a", "one/a", "scalar/a/b", "raw/a", "json/{x}", "scalar//"]), HOSTILE)
def test_whatever_comes_is_read_or_kept(topic: str, payload: bytes) -> None:
    harvest = told(EVERY, topic, payload)
    assert len(harvest.faults) == len(harvest.refused)
    for sample in harvest.samples:
        json.dumps(sample.value, allow_nan=False)


def test_a_value_that_changes_its_type_is_each_time_what_it_is() -> None:
    interpreter = rules({"pattern": "{asset}"})
    kinds = []
    for value in (1, "off", True, 2.5, "off", 3):
        (sample,) = told(interpreter, "m", json.dumps({"v": value})).samples
        kinds.append((sample.value, sample.point.event, sample.point.is_event))
    assert kinds == [
        (1, False, False),
        ("off", False, True),
        (True, True, False),
        (2.5, False, False),
        ("off", False, True),
        (3, False, False),
    ]
    assert len(interpreter.points) == 1


def test_a_name_that_cannot_be_is_refused_with_every_message() -> None:
    interpreter = rules({"pattern": "{asset}"})
    for _ in range(2):
        harvest = told(interpreter, "m", '{"_": 1, "v": 2}')
        assert [sample.value for sample in harvest.samples] == [2]
        assert len(harvest.refused) == 1
