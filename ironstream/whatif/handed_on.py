"""What agents hand to one another in a shadow namespace: on which topics, and what a recording has of it already."""

from __future__ import annotations

from typing import Final

from ironstream.alarm_codec import decode_alarm
from ironstream.contract import ID_HEADER, Condition, Topic
from ironstream.engine.api import Record
from ironstream.errors import DecodeError
from ironstream.whatif.pairs import SIDES

SIDE_NAMES: Final = ("before", "after")
HANDED_ON: Final = {
    "telemetry": (Topic.EVENTS_RAW, Topic.ALARMS_RAW),
    "events": (Topic.ALARMS_RAW,),
}
"""By agent: topics that another agent takes what it makes from."""


def shadow_topics() -> list[str]:
    """Topics that a run needs, by their names within its namespace."""
    return [handed_on(side, agent, topic) for side in SIDES for agent, topics in HANDED_ON.items() for topic in topics]


def handed_on(side: int, agent: str, topic: str) -> str:
    """Name, within the namespace, of the topic that an agent of a side writes what it hands on to."""
    return f"{SIDE_NAMES[side]}.{agent}.{topic}"


def is_no_status(record: Record) -> bool:
    """Statuses in readings were handed on by the telemetry agent; the replay's own does so again."""
    name = next((value for header, value in record.headers if header == ID_HEADER), b"")
    return not (name.startswith(f"{Topic.TELEMETRY_RAW}/".encode()) and name.endswith(b"/status"))


def is_no_condition(record: Record) -> bool:
    """Conditions are what the rules of the version that held then found; the replay's own agents find theirs."""
    if b'"condition"' not in (record.value or b""):
        return True
    try:
        return not isinstance(decode_alarm(record.value), Condition)
    except DecodeError:
        return True
