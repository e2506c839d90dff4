from __future__ import annotations

from typing import Any

import pytest

from ironstream.gateway.processes.health import gateway_health
from ironstream.gateway.processes.messages import PipelineHealth, Report
from ironstream.gateway.processes.metrics import metrics_page
from ironstream.gateway.processes.view import ProcessState, ProcessView

TOPOLOGY: dict[str, Any] = {"file": "topology.yaml", "sha256": "abc", "refused": None}
HEALTHY = PipelineHealth("healthy", "2025-01-10T12:00:00.000000Z", 10.5, 0)
LOST = PipelineHealth("unhealthy", None, 0.0, 3)


def view(name: str, *, kafka: Any = "ok", **pipelines: PipelineHealth | None) -> ProcessView:
    """A process that runs, and what it said of its pipelines; None: nothing yet."""
    said = {one: health for one, health in pipelines.items() if health is not None}
    return ProcessView(name, ProcessState.RUNNING, list(pipelines), pid=7, report=Report(kafka, said, {}))


def health(*views: ProcessView, kafka: bool = True, topology: dict[str, Any] = TOPOLOGY) -> dict[str, Any]:
    return gateway_health("gw-1", views, kafka_connected=kafka, topology=topology)


def test_every_pipeline_is_told_with_its_process() -> None:
    answer = health(view("x", a=HEALTHY, b=HEALTHY), view("y", c=HEALTHY))
    assert (answer["status"], answer["kafka_connection"], answer["topology"]) == ("healthy", "ok", TOPOLOGY)
    assert answer["pipelines"]["b"] == {
        "status": "healthy",
        "last_reading_at": "2025-01-10T12:00:00.000000Z",
        "readings_per_sec": 10.5,
        "errors_last_minute": 0,
        "process": "x",
        "restarts": 0,
        "detail": None,
    }
    assert answer["processes"]["y"] == {"state": "running", "pid": 7, "restarts": 0, "detail": None}


@pytest.mark.parametrize(
    ("views", "kafka", "status"),
    [
        ([], True, "healthy"),
        ([view("x", a=HEALTHY, b=LOST)], True, "degraded"),
        ([view("x", a=HEALTHY, b=None)], True, "degraded"),
        ([view("x", a=LOST, b=LOST)], True, "unhealthy"),
        ([view("x", a=HEALTHY)], False, "unhealthy"),
        ([view("x", a=HEALTHY), view("y", kafka="error", b=HEALTHY)], True, "unhealthy"),
        ([view("x", a=HEALTHY), ProcessView("y", ProcessState.WAITING, ["b"])], True, "degraded"),
    ],
)
def test_the_whole_is_as_its_parts_are(views: list[ProcessView], kafka: bool, status: str) -> None:
    assert health(*views, kafka=kafka)["status"] == status


def test_a_refused_topology_degrades_what_runs_well() -> None:
    assert health(view("x", a=HEALTHY), topology={**TOPOLOGY, "refused": "line 3: …"})["status"] == "degraded"


def test_a_refused_pipeline_says_why_and_whether_a_former_version_runs() -> None:
    process = ProcessView(
        "x",
        ProcessState.RUNNING,
        ["a", "b"],
        report=Report("ok", {"a": HEALTHY}, {}),
        refused={"a": ["config.port: missing"], "b": ["config.host: missing"]},
    )
    pipelines = health(process)["pipelines"]
    assert (pipelines["a"]["status"], pipelines["b"]["status"]) == ("degraded", "unhealthy")
    assert pipelines["a"]["detail"] == "its configuration is refused, the former one runs on: config.port: missing"
    assert pipelines["b"]["detail"] == "its configuration is refused: config.host: missing"


def test_of_a_process_that_does_not_run_the_reason_is_told() -> None:
    process = ProcessView("x", ProcessState.WAITING, ["a"], restarts=4, detail="it ended (SIGKILL)")
    pipeline = health(process)["pipelines"]["a"]
    assert (pipeline["status"], pipeline["restarts"], pipeline["detail"]) == ("unhealthy", 4, "it ended (SIGKILL)")


def page(*views: ProcessView, scraped: tuple[bytes, ...] = ()) -> str:
    return metrics_page(health(*views), views, scraped).decode()


def test_the_metrics_tell_of_processes_and_pipelines_in_base_units() -> None:
    shown = page(view("x", a=HEALTHY, b=LOST), ProcessView("y", ProcessState.WAITING, ["c"], restarts=3))
    for line in (
        "ironstream_gateway_kafka_up 1.0",
        "ironstream_gateway_topology_refused 0.0",
        'ironstream_gateway_process_up{process="x"} 1.0',
        'ironstream_gateway_process_up{process="y"} 0.0',
        'ironstream_gateway_process_restarts_total{process="y"} 3.0',
        'ironstream_gateway_pipeline_health{pipeline="a"} 2.0',
        'ironstream_gateway_pipeline_health{pipeline="c"} 0.0',
        'ironstream_gateway_pipeline_readings_per_second{pipeline="a"} 10.5',
        'ironstream_gateway_pipeline_errors_last_minute{pipeline="b"} 3.0',
        'ironstream_gateway_pipeline_last_reading_timestamp_seconds{pipeline="a"} 1.7365104e+09',
    ):
        assert line in shown.splitlines()


def test_the_metrics_of_the_processes_are_on_one_page_each_name_once() -> None:
    pages = tuple(
        b"# HELP adapter_readings_total Total readings processed\n# TYPE adapter_readings_total counter\n"
        b'adapter_readings_total{pipeline_id="%s"} %d\n# TYPE adapter_readings_created gauge\n'
        b'adapter_readings_created{pipeline_id="%s"} 1.7e9\n' % (name, count, name)
        for name, count in ((b"a", 5), (b"b", 7))
    )
    shown = page(view("x", a=HEALTHY), scraped=(*pages, b"", b"<html>no metrics", b"\xff\xfe"))
    assert shown.count("# TYPE adapter_readings_total counter") == 1
    assert 'adapter_readings_total{pipeline_id="a"} 5.0' in shown
    assert 'adapter_readings_total{pipeline_id="b"} 7.0' in shown
    assert "_created" not in shown
