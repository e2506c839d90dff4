"""Assets and their parameters, as they are now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ironstream.web.alarm_index import counts_of
from ironstream.web.auth import Principal
from ironstream.web.board import STATES, UNKNOWN, Board
from ironstream.web.cursors import read_cursor, write_cursor
from ironstream.web.declared import AssetKey
from ironstream.web.last_readings import look_up
from ironstream.web.models import AlarmCounts, State, iso_of
from ironstream.web.models import Time as TimeText
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON, not_found, problems
from ironstream.web.routes.deps import Cursor, Limit, Operator, PartOfPath, PartOfQuery, PlantDep
from ironstream.web.series_now import SeriesNow, series_now

router = APIRouter(tags=["assets"], responses=COMMON)


class AssetAlarms(BaseModel):
    """Alarms of an asset: those whose condition is true, and those that nobody has acknowledged."""

    active: int
    unacked: int


class AssetItem(BaseModel):
    """An asset: `worst` is the state of its worst series."""

    tenant: str
    site: str
    asset: str
    name: str
    machine_type: str | None
    worst: State
    series: int
    stale_series: int
    alarms: AssetAlarms
    last_reading_at: TimeText | None = Field(description="When its last reading came, by the log's clock.")
    readings_per_s: float


class Assets(BaseModel):
    """A page of assets, in the order of tenant, site and name."""

    items: list[AssetItem]
    next: str | None = None


class AssetDetail(BaseModel):
    """An asset with its series, those that are declared and those that were heard."""

    tenant: str
    site: str
    asset: str
    name: str
    machine_type: str | None
    worst: State
    stale_series: int
    alarms: AlarmCounts
    last_reading_at: TimeText | None
    readings_per_s: float
    series: list[SeriesNow]


@router.get("/assets", operation_id="listAssets")
async def assets(
    plant: PlantDep,
    who: Operator,
    tenant: PartOfQuery = None,
    site: PartOfQuery = None,
    q: Annotated[str, Query(max_length=200, description="Part of a name, in any case.")] = "",
    worst: Annotated[list[State] | None, Query(description="Only assets in one of these states.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Assets:
    """Assets with their worst state; an asset is there when it is declared, or was heard."""
    index, board = plant.series, plant.board()
    after = read_cursor(cursor, tuple[str, str, str]) if cursor else None
    states = None if worst is None else {STATES.index(one) for one in worst}
    part = q.casefold()
    items: list[AssetItem] = []
    for key, row in index.assets_in_order():
        if after is not None and key <= after:
            continue
        if board.worst[row] == UNKNOWN or not who.sees(key[0]):
            continue
        if (tenant is not None and key[0] != tenant) or (site is not None and key[1] != site):
            continue
        if states is not None and board.worst[row] not in states:
            continue
        if part and part not in "/".join(key).casefold() and part not in _name(plant, key).casefold():
            continue
        if len(items) == limit:
            last = items[-1]
            return Assets(items=items, next=write_cursor((last.tenant, last.site, last.asset)))
        items.append(_item(plant, board, key, row))
    return Assets(items=items)


@router.get("/assets/{tenant}/{site}/{asset}", operation_id="getAsset", responses=problems(404))
async def asset(plant: PlantDep, who: Operator, tenant: PartOfPath, site: PartOfPath, asset: PartOfPath) -> AssetDetail:
    """An asset with the newest reading of each of its series.

    Readings of series that are on a screen are live; others are as of the last commit of a worker.
    """
    key = (tenant, site, asset)
    row = asset_row(plant, who, key)
    index = plant.series
    rows = index.known_rows(row)
    await look_up(plant, rows)
    board = plant.board()
    item = _item(plant, board, key, row)
    now = [series_now(plant, board, one) for one in sorted(rows, key=lambda one: index.ids[one].parameter)]
    return AssetDetail(
        **item.model_dump(exclude={"alarms", "series"}),
        alarms=AlarmCounts.of(counts_of(plant.alarms.of_asset("/".join(key)))),
        series=now,
    )


def asset_row(plant: Plant, who: Principal, key: AssetKey) -> int:
    """The row of an asset that somebody may see. Raises ApiError (404)."""
    row = plant.series.find_asset(key) if who.sees(key[0]) else None
    if row is None:
        raise not_found(f"asset {'/'.join(key)}")
    return row


def _name(plant: Plant, key: AssetKey) -> str:
    return plant.topology.declared.asset(key)[0]


def _item(plant: Plant, board: Board, key: AssetKey, row: int) -> AssetItem:
    name, machine_type = plant.topology.declared.asset(key)
    counts = counts_of(plant.alarms.of_asset("/".join(key)))
    return AssetItem(
        tenant=key[0],
        site=key[1],
        asset=key[2],
        name=name,
        machine_type=machine_type,
        worst=STATES[int(board.worst[row])],
        series=int(board.known[row]),
        stale_series=int(board.stale[row]),
        alarms=AssetAlarms(active=counts.active, unacked=counts.unacked),
        last_reading_at=iso_of(int(board.last_append_us[row])),
        readings_per_s=round(float(board.asset_rate[row]), 3),
    )
