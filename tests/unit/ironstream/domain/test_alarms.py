from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest

from ironstream.contract import AlarmState
from ironstream.domain.alarm_commands import Impossible, Order, acknowledge, annotate, shelve, unshelve
from ironstream.domain.alarms import (
    AUTO,
    Alarm,
    AlarmKey,
    Cause,
    Shelf,
    Signal,
    State,
    Suppression,
    Transition,
    on_signal,
    release,
)

KEY = AlarmKey("acme", "north", "pump-1", "overheat", "rule:overheat", "temperature")
CAUSE = Cause("telemetry.clean", 3, 17, "overheat", 2)
NOW_MS = 1_000_000
SHELF = Shelf(until_ms=2_000_000, one_shot=False)
ORDER = Order("ann", 5_000_000, CAUSE, NOW_MS, comment="seen", reason="works")
ASSET = Suppression(until_ms=3_000_000, actor="ben", reason="overhaul")


def signal(active: bool, time_us: int = 1_000_000, severity: int = 2, latched: bool = False, number: int = 1) -> Signal:
    return Signal(active, severity, time_us, CAUSE, message="hot", value=91.0, latched=latched, number=number)


def raised(latched: bool = False) -> Alarm:
    alarm, _ = on_signal(None, KEY, signal(True, latched=latched), None, NOW_MS)
    assert alarm is not None
    return alarm


def in_state(state: State, condition: bool = True) -> Alarm:
    alarm = replace(raised(), state=state, condition=condition)
    if state == "SUPPRESSED":
        alarm = replace(alarm, shelf=SHELF)
    if state in ("ACKNOWLEDGED", "CLEARED"):
        alarm = replace(alarm, acked_us=1, acked_by="zoe")
    return alarm


Do = Callable[[Alarm], tuple[Alarm | None, Transition | None]]
TRUE: Do = lambda alarm: on_signal(alarm, KEY, signal(True, number=9), None, NOW_MS)  # noqa: E731
FALSE: Do = lambda alarm: on_signal(alarm, KEY, signal(False), None, NOW_MS)  # noqa: E731
LATCHED_FALSE: Do = lambda alarm: FALSE(replace(alarm, latched=True))  # noqa: E731
ACK: Do = lambda alarm: acknowledge(alarm, ORDER)  # noqa: E731
SHELVE: Do = lambda alarm: shelve(alarm, SHELF, None, ORDER)  # noqa: E731
END: Do = lambda alarm: release(alarm, 1, CAUSE, NOW_MS)  # noqa: E731


@pytest.mark.parametrize(
    ("state", "condition", "do", "after", "entries"),
    [
        ("CLEARED", False, TRUE, "ACTIVE", 1),
        ("CLEARED", False, FALSE, "CLEARED", 0),
        ("ACTIVE", True, TRUE, "ACTIVE", 0),
        ("ACTIVE", True, FALSE, "CLEARED", 1),
        ("ACTIVE", True, LATCHED_FALSE, "CLEARED_UNACKED", 1),
        ("ACTIVE", True, ACK, "ACKNOWLEDGED", 1),
        ("ACTIVE", True, SHELVE, "SUPPRESSED", 1),
        ("ACKNOWLEDGED", True, TRUE, "ACKNOWLEDGED", 0),
        ("ACKNOWLEDGED", True, FALSE, "CLEARED", 1),
        ("ACKNOWLEDGED", True, LATCHED_FALSE, "CLEARED", 1),
        ("ACKNOWLEDGED", True, SHELVE, "SUPPRESSED", 1),
        ("SUPPRESSED", False, TRUE, "SUPPRESSED", 0),
        ("SUPPRESSED", True, FALSE, "SUPPRESSED", 0),
        ("SUPPRESSED", True, SHELVE, "SUPPRESSED", 1),
        ("SUPPRESSED", True, END, "ACTIVE", 1),
        ("SUPPRESSED", False, END, "CLEARED", 1),
        ("CLEARED_UNACKED", False, TRUE, "ACTIVE", 1),
        ("CLEARED_UNACKED", False, FALSE, "CLEARED_UNACKED", 0),
        ("CLEARED_UNACKED", False, ACK, "CLEARED", 1),
        ("CLEARED_UNACKED", False, SHELVE, "SUPPRESSED", 1),
    ],
)
def test_the_lifecycle_is_that_of_the_table(state: State, condition: bool, do: Do, after: str, entries: int) -> None:
    before = in_state(state, condition)
    alarm, entry = do(before)
    assert alarm is not None
    assert alarm.state == after
    assert (entry is not None) == bool(entries)
    if entry is not None:
        new_occurrence = alarm.occurrence_id != before.occurrence_id
        assert new_occurrence == (state == "CLEARED")
        assert entry.previous_state == (None if new_occurrence else state)
        assert alarm.transition == (1 if new_occurrence else before.transition + 1)


@pytest.mark.parametrize(
    ("state", "do", "why"),
    [
        ("CLEARED", ACK, "cleared"),
        ("ACKNOWLEDGED", ACK, "zoe has acknowledged it already"),
        ("SUPPRESSED", ACK, "unshelve it first"),
        ("CLEARED", SHELVE, "nothing to shelve"),
        ("ACTIVE", lambda alarm: unshelve(alarm, None, ORDER), "ACTIVE, not shelved"),
        ("SUPPRESSED", lambda alarm: unshelve(alarm, ASSET, ORDER), "unshelve the asset acme/north/pump-1"),
    ],
)
def test_an_impossible_command_says_why(state: State, do: Do, why: str) -> None:
    with pytest.raises(Impossible, match=why):
        do(in_state(state))


