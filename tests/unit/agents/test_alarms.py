from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.alarms import AlarmsPartition, logic_factory
from ironstream.alarm_codec import AlarmInput, encode
from ironstream.contract import Command, Condition, Evidence, ExternalAlarm, Metadata, Timestamps, Topic
from ironstream.domain.times import to_iso
from tables.alarms import COMMAND_RETENTION_MS
from tests.support.engine import MemoryRecord, MemoryStore, RecordedOutputs, chunk, record, tick
from tests.support.topology import HandMadeTopology

START_MS = 1_736_510_463_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
KEY = b"acme/north/pump-1"
ALARM_ID = "acme/north/pump-1/overheat/rule:hot/temperature"


def condition(number: int, active: bool = True, **changes: Any) -> Condition:
    return msgspec.structs.replace(
        Condition(
            tenant_id="acme",
            site_id="north",
            asset_id="pump-1",
            rule_id="hot",
            number=number,
            type="overheat",
            severity="HIGH",
            state="ACTIVE" if active else "CLEARED",
            time=to_iso(START_MS * 1000 + number * 1_000_000),
            message="too hot" if active else "",
            evidence=Evidence("telemetry.raw", 0, 100 + number, "hot", 2),
            parameter="temperature",
            value=91.5,
            threshold=90.0,
            unit="degC",
        ),
        **changes,
    )


def command(name: str, command_id: str = "c-1", **changes: Any) -> Command:
    asset = changes.pop("asset_id", "pump-1")
    alarm_id = changes.pop("alarm_id", ALARM_ID)
    return Command(command_id, name, "ann", "acme", "north", asset, alarm_id, **changes)


def until(ms: int) -> str:
    return to_iso((START_MS + ms) * 1000)


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

    def new_logic(self) -> AlarmsPartition:
        logic = logic_factory(self.topology)(self.store, 0)
        assert isinstance(logic, AlarmsPartition)
        return logic

    def take(self, *messages: AlarmInput | bytes | None) -> list[dict[str, Any]]:
        """Feed messages one after the other; the new entries of the journal."""
        known = len(self.out.to(Topic.ALARMS_CLEAN))
        for message in messages:
            value = message if isinstance(message, bytes | None) else encode(message)
            self.feed(record(self.offset, KEY, value, self.now_ms))
        return self.journal[known:]

    def wait(self, ms: int) -> list[dict[str, Any]]:
        """Let a tick move the log's clock on."""
        known = len(self.out.to(Topic.ALARMS_CLEAN))
        self.now_ms += ms
        self.feed(tick(self.offset, self.now_ms))
        return self.journal[known:]

    def feed(self, one: MemoryRecord) -> None:
        self.logic.apply(chunk("alarms.raw", [one]), self.out)
        self.offset += 1

    def restart(self) -> None:
        self.logic.flush()
        self.logic = self.new_logic()

    @property
    def journal(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(sent.value or b"") for sent in self.out.to(Topic.ALARMS_CLEAN)]

    @property
    def answers(self) -> list[tuple[str, str | None]]:
        entries = [msgspec.json.decode(sent.value or b"") for sent in self.out.to(Topic.AUDIT_TRAIL)]
        return [(entry["outcome"], entry["reason"]) for entry in entries]


@pytest.fixture
def plant() -> Plant:
    return Plant()


def states(entries: list[dict[str, Any]]) -> list[tuple[str | None, str]]:
    return [(entry["previous_state"], entry["state"]) for entry in entries]


def test_an_alarm_is_in_the_journal_from_its_raise_to_its_clear(plant: Plant) -> None:
    plant.take(condition(1), command("ack", comment="on my way"), condition(2, active=False))
    assert states(plant.journal) == [(None, "ACTIVE"), ("ACTIVE", "ACKNOWLEDGED"), ("ACKNOWLEDGED", "CLEARED")]
    first, acked, cleared = plant.journal
    assert first["alarm_id"] == ALARM_ID
    assert first["raised_at"] == condition(1).time
    assert first["evidence"] == {
        "topic": "telemetry.raw",
        "partition": 0,
        "offset": 101,
        "rule_id": "hot",
        "topology_version": 2,
    }
    assert (acked["actor"], acked["acked_by"], acked["comment"]) == ("ann", "ann", "on my way")
    assert acked["evidence"] == {**first["evidence"], "topic": "alarms.raw", "offset": 1}
    assert (cleared["cleared_at"], cleared["message"]) == (condition(2).time, "too hot")
    assert [entry["transition"] for entry in plant.journal] == [1, 2, 3]
    sent = plant.out.to(Topic.ALARMS_CLEAN)[1]
    assert sent.key == KEY
    assert sent.header("ironstream-id") == f"{acked['occurrence_id']}/2".encode()


