"""Which class of data a topic holds: readings, aggregates, events, alarms."""

from __future__ import annotations

from enum import StrEnum

from ironstream.contract import Topic


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
    return None if Topic.size_s(topic) is None else DataClass.AGGREGATES


def size_s_of(topic: str) -> int:
    """Window size in seconds of an aggregates topic. Raises ValueError for another."""
    size_s = Topic.size_s(topic)
    if size_s is None:
        raise ValueError(f"{topic} is no topic of aggregates")
    return size_s
