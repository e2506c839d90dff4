"""Tables of the alarms agent: names, row layouts and how long rows are kept (by the log's clock)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ironstream.domain.alarms import Alarm, Suppression
from tables.rows import RowLayout

DAY_MS: Final = 86_400_000
CLOSED_RETENTION_MS: Final = 30 * DAY_MS
"""How long a CLEARED alarm, and the last number of a rule that raised none, are remembered."""
COMMAND_RETENTION_MS: Final = 7 * DAY_MS
COMMANDS_KEPT: Final = 10_000
"""A repeat of a command is known among this many last ones of a partition, for at most the retention."""


@dataclass(frozen=True, slots=True)
class LastCondition:
    """The last condition taken of a rule on a series: its number, the alarm it was for, the log's clock then."""

    number: int
    alarm_id: str
    seen_ms: int


@dataclass(frozen=True, slots=True)
class SeenCommand:
    """A command that was carried out or rejected: where it stood, when, and the outcome."""

    offset: int
    seen_ms: int
    outcome: str


ALARMS: Final = RowLayout("alarms", b"a/", 1, Alarm)
"""alarm_id → the alarm and its latest occurrence."""
SUPPRESSIONS: Final = RowLayout("alarm_suppressions", b"s/", 1, Suppression)
"""tenant/site/asset → its suppression."""
LAST_CONDITIONS: Final = RowLayout("alarm_last_conditions", b"n/", 1, LastCondition)
"""rule and series → the last condition."""
COMMANDS: Final = RowLayout("alarm_commands", b"c/", 1, SeenCommand)
"""command_id → what became of it."""