def test_a_condition_that_was_taken_is_dropped_when_it_comes_again_also_after_a_restart(plant: Plant) -> None:
    plant.take(condition(1), condition(2, active=False))
    plant.restart()
    assert plant.take(condition(1), condition(2, active=False)) == []
    assert states(plant.take(condition(3))) == [(None, "ACTIVE")]
    assert plant.logic.counts["duplicate"] == 2


def test_the_alarm_of_a_rule_whose_type_was_edited_is_cleared_by_its_next_condition(plant: Plant) -> None:
    plant.take(condition(1))
    entries = plant.take(condition(2, type="very_hot"))
    assert [(entry["type"], entry["state"]) for entry in entries] == [("overheat", "CLEARED"), ("very_hot", "ACTIVE")]


def test_external_alarms_of_two_adapters_are_two_alarms(plant: Plant) -> None:
    times = Timestamps(device_time="2025-01-10T12:00:00Z")
    fire = ExternalAlarm("pump-1", "fire", "ACTIVE", "acme", "north", severity="CRITICAL", timestamps=times)
    other = msgspec.structs.replace(fire, metadata=Metadata(adapter_id="opcua-1"))
    entries = plant.take(fire, other, msgspec.structs.replace(fire, state="CLEARED"))
    assert [entry["alarm_id"].split("/")[4] for entry in entries] == ["external", "adapter:opcua-1", "external"]
    assert entries[0]["raised_at"] == "2025-01-10T12:00:00.000Z"
    assert entries[2]["state"] == "CLEARED"


def test_an_alarm_without_a_time_happened_when_the_log_took_it(plant: Plant) -> None:
    (entry,) = plant.take(b'{"asset_id":"a","type":"t","state":"ACTIVE"}')
    assert entry["raised_at"] == to_iso(START_MS * 1000)


def test_a_shelved_alarm_comes_back_by_the_clock_of_the_log_at_the_time_that_was_asked_for(plant: Plant) -> None:
    plant.take(condition(1), command("shelve", until=until(HOUR_MS), reason="works", comment="until noon"))
    assert plant.wait(HOUR_MS - 1) == []
    plant.restart()
    (entry,) = plant.wait(5_000)
    assert (entry["state"], entry["previous_state"], entry["time"]) == ("ACTIVE", "SUPPRESSED", until(HOUR_MS))
    assert entry["reason"] == "shelving expired"


def test_an_alarm_that_cleared_on_the_shelf_is_cleared_when_the_shelving_ends(plant: Plant) -> None:
    plant.take(condition(1), command("shelve", until=until(HOUR_MS), reason="r", comment="c"))
    assert plant.take(condition(2, active=False)) == []
    (entry,) = plant.wait(HOUR_MS)
    assert (entry["state"], entry["cleared_at"]) == ("CLEARED", condition(2).time)


def test_a_new_expiry_replaces_the_old_one(plant: Plant) -> None:
    plant.take(condition(1), command("shelve", until=until(HOUR_MS), reason="r", comment="c"))
    (entry,) = plant.take(command("shelve", "c-2", until=until(3 * HOUR_MS), reason="r", comment="c"))
    assert (entry["previous_state"], entry["state"], entry["until"]) == ("SUPPRESSED", "SUPPRESSED", until(3 * HOUR_MS))
    assert plant.wait(2 * HOUR_MS) == []
    assert states(plant.wait(HOUR_MS)) == [("SUPPRESSED", "ACTIVE")]


def test_a_one_shot_shelving_ends_with_the_alarm_or_when_no_shelving_may_last_longer(plant: Plant) -> None:
    plant.take(condition(1), command("shelve", reason="r", comment="c"))
    assert states(plant.take(condition(2, active=False))) == [("SUPPRESSED", "CLEARED")]
    plant.take(condition(3), command("shelve", "c-2", reason="r", comment="c"))
    assert plant.wait(30 * DAY_MS - 1) == []
    assert states(plant.wait(1)) == [("SUPPRESSED", "ACTIVE")]


def test_unshelving_brings_an_alarm_back_at_once(plant: Plant) -> None:
    plant.take(condition(1), command("shelve", reason="r", comment="c"))
    (entry,) = plant.take(command("unshelve", "c-2"))
    assert (entry["state"], entry["actor"], entry["reason"]) == ("ACTIVE", "ann", "unshelved")
    assert plant.wait(31 * DAY_MS) == []


