"""How the outcomes of two versions differ, as data: for tables and JSON."""

from __future__ import annotations

import msgspec


class Counts(msgspec.Struct, frozen=True):
    """How many there are with the version before, and with the one after."""

    before: int
    after: int


class Recording(msgspec.Struct, frozen=True):
    """What both versions were run on. Times are append times, ISO-8601, UTC; empty where there is no record.

    `missing_s` is how much of the length that was asked for has no record at its beginning.
    """

    asked_s: float
    begins: str
    ends: str
    missing_s: float
    records: dict[str, int]
    """By topic, control records (ticks) among them."""


class Clean(msgspec.Struct, frozen=True):
    """Clean readings. `changed` are those that both versions have and that are not the same in both."""

    readings: Counts
    qualities: dict[str, Counts]
    reasons: dict[str, Counts]
    changed: int


class WindowResults(msgspec.Struct, frozen=True):
    """Results of windows of one size, restatements among them; `changed` as in `Clean`."""

    size_s: int
    results: Counts
    changed: int
    gone: int
    come: int


class SeriesTransitions(msgspec.Struct, frozen=True):
    """Transitions of alarms of one series (asset, on events), by state: those that only one of the versions makes.

    `changed` are made by both, with another value, severity or text.
    """

    series: str
    gone: dict[str, int]
    come: dict[str, int]
    changed: int


class RuleTransitions(msgspec.Struct, frozen=True):
    """Transitions of the alarms of one rule, by state; `series` has those that are not the same in both versions.

    Alarms of devices and other systems, which have no rule, are under `external: TYPE`.
    """

    rule: str
    states: dict[str, Counts]
    series: tuple[SeriesTransitions, ...]


class Difference(msgspec.Struct, frozen=True):
    """The whole comparison. `same` is True if and only if both versions make the same of every record.

    `dead_letters` are by topic and reason, `events` by type, `commands` (of operators) by outcome. `series` are those
    with another clean reading, window or alarm, as tenant/site/asset/parameter.
    """

    same: bool
    recording: Recording
    clean: Clean
    dead_letters: dict[str, dict[str, Counts]]
    windows: tuple[WindowResults, ...]
    alarms: tuple[RuleTransitions, ...]
    events: dict[str, Counts]
    commands: dict[str, Counts]
    series: tuple[str, ...]
