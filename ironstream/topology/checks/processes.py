"""Checks of how the pipelines are spread over the processes of their gateways."""

from __future__ import annotations

from typing import Final

from ironstream.topology.checks.report import Report
from ironstream.topology.model import Topology

PROCESSES_MAX: Final = 32
"""More processes than this on one gateway are hardly meant: each costs some 50 MB before it has read anything."""


def check_processes(topology: Topology, report: Report) -> None:
    """Note every gateway that would run very many processes. Pipelines that name no gateway count for each."""
    enabled = [(index, pipeline) for index, pipeline in enumerate(topology.pipelines) if pipeline.enabled]
    gateways: list[str | None] = [*sorted({pipeline.gateway for _, pipeline in enabled if pipeline.gateway})]
    for gateway in gateways or [None]:
        first: dict[str, int] = {}
        for index, pipeline in enabled:
            if pipeline.gateway in (None, gateway):
                first.setdefault(pipeline.process or pipeline.id, index)
        if len(first) > PROCESSES_MAX:
            who = f"gateway {gateway}" if gateway else "one gateway"
            message = f"{who} would run {len(first)} processes; up to {PROCESSES_MAX} are reasonable"
            mend = "give the same `process` to pipelines that may share one, for example all of one kind"
            report.warning(("pipelines", list(first.values())[PROCESSES_MAX], "id"), message, mend)