def test_a_suppressed_asset_silences_what_stands_and_what_comes_and_nothing_else(plant: Plant) -> None:
    suppress = command("suppress", alarm_id=None, until=until(HOUR_MS), reason="overhaul")
    entries = plant.take(condition(1), suppress, condition(1, rule_id="loud", type="noise"))
    assert states(entries) == [(None, "ACTIVE"), ("ACTIVE", "SUPPRESSED"), (None, "SUPPRESSED")]
    assert [entry["until"] for entry in entries[1:]] == [until(HOUR_MS)] * 2
    assert states(plant.take(condition(1, asset_id="pump-2"))) == [(None, "ACTIVE")]
    plant.restart()
    assert plant.take(condition(2, active=False)) == []
    released = plant.wait(HOUR_MS)
    assert [(entry["type"], entry["state"]) for entry in released] == [("noise", "ACTIVE"), ("overheat", "CLEARED")]


def test_an_alarm_is_suppressed_as_long_as_its_shelf_or_its_asset_holds_it(plant: Plant) -> None:
    plant.take(condition(1), command("shelve", until=until(HOUR_MS), reason="r", comment="c"))
    (entry,) = plant.take(command("suppress", "c-2", alarm_id=None, until=until(2 * HOUR_MS)))
    assert entry["until"] == until(2 * HOUR_MS)
    assert plant.wait(HOUR_MS) == []
    plant.take(command("unshelve", "c-3"))
    assert plant.answers[-1] == (
        "rejected",
        f"its asset is suppressed until {until(2 * HOUR_MS)}: unshelve the asset acme/north/pump-1",
    )
    assert states(plant.take(command("unshelve", "c-4", alarm_id=None))) == [("SUPPRESSED", "ACTIVE")]


def test_a_shelf_of_its_own_outlasts_the_suppression_of_the_asset(plant: Plant) -> None:
    plant.take(
        condition(1),
        command("suppress", alarm_id=None, until=until(HOUR_MS)),
        command("shelve", "c-2", until=until(2 * HOUR_MS), reason="r", comment="c"),
    )
    assert plant.wait(HOUR_MS) == []
    assert states(plant.wait(HOUR_MS)) == [("SUPPRESSED", "ACTIVE")]


def test_a_latched_alarm_waits_for_its_acknowledgement(plant: Plant) -> None:
    plant.take(condition(1, latched=True), condition(2, active=False), condition(3, latched=True))
    plant.take(condition(4, active=False), command("ack"))
    assert states(plant.journal) == [
        (None, "ACTIVE"),
        ("ACTIVE", "CLEARED_UNACKED"),
        ("CLEARED_UNACKED", "ACTIVE"),
        ("ACTIVE", "CLEARED_UNACKED"),
        ("CLEARED_UNACKED", "CLEARED"),
    ]
    assert len({entry["occurrence_id"] for entry in plant.journal}) == 1


def test_a_command_has_its_effect_once_and_every_one_is_answered(plant: Plant) -> None:
    plant.take(condition(1), command("ack"))
    plant.restart()
    assert plant.take(command("ack"), command("ack", "c-2")) == []
    assert [outcome for outcome, _ in plant.answers] == ["accepted", "repeated", "rejected"]
    assert plant.answers[1][1] == "was accepted at offset 1"
    sent = plant.out.to(Topic.AUDIT_TRAIL)
    assert {one.key for one in sent} == {KEY}
    assert [one.header("ironstream-id") for one in sent] == [b"alarms.raw/0/1", b"alarms.raw/0/2", b"alarms.raw/0/3"]


def test_a_command_id_is_free_again_after_its_retention(plant: Plant) -> None:
    plant.take(command("ack"))
    plant.wait(COMMAND_RETENTION_MS)
    plant.take(condition(1), command("ack"))
    assert [outcome for outcome, _ in plant.answers] == ["rejected", "accepted"]


