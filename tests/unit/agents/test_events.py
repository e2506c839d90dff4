from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.alarms import AlarmsPartition
from agents.events import EventsPartition, logic_factory
from ironstream.contract import Topic
from ironstream.domain.rules import ConditionRule
from ironstream.domain.times import to_iso, to_us
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs, chunk, record, tick
from tests.support.topology import HandMadeTopology

START_MS = 1_736_510_463_000
KEY = b"acme/north/pump-1"
STOPPED = ConditionRule("stopped", "state", "stopped", "HIGH", "{asset} is {value}", on="event", event_type="status",
                        state_is="stopped")  # fmt: skip


def rule(rule_id: str = "r", **changes: Any) -> ConditionRule:
    base: dict[str, Any] = {"type": "t", "severity": "LOW", "message": "m", "on": "event", "event_type": "status"}
    return ConditionRule(rule_id, "state", **{**base, **changes})


def event(seconds: float, to: Any, /, **changes: Any) -> bytes:
    body = {
        "tenant_id": "acme",
        "site_id": "north",
        "asset_id": "pump-1",
        "type": "status",
        "to": to,
        "timestamps": {"device_time": to_iso(START_MS * 1000 + round(seconds * 1_000_000))},
    }
    return msgspec.json.encode({**body, **changes})


@dataclass
class Plant:
    """One partition of the agent, fed record by record."""

    topology: HandMadeTopology = field(default_factory=HandMadeTopology)
    store: MemoryStore = field(default_factory=MemoryStore)
    out: RecordedOutputs = field(default_factory=RecordedOutputs)
    offset: int = 0
    now_ms: int = START_MS

    def __post_init__(self) -> None:
        self.logic = self.new_logic()

    def new_logic(self) -> EventsPartition:
        logic = logic_factory(self.topology)(self.store, 0)
        assert isinstance(logic, EventsPartition)
        return logic

    def take(self, *values: bytes | None) -> list[dict[str, Any]]:
        """Feed events; the conditions they made."""
        known = len(self.told)
        for value in values:
            self.feed(record(self.offset, KEY, value, self.now_ms))
        return self.told[known:]

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Let a tick move the log's clock on; the conditions that made."""
        known = len(self.told)
        self.now_ms += round(seconds * 1000)
        self.feed(tick(self.offset, self.now_ms))
        return self.told[known:]

    def feed(self, one: MemoryRecord) -> None:
        self.logic.apply(chunk("events.raw", [one]), self.out)
        self.offset += 1

    def restart(self) -> None:
        self.logic.flush()
        self.logic = self.new_logic()

    @property
    def told(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(sent.value or b"") for sent in self.out.to(Topic.ALARMS_RAW)]

    @property
    def clean(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(sent.value or b"") for sent in self.out.to(Topic.EVENTS_CLEAN)]

    @property
    def dead(self) -> list[bytes | None]:
        return [sent.header("dlq-reason") for sent in self.out.to(Topic.DLQ_EVENTS)]


def plant_with(*rules: ConditionRule) -> Plant:
    return Plant(HandMadeTopology(version=7, rules=rules))


def summary(told: list[dict[str, Any]]) -> list[tuple[str, float, int]]:
    """State, seconds after the start, number."""
    return [(one["state"], (to_us(one["time"]) - START_MS * 1000) / 1e6, one["number"]) for one in told]


def test_an_event_passes_clean_with_its_id_its_times_and_what_else_it_says() -> None:
    plant = Plant()
    plant.take(event(1, "open", color="red"))
    (clean,) = plant.clean
    assert clean["to"] == "open"
    assert clean["color"] == "red"
    assert clean["timestamps"] == {
        "device_time": to_iso((START_MS + 1000) * 1000),
        "kafka_time": to_iso(START_MS * 1000),
    }
    (sent,) = plant.out.sent
    assert sent.key == KEY
    assert sent.header("ironstream-id") == f"status/acme/north/pump-1/-/{(START_MS + 1000) * 1000}".encode()


def test_a_duplicate_is_dropped_also_after_a_restart_and_an_older_event_is_none() -> None:
    plant = Plant()
    plant.take(event(5, "a"), event(5, "a"), event(3, "b"))
    plant.restart()
    plant.take(event(5, "a"), event(3, "b"), event(3, "b", parameter="valve"))
    assert [clean["to"] for clean in plant.clean] == ["a", "b", "b"]
    assert plant.logic.counts["duplicate"] == 2


def test_a_flat_status_payload_is_an_event_only_when_the_status_is_a_new_one() -> None:
    plant = Plant()
    ts = START_MS // 1000
    for seconds, status in [(0, "running"), (1, "running"), (2, "fault"), (3, "fault")]:
        plant.take(msgspec.json.encode({"tenant_id": "acme", "machine_id": "m", "ts": ts + seconds, "status": status}))
    assert [(clean.get("from"), clean["to"]) for clean in plant.clean] == [(None, "running"), ("running", "fault")]


