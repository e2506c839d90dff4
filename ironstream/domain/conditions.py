"""Alarm conditions on readings, on aggregates and on silence.

A condition is a small state machine per rule and series: pending for `on_delay` before it is raised, pending for
`off_delay` before it is cleared, with a deadband between the two thresholds. Its time is event time, moved on by ticks.
Readings older than what a condition has seen are skipped: an alarm follows the newest data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.batch import BAD, Batch
from ironstream.domain.rules import ConditionRule
from ironstream.domain.segments import Bools, Floats, Segments, previous, segments
from ironstream.domain.series import NEVER, SeriesTable

CONDITION_STATE: Final = np.dtype(
    [
        ("series", "<i8"),  # row of the series in this process; not kept
        ("active", "?"),
        ("since", "<i8"),  # since when the change is pending; NEVER when none is
        ("seen", "<i8"),  # end of the newest window it has been evaluated for, where it looks at aggregates
        ("number", "<i8"),  # changes so far
        ("value", "<f8"),
    ]
)
_ABOVE, _BELOW, _OUTSIDE, _INSIDE, _RATE, _QUALITY, _NO_DATA, _OTHER = range(8)
_KINDS: Final = {
    "above": _ABOVE,
    "below": _BELOW,
    "outside": _OUTSIDE,
    "inside": _INSIDE,
    "rate_of_change": _RATE,
    "quality": _QUALITY,
    "no_data": _NO_DATA,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A condition was raised (`active`) or cleared at `time` (µs), by the reading in `row` of the batch (-1: none)."""

    rule: ConditionRule
    series: int
    active: bool
    number: int
    time: int
    value: float
    row: int


@dataclass(frozen=True, slots=True)
class _Instance:
    rule: ConditionRule
    kind: int