def test_commands_are_forgotten_in_the_order_of_the_log_also_after_a_restart(plant: Plant) -> None:
    plant.take(command("ack", "z"))
    plant.wait(COMMAND_RETENTION_MS // 2)
    plant.take(command("ack", "a"))
    plant.restart()
    plant.wait(COMMAND_RETENTION_MS // 2)
    plant.take(command("ack", "z"), command("ack", "a"))
    assert [outcome for outcome, _ in plant.answers] == ["rejected", "rejected", "rejected", "repeated"]


def test_a_clock_of_the_broker_that_goes_back_takes_nothing_back(plant: Plant) -> None:
    plant.wait(HOUR_MS)
    plant.restart()
    plant.now_ms -= HOUR_MS
    plant.take(condition(1), command("shelve", until=until(HOUR_MS), reason="r", comment="c"))
    assert plant.answers == [("rejected", f"until {until(HOUR_MS)} is not after {until(HOUR_MS)}, the time in the log")]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (command("dance"), "is no command: use ack, shelve, unshelve, suppress, comment"),
        (command("ack", alarm_id="nothing"), "is not known"),
        (command("ack", alarm_id=None), "give alarm_id or occurrence_id"),
        (command("ack", alarm_id=None, asset_id=""), "names no alarm"),
        (command("ack", alarm_id=None, occurrence_id="old"), "not the latest occurrence"),
        (command("ack", occurrence_id="old"), "the latest occurrence is"),
        (command("ack", asset_id="pump-2"), "belongs to acme/north/pump-1"),
        (command("ack", time="noon"), "time: 'noon' is not ISO-8601"),
        (command("shelve"), "needs reason and comment"),
        (command("shelve", reason="r", comment=" "), "needs comment"),
        (command("shelve", reason="r", comment="c", until="soon"), "until: 'soon'"),
        (command("shelve", reason="r", comment="c", until=until(0)), "is not after"),
        (command("shelve", reason="r", comment="c", until=until(31 * DAY_MS)), "is too far"),
        (command("unshelve"), "ACTIVE, not shelved"),
        (command("unshelve", alarm_id=None), "is not suppressed"),
        (command("comment"), "needs comment"),
        (command("suppress", alarm_id=None, asset_id="ghost"), "not admitted: unregistered"),
    ],
)
def test_an_impossible_command_changes_nothing_and_is_answered_with_why(asked: Command, why: str) -> None:
    plant = Plant(HandMadeTopology(refused={"acme/north/ghost": "unregistered"}))
    plant.take(condition(1))
    assert plant.take(asked) == []
    ((outcome, reason),) = plant.answers
    assert outcome == "rejected"
    assert why in (reason or "")


def test_a_comment_is_in_the_journal_of_the_occurrence(plant: Plant) -> None:
    (entry,) = plant.take(condition(1), command("comment", comment="bearing ordered"))[1:]
    assert (entry["state"], entry["previous_state"], entry["comment"]) == ("ACTIVE", "ACTIVE", "bearing ordered")


def test_a_record_that_cannot_be_used_goes_to_the_dlq_as_it_came(plant: Plant) -> None:
    plant.topology.refused["default/default/ghost"] = "unregistered"
    plant.take(b"{", None, b'{"asset_id":"ghost","type":"t","state":"ACTIVE"}')
    dead = plant.out.to(Topic.DLQ_ALARMS)
    assert [(sent.value, sent.header("dlq-reason"), sent.header("dlq-offset")) for sent in dead] == [
        (b"{", b"malformed", b"0"),
        (None, b"malformed", b"1"),
        (b'{"asset_id":"ghost","type":"t","state":"ACTIVE"}', b"unregistered", b"2"),
    ]
    assert plant.journal == []


def test_cleared_alarms_are_forgotten_after_their_retention_but_their_numbers_never(plant: Plant) -> None:
    plant.take(condition(1), condition(2, active=False), condition(1, active=False, rule_id="never-raised"))
    plant.take(command("suppress", alarm_id=None, until=until(HOUR_MS)))
    plant.logic.flush()
    assert len(plant.store.rows) == 6
    plant.wait(30 * DAY_MS)
    plant.logic.flush()
    assert {key[:2] for key in plant.store.rows} == {b"c/", b"m/", b"n/"}


def test_a_repeat_of_a_condition_has_no_effect_however_late_it_comes(plant: Plant) -> None:
    plant.take(condition(1, latched=True), condition(2, active=False))
    plant.wait(20 * DAY_MS)
    plant.take(command("ack"))
    plant.wait(60 * DAY_MS)
    assert plant.take(condition(2), condition(1)) == []
    plant.restart()
    assert plant.take(condition(2), condition(1)) == []


def test_a_standing_alarm_is_never_forgotten_nor_its_number(plant: Plant) -> None:
    plant.take(condition(5))
    plant.wait(400 * DAY_MS)
    plant.restart()
    assert plant.take(condition(5), condition(6, active=False)) == [plant.journal[-1]]
    plant.wait(29 * DAY_MS)
    assert plant.take(condition(6, active=False), condition(5)) == []


