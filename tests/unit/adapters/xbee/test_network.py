from __future__ import annotations

import struct
from typing import Any

from adapters.xbee.config import XBeeConfig
from adapters.xbee.messages import Data, LineSample, Message, ModemChanged, NodeFound, Radio, RemoteAnswer
from adapters.xbee.network import Arrived, Network, Request
from ironstream.contract import Quality
from ironstream.gateway.adapter import Received

WELL = Radio("0013A20000000001", "0001")
TANK = Radio("0013A20000000002", "0002")
OTHER = Radio("0013A2000000000F", "000F")
T0_US = 1_736_510_464_000_000


class Air:
    """A network at a time that only this test moves; `tell` is what it says of it."""

    def __init__(self, **fields: Any) -> None:
        base: dict[str, Any] = {
            "xbee_port": "/dev/ttyUSB0",
            "silence_s": 10,
            "discovery_interval_s": 60,
            "nodes": [{"node_id": "WELL", "asset": "well"}, {"address64": TANK.address64, "asset": "tank"}],
            "tags": [
                {"name": "pressure", "node": "WELL", "address": 0},
                {"name": "full", "node": TANK.address64, "kind": "discrete", "address": 0},
            ],
        }
        self.network = Network(XBeeConfig.model_validate({**base, **fields}))
        self.now_s = 100.0
        self.network.begin(self.now_s)

    def say(self, *messages: Message) -> Received:
        for message in messages:
            self.network.take(message, Arrived(T0_US + round(self.now_s * 1e6), self.now_s))
        return self.network.received()

    def after(self, seconds: float) -> Received:
        self.now_s += seconds
        self.network.tick(Arrived(T0_US + round(self.now_s * 1e6), self.now_s))
        return self.network.received()

    def told(self, received: Received) -> list[tuple[str, Any, str]]:
        return [(sample.point.key, sample.value, sample.quality.name) for sample in received.samples]


def pressure(value: int, radio: Radio = WELL, rssi: int | None = None) -> Data:
    return Data(radio, struct.pack(">H", value), rssi)


def test_a_message_of_a_node_is_told_with_the_time_it_came() -> None:
    air = Air()
    air.say(NodeFound(WELL, "WELL"))
    received = air.say(pressure(7), LineSample(TANK, {0: True}, {}))
    assert air.told(received) == [("well/pressure", 7, "GOOD"), ("tank/full", True, "GOOD")]
    assert {(s.gateway_time_us, s.device_time_us) for s in received.samples} == {(T0_US + 100_000_000,) * 2}
    assert received.faults == []


def test_a_name_is_asked_for_and_what_came_before_the_answer_is_told_with_its_own_time() -> None:
    air = Air()
    assert air.after(0) == Received([], faults=[])
    assert air.network.requests() == [Request("ND")]
    assert air.say(pressure(1)).samples == []
    assert air.network.requests() == [Request("NI", WELL.address64)]
    air.now_s += 1
    assert air.say(pressure(2)).samples == []
    assert air.network.requests() == []
    received = air.say(RemoteAnswer(WELL, "NI", True, b"WELL"))
    assert air.told(received) == [("well/pressure", 1, "GOOD"), ("well/pressure", 2, "GOOD")]
    assert [s.gateway_time_us for s in received.samples] == [T0_US + 100_000_000, T0_US + 101_000_000]


def test_a_radio_that_answers_no_name_is_asked_again_and_little_of_it_is_kept() -> None:
    air = Air()
    air.say(*(pressure(n) for n in range(100)), RemoteAnswer(WELL, "NI", False, b""))
    assert air.network.requests() == [Request("NI", WELL.address64)]
    air.now_s += 61
    air.say(pressure(100))
    assert air.network.requests() == [Request("NI", WELL.address64)]
    assert len(air.say(NodeFound(WELL, "WELL")).samples) == 16


def test_a_radio_that_is_no_node_is_told_once() -> None:
    air = Air()
    air.say(NodeFound(WELL, "WELL"), NodeFound(OTHER, "NEIGHBOUR"))
    faults = air.say(*[pressure(1, OTHER)] * 5).faults
    assert [(fault.kind, fault.message) for fault in faults] == [
        ("unknown_node", "radio 0013A2000000000F (NEIGHBOUR) is no node of the configuration")
    ]
    assert air.say(pressure(1, OTHER)) == Received([], faults=[])


def test_invented_radios_fill_neither_memory_nor_log() -> None:
    air = Air()
    crowd = [Radio(f"{n:016X}") for n in range(2_000)]
    faults = air.say(*(pressure(1, radio) for radio in crowd)).faults
    assert faults == []
    air.say(NodeFound(WELL, "WELL"))
    assert len(air.say(*(pressure(1, radio) for radio in crowd)).faults) <= 256


