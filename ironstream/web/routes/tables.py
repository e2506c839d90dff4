"""Any table of any agent, as of its last commits."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from ironstream.web.auth import Principal
from ironstream.web.cursors import read_cursor, write_cursor
from ironstream.web.keys import Place
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON, not_found, problems
from ironstream.web.routes.deps import Cursor, Limit, Operator, PlantDep
from tables.views import VIEWS, TableView

router = APIRouter(tags=["tables"], responses=COMMON)
_VIEWS: Final = {view.name: view for view in VIEWS}


class Table(BaseModel):
    """A table with its number of rows. Of one that is not `complete` the rows with the newest changes are here; all of
    them are in the changelog.
    """

    name: str = Field(examples=["series"])
    agent: str
    description: str
    rows: int | None
    complete: bool
    commit_age_s: float | None


class Tables(BaseModel):
    """All tables."""

    items: list[Table]
    next: str | None = None


class TableRow(BaseModel):
    """A row as of the last commit of its partition: its number, its age, and its offset in the changelog."""

    key: str = Field(examples=["acme/north-works/pump-1/temperature"])
    partition: int
    row: dict[str, Any]
    commit: int | None
    commit_age_s: float | None
    changelog_key: str = Field(description="The key in the changelog, as hex: several rows may have the same `key`.")
    changelog_offset: int | None


class TableRows(BaseModel):
    """A page of a table, in the order of the keys."""

    items: list[TableRow]
    next: str | None = None


@router.get("/tables", operation_id="listTables")
async def tables(plant: PlantDep, who: Operator) -> Tables:
    """The tables of all agents."""
    return Tables(items=[_table(plant, view, who) for view in VIEWS if _may_see(view, who)])


@router.get("/tables/{name}", operation_id="listRows", responses=problems(404))
async def rows(
    plant: PlantDep,
    who: Operator,
    name: Annotated[str, Path(max_length=100, examples=["series"])],
    key: Annotated[str, Query(max_length=1000, description="Only keys that begin with this.")] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> TableRows:
    """Rows of a table, decoded, in the order of their keys."""
    view = _VIEWS.get(name)
    if view is None or not _may_see(view, who):
        raise not_found(f"table {name}", "GET /api/v1/tables lists them.")
    after = read_cursor(cursor, tuple[str, int, bytes]) if cursor else None
    found = list(islice(_seen(plant, view, who, after, key), limit + 1))
    items = [row for place in found[:limit] for row in _rows(plant, view, place)]
    return TableRows(items=items, next=write_cursor(found[limit - 1]) if len(found) > limit else None)


def _may_see(view: TableView, who: Principal) -> bool:
    return view.by_tenant or who.tenants is None


def _seen(plant: Plant, view: TableView, who: Principal, after: Place | None, begins: str) -> Any:
    places = plant.held(view.agent).keys.after(view, after, begins)
    return (place for place in places if not view.by_tenant or who.sees(place[0].partition("/")[0]))


def _table(plant: Plant, view: TableView, who: Principal) -> Table:
    followed = plant.agents[view.agent]
    return Table(
        name=view.name,
        agent=view.agent,
        description=view.description,
        rows=followed.held.keys.count(view) if followed.held is not None and who.sees_all else None,
        complete=plant.keeps(view),
        commit_age_s=followed.commit_age_s(plant.now_ms()),
    )


def _rows(plant: Plant, view: TableView, place: Place) -> list[TableRow]:
    shown, partition, key = place
    held = plant.held(view.agent)
    value = held.row(partition, key)
    marker, offset = held.replica.commits().get(partition, (None, None))
    return [
        TableRow(
            key=shown,
            partition=partition,
            row=msgspec.to_builtins(entry, str_keys=True),
            commit=marker and marker.number,
            commit_age_s=marker and max(0.0, (plant.now_ms() - marker.time_ms) / 1000),
            changelog_key=key.hex(),
            changelog_offset=offset,
        )
        for entry in (view.entries(key, value) if value is not None else ())
    ]
