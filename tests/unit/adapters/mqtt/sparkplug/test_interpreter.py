from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.harvest import Harvest
from adapters.mqtt.sparkplug.interpreter import SparkplugInterpreter
from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS
from tests.support.sparkplug import metric, payload, unit
from tests.unit.adapters.mqtt.support import NOW_US, config, only, told, values

MS = NOW_US // 1000
NCMD = "spBv1.0/g/NCMD/n"


class Host:
    """An interpreter that is fed one message after the other; the clock stands at `now_s`."""

    def __init__(self, tags: list[dict[str, Any]] | None = None, **fields: Any) -> None:
        made = config(sparkplug={"rebirth_interval_s": 5, "reorder_timeout_s": 2, **fields}, tags=tags or [])
        assert made.sparkplug is not None
        self.interpreter = SparkplugInterpreter(made, made.sparkplug)
        self.interpreter.connected(0.0, NOW_US)
        self.now_s = 0.0

    def hear(self, kind: str, *metrics: dict[str, Any], seq: int | None = 0, device: str = "", **more: Any) -> Harvest:
        topic = f"spBv1.0/g/{kind}/n" + (f"/{device}" if device else "")
        return told(self.interpreter, topic, payload(seq, *metrics, timestamp=MS), self.now_s, qos=0, **more)

    def born(self, bd_seq: int = 1) -> None:
        self.hear("NBIRTH", metric("bdSeq", bd_seq), metric("uptime", 5, alias=1), seq=0)
        self.hear("DBIRTH", metric("Motor/Speed", 10.0, alias=2, properties=unit("rpm")), seq=1, device="d")

    def speed(self, value: float, seq: int) -> Harvest:
        return self.hear("DDATA", {"alias": 2, "double_value": value, "timestamp": MS - 50}, seq=seq, device="d")

    def tick(self, now_s: float) -> Harvest:
        self.now_s = now_s
        harvest = Harvest()
        self.interpreter.tick(harvest, now_s, NOW_US)
        return harvest


def asked(harvest: Harvest) -> list[str]:
    return [publication.topic for publication in harvest.publications]


def test_births_name_metrics_and_data_tells_them_by_alias() -> None:
    host = Host(site="{group}")
    node = host.hear("NBIRTH", metric("bdSeq", 1), metric("Node Control/Rebirth", False), metric("uptime", 5))
    assert values(node) == {"g/n/uptime": 5}
    birth = host.hear(
        "DBIRTH", metric("Motor/Speed", 10.0, alias=2, timestamp=5, properties=unit("rpm")), seq=1, device="d"
    )
    assert values(birth) == {"g/d/Motor.Speed": 10.0}
    # a birth says what is so now
    assert only(birth).device_time_us == NOW_US
    data = only(host.speed(11.5, 2))
    assert (data.point.key, data.value, data.point.unit) == ("g/d/Motor.Speed", 11.5, "rpm")
    assert (data.device_time_us, data.numbered) == (NOW_US - 50_000, True)


def test_states_text_nulls_history_and_quality_are_told_as_such() -> None:
    host = Host()
    bad = {"keys": ["Quality"], "values": [{"type": 3, "int_value": 500}]}
    harvest = host.hear(
        "NBIRTH",
        metric("on", True),
        metric("mode", "auto"),
        metric("none", None),
        metric("old", 1, is_historical=True, timestamp=1_000_000),
        metric("stale", 2, properties=bad),
    )
    by_name = {sample.parameter: sample for sample in harvest.samples}
    assert (by_name["on"].point.event, by_name["on"].point.is_event) == (True, False)
    assert by_name["mode"].point.is_event
    assert (by_name["none"].quality, by_name["none"].value) == (Quality.BAD, None)
    assert (by_name["old"].historical, by_name["old"].device_time_us) == (True, 1_000_000_000)
    assert (by_name["stale"].quality, by_name["stale"].reason) == (Quality.UNCERTAIN, "device_stale")


