"""What the topology that holds has running: pipelines, gateways, sinks; each with how it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ironstream.contract import DEFAULT_PART
from ironstream.domain.series import NEVER
from ironstream.errors import BrokerError
from ironstream.rollout.statuses import Status
from ironstream.topology import Pipeline, SinkPart
from ironstream.topology.sinks import topics_of
from ironstream.web.auth import Principal
from ironstream.web.board import STALE, UNKNOWN
from ironstream.web.declared import AssetKey
from ironstream.web.plant import Plant

UNNAMED: Final = DEFAULT_PART
"""What a gateway calls itself that was started without a name."""


@dataclass(frozen=True, slots=True)
class PipelineState:
    """A pipeline, with what is known of the assets that it names; `health` is ok, silent, disabled or unknown."""

    pipeline: Pipeline
    assets: Sequence[AssetKey]
    health: str
    readings_per_s: float
    last_append_us: int | None


@dataclass(frozen=True, slots=True)
class GatewayState:
    """A gateway that is named or there: its processes, and the pipelines that it runs.

    `covered_by`: it is not there, and the one that was started without a name, which runs all pipelines, is.
    """

    name: str
    present: Sequence[Status]
    pipelines: Sequence[PipelineState]
    covered_by: str | None = None


@dataclass(frozen=True, slots=True)
class DeclaredSink:
    """A sink with the topics that it gets."""

    part: SinkPart
    topics: tuple[str, ...]


def pipelines_of(plant: Plant, who: Principal) -> list[PipelineState]:
    """The pipelines of the tenants that somebody sees."""
    topology = plant.topology.declared.topology
    pipelines = () if topology is None else topology.pipelines
    return [_pipeline(plant, one, who) for one in pipelines if who.sees(one.tenant)]


def _pipeline(plant: Plant, pipeline: Pipeline, who: Principal) -> PipelineState:
    assets = [key for key in plant.topology.declared.named[pipeline.id] if who.sees(key[0])]
    try:
        board, index = plant.board(), plant.series
    except BrokerError:
        # nothing of the readings has been read yet
        return PipelineState(pipeline, assets, "unknown" if pipeline.enabled else "disabled", 0.0, None)
    rows = [row for key in assets if (row := index.find_asset(key)) is not None and row < len(board.worst)]
    states = [board.state[row] for asset in rows for row in index.known_rows(asset)]
    heard = [int(board.last_append_us[row]) for row in rows if board.last_append_us[row] != NEVER]
    known = [state for state in states if state != UNKNOWN]
    health = "unknown" if not known else "silent" if all(state == STALE for state in known) else "ok"
    rate = float(sum(board.asset_rate[row] for row in rows))
    return PipelineState(
        pipeline, assets, health if pipeline.enabled else "disabled", round(rate, 3), max(heard, default=None)
    )


def gateways_of(plant: Plant, who: Principal) -> list[GatewayState]:
    """The gateways that pipelines name or that are there; those of other tenants' pipelines alone are left out."""
    pipelines = pipelines_of(plant, who)
    present: dict[str, list[Status]] = {}
    for status in plant.topology.present:
        if status.role == "gateway":
            present.setdefault(_gateway_of(status), []).append(status)
    named = {one.pipeline.gateway for one in pipelines if one.pipeline.gateway is not None}
    free = any(one.pipeline.gateway is None for one in pipelines)
    topology = plant.topology.declared.topology
    # one that pipelines name so runs these alone, and cannot be told from one without a name
    unnamed = None if topology is not None and any(one.gateway == UNNAMED for one in topology.pipelines) else UNNAMED
    seen = set(present) if who.sees_all else {name for name in present if name in named or free}
    return [
        GatewayState(
            name,
            present.get(name, []),
            [one for one in pipelines if name == unnamed or one.pipeline.gateway in (None, name)],
            unnamed if name not in present and unnamed in present else None,
        )
        for name in sorted(named | seen)
    ]


def _gateway_of(status: Status) -> str:
    """The name of a gateway from what a process of it calls itself: `gateway NAME on HOST:PID`."""
    return status.participant.removeprefix("gateway ").partition(" on ")[0]


def sinks_of(plant: Plant) -> list[DeclaredSink]:
    """The sinks that are declared."""
    # the targets' libraries are costly to import: not before somebody looks
    from ironstream.sinks.registry import SINKS

    topology = plant.topology.declared.topology
    if topology is None:
        return []
    sizes = [window.size_s for window in topology.windows]
    return [
        DeclaredSink(part, topics_of(part, SINKS[part.kind], sizes) if part.kind in SINKS else part.topics)
        for part in topology.sinks
    ]


def shown_config(config: Any) -> Any:
    """A configuration as it may be shown: references to secrets as they stand, nothing that may be one itself."""
    from ironstream.topology.checks.secrets import visible

    return visible("config", config)
