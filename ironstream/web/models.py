"""What several routes answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PlainSerializer

from ironstream.domain.series import NEVER
from ironstream.domain.times import MAX_US, to_iso
from ironstream.web.alarm_index import Counts

State = Literal["GOOD", "SUSPECT", "UNCERTAIN", "BAD", "STALE"]
QualityName = Literal["GOOD", "SUSPECT", "UNCERTAIN", "BAD"]
SeverityName = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"]
Time = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-01-31T18:00:00.000Z"]), PlainSerializer(str)
]
"""ISO-8601 in UTC."""


class AlarmCounts(BaseModel):
    """Alarms whose condition is true (`active`), that nobody has acknowledged, and those that stand by severity."""

    active: int
    unacked: int
    by_severity: dict[SeverityName, int]

    @classmethod
    def of(cls, counts: Counts) -> AlarmCounts:
        """The same."""
        return cls.model_validate(counts, from_attributes=True)


def iso_of(us: int) -> str | None:
    """A time of a row; None for what never was."""
    return None if us == NEVER or not 0 <= us <= MAX_US else to_iso(us)


def us_of(time: datetime | None, otherwise: int) -> int:
    """µs since the epoch of a time that was asked for, within what there can be."""
    if time is None:
        return otherwise
    return min(max(0, round(time.timestamp() * 1_000_000)), MAX_US)
