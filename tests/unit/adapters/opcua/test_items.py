from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.opcua.alarm_config import AlarmSource
from adapters.opcua.alarms import Conditions
from adapters.opcua.config import OpcUaConfig
from adapters.opcua.errors import refused, told
from adapters.opcua.intake import Batch, Intake
from adapters.opcua.items import Item, SampleMaker, Troubles, items_of
from adapters.opcua.messages import Change
from adapters.opcua.types import TypeBook
from adapters.opcua.wire import DataValue, Node, Structure
from ironstream.contract import Quality, Severity
from ironstream.gateway.adapter import (
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceRefusedError,
    DeviceSecurityError,
    DeviceTimeoutError,
)

HOUR_US = 3_600_000_000
BAD_NODE, NO_COMMUNICATION = 0x80340000, 0x80310000


class Desk:
    """One tag, and what becomes of its values."""

    def __init__(self, server: dict[str, Any] | None = None, **fields: Any) -> None:
        tag = {"name": "a", "node": "ns=2;s=a", **fields}
        base = {"endpoint": "opc.tcp://plc", "tags": [tag], "max_parts": 3}
        config = OpcUaConfig.model_validate({**base, **(server or {})})
        self.now_s = 0.0
        self.troubles = Troubles("plc", lambda: self.now_s)
        self.maker = SampleMaker(config, TypeBook(), self.troubles)
        self.item: Item = items_of(config)[0]

    def make(self, value: Any, type_: int = 11, status: int = 0, source_us: int | None = 5, **fields: Any) -> list[Any]:
        data = DataValue(value, type_, status, source_us, fields.pop("server_us", 9))
        fields.setdefault("said_us", None)
        samples = self.maker.make(self.item, 100, data, **fields)
        return [(s.parameter, s.value, s.device_time_us, s.quality, s.reason) for s in samples]

    def time_us(self, source_us: int | None, server_us: int | None, said_us: int | None = None) -> int | None:
        """The device time of a value with these times; a time is s after some hour."""
        source, server, said = (
            None if time is None else HOUR_US + time * 1_000_000 for time in (source_us, server_us, said_us)
        )
        (sample,) = self.make(1.0, source_us=source, server_us=server, said_us=said)
        return None if sample[2] is None else (sample[2] - HOUR_US) // 1_000_000

    def faults(self) -> list[str]:
        return [fault.message for fault in self.troubles.take()]


def test_the_device_time_is_the_source_time_else_the_servers_else_none() -> None:
    desk = Desk()
    assert desk.make(1.0) == [("a", 1.0, 5, Quality.GOOD, None)]
    assert desk.make(1.0, source_us=None) == [("a", 1.0, 9, Quality.GOOD, None)]
    assert desk.make(1.0, source_us=None, server_us=None) == [("a", 1.0, None, Quality.GOOD, None)]


def test_the_first_value_after_a_loss_that_is_no_news_has_the_servers_time() -> None:
    desk = Desk()
    desk.make(1.0, source_us=5)
    desk.item.confirms = True
    assert desk.make(1.0, source_us=5, server_us=80)[0][2] == 80
    assert desk.make(1.0, source_us=5, server_us=90)[0][2] == 5
    desk.item.confirms = True
    assert desk.make(2.0, source_us=70, server_us=95)[0][2] == 70


def test_a_polled_value_is_of_its_change_and_then_of_each_moment_at_which_it_still_is_so() -> None:
    desk = Desk({"mode": "poll"})
    assert desk.time_us(10, 11) == 10
    assert [desk.time_us(10, now) for now in (12, 13)] == [12, 13]
    assert desk.time_us(14, 15) == 14
    assert desk.time_us(14, 16) == 16


def test_a_server_that_repeats_its_time_of_the_last_change_is_taken_by_the_time_of_its_answer() -> None:
    desk = Desk({"mode": "poll"})
    assert [desk.time_us(10, 10, said) for said in (11, 12, 13)] == [10, 12, 13]
    assert [desk.time_us(None, 14, 14), desk.time_us(None, 14, 16)] == [14, 16]


@pytest.mark.parametrize("mode", ["poll", "subscribe"])
def test_the_first_value_of_what_has_long_not_changed_is_of_now(mode: str) -> None:
    assert Desk({"mode": mode}).time_us(-3000, 20) == 20
    assert Desk({"mode": mode}).time_us(-3000, -3000, 20) == 20
    # on its way for a moment, or the clocks differ by a little
    assert Desk({"mode": mode}).time_us(16, 20) == 16


@pytest.mark.parametrize("mode", ["poll", "subscribe"])
def test_a_source_whose_clock_is_slow_does_not_take_the_series_back(mode: str) -> None:
    desk = Desk({"mode": mode})
    assert [desk.time_us(now - 60, now) for now in (100, 101, 102)] == [100, 101, 102]
    # by its own clock, it is later than what was told last
    assert desk.time_us(140, 200) == 140