def test_what_cannot_be_used_goes_to_the_dlq_with_why() -> None:
    plant = Plant(HandMadeTopology(refused={"acme/north/ghost": "unregistered"}))
    both = {"gateway_time": to_iso(START_MS * 1000), "device_time": to_iso(START_MS * 1000 - 32 * 86_400_000_000)}
    plant.take(
        b"nothing",
        event(0, "x", timestamps={}),
        event(0, "x", asset_id="ghost"),
        event(4_000, "x"),
        event(0, "x", timestamps=both),
    )
    assert plant.dead == [b"malformed", b"malformed", b"unregistered", b"time_out_of_range", b"time_out_of_range"]
    assert plant.clean == []


def test_a_state_raises_and_clears_its_condition_with_evidence() -> None:
    plant = plant_with(STOPPED)
    raised, cleared = plant.take(event(0, "running"), event(1, "stopped"), event(2, "stopped"), event(3, "running"))
    assert summary([raised, cleared]) == [("ACTIVE", 1, 1), ("CLEARED", 3, 2)]
    assert (raised["message"], raised["value"], raised["rule_id"]) == ("pump-1 is stopped", "stopped", "stopped")
    assert raised["evidence"] == {
        "topic": "events.raw",
        "partition": 0,
        "offset": 1,
        "rule_id": "stopped",
        "topology_version": 7,
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"state_is": "b"}, ["ACTIVE", "CLEARED", "ACTIVE"]),
        ({"state_is_not": "a"}, ["ACTIVE", "CLEARED", "ACTIVE"]),
        ({"state_from": "a", "state_to": "b"}, ["ACTIVE", "CLEARED"]),
        ({"state_from": "c", "state_to": "b"}, ["ACTIVE"]),
        ({"state_to": "c"}, ["ACTIVE", "CLEARED"]),
        ({"state_from": "a"}, ["ACTIVE", "CLEARED", "ACTIVE"]),
    ],
)
def test_each_form_of_a_state_condition_is_true_as_it_says(changes: dict[str, str], expected: list[str]) -> None:
    plant = plant_with(rule(**changes))
    told = plant.take(*(event(second, state) for second, state in enumerate("abacb")))
    assert [one["state"] for one in told] == expected


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (1, "1"), (1.0, "1"), (1.5, "1.5"), ([1], "[1]")])
def test_states_of_any_json_type_compare_as_text(value: Any, text: str) -> None:
    plant = plant_with(rule(state_is=text))
    assert len(plant.take(event(0, None, value=value))) == 1


def test_an_on_delay_passes_in_event_time_and_by_the_clock_of_the_log() -> None:
    delayed = rule(state_is="stopped", on_delay_us=10_000_000)
    plant = plant_with(delayed)
    assert summary(plant.take(event(0, "stopped"), event(10, "running"))) == [("ACTIVE", 10, 1), ("CLEARED", 10, 2)]
    assert plant.take(event(20, "stopped")) == []
    assert plant.wait(9.999) == []
    plant.restart()
    assert summary(plant.wait(5)) == [("ACTIVE", 30, 3)]


def test_a_state_that_ends_before_its_delay_raises_nothing_also_in_a_backlog_delivered_at_once() -> None:
    plant = plant_with(rule(state_is="stopped", on_delay_us=10_000_000))
    plant.take(event(-90_000, "running"))
    plant.wait(86_400)
    assert plant.take(event(-80_000, "stopped"), event(-79_995, "running")) == []
    assert plant.wait(3_600) == []


def test_an_off_delay_holds_a_flapping_condition() -> None:
    plant = plant_with(rule(state_is="stopped", off_delay_us=5_000_000))
    told = plant.take(event(0, "stopped"), event(1, "running"), event(3, "stopped"), event(4, "running"))
    assert summary(told) == [("ACTIVE", 0, 1)]
    assert summary(plant.wait(5)) == [("CLEARED", 9, 2)]


def test_an_event_older_than_the_newest_changes_no_condition() -> None:
    plant = plant_with(STOPPED)
    assert summary(plant.take(event(5, "running"), event(3, "stopped"), event(7, "stopped"), event(6, "running"))) == [
        ("ACTIVE", 7, 1)
    ]
    assert len(plant.clean) == 4


def test_conditions_that_fall_due_together_are_told_in_the_order_of_their_times_also_after_a_restart() -> None:
    waiting = rule(state_is="stopped", on_delay_us=10_000_000)
    told = []
    for restarts in (False, True):
        plant = plant_with(waiting)
        plant.take(event(0, "stopped"))
        plant.now_ms += 1_000
        plant.take(event(0, "stopped", asset_id="pump-2"))
        plant.now_ms += 1_000
        plant.take(event(0.5, "stopped"))  # starts the clock of pump-1 anew: it is due after pump-2 now
        if restarts:
            plant.restart()
        told.append([one["asset_id"] for one in plant.wait(60)])
    assert told == [["pump-2", "pump-1"]] * 2