def test_a_silent_node_is_lost_once_in_all_its_series_and_reminded_of() -> None:
    air = Air(rssi_interval_s=60)
    air.say(NodeFound(WELL, "WELL"), pressure(1, rssi=-50), LineSample(TANK, {0: True}, {}))
    assert air.network.due_s == 110
    air.now_s += 9
    air.say(LineSample(TANK, {0: True}, {}))
    received = air.after(1)
    assert air.told(received) == [("well/pressure", None, "BAD"), ("well/rssi", None, "BAD")]
    assert {sample.reason for sample in received.samples} == {"comm_loss"}
    assert [fault.message for fault in received.faults] == [
        "WELL has sent no value for 10 s: check its power and range"
    ]
    assert air.network.due_s == 119
    air.say(LineSample(TANK, {0: True}, {}))
    assert air.told(air.after(1)) == []
    air.now_s += 28
    air.say(LineSample(TANK, {0: True}, {}))
    assert [fault.kind for fault in air.after(1).faults] == ["timeout"]


def test_a_lost_node_is_back_with_its_first_value() -> None:
    air = Air()
    air.say(NodeFound(WELL, "WELL"))
    air.after(11)
    assert air.told(air.say(pressure(3))) == [("well/pressure", 3, "GOOD")]
    assert air.network.due_s == 121


def test_a_node_has_its_own_patience() -> None:
    air = Air(nodes=[{"node_id": "WELL", "silence_s": 3600}], tags=[{"name": "pressure", "address": 0}])
    air.say(NodeFound(WELL, "WELL"))
    assert air.after(3599) == Received([], faults=[])
    assert air.told(air.after(1)) == [("pressure", None, "BAD")]


def test_a_message_that_no_tag_reads_is_told_and_does_not_count_as_a_value() -> None:
    air = Air()
    air.say(NodeFound(WELL, "WELL"))
    air.now_s += 9
    faults = air.say(Data(WELL, b"x"), LineSample(WELL, {0: True}, {})).faults
    assert [fault.message for fault in faults] == [
        "WELL sent 1 B that no tag reads: check layout, addresses and types",
        "WELL sent an I/O sample that no tag reads: check layout, addresses and types",
    ]
    assert ("well/pressure", None, "BAD") in air.told(air.after(1))


def test_the_signal_is_asked_for_when_a_node_has_just_spoken_and_not_more_often_than_wanted() -> None:
    air = Air(rssi_interval_s=60)
    air.say(NodeFound(WELL, "WELL"), pressure(1), pressure(2))
    assert air.network.requests() == [Request("DB", WELL.address64)]
    assert air.told(air.say(RemoteAnswer(WELL, "DB", True, b"\x34"))) == [("well/rssi", -52, "GOOD")]
    air.now_s += 59
    air.say(pressure(3))
    assert air.network.requests() == []
    air.now_s += 1
    air.say(pressure(3))
    assert air.network.requests() == [Request("DB", WELL.address64)]
    assert air.told(air.say(RemoteAnswer(WELL, "DB", False, b""))) == [("well/rssi", None, "BAD")]


def test_a_signal_strength_that_comes_with_a_frame_is_not_asked_for() -> None:
    air = Air(rssi_interval_s=60)
    air.say(NodeFound(WELL, "WELL"))
    assert air.told(air.say(pressure(1, rssi=-61), pressure(2, rssi=-62))) == [
        ("well/pressure", 1, "GOOD"),
        ("well/rssi", -61, "GOOD"),
        ("well/pressure", 2, "GOOD"),
    ]
    assert air.network.requests() == []


def test_without_an_interval_there_is_no_signal() -> None:
    air = Air()
    air.say(NodeFound(WELL, "WELL"), pressure(1, rssi=-61), RemoteAnswer(WELL, "DB", True, b"\x34"))
    assert [point.key for point in air.network.points] == ["well/pressure", "tank/full"]


def test_discovery_goes_on_while_a_node_is_missing_and_ends_when_all_are_found() -> None:
    air = Air()
    air.after(0)
    assert air.network.requests() == [Request("ND")]
    air.after(59)
    assert air.network.requests() == []
    air.after(1)
    assert air.network.requests() == [Request("ND")]
    air.say(NodeFound(WELL, "WELL"), pressure(1))
    air.after(61)
    # silent for too long: it may have got another radio
    assert air.network.requests() == [Request("ND")]
    air.say(pressure(1))
    air.after(9)
    assert air.network.requests() == []


def test_a_reset_of_the_local_radio_is_told() -> None:
    air = Air()
    assert [fault.kind for fault in air.say(ModemChanged(0, "Device was reset"), ModemChanged(3, "")).faults] == [
        "device",
        "device",
    ]
    assert air.say(ModemChanged(2, "Device joined to network")).faults == []


def test_a_number_that_is_none_is_bad_but_the_radio_lives() -> None:
    air = Air(
        nodes=[{"address64": WELL.address64}], tags=[{"name": "p", "address": 0, "type": "FLOAT32"}], silence_s=10
    )
    air.now_s += 9
    received = air.say(Data(WELL, struct.pack(">f", float("inf"))))
    assert [(s.value, s.quality, s.reason) for s in received.samples] == [(None, Quality.BAD, "not_a_number")]
    assert air.after(9) == Received([], faults=[])
