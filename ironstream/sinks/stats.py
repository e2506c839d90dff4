"""What a sink did: for /metrics and /health. Labels are the sink, topics, kinds of errors; never the name of a tag."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ironstream.domain.times import to_iso

Status = Literal["healthy", "degraded", "unhealthy"]
_MINUTE_S: Final = 60.0
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class SinkStats:
    """Counters of one sink, in a registry of their own; `clock_s` is monotonic."""

    def __init__(self, sink_id: str, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self.last_write_us: int | None = None
        self.last_error: str | None = None
        self.failing = False
        """Whether the last write was not taken."""
        self._sink = sink_id
        self._clock_s = clock_s
        self._errors: deque[float] = deque()
        by_topic = ["sink", "topic"]
        self._written = Counter(
            "ironstream_sink_rows_written", "Rows that the target has", by_topic, registry=self.registry
        )
        self._refused = Counter(
            "ironstream_sink_rows_refused",
            "Records that went to dlq.sinks",
            [*by_topic, "reason"],
            registry=self.registry,
        )
        self._failed = Counter(
            "ironstream_sink_errors", "Writes that the target did not take", ["sink", "type"], registry=self.registry
        )
        self._seconds = Histogram(
            "ironstream_sink_write_seconds",
            "Time of one write",
            by_topic,
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._waiting = Gauge(
            "ironstream_sink_rows_waiting",
            "Rows that are gathered and not being written yet",
            by_topic,
            registry=self.registry,
        )

    def begin_again(self) -> None:
        """Another app of the sink begins: what the one before still held, it reads again."""
        self._waiting.clear()
        self.failing = False

    @contextmanager
    def writing(self, topic: str) -> Iterator[None]:
        """A write is under way while this is entered."""
        with self._seconds.labels(self._sink, topic).time():
            yield

    def wrote(self, topic: str, rows: int) -> None:
        """Rows are durable."""
        self._written.labels(self._sink, topic).inc(rows)
        self.last_write_us = time.time_ns() // 1000

    def refused(self, topic: str, reason: str) -> None:
        """A record was refused."""
        self._refused.labels(self._sink, topic, reason).inc()

    def waiting(self, topic: str, rows: int) -> None:
        """Rows were gathered, or handed over where the number is negative."""
        self._waiting.labels(self._sink, topic).inc(rows)

    def failed(self, kind: str, message: str) -> None:
        """The target did not take a write."""
        self.failing, self.last_error = True, message
        self._errors.append(self._clock_s())
        self._forget_old()
        self._failed.labels(self._sink, kind).inc()

    def recovered(self) -> None:
        """The target took a write."""
        self.failing = False

    @property
    def errors_last_minute(self) -> int:
        """Failed writes in the last minute."""
        self._forget_old()
        return len(self._errors)

    def _forget_old(self) -> None:
        while self._errors and self._errors[0] < self._clock_s() - _MINUTE_S:
            self._errors.popleft()

    def health(self, *, breaker_open: bool, ready: bool, lag_records: int) -> dict[str, Any]:
        """The answer of /health. unhealthy: the breaker is open. degraded: writes fail, or Kafka has not assigned."""
        status: Status = "healthy"
        if self.failing or not ready:
            status = "degraded"
        if breaker_open:
            status = "unhealthy"
        return {
            "status": status,
            "last_write_at": None if self.last_write_us is None else to_iso(self.last_write_us),
            "errors_last_minute": self.errors_last_minute,
            "last_error": self.last_error if self.failing else None,
            "breaker": "open" if breaker_open else "closed",
            "kafka_connection": "ok" if ready else "error",
            "lag_records": lag_records,
        }


class LagCollector(Collector):
    """Lag of each partition that the process follows, by what is written; and whether the breaker is open."""

    def __init__(
        self, sink_id: str, lags: Callable[[], Mapping[tuple[str, int], int]], breaker_open: Callable[[], bool]
    ) -> None:
        self._sink = sink_id
        self._lags = lags
        self._breaker_open = breaker_open

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        lag = GaugeMetricFamily(
            "ironstream_lag_records", "Records of the source not yet written", labels=["topic", "partition"]
        )
        for (topic, partition), records in sorted(self._lags().items()):
            lag.add_metric([topic, str(partition)], records)
        yield lag
        is_open = GaugeMetricFamily("ironstream_sink_breaker_open", "1 while no write is tried", labels=["sink"])
        is_open.add_metric([self._sink], float(self._breaker_open()))
        yield is_open
