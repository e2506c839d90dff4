"""Which metrics the processes export, with which labels: asked of the collectors themselves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from ironstream.gateway.outgoing import Priority
from ironstream.gateway.processes.health import gateway_health
from ironstream.gateway.processes.messages import PipelineHealth, Report
from ironstream.gateway.processes.metrics import metrics_page
from ironstream.gateway.processes.view import ProcessState, ProcessView
from ironstream.gateway.stats import AdapterMetrics, PipelineStats
from ironstream.metrics import WorkerCollector

OF_PROMETHEUS: Final = frozenset(("job", "instance", "le"))
"""Labels that whoever scrapes adds, and that of the buckets of a histogram."""
Exported = dict[str, set[str]]
_NAME: Final = re.compile(r"\b((?:ironstream|adapter)_[a-z_]+)\b")


class _Tp(NamedTuple):
    topic: str
    partition: int


def labels_of(families: Iterable[Metric]) -> Exported:
    """Samples by name."""
    found: Exported = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def of_worker() -> Exported:
    """A worker with one partition."""
    here = _Tp("telemetry.raw", 0)
    partition = SimpleNamespace(
        position=0, records_taken=1, commit_seconds=1.0, outputs=SimpleNamespace(sent={"telemetry.clean": 1}),
        logic=SimpleNamespace(counts=Counter(clean=1)),
    )  # fmt: skip
    worker: Any = SimpleNamespace(
        partitions={here: partition}, highwaters={here: 1}, failure=None, rebalancing=False, consumer_generation_id=1,
        outbox=SimpleNamespace(records_acknowledged=0, bytes_acknowledged=0), under_way=SimpleNamespace(records=0),
        ownership=SimpleNamespace(restore_seconds=0.0), consumer=SimpleNamespace(assignment=lambda: {here}),
    )  # fmt: skip
    registry = CollectorRegistry()
    registry.register(WorkerCollector(worker))
    return labels_of(registry.collect())


def of_gateway() -> Exported:
    """A gateway with one process that runs one pipeline."""
    metrics = AdapterMetrics()
    pipeline = PipelineStats("p", metrics)
    pipeline.failed("timeout")
    metrics.buffer.drop(next(iter(Priority)), "full", 1)
    healthy = PipelineHealth("healthy", "2025-01-10T12:00:00.000000Z", 10.5, 0)
    view = ProcessView("x", ProcessState.RUNNING, ["p"], pid=7, report=Report("ok", {"p": healthy}, {}))
    topology = {"file": "topology.yaml", "sha256": "abc", "refused": None}
    page = metrics_page(gateway_health("gw-1", [view], kafka_connected=True, topology=topology), [view], [])
    own: Exported = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", page.decode(), re.MULTILINE):
        own.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    return own | labels_of(metrics.registry.collect())


def asked(expr: str, legend: str) -> tuple[set[str], set[str]]:
    """Metrics of an expression, and labels that it groups by, filters by or shows."""
    labels = set(re.findall(r"\{\{(\w+)\}\}", legend)) | set(re.findall(r"[{,]\s*(\w+)=", expr))
    for group in re.findall(r"\bby \(([^)]*)\)", expr):
        labels |= {one.strip() for one in group.split(",")}
    return set(_NAME.findall(expr)), labels
