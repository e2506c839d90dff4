"""How full the gateway's disk buffer is, and what it gave up: for /health and /metrics."""

from __future__ import annotations

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from ironstream.gateway.outgoing import Priority

FULL: Final = "full"
AGE: Final = "age"


class BufferStats:
    """Metrics and state of the one buffer of a process. `enabled`: a folder is set; `fault`: why it is not used."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.enabled = False
        self.fault: str | None = None
        self.records = 0
        self.bytes = 0
        self.oldest_age_s = 0.0
        self.dropped = 0
        gauges = (
            ("records", "Records in the disk buffer", lambda: self.records),
            ("bytes", "Bytes of the records in the disk buffer", lambda: self.bytes),
            ("oldest_age_seconds", "Age of the oldest record in the disk buffer", lambda: self.oldest_age_s),
            ("usable", "1 while the disk buffer takes records", lambda: float(self.usable)),
        )
        for name, what, value in gauges:
            Gauge(f"adapter_buffer_{name}", what, registry=registry).set_function(value)
        self._dropped = Counter(
            "adapter_buffer_dropped",
            "Records given up because the disk buffer was full or they were too old",
            ["priority", "reason"],
            registry=registry,
        )

    @property
    def usable(self) -> bool:
        """Whether what waits for Kafka is kept on disk."""
        return self.enabled and self.fault is None

    def drop(self, priority: Priority, reason: str, count: int) -> None:
        """So many records were given up; `reason` is FULL or AGE."""
        self.dropped += count
        self._dropped.labels(priority.name.lower(), reason).inc(count)

    def as_json(self) -> dict[str, Any]:
        """For /health."""
        return {
            "usable": self.usable,
            "fault": self.fault,
            "records": self.records,
            "bytes": self.bytes,
            "oldest_age_s": round(self.oldest_age_s, 1),
            "dropped": self.dropped,
        }
