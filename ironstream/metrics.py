"""What a worker shows of itself: /metrics for Prometheus, /live and /ready for whoever supervises it.

Names begin with `ironstream_` and carry base units. Labels are agents, topics, partitions and outcomes, whose number
is bounded; never the name of a tag or an asset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import structlog
from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ironstream import __version__
from ironstream.errors import ConfigurationError

log = structlog.get_logger(__name__)


class WorkerView(Protocol):
    """What is asked of a worker (`engine.app.App`)."""

    @property
    def partitions(self) -> Mapping[Any, Any]:
        """Owned and restored partitions by (topic, partition)."""

    @property
    def highwaters(self) -> Mapping[Any, int]:
        """Offset after the newest record that the broker told of, by (topic, partition)."""

    @property
    def failure(self) -> BaseException | None:
        """Why the worker is stopping, if it is."""

    @property
    def outbox(self) -> Any:
        """Outputs: records_acknowledged, bytes_acknowledged."""

    @property
    def consumer(self) -> Any:
        """Consumer of the source topics: assignment()."""

    @property
    def under_way(self) -> Any:
        """Records fetched and not yet processed: records."""

    @property
    def ownership(self) -> Any:
        """How partitions come and go: restore_seconds."""

    rebalancing: bool
    consumer_generation_id: int


class Condition(Protocol):
    """What /live and /ready tell of a process."""

    @property
    def failure(self) -> BaseException | None:
        """Why it is stopping, if it is."""

    @property
    def ready(self) -> bool:
        """Whether it does what it is there for."""


class _WorkerCondition:
    def __init__(self, worker: WorkerView) -> None:
        self._worker = worker

    @property
    def failure(self) -> BaseException | None:
        return self._worker.failure

    @property
    def ready(self) -> bool:
        return is_ready(self._worker)


def is_ready(worker: WorkerView) -> bool:
    """Whether the worker has joined its group and restored every partition that it was given (which may be none)."""
    if worker.failure is not None or worker.rebalancing or worker.consumer_generation_id <= 0:
        return False
    assigned = {tp for tp in worker.consumer.assignment() if not tp.topic.endswith(".changelog")}
    return assigned <= set(worker.partitions)


class WorkerCollector(Collector):
    """Reads the worker when Prometheus asks; nothing is counted twice for it.

    Counters of partitions that moved to another worker stay in the totals, so that rates never jump backwards.
    """

    def __init__(self, worker: WorkerView) -> None:
        self._worker = worker
        self._gone: Counter[tuple[str, ...]] = Counter()
        self._last: dict[int, tuple[Any, Counter[tuple[str, ...]]]] = {}

    def collect(self) -> Iterator[Metric]:
        """All metrics as they stand."""
        worker = self._worker
        yield _gauge("ironstream_build_info", "Version of the product", {("version",): {(__version__,): 1.0}})
        ready = 1.0 if is_ready(worker) else 0.0
        yield GaugeMetricFamily("ironstream_worker_ready", "1 once all assigned partitions are restored", ready)
        owned: Counter[tuple[str, ...]] = Counter((tp.topic,) for tp in worker.partitions)
        yield _gauge("ironstream_partitions_owned", "Partitions that this worker has", {("topic",): owned})
        lag: dict[tuple[str, ...], float] = {
            (tp.topic, str(tp.partition)): max(0, worker.highwaters[tp] - partition.position)
            for tp, partition in worker.partitions.items()
            if tp in worker.highwaters
        }
        yield _gauge("ironstream_lag_records", "Records of the source not yet processed", {("topic", "partition"): lag})
        yield GaugeMetricFamily(
            "ironstream_records_under_way", "Records fetched and not yet processed", worker.under_way.records
        )
        yield GaugeMetricFamily(
            "ironstream_restore_seconds", "Length of the last restore", worker.ownership.restore_seconds
        )
        yield CounterMetricFamily(
            "ironstream_outputs_acknowledged", "Records that the broker has taken", worker.outbox.records_acknowledged
        )
        yield CounterMetricFamily(
            "ironstream_outputs_acknowledged_bytes", "Bytes that the broker has taken", worker.outbox.bytes_acknowledged
        )
        totals = self._totals()
        for name, (text, labels) in _COUNTERS.items():
            family = CounterMetricFamily(name, text, labels=labels)
            for (metric, *values), total in sorted(totals.items()):
                if metric == name:
                    family.add_metric(values, total)
            yield family

    def _totals(self) -> Counter[tuple[str, ...]]:
        now = {id(partition): (tp, partition) for tp, partition in self._worker.partitions.items()}
        for identity in [identity for identity in self._last if identity not in now]:
            self._gone.update(self._last.pop(identity)[1])
        for identity, (tp, partition) in now.items():
            # the partition is held, so that its id cannot pass to another object
            self._last[identity] = (partition, _counts(tp.topic, partition))
        total = Counter(self._gone)
        for _, counts in self._last.values():
            total.update(counts)
        return total


_COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ironstream_records_processed": ("Records of the source processed, ticks among them", ("topic",)),
    "ironstream_records_sent": ("Records made, by the topic they go to", ("topic", "to")),
    "ironstream_commit_seconds": ("Time spent in commits", ("topic",)),
    "ironstream_outcomes": ("What became of records, as the agents count it", ("topic", "outcome")),
}


def _counts(topic: str, partition: Any) -> Counter[tuple[str, ...]]:
    counts: Counter[tuple[str, ...]] = Counter()
    counts["ironstream_records_processed", topic] = partition.records_taken
    counts["ironstream_commit_seconds", topic] = partition.commit_seconds
    for to, sent in partition.outputs.sent.items():
        counts["ironstream_records_sent", topic, to] = sent
    for outcome, count in getattr(partition.logic, "counts", {}).items():
        counts["ironstream_outcomes", topic, outcome] = count
    return counts


def _gauge(
    name: str, text: str, samples: Mapping[tuple[str, ...], Mapping[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    ((labels, values),) = samples.items()
    family = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in sorted(values.items()):
        family.add_metric(label_values, value)
    return family


class MetricsServer(Service):
    """Serves GET /metrics, /live and /ready of a process for as long as that runs; `port` is then the real one.

    /live answers 200 for as long as the event loop turns and the worker is not failing, whatever Kafka does; /ready
    answers 200 once all assigned partitions are restored. Both else 503. Without a worker they go by `condition`, and
    `registry` is what /metrics shows. `health`, where it is given, is the answer of /health, 503 for one that is
    unhealthy. Raises ConfigurationError at the start when the address cannot be had.
    """

    abstract = False

    def __init__(
        self,
        worker: WorkerView | None,
        host: str,
        port: int,
        *,
        condition: Condition | None = None,
        registry: CollectorRegistry | None = None,
        health: Callable[[], Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.host = host
        self.port = port
        self._runner: web.AppRunner | None = None
        self._health = health
        self._registry = registry or CollectorRegistry()
        if condition is None:
            assert worker is not None, "without a worker its condition is given"
            condition = _WorkerCondition(worker)
            self._registry.register(WorkerCollector(worker))
        self._condition = condition
        ProcessCollector(registry=self._registry)

    async def on_start(self) -> None:
        """Open the port."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        if self._health is not None:
            app.router.add_get("/health", self._tell_health)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError as err:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"The address of /metrics, {self.host}:{self.port}, cannot be had: {err.strerror}",
                "Choose another IRONSTREAM_METRICS_PORT, or 0 for a free one.",
            ) from err
        self.port = self._runner.addresses[0][1]
        # whoever asked for a free port reads it here
        log.info(f"metrics on {self.host}:{self.port}")

    async def on_stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _live(self, _: web.Request) -> web.Response:
        failure = self._condition.failure
        if failure is not None:
            return web.Response(status=503, text=f"stopping: {failure}\n")
        return web.Response(text="live\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self._condition.ready:
            return web.Response(text="ready\n")
        return web.Response(status=503, text="not ready: partitions are being assigned or restored\n")

    async def _tell_health(self, _: web.Request) -> web.Response:
        assert self._health is not None
        answer = self._health()
        return web.json_response(answer, status=503 if answer["status"] == "unhealthy" else 200)