def test_data_of_a_node_that_was_not_heard_before_asks_for_its_birth_once_in_a_while() -> None:
    host = Host()
    first = host.speed(1.0, 9)
    assert (asked(first), first.samples, first.faults) == ([NCMD], [], [])
    assert asked(host.speed(1.0, 10)) == []
    host.now_s = 4.9
    assert asked(host.speed(1.0, 11)) == []
    assert host.interpreter.due_s() == 5.0
    assert asked(host.tick(5.0)) == [NCMD]
    host.speed(1.0, 12)
    host.born()
    assert asked(host.tick(20.0)) == []
    assert values(host.speed(2.0, 2)) == {"d/Motor.Speed": 2.0}


def test_a_message_that_came_too_early_waits_for_the_one_before_it() -> None:
    host = Host()
    host.born()
    assert not host.speed(3.0, 3).samples
    assert [sample.value for sample in host.speed(2.0, 2).samples] == [2.0, 3.0]
    assert host.interpreter.due_s() is None


def test_a_gap_that_nothing_fills_asks_for_a_birth_and_loses_nothing_that_came() -> None:
    host = Host()
    host.born()
    host.speed(4.0, 4)
    host.speed(3.0, 3)
    harvest = host.tick(2.0)
    assert [sample.value for sample in harvest.samples] == [3.0, 4.0]
    assert asked(harvest) == [NCMD]
    assert "between seq 1 and 3" in harvest.faults[0].message
    assert [sample.value for sample in host.speed(5.0, 5).samples] == [5.0]


def test_seq_goes_round_after_255() -> None:
    host = Host()
    host.born()
    for seq in range(2, 300):
        assert [s.value for s in host.speed(float(seq), seq % 256).samples] == [float(seq)]


def test_what_waits_is_given_when_reading_stops() -> None:
    host = Host()
    host.born()
    host.speed(9.0, 9)
    harvest = Harvest()
    host.interpreter.drain(harvest, 0.0, NOW_US)
    assert [sample.value for sample in harvest.samples] == [9.0]


def test_an_alias_that_no_birth_named_asks_for_one_and_the_rest_is_told() -> None:
    host = Host()
    host.born()
    harvest = host.hear(
        "DDATA", {"alias": 77, "double_value": 1.0}, {"alias": 2, "double_value": 2.0}, seq=2, device="d"
    )
    assert values(harvest) == {"d/Motor.Speed": 2.0}
    assert asked(harvest) == [NCMD]


def test_the_death_of_a_device_is_the_loss_of_its_metrics_alone() -> None:
    host = Host()
    host.born()
    harvest = host.hear("DDEATH", seq=2, device="d")
    assert [(s.point.key, s.reason) for s in harvest.samples] == [("d/Motor.Speed", COMM_LOSS)]
    assert asked(host.speed(1.0, 3)) == [NCMD]


def test_the_death_of_a_node_is_the_loss_of_all_and_its_birth_brings_them_back() -> None:
    host = Host()
    host.born()
    harvest = host.hear("NDEATH", metric("bdSeq", 1), seq=None)
    assert {s.point.key for s in harvest.samples if s.reason == COMM_LOSS} == {"n/uptime", "d/Motor.Speed"}
    assert not host.hear("NDEATH", metric("bdSeq", 1), seq=None).samples
    host.born(2)
    assert only(host.speed(2.0, 2)).quality is Quality.GOOD


def test_a_death_of_an_earlier_life_is_no_death() -> None:
    host = Host()
    host.born(2)
    harvest = host.hear("NDEATH", metric("bdSeq", 1), seq=None)
    assert not harvest.samples
    assert asked(harvest) == [NCMD]
    assert values(host.speed(2.0, 2)) == {"d/Motor.Speed": 2.0}


def test_a_device_that_is_not_born_again_is_lost_and_so_is_a_metric() -> None:
    host = Host()
    host.born()
    again = host.hear("NBIRTH", metric("bdSeq", 1), metric("other", 1), seq=0)
    assert [(s.point.key, s.reason) for s in again.samples] == [("n/uptime", COMM_LOSS), ("n/other", None)]
    assert [s.point.key for s in host.tick(2.0).samples] == ["d/Motor.Speed"]


