"""What two versions made of the same records, counted as it is made; nothing of it is kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

import msgspec

from ironstream.alarm_codec import AuditEntry
from ironstream.contract import ID_HEADER, AlarmTransition, Evidence, Topic
from ironstream.dlq import PREFIX
from ironstream.engine.api import Headers
from ironstream.whatif.pairs import AFTER, BEFORE, Pairs
from ironstream.whatif.readings import CleanReadings, counts
from ironstream.whatif.report import (
    Counts,
    Difference,
    Recording,
    RuleTransitions,
    SeriesTransitions,
    WindowResults,
)

_DIGESTS: Final = 1 << 64
_NOWHERE: Final = Evidence("", 0, 0)
_Two = tuple[Counter[str], Counter[str]]
_TransitionKey = tuple[str, str, str, str, str, int, str]
"""Rule, series, state, and what tells the transition from others."""
_transition = msgspec.json.Decoder(AlarmTransition).decode
_audit = msgspec.json.Decoder(AuditEntry).decode


class _Of(msgspec.Struct):
    """What is asked of a record that is only counted."""

    type: str = ""


_typed = msgspec.json.Decoder(_Of).decode


class Tally:
    """Takes the outputs of both sides. Within a partition they may come in any order; `settle` ends a partition.

    Of results that agree nothing is kept. What is kept is at most a digest for each one that has not found its
    counterpart, and counters by series and rule.
    """

    def __init__(self) -> None:
        self.clean = CleanReadings()
        self._letters: defaultdict[str, _Two] = defaultdict(_two)
        self._letter_digests = [0, 0]
        self._windows: defaultdict[int, _Windows] = defaultdict(_Windows)
        self._events: _Two = _two()
        self._event_pairs: Pairs[bytes] = Pairs(lambda _, __: self._uneven(), lambda _: self._uneven())
        self._commands: _Two = _two()
        self._alarms = _Alarms()
        self._even = True

    def take(self, side: int, topic: str, value: bytes | None, headers: Headers) -> None:
        """Count a record that a side has sent to a topic (name without prefix)."""
        size_s = Topic.size_s(topic)
        if size_s is not None:
            self._windows[size_s].take(side, _id_of(headers), hash(value))
        elif topic == Topic.EVENTS_CLEAN:
            self._events[side][_typed(value or b"{}").type] += 1
            self._event_pairs.add(side, _id_of(headers), hash(value))
        elif topic == Topic.ALARMS_CLEAN:
            self._alarms.take(side, _transition(value or b""))
        elif topic == Topic.AUDIT_TRAIL:
            self._commands[side][_audit(value or b"").outcome] += 1
        else:
            told = {name.removeprefix(PREFIX): text for name, text in headers if name.startswith(PREFIX)}
            reason = told.get("reason", b"").decode()
            self._letters[topic][side][reason] += 1
            # a sum: which came first says nothing
            place = (topic, told.get("partition"), told.get("offset"), reason)
            self._letter_digests[side] = (self._letter_digests[side] + hash(place)) % _DIGESTS

    def settle(self) -> None:
        """All of a partition, or of several, has been taken of both sides."""
        for windows in self._windows.values():
            windows.pairs.settle()
        self._event_pairs.settle()
        self._alarms.pairs.settle()

    def report(self, recording: Recording) -> Difference:
        """The comparison of all that was taken and settled."""
        windows = tuple(self._windows[size_s].report(size_s) for size_s in sorted(self._windows))
        alarms = self._alarms.report()
        series = set(self.clean.series)
        series.update(*(of_size.series for of_size in self._windows.values()))
        series.update(one.series for rule in alarms for one in rule.series)
        same = (
            self.clean.same
            and self._even
            and not series
            and self._letter_digests[BEFORE] == self._letter_digests[AFTER]
            and self._commands[BEFORE] == self._commands[AFTER]
        )
        return Difference(
            same=same,
            recording=recording,
            clean=self.clean.report(),
            dead_letters={topic: counts(*self._letters[topic]) for topic in sorted(self._letters)},
            windows=windows,
            alarms=alarms,
            events=counts(*self._events),
            commands=counts(*self._commands),
            series=tuple(sorted(series)),
        )

    def _uneven(self) -> None:
        self._even = False


class _Windows:
    """Results of one size. Their id is series/size/start/revision."""

    def __init__(self) -> None:
        self.pairs: Pairs[bytes] = Pairs(self._lone, self._different)
        self.series: set[str] = set()
        self._results = [0, 0]
        self._alone = [0, 0]
        self._changed = 0

    def take(self, side: int, key: bytes, digest: int) -> None:
        self._results[side] += 1
        self.pairs.add(side, key, digest)

    def report(self, size_s: int) -> WindowResults:
        return WindowResults(size_s, Counts(*self._results), self._changed, self._alone[BEFORE], self._alone[AFTER])

    def _lone(self, side: int, key: bytes) -> None:
        self._alone[side] += 1
        self._of(key)

    def _different(self, key: bytes) -> None:
        self._changed += 1
        self._of(key)

    def _of(self, key: bytes) -> None:
        self.series.add(key.decode().rsplit("/", 3)[0])


class _Alarms:
    """Transitions of alarms, by rule and series."""

    def __init__(self) -> None:
        self.pairs: Pairs[_TransitionKey] = Pairs(self._lone, self._different)
        self._rules: defaultdict[str, _Two] = defaultdict(_two)
        self._alone: defaultdict[tuple[str, str], _Two] = defaultdict(_two)
        self._changed: Counter[tuple[str, str]] = Counter()

    def take(self, side: int, entry: AlarmTransition) -> None:
        rule = entry.evidence.rule_id or f"external: {entry.type}"
        self._rules[rule][side][entry.state] += 1
        place = "/".join(part for part in (entry.tenant_id, entry.site_id, entry.asset_id, entry.parameter) if part)
        # no occurrence_id: it comes from a place on a log, which need not be the same on both sides
        key = (rule, place, entry.state, entry.alarm_id, entry.raised_at, entry.transition, entry.time)
        digest = hash(msgspec.json.encode(msgspec.structs.replace(entry, evidence=_NOWHERE, occurrence_id="")))
        self.pairs.add(side, key, digest)

    def report(self) -> tuple[RuleTransitions, ...]:
        found: defaultdict[str, list[SeriesTransitions]] = defaultdict(list)
        for rule, place in sorted(self._alone.keys() | self._changed.keys()):
            gone, come = self._alone.get((rule, place), _two())
            found[rule].append(SeriesTransitions(place, dict(gone), dict(come), self._changed[rule, place]))
        return tuple(
            RuleTransitions(rule, counts(*self._rules[rule]), tuple(found[rule])) for rule in sorted(self._rules)
        )

    def _lone(self, side: int, key: _TransitionKey) -> None:
        rule, place, state, *_ = key
        self._alone[rule, place][side][state] += 1

    def _different(self, key: _TransitionKey) -> None:
        rule, place, *_ = key
        self._changed[rule, place] += 1


def _two() -> _Two:
    return Counter(), Counter()


def _id_of(headers: Headers) -> bytes:
    return next((value for name, value in headers if name == ID_HEADER), b"")
