"""Headers of a dead letter: why a record was refused and where it stands on its source topic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from ironstream.domain.times import MAX_US, to_iso

PREFIX: Final = "dlq-"
SINK_HEADER: Final = PREFIX + "sink"
"""On dlq.sinks: the id of the sink whose target refused the record."""
REPLAY_BOOT: Final = PREFIX + "replay-"
"""Begins the name of the run that replayed readings are numbered in: the dead letters of one partition."""


class Refused(Protocol):
    """What is needed of a refused record."""

    @property
    def offset(self) -> int:
        """Offset on its source topic."""

    @property
    def timestamp(self) -> int:
        """Append time in ms since the epoch."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Headers as they came."""


def dlq_headers(
    record: Refused, topic: str, partition: int, reason: str, detail: str, topology_version: int | None = None
) -> list[tuple[str, bytes]]:
    """The record's own headers, then dlq-reason, -detail, -topic, -partition, -offset, -time and -topology: the version
    that it was judged by, where it was.

    `dlq-time` is the append time of the refused record (ISO-8601, UTC), so a replay writes the same bytes. Headers left
    by an earlier refusal of the same record are replaced. Never raises, whatever the record holds.
    """
    own = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    added = {
        "reason": reason,
        "detail": detail,
        "topic": topic,
        "partition": str(partition),
        "offset": str(record.offset),
        "time": _append_time(record.timestamp),
    }
    if topology_version is not None:
        added["topology"] = str(topology_version)
    return own + [(PREFIX + name, text.encode("utf-8", "replace")) for name, text in added.items()]


def _append_time(timestamp_ms: int) -> str:
    # -1 where a record has no timestamp; a client that sets its own may write any number
    return to_iso(min(max(timestamp_ms * 1000, 0), MAX_US))
