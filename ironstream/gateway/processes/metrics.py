"""The metrics of a gateway: its own, and those of its processes, which listen on ports that nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from ironstream import __version__
from ironstream.gateway.processes.view import ProcessState, ProcessView

_HEALTH: Final = {"healthy": 2.0, "degraded": 1.0, "unhealthy": 0.0}


def metrics_page(health: Mapping[str, Any], processes: Sequence[ProcessView], scraped: Iterable[bytes]) -> bytes:
    """The page in Prometheus' text form. `health` is the answer of /health, `scraped` the pages of the processes."""
    registry = CollectorRegistry()
    registry.register(_Ready([*_own(health, processes), *_merged(scraped)]))
    return generate_latest(registry)


def _own(health: Mapping[str, Any], processes: Sequence[ProcessView]) -> Iterator[Metric]:
    info = GaugeMetricFamily("ironstream_build_info", "Version of the product", labels=["version"])
    info.add_metric([__version__], 1.0)
    yield info
    yield GaugeMetricFamily(
        "ironstream_gateway_kafka_up", "1 while Kafka takes records", float(health["kafka_connection"] == "ok")
    )
    refused = float(bool(health["topology"]["refused"]))
    yield GaugeMetricFamily("ironstream_gateway_topology_refused", "1 while the topology's newest is refused", refused)
    up = GaugeMetricFamily("ironstream_gateway_process_up", "1 while it runs and answers", labels=["process"])
    restarts = CounterMetricFamily("ironstream_gateway_process_restarts", "Deaths of a process", labels=["process"])
    for view in processes:
        up.add_metric([view.name], float(view.state is ProcessState.RUNNING))
        restarts.add_metric([view.name], view.restarts)
    yield up
    yield restarts
    gauges: dict[str, tuple[str, Callable[[Mapping[str, Any]], float]]] = {
        "health": ("2 healthy, 1 degraded, 0 unhealthy", lambda one: _HEALTH[one["status"]]),
        "readings_per_second": ("Mean over the last minute", lambda one: one["readings_per_sec"]),
        "errors_last_minute": ("Errors in the last minute", lambda one: one["errors_last_minute"]),
        "last_reading_timestamp_seconds": ("When it last sent a reading; 0: never", _last_reading_s),
    }
    for name, (text, value) in gauges.items():
        family = GaugeMetricFamily(f"ironstream_gateway_pipeline_{name}", text, labels=["pipeline"])
        for pipeline_id, one in health["pipelines"].items():
            family.add_metric([pipeline_id], value(one))
        yield family


def _last_reading_s(pipeline: Mapping[str, Any]) -> float:
    text = pipeline["last_reading_at"]
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _merged(pages: Iterable[bytes]) -> list[Metric]:
    """The metrics of several pages, each name once; what is no metrics page is left out."""
    families: dict[str, Metric] = {}
    for page in pages:
        try:
            found = list(text_string_to_metric_families(page.decode()))
        except (ValueError, UnicodeDecodeError):
            continue
        for family in found:
            whole = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            # when a series began means nothing here
            whole.samples += [sample for sample in family.samples if not sample.name.endswith("_created")]
    return [family for family in families.values() if family.samples]


class _Ready(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)
