"""The audit trail: who changed what, and what came of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ironstream.contract import Topic
from ironstream.dead_letters.read import letter_page
from ironstream.record_text import text_of, value_of
from ironstream.web.apart import apart
from ironstream.web.cursors import read_cursor, write_cursor
from ironstream.web.models import Time
from ironstream.web.problems import COMMON
from ironstream.web.records import iso
from ironstream.web.routes.deps import Admin, Cursor, Limit, PlantDep

router = APIRouter(tags=["audit"], responses=COMMON)


class AuditItem(BaseModel):
    """A record of the trail. `kind` is web, topology, or command (of an operator, as an agent answered it)."""

    time: Time
    kind: str
    record: dict[str, Any] = Field(description="The record as it is.")
    partition: int
    offset: int


class Audit(BaseModel):
    """Records of the trail, the newest first."""

    items: list[AuditItem]
    next: str | None


@router.get("/audit", operation_id="listAudit")
async def audit(
    plant: PlantDep,
    who: Admin,
    kind: Annotated[str | None, Query(max_length=20, description="web, topology or command.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Audit:
    """Who changed what, the newest first."""
    before = read_cursor(cursor, dict[int, int]) if cursor else None

    def wanted(record: Any) -> bool:
        return kind is None or _kind_of(_said(record)) == kind

    async with plant.heavy.place():
        page = await apart(lambda: letter_page(plant.settings, Topic.AUDIT_TRAIL, wanted, limit, before=before))
    items = []
    for record in page.records:
        said = _said(record)
        items.append(
            AuditItem(
                time=iso(record.timestamp), kind=_kind_of(said), record=said, partition=record.partition,
                offset=record.offset,
            )
        )  # fmt: skip
    return Audit(items=items, next=None if page.before is None else write_cursor(page.before))


def _said(record: Any) -> dict[str, Any]:
    found = value_of(record.value)
    return found if isinstance(found, dict) else {"value": text_of(record.value)}


def _kind_of(said: dict[str, Any]) -> str:
    kind = said.get("kind")
    if isinstance(kind, str):
        return kind
    return "command" if "command_id" in said else "unknown"
