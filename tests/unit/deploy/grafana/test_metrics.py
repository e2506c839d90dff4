"""Every metric that a panel asks for is one that a process exports, with the labels that it is asked by."""

from __future__ import annotations

import pytest

from deploy.grafana.build import FOLDER
from tests.support.grafana.metrics import OF_PROMETHEUS, asked, of_gateway, of_worker
from tests.support.grafana.queries import Query, boards, targets

QUERIES = [query for query in targets(boards(FOLDER), "prometheus") if "ironstream_sink_" not in query.target["expr"]]


@pytest.mark.parametrize("query", QUERIES, ids=[query.name for query in QUERIES])
def test_workers_and_gateways_export_what_panels_ask_for(query: Query) -> None:
    exported = of_worker() | of_gateway()
    names, labels = asked(query.target["expr"], query.target["legendFormat"])

    assert len(names) == 1
    for name in names:
        assert name in exported
        assert labels - OF_PROMETHEUS <= exported[name]


def test_every_metric_of_workers_and_gateways_that_tells_of_a_fault_is_on_a_panel() -> None:
    shown = {name for query in QUERIES for name in asked(query.target["expr"], "")[0]}
    left_out = {
        "ironstream_build_info",
        # their rates are those of records sent, and of readings
        "ironstream_outputs_acknowledged_total",
        "ironstream_gateway_pipeline_readings_per_second",
        "ironstream_gateway_pipeline_errors_last_minute",
        # seen in its bytes
        "adapter_buffer_records",
        "adapter_read_seconds_count",
        "adapter_read_seconds_sum",
    }
    exported = {name for name in of_worker() | of_gateway() if not name.endswith("_created")}

    assert exported - shown == left_out
