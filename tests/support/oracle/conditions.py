"""Alarm conditions: a small state machine for each rule on each series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan

from tests.support.oracle.quality import BAD, Judged, SeriesMemory
from tests.support.oracle.rules import Condition

_SECOND = 1_000_000


@dataclass
class ConditionState:
    """One rule on one series."""

    rule: Condition
    active: bool = False
    since: int | None = None
    value: float = nan
    seen: int | None = None
    number: int = 0


Told = Callable[[ConditionState, int, float], None]
"""the condition after its change, time, value"""


class SeriesConditions:
    """All rules on one series; `told` is called for each change."""

    def __init__(self, rules: tuple[Condition, ...], told: Told) -> None:
        self.states = [ConditionState(rule) for rule in rules]
        self._told = told

    def reading(self, judged: Judged, rate: float | None) -> None:
        """The newest reading of the series; `rate` is that of its value, None where there is none to tell."""
        for state in self.states:
            rule = state.rule
            if rule.size_s:
                continue
            if rule.kind == "no_data":
                if state.active:
                    self._flip(state, judged.time, judged.value)
                continue
            bad = judged.code == BAD
            if rule.kind == "quality":
                on, off, value = bad, not bad, judged.value
            else:
                value = (nan if rate is None else rate) if rule.kind == "rate_of_change" else judged.value
                on, off = (False, False) if bad else _holds(rule, value)
            self._step(state, on, off, judged.time, value)

    def average(self, size_s: int, end: int, value: float | None) -> None:
        """A window has closed, or was restated."""
        for state in self.states:
            if state.rule.size_s == size_s and value is not None and (state.seen is None or end >= state.seen):
                state.seen = end
                self._step(state, *_holds(state.rule, value), end, value)

    def tick(self, series: SeriesMemory, now: int) -> None:
        """Time has passed."""
        for state in self.states:
            if state.rule.kind == "no_data":
                self._silence(state, series, now)
            elif not state.rule.size_s and state.since is not None and series.newest is not None:
                assert series.last_append is not None
                self._ripen(state, series.newest + max(now - series.last_append, 0), state.value)

    def _silence(self, state: ConditionState, series: SeriesMemory, now: int) -> None:
        if state.active:
            return
        if series.last_append is None:
            series.last_append = now
        elif now - series.last_append > (state.rule.for_s + state.rule.on_delay_s) * _SECOND:
            silent = now - series.last_append
            self._flip(state, now if series.newest is None else series.newest + silent, nan)

    def _step(self, state: ConditionState, on: bool, off: bool, time: int, value: float) -> None:
        if not (off if state.active else on):
            state.since = None
            return
        if state.since is None:
            state.since, state.value = time, value
        self._ripen(state, time, value)

    def _ripen(self, state: ConditionState, time: int, value: float) -> None:
        rule = state.rule
        delay = rule.off_delay_s if state.active else rule.on_delay_s + rule.for_s
        assert state.since is not None
        if time - state.since >= delay * _SECOND:
            self._flip(state, time, value)

    def _flip(self, state: ConditionState, time: int, value: float) -> None:
        state.active, state.since, state.number = not state.active, None, state.number + 1
        self._told(state, time, value)


def _holds(rule: Condition, value: float) -> tuple[bool, bool]:
    """Whether a condition is on, and whether it is over."""
    if isnan(value):
        return False, False
    low, high, band = rule.low, rule.high, rule.deadband
    if rule.kind == "inside":
        return low <= value <= high, value < low - band or value > high + band
    return value < low or value > high, low + band <= value <= high - band
