"""The topology: what holds, its versions and their differences, who follows it, its graph, and going back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from ironstream.errors import ConfigurationError, DecodeError
from ironstream.rollout.going_back import go_back
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.records import Version
from ironstream.versions import checked_version
from ironstream.web.apart import apart
from ironstream.web.cursors import read_cursor, write_cursor
from ironstream.web.flows import measured_rates, sink_states
from ironstream.web.graph import Graph, graph_of
from ironstream.web.problems import COMMON, ApiError, not_found, problems
from ironstream.web.routes.deps import Cursor, Limit, Operator, PlantDep, WholePlant, WholePlantEngineer
from ironstream.web.routes.running import KEPT_S
from ironstream.web.running import pipelines_of, sinks_of
from ironstream.web.versions import (
    ChangeItem,
    Difference,
    Versions,
    VersionText,
    change_item,
    difference,
    text_of,
    version_item,
    version_of,
)

router = APIRouter(tags=["topology"], responses=COMMON)
_CHANGES = 100
_DIFFERENCE_S = 3_600.0
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
NumberOfQuery = Annotated[int, Query(ge=1, le=2**31 - 1)]


class Holding(BaseModel):
    """What holds now; null before the first."""

    version: int | None
    change: ChangeItem | None
    canary_gateway: str | None = Field(description="The gateway that tries another version, while one does.")


class ParticipantItem(BaseModel):
    """A process that follows the topology. `state`: it has what holds, is on its way to it, or refuses it."""

    participant: str
    role: Literal["worker", "gateway", "sink", "web"]
    version: int | None
    change: int | None
    state: Literal["has it", "on its way", "refuses"]
    refused: str | None
    on: int = Field(description="Of a worker: how many of its partitions have it.")
    of: int


class ParticipantList(BaseModel):
    """Who has been heard in the last 16 s."""

    items: list[ParticipantItem]
    next: str | None = None


class RollbackRequest(BaseModel):
    """`version` left out: the one before this one."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"version": 3, "reason": "the new limits were too narrow"}]}
    )

    version: int | None = Field(None, ge=1, le=2**31 - 1)
    reason: str = Field(min_length=1, max_length=500, description="Why, for whoever reads the history.")
    expected_change: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Number of the change that holds for whoever asks: where another was made"
        " since, it is 409 and nothing changes. Left out: whatever holds is undone.",
    )  # fmt: skip


class RolledBack(BaseModel):
    """What holds now; `change` null: it held already."""

    version: int
    change: ChangeItem | None


@router.get("/topology", operation_id="getTopology")
async def holding(plant: PlantDep, who: Operator) -> Holding:
    """The version that holds, and since when. The reason is told to whoever sees all tenants."""
    change, version = plant.topology.history.current, plant.topology.history.version
    if change is None or version is None:
        return Holding(version=None, change=None, canary_gateway=None)
    told = change_item(change)
    if not who.sees_all:
        told = told.model_copy(update={"reason": "", "author": ""})
    return Holding(version=version.number, change=told, canary_gateway=version.gateway if who.sees_all else None)


@router.get("/topology/versions", operation_id="listVersions")
async def versions(plant: PlantDep, who: WholePlant, limit: Limit = 100, cursor: Cursor = None) -> Versions:
    """The versions that there were, the newest first."""
    history = plant.topology.history
    below = read_cursor(cursor, int) if cursor else None
    numbers = [one for one in sorted(history.versions, reverse=True) if below is None or one < below]
    return Versions(
        items=[version_item(history.versions[one]) for one in numbers[:limit]],
        next=write_cursor(numbers[limit - 1]) if len(numbers) > limit else None,
        changes=[change_item(one) for one in reversed(history.changes[-_CHANGES:])],
    )


@router.get("/topology/versions/{number}", operation_id="getVersion", responses=problems(404))
async def version(plant: PlantDep, who: WholePlant, number: Number) -> VersionText:
    """A version as it was written."""
    return text_of(version_of(plant.topology.history, number))


@router.get("/topology/diff", operation_id="diffVersions", responses=problems(404))
async def diff(
    plant: PlantDep, who: WholePlant, from_: Annotated[int, Query(alias="from", ge=1, le=2**31 - 1)], to: NumberOfQuery
) -> Difference:
    """What changes from one version to another: in meaning, and in text."""
    before, after = version_of(plant.topology.history, from_), version_of(plant.topology.history, to)
    key = ("diff", before.sha256, after.sha256, from_, to)
    # in a thread: for a large plant it takes seconds
    return await plant.heavy.remembered(key, _DIFFERENCE_S, lambda: asyncio.to_thread(difference, before, after))


@router.get("/topology/participants", operation_id="listParticipants")
async def participants(plant: PlantDep, who: WholePlant) -> ParticipantList:
    """Who follows the topology, and which version each has."""
    holding = plant.topology.history.current
    items = []
    for one in plant.topology.present:
        state: Literal["has it", "on its way", "refuses"] = "on its way"
        if one.refused is not None:
            state = "refuses"
        elif holding is None or one.is_done_with(holding.number):
            state = "has it"
        items.append(
            ParticipantItem(
                participant=one.participant, role=one.role, version=one.version, change=one.change, state=state,
                refused=one.refused, on=one.on, of=one.of,
            )
        )  # fmt: skip
    return ParticipantList(items=items)


@router.get("/topology/graph", operation_id="getGraph")
async def graph(plant: PlantDep, who: Operator) -> Graph:
    """Stations from adapters to sinks, with rates, lag and health."""
    declared = plant.topology.declared
    sizes, sinks, now_ms = declared.window_sizes_s, sinks_of(plant), plant.now_ms()
    rates = await plant.heavy.remembered(
        ("rates", sizes), KEPT_S, lambda: apart(lambda: measured_rates(plant.settings, sizes, now_ms))
    )
    groups = await plant.heavy.remembered(
        ("sinks", declared.version), KEPT_S, lambda: sink_states(plant.settings, sinks)
    )
    workers = sum(one.role == "worker" for one in plant.topology.present)
    return graph_of(
        pipelines_of(plant, who), rates, plant.backlog.lag, sinks, groups, sizes, workers, with_rates=who.sees_all
    )


@router.post("/topology/rollback", operation_id="rollBackTopology", responses=problems(404, 409, 413))
async def rollback(plant: PlantDep, who: WholePlantEngineer, asked: RollbackRequest) -> RolledBack:
    """Have a version hold again that there was, for everyone; nothing is restarted."""
    if asked.version is not None and asked.version not in plant.topology.history.versions:
        raise not_found(f"version {asked.version}", "GET /api/v1/topology/versions lists those there are.")
    if plant.topology.history.current is None:
        raise ApiError(409, "No topology holds yet.", "`ironstream apply` has one hold.")
    try:
        async with TopologyLog(plant.settings) as log:
            change, wanted = await go_back(
                plant.settings, log, asked.version, who.name, asked.reason, _check, asked.expected_change
            )
    except (ConfigurationError, DecodeError) as error:
        raise ApiError(409, error.message, error.hint) from error
    return RolledBack(version=wanted.number, change=None if change is None else change_item(change))


async def _check(version: Version) -> None:
    await asyncio.to_thread(checked_version, version)
