"""All alarms of one partition in memory, their rows in the store, and what falls due by the log's clock."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Literal

from agents.log_clock import LogClock
from agents.rows import LiveRows
from ironstream.domain.alarms import Alarm, AlarmKey, Suppression
from ironstream.engine.api import Store
from tables.alarms import (
    ALARMS,
    CLOSED_RETENTION_MS,
    COMMAND_RETENTION_MS,
    COMMANDS,
    COMMANDS_KEPT,
    LAST_CONDITIONS,
    SUPPRESSIONS,
    LastCondition,
    SeenCommand,
)

Kind = Literal["alarm", "asset"]


class AlarmRegister:
    """State of the alarms agent for one partition, as restored from `store`.

    Everything is decided by the log's clock, which `advance` moves; the wall clock is never read. What falls due is
    found in the order of its time, so how the log is cut into chunks makes no difference.
    """

    def __init__(self, store: Store) -> None:
        self.alarms = LiveRows(ALARMS, store)
        self.suppressions = LiveRows(SUPPRESSIONS, store)
        self.last_conditions = LiveRows(LAST_CONDITIONS, store)
        self._commands = LiveRows(COMMANDS, store)
        self._clock = LogClock(store)
        self._of_asset: dict[str, set[str]] = {}
        self._of_occurrence: dict[str, str] = {}
        self._due: list[tuple[int, Kind, str]] = []
        # commands are forgotten in the order of the log
        self._command_order = {
            name: None for name, _ in sorted(self._commands.items(), key=lambda item: (item[1].offset, item[0]))
        }
        for alarm_id, alarm in self.alarms.items():
            self._index(alarm_id, alarm)
        for asset, suppression in self.suppressions.items():
            self._schedule(suppression.until_ms, "asset", asset)

    @property
    def now_ms(self) -> int:
        """The log's clock in ms since the epoch."""
        return self._clock.now_ms

    def advance(self, timestamp_ms: int) -> None:
        """Move the log's clock to the append time of a record."""
        self._clock.advance(timestamp_ms)

    def put(self, alarm: Alarm) -> None:
        """Keep the alarm as it is now."""
        alarm_id = alarm.key.alarm_id
        before = self.alarms.get(alarm_id)
        if before is not None and before.occurrence_id != alarm.occurrence_id:
            del self._of_occurrence[before.occurrence_id]
        self.alarms[alarm_id] = alarm
        self._index(alarm_id, alarm, scheduled_ms=_alarm_due(before) if before else None)

    def of_asset(self, asset: str) -> list[Alarm]:
        """All alarms of `tenant/site/asset` in the order of their ids."""
        return [self.alarms[alarm_id] for alarm_id in sorted(self._of_asset.get(asset, ()))]

    def of_occurrence(self, occurrence_id: str) -> Alarm | None:
        """The alarm whose latest occurrence this is."""
        alarm_id = self._of_occurrence.get(occurrence_id)
        return None if alarm_id is None else self.alarms[alarm_id]

    def suppress(self, asset: str, suppression: Suppression) -> None:
        """Keep the suppression of an asset in place of an earlier one."""
        self.suppressions[asset] = suppression
        self._schedule(suppression.until_ms, "asset", asset)

    def took(self, series: str, last: LastCondition) -> None:
        """Keep the number of the last condition that was taken of a rule on a series.

        It is never forgotten: a repeat of an older one would raise an alarm that was over long ago.
        """
        self.last_conditions[series] = last

    def seen_command(self, command_id: str) -> SeenCommand | None:
        """What became of a command that came before; None also when that is too long ago."""
        while self._command_order:
            oldest = next(iter(self._command_order))
            expired = self._commands[oldest].seen_ms + COMMAND_RETENTION_MS <= self.now_ms
            if not expired and len(self._command_order) <= COMMANDS_KEPT:
                break
            del self._command_order[oldest]
            del self._commands[oldest]
        return self._commands.get(command_id)

    def remember_command(self, command_id: str, seen: SeenCommand) -> None:
        """Keep what became of a new command."""
        self._commands[command_id] = seen
        self._command_order[command_id] = None

    def due(self) -> Iterator[tuple[int, Kind, str]]:
        """What has come to its end by the log's clock: (when in ms, "alarm" or "asset", alarm_id or asset).

        In the order of time; the caller ends the shelf or the suppression before it asks for the next. Rows past
        their retention are forgotten on the way.
        """
        while self._due and self._due[0][0] <= self.now_ms:
            due_ms, kind, name = heapq.heappop(self._due)
            if kind == "asset":
                suppression = self.suppressions.get(name)
                if suppression is not None and suppression.until_ms == due_ms:
                    yield due_ms, kind, name
            else:
                alarm = self.alarms.get(name)
                if alarm is None or _alarm_due(alarm) != due_ms:
                    continue  # moved on since
                if alarm.state == "CLEARED":
                    self._forget(name, alarm)
                else:
                    yield due_ms, kind, name

    def flush(self) -> None:
        """Write what changed since the last flush into the store."""
        for rows in (self.alarms, self.suppressions, self.last_conditions, self._commands, self._clock):
            rows.flush()

    def _index(self, alarm_id: str, alarm: Alarm, scheduled_ms: int | None = None) -> None:
        self._of_asset.setdefault(alarm.key.asset, set()).add(alarm_id)
        self._of_occurrence[alarm.occurrence_id] = alarm_id
        due_ms = _alarm_due(alarm)
        if due_ms is not None and due_ms != scheduled_ms:
            self._schedule(due_ms, "alarm", alarm_id)

    def _schedule(self, due_ms: int, kind: Kind, name: str) -> None:
        heapq.heappush(self._due, (due_ms, kind, name))

    def _forget(self, alarm_id: str, alarm: Alarm) -> None:
        del self.alarms[alarm_id]
        del self._of_occurrence[alarm.occurrence_id]
        of_asset = self._of_asset[alarm.key.asset]
        of_asset.discard(alarm_id)
        if not of_asset:
            del self._of_asset[alarm.key.asset]


def series_of(key: AlarmKey) -> str:
    """Name under which the last condition of a rule on a series is kept; the type of the alarm is no part of it."""
    return f"{key.asset}/{key.source}/{key.parameter or '-'}"


def _alarm_due(alarm: Alarm) -> int | None:
    if alarm.state == "SUPPRESSED":
        return alarm.shelf.until_ms if alarm.shelf else None
    if alarm.state == "CLEARED" and alarm.closed_ms is not None:
        return alarm.closed_ms + CLOSED_RETENTION_MS
    return None