def test_the_states_are_those_of_the_contract() -> None:
    assert set(get_args(State)) == {state.value for state in AlarmState}


def test_a_clear_of_what_was_never_raised_makes_no_alarm() -> None:
    assert on_signal(None, KEY, signal(False), None, NOW_MS) == (None, None)


def test_an_occurrence_is_named_by_the_alarm_and_its_cause_alone() -> None:
    first, _ = on_signal(None, KEY, signal(True), None, NOW_MS)
    again, _ = on_signal(None, KEY, signal(True, time_us=9, severity=4), None, NOW_MS + 5)
    other, _ = on_signal(None, KEY, signal(True, number=2), None, NOW_MS)
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.occurrence_id == again.occurrence_id != other.occurrence_id


def test_repeats_are_counted_and_the_highest_severity_stays() -> None:
    alarm: Alarm | None = raised()
    for severity in (4, 1):
        alarm, entry = on_signal(alarm, KEY, signal(True, severity=severity), None, NOW_MS)
        assert entry is None
    assert alarm is not None
    assert (alarm.count, alarm.severity) == (3, 4)


def test_an_alarm_that_clears_unseen_is_acknowledged_by_nobody_but_the_clearing() -> None:
    alarm, _ = on_signal(raised(), KEY, signal(False, time_us=7_000_000), None, NOW_MS)
    assert alarm is not None
    assert (alarm.acked_by, alarm.acked_us, alarm.cleared_us, alarm.closed_ms) == (AUTO, 7_000_000, 7_000_000, NOW_MS)


def test_a_second_clear_does_not_move_the_time_of_the_first() -> None:
    latched, _ = on_signal(raised(latched=True), KEY, signal(False, time_us=7), None, NOW_MS)
    after, entry = on_signal(latched, KEY, signal(False, time_us=9), None, NOW_MS)
    assert after is latched
    assert entry is None


def test_what_happens_on_the_shelf_is_remembered() -> None:
    shelved, _ = shelve(raised(), SHELF, None, ORDER)
    cleared, _ = on_signal(shelved, KEY, signal(False, time_us=7), None, NOW_MS)
    assert cleared is not None
    again, _ = on_signal(cleared, KEY, signal(True, severity=4), None, NOW_MS)
    assert again is not None
    assert (cleared.condition, again.condition) == (False, True)
    back, entry = release(again, 8, CAUSE, NOW_MS)
    assert (back.state, back.severity, back.count, back.cleared_us) == ("ACTIVE", 4, 2, None)
    assert entry.previous_state == "SUPPRESSED"


def test_a_released_alarm_must_be_acknowledged_anew() -> None:
    acked, _ = acknowledge(raised(), ORDER)
    shelved, _ = shelve(acked, SHELF, None, ORDER)
    back, _ = release(shelved, 8, CAUSE, NOW_MS)
    assert (back.acked_by, back.acked_us) == (None, None)


def test_a_one_shot_shelving_ends_when_the_alarm_clears() -> None:
    shelved, _ = shelve(raised(), Shelf(2_000_000, one_shot=True), None, ORDER)
    cleared, entry = on_signal(shelved, KEY, signal(False), None, NOW_MS)
    assert cleared is not None
    assert entry is not None
    assert (cleared.state, cleared.shelf) == ("CLEARED", None)


def test_a_one_shot_shelving_under_a_suppressed_asset_leaves_the_alarm_suppressed() -> None:
    shelved, _ = shelve(raised(), Shelf(2_000_000, one_shot=True), ASSET, ORDER)
    cleared, entry = on_signal(shelved, KEY, signal(False), ASSET, NOW_MS)
    assert cleared is not None
    assert entry is None
    assert (cleared.state, cleared.shelf) == ("SUPPRESSED", None)


def test_what_is_raised_on_a_suppressed_asset_is_in_the_journal_as_suppressed() -> None:
    alarm, entry = on_signal(None, KEY, signal(True), ASSET, NOW_MS)
    assert alarm is not None
    assert entry is not None
    assert (alarm.state, alarm.transition) == ("SUPPRESSED", 1)
    assert (entry.previous_state, entry.until_ms, entry.remark.reason) == (None, ASSET.until_ms, "overhaul")


def test_a_comment_changes_no_state_but_is_in_the_journal() -> None:
    alarm = raised()
    after, entry = annotate(alarm, None, ORDER)
    assert after == replace(alarm, transition=2)
    assert (entry.previous_state, entry.remark.comment, entry.remark.actor) == ("ACTIVE", "seen", "ann")


def test_names_with_any_character_cannot_make_two_alarms_one() -> None:
    one = AlarmKey("t", "s", "a", "x/y", "rule:z", None).alarm_id
    two = AlarmKey("t", "s", "a", "x", "y/rule:z", None).alarm_id
    assert one != two
    assert one == "t/s/a/x%2Fy/rule:z/-"