def test_after_our_own_connection_broke_every_node_is_asked_for_what_was_missed() -> None:
    host = Host()
    host.born()
    publications = host.interpreter.connected(10.0, NOW_US)
    assert [publication.topic for publication in publications] == [NCMD]
    host.now_s = 10.0
    assert not host.speed(1.0, 2).samples
    host.born()
    assert host.speed(1.0, 2).samples


def test_who_may_not_ask_goes_on_with_what_it_knows() -> None:
    host = Host(rebirth=False)
    host.born()
    assert host.interpreter.connected(10.0, NOW_US) == []
    assert values(host.speed(7.0, 200)) == {"d/Motor.Speed": 7.0}


def test_a_tag_names_and_scales_its_metric_and_is_waited_for() -> None:
    tag = {"name": "speed", "topic": "g/n/d", "metric": "Motor/Speed", "unit": "1/s", "scale": 0.5, "silence_s": 3}
    host = Host([tag], only_tags=True)
    assert [point.key for point in host.interpreter.points] == ["speed"]
    assert [(s.point.key, s.reason) for s in host.tick(3.0).samples] == [("speed", COMM_LOSS)]
    host.born()
    assert values(host.speed(4.0, 2)) == {"speed": 2.0}


def test_devices_of_one_name_behind_two_nodes_are_not_mixed() -> None:
    host = Host()
    host.born()
    told(host.interpreter, "spBv1.0/g/NBIRTH/other", payload(0))
    harvest = told(host.interpreter, "spBv1.0/g/DBIRTH/other/d", payload(1, metric("Motor/Speed", 1.0)))
    assert not harvest.samples
    assert "would both be" in harvest.refused[0].detail


def test_edge_nodes_are_told_that_their_host_is_there() -> None:
    host = Host(host_id="me")
    pair = host.interpreter.will(NOW_US)
    assert pair is not None
    gone, here = pair
    assert (gone.topic, gone.qos, gone.retain) == ("spBv1.0/STATE/me", 1, True)
    assert gone.payload == b'{"online": false, "timestamp": %d}' % MS
    assert here.payload == b'{"online": true, "timestamp": %d}' % MS
    late = told(host.interpreter, "spBv1.0/STATE/me", gone.payload)
    assert [publication.payload for publication in late.publications] == [here.payload]
    assert not told(host.interpreter, "spBv1.0/STATE/me", here.payload).publications


@pytest.mark.parametrize("data", [b"\xff", b"\x12\xff", b"{}"])
def test_a_payload_that_cannot_be_read_is_kept_as_it_came(data: bytes) -> None:
    harvest = told(Host().interpreter, "spBv1.0/g/NDATA/n", data)
    assert harvest.refused[0].payload == data
    assert harvest.faults[0].kind == "protocol"


KINDS = st.sampled_from(["NBIRTH/n", "NDEATH/n", "NDATA/n", "DBIRTH/n/d", "DDEATH/n/d", "DDATA/n/d", "DDATA/m/d"])
METRICS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["bdSeq", "a", "b/c", "\n"]),
            "alias": st.integers(0, 3),
            "datatype": st.integers(0, 40),
            "is_null": st.booleans(),
            "timestamp": st.integers(0, 2**64 - 1),
        },
    ).flatmap(
        lambda fields: st.sampled_from(
            [fields, fields | {"long_value": 5}, fields | {"double_value": 1.5}, fields | {"string_value": "x"}]
        )
    ),
    max_size=4,
)


@given(st.lists(st.tuples(KINDS, st.none() | st.integers(0, 400), METRICS, st.floats(0, 5)), max_size=30))
def test_whatever_is_told_in_whatever_order_is_read_asked_for_or_kept(messages: list[Any]) -> None:
    host = Host()
    for topic, seq, metrics, pause_s in messages:
        told(host.interpreter, f"spBv1.0/g/{topic}", payload(seq, *metrics), host.now_s)
        host.tick(host.now_s + pause_s)
    host.tick(host.now_s + 100)
    assert host.interpreter.due_s() is None