def test_a_change_that_was_sent_is_of_its_own_time_even_if_the_source_steps_back() -> None:
    desk = Desk()
    assert [desk.time_us(source, 20) for source in (18, 19, 15)] == [18, 19, 15]


@pytest.mark.parametrize("mode", ["poll", "subscribe"])
def test_device_time_source_and_server_are_what_they_say(mode: str) -> None:
    source = Desk({"mode": mode, "device_time": "source"})
    assert [source.time_us(-3000, now, now) for now in (20, 21)] == [-3000, -3000]
    server = Desk({"mode": mode, "device_time": "server"})
    assert [server.time_us(-3000, now, now) for now in (20, 21)] == [20, 21]


def test_what_history_tells_is_marked_and_notes_no_trouble() -> None:
    desk = Desk()
    assert desk.make(None, 0, BAD_NODE, historical=True) == [("a", None, 5, Quality.BAD, "BadNodeIdUnknown")]
    assert desk.faults() == []
    assert desk.item.last_us == 5


def test_a_bad_array_is_bad_in_every_part_that_was_seen() -> None:
    desk = Desk()
    assert [sample[0] for sample in desk.make([1.0, 2.0])] == ["a.0", "a.1"]
    assert [(s[0], s[4]) for s in desk.make(None, 0, NO_COMMUNICATION)] == [("a.0", "comm_loss"), ("a.1", "comm_loss")]


def test_an_array_is_cut_at_max_parts_and_that_is_told() -> None:
    desk = Desk()
    assert len(desk.make([1.0] * 5)) == 3
    assert "more_than_max_parts" in desk.faults()[0]


def test_a_trouble_that_lasts_is_not_told_with_every_value() -> None:
    desk = Desk(index=7)
    for _ in range(10):
        desk.make([1.0])
    assert len(desk.faults()) == 1
    desk.make([1.0])
    assert desk.faults() == []


def test_an_element_or_field_that_is_not_there_is_bad_and_told() -> None:
    desk = Desk(index=7)
    assert desk.make([1.0, 2.0]) == [("a", None, 5, Quality.BAD, "no_value")]
    assert "no part 7" in desk.faults()[0]


def test_a_structure_that_cannot_be_read_is_bad_and_its_type_is_to_be_learned() -> None:
    desk = Desk()
    encoding = Node(2, 5001)
    assert desk.make(Structure(encoding, b"x"), 22) == [("a", None, 5, Quality.BAD, "unknown_type")]
    assert desk.maker.unknown == {encoding}
    assert desk.make(Structure(Node(0, 886), b"x"), 22) == [("a", None, 5, Quality.BAD, "unreadable_value")]


def test_an_overflow_of_the_servers_queue_is_told_once() -> None:
    desk = Desk()
    desk.make(1.0, status=0x480)
    desk.make(2.0, status=0x480)
    (fault,) = desk.faults()
    assert "dropped values of a" in fault
    assert desk.faults() == []


def test_a_bad_node_is_told_when_it_becomes_so_and_again_while_health_would_forget_it() -> None:
    desk = Desk()
    for _ in range(100):
        desk.make(None, 0, BAD_NODE)
    assert desk.faults() == ["plc gives BadNodeIdUnknown for a"]
    desk.now_s = 40
    assert desk.faults() == []
    desk.now_s = 55
    assert len(desk.faults()) == 1
    desk.make(1.0)
    desk.now_s = 200
    assert desk.faults() == []


def test_many_bad_nodes_are_one_fault() -> None:
    troubles = Troubles("plc", lambda: 0.0)
    for number in range(1000):
        troubles.note(f"t{number}", "BadNodeIdUnknown")
    (fault,) = troubles.take()
    assert fault.message == "plc gives BadNodeIdUnknown for t0, t1, t2, t3, t4 and 995 more"


def conditions(**fields: Any) -> Conditions:
    return Conditions(AlarmSource.model_validate({"asset": "hall", **fields}))


def event(
    active: bool | None = True, severity: int = 500, message: str = "hot", node: int = 7, **fields: Any
) -> list[Any]:
    row: dict[str, Any] = {
        "type": Node(0, 2915),
        "source": "Pump 1",
        "time": 50,
        "message": message,
        "severity": severity,
        "condition": "Overheat",
        "retain": True,
        "branch": Node(0, 0),
        "enabled": True,
        "active": active,
        "node": Node(2, node),
    }
    return list({**row, **fields}.values())


START, END = ([Node(0, number)] + [None] * 10 for number in (2787, 2788))


def test_an_alarm_is_told_when_it_changes() -> None:
    book = conditions()
    (alarm,) = book.take(event(), 100).alarms
    assert (alarm.type, alarm.parameter, alarm.asset_id, alarm.message) == ("Overheat", "Pump_1", "hall", "hot")
    assert (alarm.active, alarm.device_time_us, alarm.gateway_time_us) == (True, 50, 100)
    assert book.take(event(), 100).alarms == []
    assert [a.severity for a in book.take(event(severity=900), 100).alarms] == [Severity.CRITICAL]
    assert [a.active for a in book.take(event(active=False), 100).alarms] == [False]


