"""Which class of data a topic holds: readings, aggregates, events, alarms."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from ironstream.contract import Topic

_AGGREGATES: Final = re.compile(r"telemetry\.([1-9]\d*)(s|min|hour)")
_UNIT_S: Final = {"s": 1, "min": 60, "hour": 3600}


class DataClass(StrEnum):
    """Class of data of an output topic."""

    READINGS = "readings"
    AGGREGATES = "aggregates"
    EVENTS = "events"
    ALARMS = "alarms"


def class_of(topic: str) -> DataClass | None:
    """The class of an output topic (name without prefix); None for a topic that no sink takes."""
    match topic:
        case Topic.TELEMETRY_CLEAN:
            return DataClass.READINGS
        case Topic.EVENTS_CLEAN:
            return DataClass.EVENTS
        case Topic.ALARMS_CLEAN:
            return DataClass.ALARMS
    return DataClass.AGGREGATES if _AGGREGATES.fullmatch(topic) else None


def size_s_of(topic: str) -> int:
    """Window size in seconds of an aggregates topic. Raises ValueError for another."""
    match = _AGGREGATES.fullmatch(topic)
    if match is None:
        raise ValueError(f"{topic} is no topic of aggregates")
    return int(match[1]) * _UNIT_S[match[2]]


def sink_topics(window_sizes_s: tuple[int, ...]) -> tuple[str, ...]:
    """Every topic that a sink may take in a deployment with these window sizes."""
    sizes = tuple(Topic.aggregates(size_s) for size_s in sorted(window_sizes_s))
    return (Topic.TELEMETRY_CLEAN, *sizes, Topic.EVENTS_CLEAN, Topic.ALARMS_CLEAN)
