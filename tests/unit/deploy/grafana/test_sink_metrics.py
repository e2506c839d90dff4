"""Every metric of sinks that a panel asks for is one that a sink exports."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from deploy.grafana.build import FOLDER
from ironstream.sinks.stats import LagCollector, SinkStats
from tests.support.grafana.metrics import OF_PROMETHEUS, Exported, asked, labels_of
from tests.support.grafana.queries import boards, targets


def of_sink() -> Exported:
    """A sink that wrote, refused and failed once."""
    stats = SinkStats("store")
    with stats.writing("telemetry.clean"):
        stats.wrote("telemetry.clean", 1)
    stats.refused("telemetry.clean", "malformed")
    stats.waiting("telemetry.clean", 1)
    stats.failed("timeout", "no answer")
    registry = CollectorRegistry()
    registry.register(LagCollector("store", lambda: {("telemetry.clean", 0): 1}, lambda: False))
    return labels_of([*stats.registry.collect(), *registry.collect()])


def test_sinks_export_what_panels_ask_for() -> None:
    exported = of_sink()
    queries = [query for query in targets(boards(FOLDER), "prometheus") if "ironstream_sink_" in query.target["expr"]]

    shown = set()
    for query in queries:
        names, labels = asked(query.target["expr"], query.target["legendFormat"])
        for name in names:
            assert name in exported, query.name
            assert labels - OF_PROMETHEUS <= exported[name], query.name
        shown |= names
    sums = {"ironstream_sink_write_seconds_count", "ironstream_sink_write_seconds_sum"}
    assert {name for name in exported if not name.endswith("_created")} - shown == sums | {"ironstream_lag_records"}


def test_the_lag_of_sinks_has_the_labels_of_that_of_workers() -> None:
    assert of_sink()["ironstream_lag_records"] == {"topic", "partition"}
