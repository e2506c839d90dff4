"""Checks of how the pipelines are spread over the processes of their gateways."""

from __future__ import annotations

import re
from typing import Final

from ironstream.topology.checks.report import Report
from ironstream.topology.faults import quote
from ironstream.topology.model import Topology

PROCESSES_MAX: Final = 32
"""More processes than this on one gateway are hardly meant: each costs some 50 MB before it has read anything."""

_NO_LETTERS = re.compile(r"[^a-z0-9]")


def check_gateways(topology: Topology, report: Report) -> None:
    """Note every name of a gateway that is used once and looks like a misspelt one of another."""
    pipelines: dict[str, list[int]] = {}
    for index, pipeline in enumerate(topology.pipelines):
        if pipeline.gateway is not None:
            pipelines.setdefault(pipeline.gateway, []).append(index)
    for name, places in pipelines.items():
        meant = next((other for other in pipelines if len(pipelines[other]) > 1 and _is_slip(name, other)), None)
        if len(places) == 1 and meant is not None:
            message = f"gateway {quote(name)} runs this pipeline alone, and looks like {quote(meant)}"
            mend = f"write {meant}, or give it a name that is harder to take for the other"
            report.warning(("pipelines", places[0], "gateway"), message, mend)


def _is_slip(name: str, other: str) -> bool:
    """Whether the names differ by case, signs between, or one letter too few, too many or swapped; gw-1 is not gw-2."""
    one, two = (_NO_LETTERS.sub("", text.casefold()) for text in (name, other))
    if name == other or re.sub(r"\D", "", one) != re.sub(r"\D", "", two):
        return False
    if one == two:
        return True
    shorter, longer = sorted((one, two), key=len)
    if len(shorter) == len(longer):
        swaps = (longer[:at] + longer[at + 1] + longer[at] + longer[at + 2 :] for at in range(len(longer) - 1))
        return shorter in swaps
    return len(longer) > 3 and any(shorter == longer[:at] + longer[at + 1 :] for at in range(len(longer)))


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
