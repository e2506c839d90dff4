"""The whole plant on one page."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Final, cast

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ironstream.web.alarm_index import Told, counts_of
from ironstream.web.auth import Principal
from ironstream.web.board import STATES, UNKNOWN
from ironstream.web.models import AlarmCounts, State
from ironstream.web.models import Time as TimeText
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON
from ironstream.web.routes.deps import Operator, PlantDep

_SHARED_S: Final = 0.5
_MOST_SHARED: Final = 100
router = APIRouter(tags=["overview"], responses=COMMON)


class SiteItem(BaseModel):
    """A site: `worst` is the state of its worst series, null where no series is known."""

    tenant: str
    site: str
    name: str
    assets: int
    series: int
    stale_series: int
    worst: State | None
    alarms: AlarmCounts
    readings_per_s: float


class HoldingTopology(BaseModel):
    """The version of the topology that holds; null before the first."""

    version: int | None
    change: int | None
    since: TimeText | None
    author: str | None


class Participants(BaseModel):
    """How many processes of each role are there."""

    workers: int
    gateways: int
    sinks: int


class Overview(BaseModel):
    """All sites, and how the system that watches them does."""

    sites: list[SiteItem]
    readings_per_s: float
    lag_records: int | None = Field(description="Records that wait for the agents, as of their last commits.")
    commit_age_s: float | None = Field(description="Since any table changed by a commit of a worker.")
    uncommitted_s: float | None = Field(description="For how long no worker has committed; null while one does.")
    participants: Participants
    topology: HoldingTopology


@router.get("/overview", operation_id="getOverview")
async def overview(plant: PlantDep, who: Operator) -> Overview:
    """Sites with their worst state, alarms and rate."""
    return overview_of(plant, who)


def overview_of(plant: Plant, who: Principal) -> Overview:
    """What `/overview` says to somebody; shared for a moment by all who see the same tenants."""
    known = plant.overviews.get(who.tenants)
    if known is not None and time.monotonic() - known[0] < _SHARED_S:
        return cast(Overview, known[1])
    made = _overview(plant, who)
    if len(plant.overviews) > _MOST_SHARED:
        plant.overviews.clear()
    plant.overviews[who.tenants] = time.monotonic(), made
    return made


def _overview(plant: Plant, who: Principal) -> Overview:
    sites = _sites(plant, who)
    change, version = plant.topology.history.current, plant.topology.history.version
    roles = [status.role for status in plant.topology.present]
    return Overview(
        sites=sites,
        readings_per_s=round(sum(site.readings_per_s for site in sites), 3),
        lag_records=plant.backlog.total,
        commit_age_s=rounded(plant.commit_age_s),
        uncommitted_s=rounded(plant.uncommitted_s),
        participants=Participants(
            workers=roles.count("worker"), gateways=roles.count("gateway"), sinks=roles.count("sink")
        ),
        topology=HoldingTopology(
            version=version and version.number,
            change=change and change.number,
            since=change and change.time,
            # as of the versions: of the whole plant
            author=change.author if change is not None and who.sees_all else None,
        ),
    )


def rounded(seconds: float | None) -> float | None:
    """To the second, that what is the same is told once."""
    return None if seconds is None else float(round(seconds))


def _sites(plant: Plant, who: Principal) -> list[SiteItem]:
    index, board = plant.series, plant.board()
    assets: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row, (tenant, site, _) in enumerate(index.assets):
        if board.worst[row] != UNKNOWN and who.sees(tenant):
            assets[tenant, site].append(row)
    alarms: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in plant.alarms.ordered():
        if who.sees(one.tenant_id):
            alarms[one.tenant_id, one.site_id].append(one)
    items = []
    for tenant, site in sorted(assets.keys() | alarms.keys()):
        rows = assets[tenant, site]
        worst = int(board.worst[rows].max(initial=UNKNOWN))
        items.append(
            SiteItem(
                tenant=tenant,
                site=site,
                name=plant.topology.declared.site_name(tenant, site),
                assets=len(rows),
                series=int(board.known[rows].sum()),
                stale_series=int(board.stale[rows].sum()),
                worst=None if worst == UNKNOWN else STATES[worst],
                alarms=AlarmCounts.of(counts_of(alarms[tenant, site])),
                readings_per_s=round(float(board.asset_rate[rows].sum()), 3),
            )
        )
    return items