class Conditions:
    """All conditions on the series of one partition. `state` has a row per rule and series, `dirty` what changed."""

    def __init__(self) -> None:
        self.state: NDArray[Any] = np.zeros(0, CONDITION_STATE)
        self.instances: list[_Instance] = []
        self.dirty: set[int] = set()
        self.by_name: dict[tuple[str, int], int] = {}
        self._slots: list[NDArray[np.int64]] = []
        self._kind: NDArray[np.int8] = np.zeros(0, np.int8)
        self._low: Floats = np.zeros(0)
        self._high: Floats = np.zeros(0)
        self._band: Floats = np.zeros(0)
        self._on_aggregates: dict[tuple[int, int], list[int]] = {}
        self._timed: list[int] = []

    def register(self, series: int, rules: tuple[ConditionRule, ...]) -> None:
        """Set the conditions of a new series."""
        on_readings = 0
        for rule in rules:
            if rule.on == "event":
                continue
            at = self._add(series, rule)
            if rule.on == "aggregate":
                self._on_aggregates.setdefault((rule.aggregate_size_us, series), []).append(at)
            elif rule.kind != "no_data":
                self._slot(on_readings, series)[series] = at
                on_readings += 1

    def _add(self, series: int, rule: ConditionRule) -> int:
        at = self.by_name[rule.rule_id, series] = len(self.instances)
        if at == len(self.state):
            self._grow()
        instance = _Instance(rule, _KINDS.get(rule.kind, _OTHER))
        self.instances.append(instance)
        self.state[at] = (series, False, NEVER, NEVER, 0, np.nan)
        self._kind[at], self._low[at], self._high[at] = instance.kind, rule.low, rule.high
        self._band[at] = rule.deadband
        return at

    def active(self) -> list[int]:
        """Rows of the conditions that are raised."""
        rows: list[int] = np.flatnonzero(self.state["active"][: len(self.instances)]).tolist()
        return rows

    def _grow(self) -> None:
        more = max(16, len(self.state))
        self.state = np.concatenate([self.state, np.zeros(more, CONDITION_STATE)])
        self._kind = np.concatenate([self._kind, np.zeros(more, np.int8)])
        for name in ("_low", "_high", "_band"):
            setattr(self, name, np.concatenate([getattr(self, name), np.zeros(more)]))

    def rule_id(self, at: int) -> str:
        """Id of the rule of the condition in row `at`."""
        return self.instances[at].rule.rule_id

    def _slot(self, number: int, series: int) -> NDArray[np.int64]:
        if number == len(self._slots):
            self._slots.append(np.full(series + 1, -1))
        slot = self._slots[number]
        if series >= len(slot):
            slot = self._slots[number] = np.concatenate([slot, np.full(max(series + 1, 2 * len(slot)) - len(slot), -1)])
        return slot

    def on_readings(self, batch: Batch, table: SeriesTable) -> list[Change]:
        """Evaluate a batch of assessed readings, and move the last values of their series on."""
        changes: list[Change] = []
        newest = np.flatnonzero(batch.counted & (batch.time >= batch.before))
        if not len(newest):
            return changes
        rows = batch if len(newest) == len(batch) else batch.take(newest)
        for slot in self._slots:
            known = rows.series < len(slot)
            at = np.where(known, slot[np.where(known, rows.series, 0)], -1)
            if (at >= 0).any():
                changes += self._on_slot(rows, at, table)
        _remember_last(rows, table)
        return changes + self._data_is_back(rows)

    def _on_slot(self, rows: Batch, at: NDArray[np.int64], table: SeriesTable) -> list[Change]:
        chosen = np.flatnonzero(at >= 0)
        if len(chosen) < len(rows):
            rows, at = rows.take(chosen), at[chosen]
        runs = segments(rows.series)
        on, off, measured = self._truth(rows, at, runs, table)
        owner = at[runs.start]
        state = self.state[owner]
        quiet = (state["since"] == NEVER) & np.where(state["active"], ~runs.any(off), ~runs.any(on))
        changes: list[Change] = []
        for run in np.flatnonzero(~quiet):
            for row in range(int(runs.start[run]), int(runs.last[run]) + 1):
                time, value = int(rows.time[row]), float(measured[row])
                change = self._step(int(owner[run]), bool(on[row]), bool(off[row]), time, value, int(rows.row[row]))
                changes += [change] if change else []
        self.dirty.update(owner[~quiet].tolist())
        return changes

    def _truth(
        self, rows: Batch, at: NDArray[np.int64], runs: Segments, table: SeriesTable
    ) -> tuple[Bools, Bools, Floats]:
        """Per row whether its condition holds, whether it is over (beyond the deadband), and the value compared."""
        kind, low, high, band = self._kind[at], self._low[at], self._high[at], self._band[at]
        bad = rows.code == BAD
        value = rows.value
        rate = kind == _RATE
        if rate.any():
            value = np.where(rate, _rates(rows, runs, table), value)
        with np.errstate(invalid="ignore"):
            inside_on = (value >= low) & (value <= high)
            on = np.where(kind == _INSIDE, inside_on, (value > high) | (value < low))
            inside_off = (value < low - band) | (value > high + band)
            off = np.where(kind == _INSIDE, inside_off, (value <= high - band) & (value >= low + band))
        quality = kind == _QUALITY
        on = np.where(quality, bad, on & ~bad)
        off = np.where(quality, ~bad, off & ~bad)
        return on, off, value

    def _step(self, at: int, on: bool, off: bool, time: int, value: float, row: int) -> Change | None:
        """One evaluation of one condition."""
        state, rule = self.state[at], self.instances[at].rule
        pending = off if state["active"] else on
        if not pending:
            state["since"] = NEVER
            return None
        if state["since"] == NEVER:
            state["since"] = time
            state["value"] = value
        return self._ripe(at, rule, time, value, row)

    def _ripe(self, at: int, rule: ConditionRule, time: int, value: float, row: int) -> Change | None:
        state = self.state[at]
        delay = (
            rule.off_delay_us if state["active"] else rule.on_delay_us + (rule.for_us if rule.kind == "quality" else 0)
        )
        if time - state["since"] < delay:
            return None
        state["active"] = not state["active"]
        state["since"] = NEVER
        state["number"] += 1
        self.dirty.add(at)
        return Change(rule, int(state["series"]), bool(state["active"]), int(state["number"]), time, value, row)

    def on_aggregate(
        self, size_us: int, series: int, end: int, field: Callable[[str], float], row: int = -1
    ) -> list[Change]:
        """Evaluate a closed window that ends at `end` (µs); `field` gives its fields by name."""
        changes = []
        for at in self._on_aggregates.get((size_us, series), ()):
            rule = self.instances[at].rule
            value = field(rule.aggregate_field)
            if np.isnan(value) or end < self.state["seen"][at]:
                continue
            on, off = _compare(self.instances[at], value)
            self.state["seen"][at] = end
            self.dirty.add(at)
            change = self._step(at, on, off, end, value, row)
            changes += [change] if change else []
        return changes

    def watches_aggregates(self, size_us: int, series: int) -> bool:
        """Whether any condition looks at this size of this series."""
        return (size_us, series) in self._on_aggregates

    def tick(self, table: SeriesTable, now: int) -> list[Change]:
        """Time has passed by the log's clock: delays that ran out, and series that have been silent too long."""
        changes: list[Change] = []
        n = len(self.instances)
        state = self.state[:n]
        pending = (state["since"] != NEVER) & (self._kind[:n] != _NO_DATA)
        silent = (self._kind[:n] == _NO_DATA) & ~state["active"]
        for at in np.flatnonzero(pending | silent).tolist():
            rule, series = self.instances[at].rule, int(state["series"][at])
            if self.by_name.get((rule.rule_id, series)) != at:
                continue
            newest, heard = int(table.state["watermark"][series]), int(table.state["last_append"][series])
            if rule.kind == "no_data":
                if heard == NEVER:
                    # Declared, but not one reading yet: silent since the first tick.
                    table.state["last_append"][series] = now
                    table.dirty[series] = True
                elif now - heard > rule.for_us + rule.on_delay_us:
                    time = now if newest == NEVER else newest + now - heard
                    changes.append(self._flip(at, time, float("nan")))
            elif newest != NEVER and rule.on == "reading":
                change = self._ripe(at, rule, newest + max(now - heard, 0), float(state["value"][at]), -1)
                changes += [change] if change else []
        return changes

    def _flip(self, at: int, time: int, value: float, row: int = -1) -> Change:
        state = self.state[at]
        state["active"] = not state["active"]
        state["number"] += 1
        self.dirty.add(at)
        rule = self.instances[at].rule
        return Change(rule, int(state["series"]), bool(state["active"]), int(state["number"]), time, value, row)

    def _data_is_back(self, rows: Batch) -> list[Change]:
        """Clear no_data conditions of the series that sent something."""
        n = len(self.instances)
        raised = np.flatnonzero((self._kind[:n] == _NO_DATA) & self.state["active"][:n])
        if not len(raised):
            return []
        runs = segments(rows.series)
        first = dict(zip(runs.key.tolist(), runs.start.tolist(), strict=True))
        changes = []
        for at in raised.tolist():
            row = first.get(int(self.state["series"][at]))
            if row is not None:
                changes.append(self._flip(at, int(rows.time[row]), float(rows.value[row]), int(rows.row[row])))
        return changes