@pytest.mark.parametrize(
    ("fields", "active"),
    [
        ({"enabled": False}, False),
        ({"active": None, "retain": True}, True),
        ({"active": None, "retain": False}, False),
    ],
)
def test_a_condition_without_a_state_of_its_own_is_active_while_it_is_of_interest(
    fields: dict[str, Any], active: bool
) -> None:
    assert [alarm.active for alarm in conditions().take(event(**fields), 1).alarms] == [active]


def test_what_a_refresh_does_not_tell_any_more_has_ended() -> None:
    book = conditions()
    book.take(event(node=1), 1)
    book.take(event(node=2, condition="Dry"), 1)
    assert book.take(START, 2).alarms == []
    assert book.take(event(node=2, condition="Dry"), 2).alarms == []
    assert book.take(event(node=3, active=False), 2).alarms == []
    assert [(a.type, a.active, a.device_time_us) for a in book.take(END, 3).alarms] == [("Overheat", False, 3)]


def test_an_earlier_branch_is_not_what_is_the_case_now() -> None:
    assert conditions().take(event(branch=Node(2, 5)), 1).alarms == []


def test_a_server_that_wants_a_refresh_gets_one() -> None:
    assert conditions().take([Node(0, 2789)] + [None] * 10, 1).refresh


@pytest.mark.parametrize(
    ("value", "severity"),
    [(1, Severity.INFO), (201, Severity.LOW), (401, Severity.MEDIUM), (601, Severity.HIGH), (801, Severity.CRITICAL)],
)
def test_severities_are_ours(value: int, severity: Severity) -> None:
    assert conditions().take(event(severity=value), 1).alarms[0].severity is severity


def test_the_source_names_the_asset_where_it_is_mapped() -> None:
    book = conditions(assets={"Pump 1": "pump-1"})
    assert book.take(event(), 1).alarms[0].asset_id == "pump-1"
    assert book.take(event(source="Fan", node=8), 1).alarms[0].asset_id == "hall"


def test_fields_of_wrong_types_do_no_harm() -> None:
    several: list[Any] = [None, 7, "x", b"x", Node(0, 1), [1], 1.5]
    for wrong in several:
        conditions(events="events").take([wrong] * 11, 1)
        conditions().take(event(severity=wrong, message=wrong, source=wrong, time=wrong), 1)
    assert conditions().take([], 1).alarms == []


async def test_the_intake_asks_for_no_more_when_it_is_full_and_again_at_half() -> None:
    intake = Intake(10)
    change = Change(0, DataValue(1.0, 11, 0, 5, 5))
    room: list[bool] = []
    for _ in range(10):
        room.append(intake.has_room)
        intake.put(Batch(1, [change], []))
    room.append(intake.has_room)
    taken = intake.take()
    room.append(intake.has_room)
    assert room == [True] * 10 + [False, True]
    intake.put_back(taken[:6])
    assert len(intake.take()) == 6


async def test_a_failure_comes_after_what_came_before_it() -> None:
    intake = Intake(10)
    intake.put(Batch(1, [Change(0, DataValue(1.0, 11, 0, 5, 5))], []))
    intake.fail(DeviceConnectionError("gone"))
    intake.fail(DeviceTimeoutError("later"))
    await intake.wait()
    assert len(intake.take()) == 1
    with pytest.raises(DeviceConnectionError):
        await intake.wait()


async def test_first_values_are_waited_for_but_not_for_ever() -> None:
    intake = Intake(10)
    intake.put(Batch(1, [Change(0, DataValue(1.0, 11, 0, 5, 5)), Change(0, DataValue(2.0, 11, 0, 6, 6))], []))
    asyncio.get_running_loop().call_soon(intake.put, Batch(1, [Change(1, DataValue(1.0, 11, 0, 7, 7))], []))
    assert await intake.first_values({0, 1}, 20) == {0: 5, 1: 7}
    assert await intake.first_values({0, 3}, 0.01) == {0: 5}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x801F0000, DeviceSecurityError),
        (0x80210000, DeviceSecurityError),
        (0x80130000, DeviceSecurityError),
        (0x801A0000, DeviceSecurityError),
        (0x80250000, DeviceConnectionError),
        (0x800A0000, DeviceTimeoutError),
        (0x80100000, DeviceRefusedError),
    ],
)
def test_a_status_code_of_a_call_is_an_error_that_says_what_to_do(code: int, error: type[Exception]) -> None:
    made = refused(code, "plc", "reading")
    assert type(made) is error
    assert made.hint


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (TimeoutError(), DeviceTimeoutError),
        (ConnectionRefusedError(), DeviceConnectionError),
        (ValueError("x"), DeviceProtocolError),
        (DeviceRefusedError("x"), DeviceRefusedError),
    ],
)
def test_whatever_fails_is_an_error_of_the_gateway(raised: Exception, error: type[Exception]) -> None:
    with pytest.raises(error), told("plc", "reading"):
        raise raised
