"""What a pipeline did lately: for /health and /metrics."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from ironstream.gateway.buffer_stats import BufferStats

_WINDOW_S = 60.0
_READ_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 2.5, 5.0, 10.0)


class AdapterMetrics:
    """The counters of every pipeline of the process and those of its buffer, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.buffer = BufferStats(self.registry)
        self.readings = Counter("adapter_readings", "Total readings processed", ["pipeline_id"], registry=self.registry)
        self.errors = Counter("adapter_errors", "Total errors", ["pipeline_id", "type"], registry=self.registry)
        self.missed_polls = Counter(
            "adapter_missed_polls",
            "Polls left out because a read or Kafka took too long",
            ["pipeline_id"],
            registry=self.registry,
        )
        self.reads = Histogram(
            "adapter_read_seconds",
            "Time of one poll of a device, until its values are handed over",
            ["pipeline_id"],
            buckets=_READ_BUCKETS_S,
            registry=self.registry,
        )


class PipelineStats:
    """Readings and errors of one pipeline; `clock_s` is monotonic."""

    def __init__(
        self, pipeline_id: str, metrics: AdapterMetrics, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.pipeline_id = pipeline_id
        self.connected = False
        self.last_reading_us: int | None = None
        self._metrics = metrics
        self._clock_s = clock_s
        self._started_s = clock_s()
        self._sent: deque[tuple[float, int]] = deque()
        self._errors: deque[float] = deque()
        self._readings_total = metrics.readings.labels(pipeline_id)
        self._missed_total = metrics.missed_polls.labels(pipeline_id)
        self._read_seconds = metrics.reads.labels(pipeline_id)

    def sent(self, readings: int, time_us: int) -> None:
        """`readings` were handed over in one poll at `time_us` (µs since the epoch)."""
        if readings:
            self.last_reading_us = time_us
            self._sent.append((self._clock_s(), readings))
            self._readings_total.inc(readings)

    def took(self, seconds: float) -> None:
        """One poll took so long."""
        self._read_seconds.observe(seconds)

    def failed(self, kind: str) -> None:
        """One error of the given kind."""
        self._errors.append(self._clock_s())
        self._metrics.errors.labels(self.pipeline_id, kind).inc()

    def missed(self, polls: int) -> None:
        """So many polls were left out."""
        if polls > 0:
            self._missed_total.inc(polls)

    @property
    def readings_per_sec(self) -> float:
        """Mean over the last minute, or since the start."""
        self._forget()
        elapsed_s = min(_WINDOW_S, max(1.0, self._clock_s() - self._started_s))
        return sum(count for _, count in self._sent) / elapsed_s

    @property
    def errors_last_minute(self) -> int:
        """Errors in the last minute."""
        self._forget()
        return len(self._errors)

    def _forget(self) -> None:
        oldest_s = self._clock_s() - _WINDOW_S
        while self._sent and self._sent[0][0] < oldest_s:
            self._sent.popleft()
        while self._errors and self._errors[0] < oldest_s:
            self._errors.popleft()
