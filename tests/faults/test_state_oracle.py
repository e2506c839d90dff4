"""The judge of tables and of the source's ledger is judged."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from tests.support.faults.compare import Differences
from tests.support.faults.in_memory import Logs, judge, tables_of, with_conditions
from tests.support.faults.load import Message, Sent
from tests.support.faults.oracle import Logged
from tests.support.faults.source import Entry, Ledger
from tests.support.faults.state import Row, Snapshot, Tables, compare_tables

Rows = list[tuple[int, Row]]


def snapshot(logs: Logs) -> Snapshot:
    oracle, events, journal = judge(logs)
    wanted = Snapshot()
    wanted.telemetry(oracle, 0)
    wanted.signals(events, journal)
    return wanted


def cut_short(logs: Logs) -> Logs:
    """In the midst of things: windows are open, alarms shelved."""
    for log in (logs.telemetry, logs.events, logs.alarms):
        del log[4 * len(log) // 5 :]
    return logs


@cache
def example() -> tuple[Snapshot, Tables]:
    logs = cut_short(with_conditions(Logs(1, 400), 1))
    return snapshot(logs), tables_of(logs, 1)


def differences(tables: Tables) -> set[str]:
    found = Differences()
    compare_tables(example()[0], tables, found)
    return set(found.by_subject)


@pytest.mark.parametrize("seed", range(3))
def test_the_tables_are_explained_by_the_logs_however_they_are_cut(seed: int) -> None:
    logs = cut_short(with_conditions(Logs(seed, 300), seed))
    found = Differences()

    compare_tables(snapshot(logs), tables_of(logs, seed), found)

    assert not found, f"\n{found}"


def but(name: str, value: object) -> Callable[[Rows], Rows]:
    return lambda rows: [(rows[0][0], {**rows[0][1], name: value}), *rows[1:]]


def lost(rows: Rows) -> Rows:
    return rows[1:]


def renamed(rows: Rows) -> Rows:
    return [*rows, (rows[0][0], {**rows[0][1], "key": "default/works/nobody/nothing"})]


FAULTS: list[tuple[str, str, Callable[[Rows], Rows]]] = [
    ("series", "series: lost", lost),
    ("series", "series: not explained", renamed),
    ("series", "series: wrong", but("clean", 4711)),
    ("series", "series: wrong", but("seq", 4711)),
    ("series", "series: wrong", but("last_value", 1.0)),
    ("series", "series: wrong", but("watermark", None)),
    ("windows", "open windows: lost", lambda rows: [row for row in rows if row[1]["size_s"] != 1]),
    ("windows", "open windows: not explained", renamed),
    ("closed_windows", "closed windows: wrong", but("count", 4711)),
    ("closed_windows", "closed windows: not explained", renamed),
    ("conditions", "conditions: wrong", but("number", 4711)),
    ("conditions", "conditions: not explained", renamed),
    ("alarms", "alarms: lost", lost),
    ("alarms", "alarms: wrong", but("state", "GONE")),
    ("alarms", "alarms: not explained", renamed),
    ("event_series", "event series: wrong", but("state", "gone")),
    ("event_series", "event series: not explained", renamed),
]


@pytest.mark.parametrize(("table", "subject", "spoil"), FAULTS)
def test_it_finds_what_the_logs_do_not_explain(table: str, subject: str, spoil: Callable[[Rows], Rows]) -> None:
    tables = example()[1]

    assert differences(tables | {table: spoil(tables[table])}) == {f"state, {subject}"}


READING = Message(b"a/b/c", b"a/b/c", b"1", Sent("a/b/c/d", "boot", 7))


def ledger(*, acknowledged: bool, offset: int | None = 3) -> Ledger:
    made = Ledger()
    made.entries.append(Entry("telemetry.raw", READING, acknowledged, None if offset is None else (0, offset)))
    return made


def test_what_was_acknowledged_must_be_where_the_broker_put_it_and_as_it_was_sent() -> None:
    there = Logged(0, 3, 0, READING.key, READING.value)

    assert ledger(acknowledged=True).missing("telemetry.raw", [there]) == []
    assert len(ledger(acknowledged=True).missing("telemetry.raw", [])) == 1
    assert len(ledger(acknowledged=True).missing("telemetry.raw", [Logged(0, 3, 0, READING.key, b"2")])) == 1
    assert ledger(acknowledged=True).missing("telemetry.raw", [], {(0, 3)}) == []


def test_of_what_was_acknowledged_without_an_offset_only_the_content_is_asked() -> None:
    there = Logged(0, 9, 0, READING.key, READING.value)

    assert ledger(acknowledged=True, offset=None).missing("telemetry.raw", [there]) == []
    assert len(ledger(acknowledged=True, offset=None).missing("telemetry.raw", [])) == 1


def test_what_was_never_acknowledged_may_be_there_or_not() -> None:
    assert ledger(acknowledged=False).missing("telemetry.raw", []) == []
    assert ledger(acknowledged=False).readings() == {READING.reading: False}


def test_a_reading_that_was_sent_twice_is_acknowledged_by_one_answer() -> None:
    twice = ledger(acknowledged=False)
    twice.entries += ledger(acknowledged=True).entries

    assert twice.readings() == {READING.reading: True}
