"""One partition's records of a canary's assets, folded into counters: before the change and since. Pure.

The clock is the log's: a partition whose worker is away has no ticks, and then nobody is called silent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from ironstream.rollout.watch.judge import Health
from ironstream.topology.model import Canary

_OF_QUALITY: Final = frozenset(("range", "not_a_number", "time_out_of_range", "device_quality"))
"""Reasons of dead letters that a value is at fault for; all others are refusals of the record."""
_PAUSES: Final = 3
_FEW: Final = 5
"""Fewer readings than this of a series do not tell that most of them are refused."""


@dataclass(slots=True)
class _Side:
    readings: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def mostly_refused(self) -> bool:
        return 2 * self.reasons.total() > self.readings


@dataclass(slots=True)
class _Heard:
    """A series that was heard before the change: then for the last time at `before_ms`, by now at `last_ms`."""

    before_ms: int
    last_ms: int
    pause_ms: int = 0
    """The longest between two readings before the change; 0: there was one reading."""
    before: _Side = field(default_factory=_Side)
    since: _Side = field(default_factory=_Side)

    @property
    def is_spoiled(self) -> bool:
        """Whether most of its readings are refused, and were not before."""
        return self.since.readings >= _FEW and self.since.mostly_refused and not self.before.mostly_refused


class Tally:
    """Readings and dead letters from the offset `first` on, with which the time before begins."""

    def __init__(self, first: int, limits: Canary) -> None:
        self.position = first
        self.clock_ms = 0
        self.switched_ms: int | None = None
        """Append time of the record from which on the canary holds."""
        self._first = first
        self._switched_at = 0
        self._ended_at: int | None = None
        self._limits = limits
        self._before, self._since = _Side(), _Side()
        self._heard: dict[str, _Heard] = {}
        self._waiting: list[tuple[int, str, str]] = []
        self._told: set[tuple[int, str, str]] = set()

    @property
    def end_ms(self) -> int | None:
        """When the watch ends, by the log's clock."""
        return None if self.switched_ms is None else self.switched_ms + round(self._limits.watch_s * 1000)

    @property
    def is_over(self) -> bool:
        """Whether the log has come to the end of the watch."""
        return self.end_ms is not None and self.clock_ms >= self.end_ms

    def passed(self, offset: int, append_ms: int) -> None:
        """A record of telemetry.raw was read, whatever it is."""
        self.position = offset + 1
        self.clock_ms = max(self.clock_ms, append_ms)
        if self._ended_at is None and self._is_after(append_ms):
            self._ended_at = offset

    def switched(self, offset: int, append_ms: int) -> None:
        """The canary holds from this record on."""
        if self.switched_ms is None:
            self.switched_ms, self._switched_at = append_ms, offset

    def reading(self, append_ms: int, names: Iterable[str | None], bad: int = 0) -> None:
        """A record with these series (None: not to be read); `bad` of them have no value and say BAD themselves."""
        if self._is_after(append_ms):
            return
        side = self._before if self.switched_ms is None else self._since
        for name in names:
            side.readings += 1
            if name is not None:
                self._hear(name, append_ms)
        if bad:
            side.reasons["device_quality"] += bad

    def dead_letter(self, offset: int, reason: str, detail: str = "") -> None:
        """The record of telemetry.raw at `offset` was refused. It counts once that record has been read, and once: a
        worker that takes over may write it again. The `detail` names the series first, where its value is at fault.
        """
        told = offset, reason, detail
        if offset >= self._first and told not in self._told:
            self._told.add(told)
            self._waiting.append((offset, reason, detail.partition(": ")[0]))

    def _hear(self, name: str, append_ms: int) -> None:
        heard = self._heard.get(name)
        if self.switched_ms is None:
            if heard is None:
                heard = self._heard[name] = _Heard(append_ms, append_ms)
            heard.pause_ms = max(heard.pause_ms, append_ms - heard.last_ms)
            heard.before_ms = append_ms
        if heard is not None:
            heard.last_ms = append_ms
            self._side_of(heard).readings += 1

    def health(self, interval_ms: Callable[[str], int | None]) -> tuple[Health, Health]:
        """Before and since. `interval_ms` is what is expected between two readings of a series, 0 where nobody knows;
        None: it is given up, and may fall silent.
        """
        self._settle()
        before, since = _health(self._before), _health(self._since)
        if self.switched_ms is None or self.end_ms is None:
            return before, since
        now_ms = min(self.clock_ms, self.end_ms)
        series, silent, spoiled = 0, [], []
        for name, heard in self._heard.items():
            patience_ms = self._patience_ms(heard, interval_ms(name))
            pause_ms = self.switched_ms - heard.before_ms
            # one that was silent already is no reason
            if patience_ms is not None and pause_ms <= patience_ms:
                series += 1
                if now_ms - heard.last_ms > max(patience_ms, _PAUSES * pause_ms):
                    silent.append(name)
                elif heard.is_spoiled:
                    spoiled.append(name)
        return before, replace(since, series=series, silent=tuple(sorted(silent)), spoiled=tuple(sorted(spoiled)))

    def _is_after(self, append_ms: int) -> bool:
        return self.end_ms is not None and append_ms > self.end_ms

    def _patience_ms(self, heard: _Heard, interval_ms: int | None) -> float | None:
        """How long it may be silent; None: nobody can tell."""
        if interval_ms is None or max(interval_ms, heard.pause_ms) == 0:
            return None
        return max(self._limits.silent_after_s * 1000, _PAUSES * max(interval_ms, heard.pause_ms))

    def _settle(self) -> None:
        early = [one for one in self._waiting if one[0] >= self.position]
        for offset, reason, name in self._waiting:
            if offset < self.position and (self._ended_at is None or offset < self._ended_at):
                is_before = self.switched_ms is None or offset < self._switched_at
                (self._before if is_before else self._since).reasons[reason] += 1
                if (heard := self._heard.get(name)) is not None:
                    (heard.before if is_before else heard.since).reasons[reason] += 1
        self._waiting = early

    def _side_of(self, heard: _Heard) -> _Side:
        return heard.before if self.switched_ms is None else heard.since


def _health(side: _Side) -> Health:
    bad = {reason: count for reason, count in side.reasons.items() if reason in _OF_QUALITY}
    refused = {reason: count for reason, count in side.reasons.items() if reason not in _OF_QUALITY}
    return Health(side.readings, refused, bad)


def together(parts: Iterable[Health]) -> Health:
    """The health of several partitions as one."""
    parts = list(parts)
    return Health(
        readings=sum(one.readings for one in parts),
        refused=sum((Counter(one.refused) for one in parts), Counter()),
        bad=sum((Counter(one.bad) for one in parts), Counter()),
        series=sum(one.series for one in parts),
        silent=tuple(sorted(name for one in parts for name in one.silent)),
        spoiled=tuple(sorted(name for one in parts for name in one.spoiled)),
        is_late=any(one.is_late for one in parts),
    )