def test_a_backlog_that_still_flows_holds_the_clock_of_its_conditions() -> None:
    plant = plant_with(rule(state_is="stopped", on_delay_us=10_000_000))
    plant.take(event(0, "stopped"))
    plant.wait(9)
    plant.take(event(-1, "running"))
    assert plant.wait(9) == []
    assert summary(plant.wait(1)) == [("ACTIVE", 10, 1)]


def test_the_state_before_an_event_is_never_taken_from_a_later_one() -> None:
    plant = plant_with(rule(state_from="running", state_to="fault"))
    assert plant.take(event(5, "running"), event(3, "fault")) == []
    plant = plant_with(STOPPED)
    ts = START_MS // 1000
    for seconds, status in [(5, "running"), (3, "fault")]:
        plant.take(msgspec.json.encode({"machine_id": "m", "ts": ts + seconds, "status": status}))
    assert [clean.get("from") for clean in plant.clean] == [None, None]


def test_conditions_of_the_events_agent_are_understood_by_the_alarms_agent() -> None:
    plant = plant_with(STOPPED)
    plant.take(event(1, "stopped"), event(3, "running"))
    out = RecordedOutputs()
    log = [record(n, sent.key, sent.value, START_MS) for n, sent in enumerate(plant.out.to(Topic.ALARMS_RAW))]
    AlarmsPartition(MemoryStore(), 0, plant.topology).apply(chunk("alarms.raw", log), out)
    assert [msgspec.json.decode(sent.value or b"")["state"] for sent in out.sent] == ["ACTIVE", "CLEARED"]


values = st.one_of(
    st.builds(
        lambda seconds, state, asset: event(seconds, state, asset_id=asset),
        st.integers(-20, 40),
        st.sampled_from(["stopped", "running", "fault", True, None]),
        st.sampled_from(["pump-1", "pump-1", "pump-2"]),
    ),
    st.sampled_from([b"", b'{"asset_id":"a"}']),
)
RULES = (
    STOPPED,
    rule("slow", state_is="stopped", on_delay_us=5_000_000, off_delay_us=3_000_500),
    rule("trip", state_from="running", state_to="fault", on_delay_us=1_000_000),
    rule("not", state_is_not="running", off_delay_us=7_000_000),
)


def run(log: list[MemoryRecord], cuts: set[int], restarts: bool) -> list[Any]:
    store, out = MemoryStore(), RecordedOutputs()
    make = logic_factory(HandMadeTopology(rules=RULES))
    logic = make(store, 0)
    start = 0
    for end in [*sorted(cut for cut in cuts if 0 < cut < len(log)), len(log)]:
        if end > start:
            logic.apply(chunk("events.raw", log[start:end]), out)
        if restarts:
            logic.flush()
            logic = make(store, 0)
        start = end
    return out.sent


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.none() | values, st.sampled_from([0, 1, 900, -300, 4_000, 400 * 86_400_000])), max_size=50),
    st.sets(st.integers(1, 49)),
)
def test_how_the_log_is_cut_and_restarts_between_make_no_difference(
    script: list[tuple[bytes | None, int]], cuts: set[int]
) -> None:
    log, now_ms = [], START_MS
    for offset, (value, pause_ms) in enumerate(script):
        now_ms += pause_ms
        log.append(tick(offset, now_ms) if value is None else record(offset, KEY, value, now_ms))
    whole = run(log, set(), restarts=False)
    assert run(log, cuts, restarts=True) == whole
    assert run(log, set(range(len(log))), restarts=True) == whole
    numbers: dict[tuple[str, str], int] = {}
    for told in (msgspec.json.decode(sent.value) for sent in whole if sent.topic == Topic.ALARMS_RAW):
        series = (told["rule_id"], told["asset_id"])
        numbers[series] = numbers.get(series, 0) + 1
        assert told["number"] == numbers[series]
        assert told["state"] == ("ACTIVE" if told["number"] % 2 else "CLEARED")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just("LONG"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["asset_id", "type", "to", "from", "value", "timestamps", "parameter", "machine_id", "ts", "status", "extra"]
odd_events = st.builds(
    # an integer of 4000 digits is good JSON
    lambda seconds, changes: event(seconds, "x", **changes).replace(b'"LONG"', b"9" * 4000),
    st.integers(0, 9),
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=3),
)


@given(
    st.lists(
        st.tuples(
            st.none() | st.binary() | json_values.map(msgspec.json.encode) | odd_events,
            st.none() | st.binary(max_size=30),
            st.sampled_from([-1, 0, START_MS, START_MS + 1, 2**63 - 1]),
        )
    )
)
def test_no_record_whatever_its_bytes_stops_the_agent(
    records: list[tuple[bytes | None, bytes | None, int]],
) -> None:
    out, store = RecordedOutputs(), MemoryStore()
    make = logic_factory(HandMadeTopology(rules=RULES))
    logic = make(store, 0)
    log = [record(offset, key, value, timestamp) for offset, (value, key, timestamp) in enumerate(records)]
    if log:
        logic.apply(chunk("events.raw", log), out)
    logic.flush()
    make(store, 0)
