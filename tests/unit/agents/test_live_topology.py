import msgspec
import pytest

from agents.alarms import AlarmsPartition
from agents.events import EventsPartition
from agents.live_topology import NEVER_NAMED, LiveTopology
from ironstream.contract import CONTROL_KEY, Topic
from ironstream.engine.control import TopologyChange, encode_control
from ironstream.topology.sources import CanarySources, Sources
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs, chunk, record
from tests.support.topology import HandMadeTopology

NOW_MS = 1_736_510_463_000
REJECTING = b"version: 1\nunregistered: reject\n"
WITH_RULE = b"""
version: 1
alarms:
  - id: stopped
    type: stopped
    severity: HIGH
    on: event
    condition: {state: {event: status, is: stopped}}
"""
ALARM = b'{"asset_id":"a","type":"t","state":"ACTIVE"}'
STOPPED = msgspec.json.encode(
    {"asset_id": "a", "type": "status", "to": "stopped", "timestamps": {"device_time": NOW_MS}}
)


def change(offset: int, version: int, text: bytes, number: int | None = None) -> MemoryRecord:
    named = TopologyChange(number or version, version, Sources.single(text).packed())
    return record(offset, CONTROL_KEY, encode_control(named), NOW_MS)


def test_the_version_that_the_log_names_holds_from_there_on_also_after_a_restart() -> None:
    store, out = MemoryStore(), RecordedOutputs()
    logic = AlarmsPartition(store, 0, HandMadeTopology())
    assert logic.topology_version == NEVER_NAMED
    log = [record(0, b"k", ALARM, NOW_MS), change(1, 4, REJECTING), record(2, b"k", ALARM, NOW_MS)]
    logic.apply(chunk("alarms.raw", log), out)
    logic.flush()
    restarted = AlarmsPartition(store, 0, HandMadeTopology())
    assert restarted.topology_version == 4
    restarted.apply(chunk("alarms.raw", [record(3, b"k", ALARM, NOW_MS)]), out)
    assert [sent.topic for sent in out.sent] == [Topic.ALARMS_CLEAN, Topic.DLQ_ALARMS, Topic.DLQ_ALARMS]


def test_the_topology_that_a_worker_began_with_is_not_made_again_when_the_log_names_it() -> None:
    began_with = HandMadeTopology(version=4)
    store = MemoryStore()
    live = LiveTopology(store, began_with)
    assert live.version == NEVER_NAMED
    assert not live.follow(change(0, 4, b"version: 1\n"))
    assert live.version == 4
    assert live.current is began_with
    live.flush()
    assert LiveTopology(store, began_with).current is began_with
    assert LiveTopology(store, HandMadeTopology(version=3)).current.version == 4


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{}",
        encode_control(TopologyChange(5, 5, "no base64")),
        encode_control(TopologyChange(5, 5, "AAAA")),
        encode_control(TopologyChange(5, 5, Sources.single(b"version: [").packed())),
    ],
)
def test_a_version_that_cannot_be_compiled_is_refused_and_the_one_before_stays(value: bytes | None) -> None:
    logic = AlarmsPartition(MemoryStore(), 0, HandMadeTopology())
    log = [change(0, 4, REJECTING), record(1, CONTROL_KEY, value, NOW_MS)]
    logic.apply(chunk("alarms.raw", log), RecordedOutputs())
    assert logic.topology_version == 4


def test_a_record_of_an_owner_that_was_overtaken_says_nothing_and_a_rollback_does() -> None:
    logic = AlarmsPartition(MemoryStore(), 0, HandMadeTopology())
    held = []
    for at, (number, version) in enumerate([(2, 7), (1, 6), (2, 6), (3, 6)]):
        logic.apply(chunk("alarms.raw", [change(at, version, REJECTING, number)]), RecordedOutputs())
        held.append((logic.topology_number, logic.topology_version))
    assert held == [(2, 7), (2, 7), (2, 7), (3, 6)]


def test_what_a_withdrawn_rule_has_raised_is_cleared_and_its_numbers_go_on() -> None:
    out = RecordedOutputs()
    logic = EventsPartition(MemoryStore(), 0, HandMadeTopology(version=0))
    log = [
        change(0, 1, WITH_RULE),
        record(1, b"k", STOPPED, NOW_MS),
        change(2, 2, b"version: 1\n"),
        change(3, 3, WITH_RULE),
        record(4, b"k", STOPPED.replace(b"3000", b"4000"), NOW_MS),
    ]
    logic.apply(chunk("events.raw", log), out)
    told = [msgspec.json.decode(sent.value or b"") for sent in out.to(Topic.ALARMS_RAW)]
    assert [(one["state"], one["number"]) for one in told] == [("ACTIVE", 1), ("CLEARED", 2), ("ACTIVE", 3)]
    assert [one["evidence"]["topology_version"] for one in told] == [1, 2, 3]


PIPELINE = b"""pipelines:
  - {id: p, adapter: x, gateway: gw-1, asset: a, config: {tags: [{name: t}]}}
"""
TWO = b"version: 1\nassets: [{id: a}, {id: b}]\n"
STRICT = b"alarms: [{id: stopped, type: stopped, on: event, condition: {state: {event: status, is: stopped}}}]\n"


def test_a_canary_holds_for_its_gateways_assets_also_in_a_replay() -> None:
    canary = CanarySources("gw-1", Sources.single(TWO + PIPELINE), Sources.single(TWO + PIPELINE + STRICT))
    log = [
        change(0, 1, TWO + PIPELINE),
        record(1, CONTROL_KEY, encode_control(TopologyChange(2, 3, canary.packed())), NOW_MS),
        record(2, b"k", STOPPED, NOW_MS),
        record(3, b"k", STOPPED.replace(b'"a"', b'"b"'), NOW_MS),
        change(4, 1, TWO + PIPELINE, 3),
    ]
    replays = []
    for cuts in ([5], [1, 3, 5]):
        store, out = MemoryStore(), RecordedOutputs()
        done = 0
        for cut in cuts:
            # a worker that takes over knows only what is in the table
            logic = EventsPartition(store, 0, HandMadeTopology(version=0))
            logic.apply(chunk("events.raw", log[done:cut]), out)
            logic.flush()
            done = cut
        replays.append([sent.value for sent in out.to(Topic.ALARMS_RAW)])
    told = [msgspec.json.decode(value or b"") for value in replays[0]]
    assert [(one["asset_id"], one["state"]) for one in told] == [("a", "ACTIVE"), ("a", "CLEARED")]
    assert [one["evidence"]["topology_version"] for one in told] == [3, 1]
    assert replays[0] == replays[1]
