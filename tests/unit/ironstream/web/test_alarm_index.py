"""Alarms of table and journal together: whichever is ahead counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agents.alarms import journal_entry
from ironstream.contract import AlarmState
from ironstream.domain.alarms import Alarm, Remark, Shelf, Suppression, Transition
from ironstream.domain.times import to_iso
from ironstream.web.alarm_index import AlarmIndex, counts_of
from tables.alarms import ALARMS, SUPPRESSIONS
from tests.support.web_memory import NOW_MS, alarm_of, alarm_row, partition_of

PUMP = "acme/north/pump-1"


def _entry(alarm: Any) -> Any:
    return journal_entry(Transition(alarm, "ACTIVE", NOW_MS * 1000, alarm.cause, Remark("mia")))


def test_the_journal_is_ahead_of_the_table_until_the_table_has_caught_up() -> None:
    index = AlarmIndex()
    raised = alarm_of(PUMP, "hot", transition=1)
    acked = replace(raised, transition=2, state="ACKNOWLEDGED", acked_us=NOW_MS * 1000, acked_by="mia")
    index.tell(_entry(acked))
    index.take([alarm_row(PUMP, "hot", transition=1)])
    told = index.get(raised.key.alarm_id)
    assert told is not None
    assert (told.state, told.acked_by, told.source) == (AlarmState.ACKNOWLEDGED, "mia", "rule:hot")
    index.take([(partition_of(PUMP), (ALARMS.key(raised.key.alarm_id), ALARMS.pack(replace(acked, count=9))))])
    told = index.get(raised.key.alarm_id)
    assert told is not None
    assert told.count == 9


def test_a_new_occurrence_is_newer_than_any_transition_of_the_one_before() -> None:
    index = AlarmIndex()
    index.take([alarm_row(PUMP, "hot", transition=7, state="CLEARED")])
    again = alarm_of(PUMP, "hot", occurrence_id="o2", transition=1, raised_us=NOW_MS * 1000 + 5)
    assert index.tell(_entry(again)).occurrence_id == "o2"
    index.take([alarm_row(PUMP, "hot", transition=8)])
    assert _latest(index)[0] == "o2"


def _row(alarm: Alarm) -> Any:
    return partition_of(PUMP), (ALARMS.key(alarm.key.alarm_id), ALARMS.pack(alarm))


def _occurrence(name: str, raised_us: int, **fields: Any) -> Alarm:
    return alarm_of(PUMP, "hot", occurrence_id=name, raised_us=raised_us, **fields)


def _latest(index: AlarmIndex) -> tuple[str, int, str]:
    (told,) = index.ordered()
    return told.occurrence_id, told.transition, told.state


@pytest.mark.parametrize("journal", [True, False])
def test_an_occurrence_that_was_raised_by_older_readings_than_the_one_before_is_the_latest_all_the_same(
    journal: bool,
) -> None:
    index = AlarmIndex()
    cleared = _occurrence("o1", raised_us=11, transition=2, state="CLEARED")
    again = _occurrence("o2", raised_us=10)
    index.take([_row(cleared)])
    if journal:
        index.tell(_entry(again))
        assert _latest(index) == ("o2", 1, "ACTIVE")
        # the table's last commit was before that
        index.take([_row(replace(cleared, transition=3))])
        assert _latest(index) == ("o2", 1, "ACTIVE")
    index.take([_row(again)])
    assert _latest(index) == ("o2", 1, "ACTIVE")
    # a worker that did not end well repeats itself
    index.tell(_entry(cleared))
    assert _latest(index) == ("o2", 1, "ACTIVE")


def test_a_journal_that_is_behind_the_table_comes_to_the_same_as_the_table() -> None:
    index = AlarmIndex()
    third = _occurrence("o3", raised_us=1, transition=5, state="ACKNOWLEDGED")
    index.take([_row(_occurrence("o1", raised_us=3)), _row(third)])
    for name, raised_us in (("o1", 3), ("o2", 2), ("o3", 1)):
        index.tell(_entry(_occurrence(name, raised_us=raised_us)))
    assert _latest(index) == ("o3", 5, "ACKNOWLEDGED")


@pytest.mark.parametrize("count", [2, 7, 8, 9, 30])
def test_what_the_journal_repeats_ends_where_it_ended(count: int) -> None:
    index = AlarmIndex()
    entries = [_entry(_occurrence(f"o{number}", raised_us=number)) for number in range(count)]
    index.take([_row(_occurrence("o0", raised_us=0))])
    for entry in (*entries, *entries, *entries[-2:]):
        index.tell(entry)
    assert _latest(index)[0] == f"o{count - 1}"
    assert len(index._occurrences[entries[0].alarm_id]._order) <= 8


def test_nothing_is_left_of_alarms_that_are_gone() -> None:
    index = AlarmIndex()
    partition, (key, _) = row = alarm_row(PUMP, "hot")
    index.take([row, (partition, (key, None))])
    assert (index._told, index._of_asset, index._occurrences) == ({}, {}, {})


def test_what_stands_comes_first_then_the_gravest_then_the_newest() -> None:
    index = AlarmIndex()
    index.take(
        [
            alarm_row(PUMP, "cleared", state="CLEARED", severity=4),
            alarm_row(PUMP, "old", severity=2, raised_us=5),
            alarm_row(PUMP, "new", severity=2, raised_us=9),
            alarm_row(PUMP, "grave", severity=4, raised_us=1),
        ]
    )
    assert [one.source for one in index.ordered()] == ["rule:grave", "rule:new", "rule:old", "rule:cleared"]


def test_a_row_that_is_deleted_is_no_alarm_any_more() -> None:
    index = AlarmIndex()
    partition, (key, _) = row = alarm_row(PUMP, "hot")
    index.take([row])
    index.take([(partition, (key, None))])
    assert index.ordered() == []
    assert list(index.of_asset(PUMP)) == []


def test_alarms_are_counted_by_what_they_want_of_somebody() -> None:
    index = AlarmIndex()
    states = ("ACTIVE", "ACKNOWLEDGED", "CLEARED_UNACKED", "SUPPRESSED", "CLEARED")
    index.take([alarm_row(PUMP, state.lower(), state=state, severity=4) for state in states])
    counts = counts_of(index.of_asset(PUMP))
    assert (counts.active, counts.unacked) == (2, 2)
    assert counts.by_severity == {"CRITICAL": 3, "HIGH": 0, "MEDIUM": 0, "LOW": 0, "INFO": 0}


def _suppression(until_ms: int | None) -> Any:
    row = None if until_ms is None else SUPPRESSIONS.pack(Suppression(until_ms, "mia", "cleaning"))
    return partition_of(PUMP), (SUPPRESSIONS.key(PUMP), row)


def _held(index: AlarmIndex) -> tuple[str | None, str | None]:
    (told,) = index.of_asset(PUMP)
    return told.shelved_until, told.shelved_by


def test_an_alarm_tells_until_when_it_is_set_aside_and_by_what() -> None:
    index, day_ms = AlarmIndex(), 86_400_000
    hour, later = to_iso((NOW_MS + 3_600_000) * 1000), to_iso((NOW_MS + day_ms) * 1000)
    alone = alarm_row(PUMP, "hot", state="SUPPRESSED")
    index.take([alone])
    index.take([_suppression(NOW_MS + 3_600_000)])
    assert _held(index) == (hour, "asset")
    index.take([_suppression(NOW_MS + day_ms), alone])
    assert _held(index) == (later, "asset")
    shelf = Shelf(NOW_MS + 3_600_000, one_shot=False)
    index.take([alarm_row(PUMP, "hot", state="SUPPRESSED", shelf=shelf, transition=2)])
    assert _held(index) == (later, "asset")
    index.take([_suppression(None)])
    assert _held(index) == (hour, "alarm")
    index.take([alarm_row(PUMP, "hot", state="ACTIVE", transition=3)])
    assert _held(index) == (None, None)


def test_what_the_journal_says_of_a_shelving_holds_until_the_commit_tells_by_what() -> None:
    index = AlarmIndex()
    shelved = alarm_of(PUMP, "hot", state="SUPPRESSED", transition=2)
    until_ms = NOW_MS + 7_200_000
    index.tell(journal_entry(Transition(shelved, "ACTIVE", NOW_MS * 1000, shelved.cause, Remark("mia"), until_ms)))
    index.take([_suppression(NOW_MS + 3_600_000)])
    assert _held(index) == (to_iso(until_ms * 1000), None)
    index.take([alarm_row(PUMP, "hot", state="SUPPRESSED", transition=2, shelf=Shelf(until_ms, one_shot=False))])
    assert _held(index) == (to_iso(until_ms * 1000), "alarm")