def test_flush_writes_only_what_changed(plant: Plant) -> None:
    plant.take(condition(1), condition(1, asset_id="pump-2"))
    plant.logic.flush()
    plant.store.written = 0
    plant.logic.flush()
    assert plant.store.written == 0
    plant.take(condition(2, active=False))
    plant.logic.flush()
    assert plant.store.written == 2  # the alarm and its number; the clock stands still


messages = st.one_of(
    st.builds(
        lambda number, active, rule, asset, type_, latched: encode(
            condition(number, active, rule_id=rule, asset_id=asset, type=type_, latched=latched)
        ),
        st.integers(1, 12),
        st.booleans(),
        st.sampled_from(["hot", "loud"]),
        st.sampled_from(["pump-1", "pump-2"]),
        st.sampled_from(["overheat", "overheat", "overheat", "noise"]),
        st.booleans(),
    ),
    st.builds(
        lambda state, severity: encode(ExternalAlarm("pump-1", "fire", state, "acme", "north", severity=severity)),
        st.sampled_from(["ACTIVE", "CLEARED"]),
        st.sampled_from(["LOW", "CRITICAL"]),
    ),
    st.builds(
        lambda name, number, whole_asset, end: encode(
            command(
                name,
                f"c-{number}",
                alarm_id=None if whole_asset else ALARM_ID,
                until=None if end is None else until(end),
                reason="r",
                comment="c",
            )
        ),
        st.sampled_from(["ack", "shelve", "unshelve", "suppress", "comment", "dance"]),
        st.integers(1, 30),
        st.booleans(),
        st.none() | st.integers(0, 20_000),
    ),
    st.sampled_from([b"", b"{", b'{"asset_id":"a"}']),
)
steps = st.lists(
    st.tuples(st.none() | messages, st.sampled_from([0, 1, -700, 500, 4_000, DAY_MS, 31 * DAY_MS])), max_size=60
)


def run(log: list[MemoryRecord], cuts: set[int], restarts: bool) -> list[Any]:
    store, out = MemoryStore(), RecordedOutputs()
    make = logic_factory(HandMadeTopology())
    logic = make(store, 0)
    start = 0
    for end in [*sorted(cut for cut in cuts if 0 < cut < len(log)), len(log)]:
        if end > start:
            logic.apply(chunk("alarms.raw", log[start:end]), out)
        if restarts:
            logic.flush()
            logic = make(store, 0)
        start = end
    return out.sent


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps, st.sets(st.integers(1, 59)))
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
    _check_journal([msgspec.json.decode(sent.value) for sent in whole if sent.topic == Topic.ALARMS_CLEAN])


def _check_journal(journal: list[dict[str, Any]]) -> None:
    last: dict[str, dict[str, Any]] = {}
    for entry in journal:
        before = last.get(entry["occurrence_id"])
        assert entry["transition"] == (before["transition"] + 1 if before else 1)
        assert entry["previous_state"] == (before["state"] if before else None)
        assert (entry["until"] is not None) == (entry["state"] == "SUPPRESSED")
        if entry["state"] == "CLEARED":
            assert entry["acked_by"] is not None
        last[entry["occurrence_id"]] = entry


oddities = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([10**30, 1e300, [], {}])
odd_messages = st.builds(
    lambda message, changes: msgspec.json.encode({**msgspec.to_builtins(message), **changes}),
    st.sampled_from([condition(1), command("shelve", until=until(1)), ExternalAlarm("a", "t", "ACTIVE")]),
    st.dictionaries(
        st.sampled_from(
            [
                *("kind", "asset_id", "parameter", "type", "rule_id", "number", "severity", "state", "time", "value"),
                *("evidence", "timestamps", "metadata", "command_id", "command", "until", "comment", "alarm_id"),
            ]
        ),
        oddities,
        max_size=3,
    ),
)


@given(
    st.lists(
        st.tuples(
            st.none() | st.binary() | odd_messages,
            st.none() | st.binary(max_size=30),
            st.sampled_from([-1, 0, START_MS, START_MS + DAY_MS, 2**63 - 1]),
        )
    )
)
def test_no_record_whatever_its_bytes_stops_the_agent(
    records: list[tuple[bytes | None, bytes | None, int]],
) -> None:
    out, store = RecordedOutputs(), MemoryStore()
    make = logic_factory(HandMadeTopology())
    logic = make(store, 0)
    log = [record(offset, key, value, timestamp) for offset, (value, key, timestamp) in enumerate(records)]
    if log:
        logic.apply(chunk("alarms.raw", log), out)
    logic.flush()
    make(store, 0)