def _remember_last(rows: Batch, table: SeriesTable) -> None:
    """The newest value that was measured, with its time, and the quality of the newest reading."""
    runs = segments(rows.series)
    state = table.state
    state["last_quality"][runs.key] = rows.code[runs.last]
    measured = rows.code != BAD
    if not measured.all():
        if not measured.any():
            return
        rows = rows.take(np.flatnonzero(measured))
        runs = segments(rows.series)
    state["last_value"][runs.key] = rows.value[runs.last]
    state["last_time"][runs.key] = rows.time[runs.last]


def _rates(rows: Batch, runs: Segments, table: SeriesTable) -> Floats:
    """Per row the size of its change per second against the measured one before it; NaN where there is none."""
    measured = rows.code != BAD
    if not measured.all():
        # A value that was found bad is no level to change from.
        rates = np.full(len(rows), np.nan)
        if measured.any():
            some = rows.take(np.flatnonzero(measured))
            rates[measured] = _rates(some, segments(some.series), table)
        return rates
    before = previous(rows.value, runs, table.state["last_value"][runs.key])
    time = previous(rows.time, runs, table.state["last_time"][runs.key])
    elapsed = np.where(time == NEVER, 0, rows.time - np.where(time == NEVER, 0, time)) / 1e6
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(elapsed > 0, np.abs(rows.value - before) / elapsed, np.nan)
    return found


def _compare(instance: _Instance, value: float) -> tuple[bool, bool]:
    rule = instance.rule
    low, high, band = rule.low, rule.high, rule.deadband
    if instance.kind == _INSIDE:
        return low <= value <= high, value < low - band or value > high + band
    return value > high or value < low, low + band <= value <= high - band
