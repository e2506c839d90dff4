"""The health of a gateway, from what is known of its processes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ironstream.gateway.health import Status
from ironstream.gateway.processes.view import ProcessView


def gateway_health(
    gateway: str, processes: Sequence[ProcessView], *, kafka_connected: bool, topology: dict[str, Any]
) -> dict[str, Any]:
    """The answer of /health.

    unhealthy: Kafka is away, or no pipeline can be read. degraded: some pipeline is not healthy, its newest
    configuration or that of the whole topology was refused (`topology["refused"]`). A gateway without pipelines is
    healthy.
    """
    pipelines = {name: _pipeline(view, name) for view in processes for name in view.pipelines}
    connected = kafka_connected and all(
        view.report is None or view.report.kafka_connection == "ok" for view in processes
    )
    statuses = [pipeline["status"] for pipeline in pipelines.values()]
    status: Status = "healthy"
    if topology.get("refused") or any(one != "healthy" for one in statuses):
        status = "degraded"
    if not connected or (statuses and all(one == "unhealthy" for one in statuses)):
        status = "unhealthy"
    return {
        "status": status,
        "gateway": gateway,
        "kafka_connection": "ok" if connected else "error",
        "pipelines": pipelines,
        "processes": {
            view.name: {"state": view.state, "pid": view.pid, "restarts": view.restarts, "detail": view.detail}
            for view in processes
        },
        "topology": topology,
    }


def _pipeline(view: ProcessView, name: str) -> dict[str, Any]:
    """One pipeline; `detail` says why it is not healthy where that is known."""
    health = None if view.report is None else view.report.pipelines.get(name)
    faults = view.refused.get(name)
    detail = view.detail
    if faults:
        detail = "its configuration is refused" + (", the former one runs on" if health else "") + ": "
        detail += "; ".join(faults)
    elif health is None and detail is None:
        detail = "it is starting"
    status: Status = "unhealthy" if health is None else health.status
    return {
        "status": "degraded" if faults and status == "healthy" else status,
        "last_reading_at": None if health is None else health.last_reading_at,
        "readings_per_sec": 0.0 if health is None else health.readings_per_sec,
        "errors_last_minute": 0 if health is None else health.errors_last_minute,
        "process": view.name,
        "restarts": view.restarts,
        "detail": detail,
    }
