"""Whether the web view is there, and how far behind it is."""

from __future__ import annotations

from typing import Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from ironstream import __version__
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON
from ironstream.web.routes.deps import Operator, PlantDep

router = APIRouter(tags=["health"])
SILENT_S: Final = 15.0
"""It is asked every 2 s; after so long a follower hangs, whatever the last answer was."""
api = APIRouter(tags=["health"], responses=COMMON)


class TableHealth(BaseModel):
    """The state of one agent as it was read. Ages are null before the first."""

    agent: str = Field(examples=["telemetry"])
    partitions: int
    rows: int | None = Field(description="Told to whoever sees all tenants.")
    commit_age_s: float | None = Field(description="Seconds since the newest commit of a worker.")
    lag_records: int = Field(description="Records of the changelog that are not read yet.")
    silent_s: float | None = Field(description="Seconds since Kafka answered last.")
    error: str | None = Field(description="Why it is not followed just now.")


class Health(BaseModel):
    """`ok`: all is followed. `degraded`: what was read before is shown, Kafka is away or something of `down` is not
    followed. `unavailable`: nothing was read yet.
    """

    status: Literal["ok", "degraded", "unavailable"]
    kafka: Literal["connected", "unreachable"]
    version: str
    behind_s: float | None = Field(description="For how many seconds nothing could be read; 0 when all is well.")
    down: list[str] = Field(description="What is not followed just now; the log of this process says why.")
    tables: list[TableHealth]


@router.get("/live", operation_id="live", include_in_schema=False)
async def live() -> Response:
    """The process runs."""
    return Response("live\n", media_type="text/plain")


@router.get("/ready", operation_id="ready", include_in_schema=False)
async def ready(plant: PlantDep) -> Response:
    """The state of all agents has been read."""
    there = plant.ready
    return Response("ready\n" if there else "reading the state\n", 200 if there else 503, media_type="text/plain")


@api.get("/health", operation_id="getHealth")
async def health(plant: PlantDep, who: Operator) -> Health:
    """How far behind Kafka the web view is."""
    found = health_of(plant)
    if not who.sees_all:
        found.tables = [one.model_copy(update={"rows": None}) for one in found.tables]
    return found


def health_of(plant: Plant) -> Health:
    """What `/health` says."""
    tables = [
        TableHealth(
            agent=one.agent,
            partitions=len(one.held.replica.rows) if one.held else 0,
            rows=sum(map(len, one.held.replica.rows.values())) if one.held else 0,
            commit_age_s=one.commit_age_s(plant.now_ms()),
            lag_records=one.lag_records,
            silent_s=one.contact.silent_s,
            error=one.contact.error,
        )
        for one in plant.agents.values()
    ]
    down = [f"state of {one.agent}" for one in tables if one.error or one.silent_s is None or one.silent_s > SILENT_S]
    reached = not down
    down = sorted({*down, *plant.down})
    silent = [one.silent_s for one in tables]
    behind_s = None if None in silent else max((s for s in silent if s is not None), default=0.0)
    return Health(
        status="unavailable" if not plant.ready else "degraded" if down else "ok",
        kafka="connected" if reached else "unreachable",
        version=__version__,
        behind_s=0.0 if reached else behind_s,
        down=down,
        tables=tables,
    )
