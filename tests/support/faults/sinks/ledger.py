"""What must be stored, computed from the log alone. Shares no code with the sinks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Final

from tests.support.faults.sinks.load import WINDOWS

Place = tuple[str, int, int]
"""Topic, partition, offset."""
Key = tuple[Any, ...]
Values = tuple[Any, ...]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
NUMBERS: Final = (
    "avg", "min", "max", "stddev", "count", "p50", "p95", "p99", "first", "last", "time_weighted_avg",
)  # fmt: skip
QUALITIES: Final = ("good", "suspect", "uncertain", "bad", "pct_good")
ALARM_TEXTS: Final = (
    "alarm_id", "site_id", "asset_id", "parameter", "type", "severity", "state", "previous_state", "message", "unit",
    "count", "threshold",
)  # fmt: skip
TABLES: Final = {
    "telemetry.clean": "readings", WINDOWS: "aggregates_1min", "events.clean": "events", "alarms.clean": "alarms"
}  # fmt: skip
"""Class of each topic, as the directories of files name it."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A record as it is on its topic."""

    topic: str
    partition: int
    offset: int
    value: bytes
    id: str

    @property
    def place(self) -> Place:
        """Where it is."""
        return self.topic, self.partition, self.offset


@dataclass(frozen=True, slots=True)
class Row:
    """What a record says. Of rows with one key that of the highest `rank` counts."""

    key: Key
    rank: int
    values: Values


def exact(number: float | None) -> str | None:
    """A number to the last bit."""
    return None if number is None else float(number).hex()


def us_of(text: str | None) -> int | None:
    """A time of the wire in µs since the epoch."""
    return None if text is None else us(datetime.fromisoformat(text))


def us(time: datetime) -> int:
    """A time in µs since the epoch."""
    return (time - _EPOCH) // _US


def row_of(record: Logged, body: dict[str, Any]) -> Row:
    """What a record says that is one of its class. Raises KeyError where it lacks something."""
    who = (body["tenant_id"], body["site_id"], body["asset_id"])
    key: Key
    match record.topic:
        case "telemetry.clean":
            stamps = body["timestamps"]
            return Row((*who, body["parameter"], us_of(stamps["device_time"]), *_raw(record)), 0, (
                exact(body["value"]), body["unit"], body["quality"], tuple(body["quality_reasons"]),
                us_of(stamps["gateway_time"]), body["clock_skew_ms"], body["metadata"]["seq"],
            ))  # fmt: skip
        case "events.clean":
            time = us_of(body["timestamps"]["device_time"])
            said = (body["type"], body["from"], body["to"], body["details"])
            return Row((body["tenant_id"], _name(record), time), 0, (*who[1:], *map(_canonical, said)))
        case "alarms.clean":
            times = tuple(us_of(body[name]) for name in ("time", "raised_at", "cleared_at"))
            texts = tuple(body[name] for name in ALARM_TEXTS)
            key = (body["tenant_id"], body["occurrence_id"])
            return Row(key, body["transition"], (*texts, *times, _canonical(body["value"])))
    numbers = [exact(body["aggregates"][name]) for name in NUMBERS]
    summary = body["quality_summary"]
    qualities = [exact(summary[name]) for name in QUALITIES]
    key = (*who, body["parameter"], us_of(body["window_start"]))
    return Row(key, body["revision"], (us_of(body["window_end"]), body["final"], body["unit"], *numbers, *qualities))


def _raw(record: Logged) -> tuple[int, int]:
    if not record.id:
        return -1 - record.partition, record.offset
    partition, offset = record.id.split("/")[1:3]
    return int(partition), int(offset)


def _name(record: Logged) -> str:
    return record.id or f"{record.topic}/{record.partition}/{record.offset}"


def _canonical(value: Any) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True)


def canonical_text(text: str | None) -> str | None:
    """JSON text that a store gave back, so that it can be compared."""
    return None if text is None else _canonical(json.loads(text))


@dataclass(slots=True)
class Expected:
    """What a store of columns must hold, by class."""

    refused: set[Place] = field(default_factory=set)
    first: dict[str, dict[tuple[Key, int], tuple[Place, Values]]] = field(default_factory=dict)
    """Every row once, with the place of the first record that says it."""
    newest: dict[str, dict[Key, tuple[int, Values]]] = field(default_factory=dict)
    """Every key once, with its highest rank."""
    journal: dict[tuple[Key, int], Values] = field(default_factory=dict)
    """Every transition of every alarm once."""


def expected_of(log: Iterable[Logged], kind: str, most: float = inf) -> Expected:
    """What a sink of a kind must have made of a log; readings above `most` are refused."""
    found = Expected(first={name: {} for name in TABLES.values()}, newest={name: {} for name in TABLES.values()})
    for record in log:
        body = object_of(record.value)
        if body is None or (row := _row_or_none(record, body)) is None or refuses(kind, record, body, most):
            found.refused.add(record.place)
            continue
        table = TABLES[record.topic]
        found.first[table].setdefault((row.key, row.rank), (record.place, row.values))
        known = found.newest[table].get(row.key)
        assert known is None or known[0] != row.rank or known[1] == row.values, f"two records are {row.key}"
        if known is None or row.rank >= known[0]:
            found.newest[table][row.key] = (row.rank, row.values)
        if table == "alarms":
            found.journal[row.key, row.rank] = row.values
    return found


def messages_of(log: Iterable[Logged]) -> tuple[dict[str, Any], set[Place]]:
    """What a target of messages must hold, by id, and which records it must not."""
    wanted: dict[str, Any] = {}
    refused = set()
    for record in log:
        if (body := object_of(record.value)) is None:
            refused.add(record.place)
        else:
            wanted[_name(record)] = body
    return wanted, refused


def object_of(value: bytes) -> dict[str, Any] | None:
    """A JSON object; None where it is none."""
    try:
        body = json.loads(value)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def refuses(kind: str, record: Logged, body: dict[str, Any], most: float) -> bool:
    """Whether a store of that kind cannot hold a record that is whole."""
    if not _NAME.fullmatch(body["tenant_id"]):
        return True
    if record.topic == "telemetry.clean" and (body["value"] or 0) > most:
        return True
    # PostgreSQL has no NUL in its texts; fields that it does not keep do not matter
    kept = {"unit"} if record.topic != "events.clean" else {"details"}
    return kind == "postgres" and any("\\u0000" in json.dumps(body.get(name)) for name in kept)


def _row_or_none(record: Logged, body: dict[str, Any]) -> Row | None:
    try:
        return row_of(record, body)
    except KeyError:
        return None
