"""What runs: pipelines, gateways, sinks."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ironstream.domain.times import to_iso
from ironstream.web.auth import Principal
from ironstream.web.flows import sink_states
from ironstream.web.graph import sink_health
from ironstream.web.models import Time
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON
from ironstream.web.routes.deps import Operator, PlantDep
from ironstream.web.running import DeclaredSink, GatewayState, PipelineState, shown_config, sinks_of
from ironstream.web.running import gateways_of as gateways_of_plant
from ironstream.web.running import pipelines_of as pipelines_of_plant

router = APIRouter(tags=["running"], responses=COMMON)
KEPT_S = 2.0


class PipelineItem(BaseModel):
    """A pipeline as it is declared, and how it does by what has come of the assets that it names.

    `health`: ok, silent (nothing comes), disabled, or unknown (it names no asset that was heard).
    """

    id: str
    adapter: str = Field(examples=["modbus-tcp"])
    gateway: str | None
    enabled: bool
    process: str | None
    priority: str
    tenant: str
    site: str
    asset: str | None
    poll_interval_s: float | None
    assets: int = Field(description="How many assets it names.")
    config: dict[str, Any] = Field(description="Its configuration; secrets are references or not shown.")
    health: Literal["ok", "silent", "disabled", "unknown"]
    readings_per_s: float
    last_reading_at: Time | None
    age_s: float | None


class Pipelines(BaseModel):
    """The pipelines of the version that holds."""

    items: list[PipelineItem]
    next: str | None = None


class GatewayProcess(BaseModel):
    """A process of a gateway, and the version of the topology that it has; `refused` says why it has not the newest."""

    name: str
    version: int | None
    change: int | None
    refused: str | None


class GatewayItem(BaseModel):
    """A gateway. `health`: ok, refused (it goes on with what it had), silent (no pipeline delivers), covered or absent.

    `covered_by`: it is not there itself, and this one, which was started without a name, runs its pipelines.
    """

    name: str
    health: Literal["ok", "refused", "silent", "covered", "absent"]
    covered_by: str | None
    version: int | None
    hostname: str | None
    detail: str | None
    readings_per_s: float
    last_reading_at: Time | None
    age_s: float | None
    pipelines: list[str]
    processes: list[GatewayProcess]


class Gateways(BaseModel):
    """The gateways that pipelines name, and those that are there."""

    items: list[GatewayItem]
    next: str | None = None


class SinkItem(BaseModel):
    """A sink as it is declared, and how far it is. `config`, `members`: for whoever sees all tenants.

    `health`: ok, behind, absent (enabled, and nobody runs it), disabled.
    """

    id: str
    kind: str = Field(examples=["timescaledb"])
    enabled: bool
    topics: list[str]
    health: Literal["ok", "behind", "absent", "disabled", "unknown"]
    lag_records: int | None
    written_until: Time | None = Field(description="When the record came in up to which all is written.")
    age_s: float | None
    members: list[str] | None
    config: dict[str, Any] | None


class Sinks(BaseModel):
    """The sinks of the version that holds."""

    items: list[SinkItem]
    next: str | None = None


@router.get("/pipelines", operation_id="listPipelines")
async def pipelines(plant: PlantDep, who: Operator) -> Pipelines:
    """The pipelines, and how each does."""
    return Pipelines(items=[_pipeline(plant, one) for one in pipelines_of_plant(plant, who)])


@router.get("/gateways", operation_id="listGateways")
async def gateways(plant: PlantDep, who: Operator) -> Gateways:
    """The gateways, and what they run."""
    return Gateways(items=[_gateway(plant, one, who) for one in gateways_of_plant(plant, who)])


@router.get("/sinks", operation_id="listSinks")
async def sinks(plant: PlantDep, who: Operator) -> Sinks:
    """The sinks, and how far behind each is."""
    declared = sinks_of(plant)
    key = ("sinks", plant.topology.declared.version)
    groups = await plant.heavy.remembered(key, KEPT_S, lambda: sink_states(plant.settings, declared))
    items = []
    for one in declared:
        group = groups.get(one.part.id)
        until_ms = None if group is None else group.written_until_ms
        items.append(
            SinkItem(
                id=one.part.id, kind=one.part.kind, enabled=one.part.enabled, topics=list(one.topics),
                health=sink_health(group) if one.part.enabled else "disabled",
                lag_records=None if group is None else group.lag,
                written_until=None if until_ms is None else to_iso(until_ms * 1000),
                age_s=None if until_ms is None else _age_s(plant, until_ms * 1000),
                members=group.members if group is not None and who.sees_all else None,
                config=_config(one, who),
            )
        )  # fmt: skip
    return Sinks(items=items)


def _config(sink: DeclaredSink, who: Principal) -> dict[str, Any] | None:
    return shown_config(sink.part.config) if who.sees_all else None


def _pipeline(plant: Plant, state: PipelineState) -> PipelineItem:
    one, last_us = state.pipeline, state.last_append_us
    return PipelineItem.model_validate(
        {
            "id": one.id, "adapter": one.adapter, "gateway": one.gateway, "enabled": one.enabled,
            "process": one.process, "priority": one.priority, "tenant": one.tenant, "site": one.site,
            "asset": one.asset, "poll_interval_s": one.poll_interval_s, "assets": len(state.assets),
            "config": shown_config(one.config), "health": state.health, "readings_per_s": state.readings_per_s,
            "last_reading_at": None if last_us is None else to_iso(last_us),
            "age_s": None if last_us is None else _age_s(plant, last_us),
        }
    )  # fmt: skip


def _gateway(plant: Plant, state: GatewayState, who: Principal) -> GatewayItem:
    refused = next((one.refused for one in state.present if one.refused is not None), None)
    enabled = [one for one in state.pipelines if one.pipeline.enabled]
    health: Literal["ok", "refused", "silent", "covered", "absent"] = "ok"
    if not state.present and state.covered_by is None:
        health = "absent"
    elif refused is not None:
        health = "refused"
    elif enabled and all(one.health == "silent" for one in enabled):
        health = "silent"
    elif state.covered_by is not None:
        health = "covered"
    last_us = max((one.last_append_us for one in enabled if one.last_append_us is not None), default=None)
    newest = max(state.present, key=lambda one: one.change or 0, default=None)
    host = None if newest is None else newest.participant.partition(" on ")[2].rpartition(":")[0]
    return GatewayItem(
        name=state.name, health=health, covered_by=state.covered_by,
        version=None if newest is None else newest.version, hostname=host if host and who.sees_all else None,
        # what it refused, and why, may name what is another tenant's
        detail=refused if who.sees_all else None, readings_per_s=round(sum(one.readings_per_s for one in enabled), 3),
        last_reading_at=None if last_us is None else to_iso(last_us),
        age_s=None if last_us is None else _age_s(plant, last_us),
        pipelines=[one.pipeline.id for one in state.pipelines],
        processes=[
            GatewayProcess(name=one.participant, version=one.version, change=one.change, refused=one.refused)
            for one in (state.present if who.sees_all else ())
        ],
    )  # fmt: skip


def _age_s(plant: Plant, us: int) -> float:
    return round(max(0.0, plant.now_ms() - us / 1000) / 1000, 3)
