"""Alarms: the list, and the journal of each."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from ironstream.contract import AlarmState, AlarmTransition, Severity, Topic
from ironstream.domain.times import to_iso
from ironstream.errors import DecodeError
from ironstream.web.alarm_index import HeldBy, Told
from ironstream.web.auth import Principal
from ironstream.web.cursors import read_cursor, write_cursor
from ironstream.web.models import SeverityName
from ironstream.web.models import Time as TimeText
from ironstream.web.once import backward_once
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON, not_found, problems
from ironstream.web.routes.deps import Cursor, Limit, Operator, PartOfQuery, PlantDep
from ironstream.web.telemetry_records import transition_of

router = APIRouter(tags=["alarms"], responses=COMMON)
_HINT = "GET /api/v1/alarms lists what there is."


class EvidenceItem(BaseModel):
    """The record that caused something, and the rule and the version of the topology where there was one."""

    topic: str
    partition: int
    offset: int
    rule_id: str | None
    topology_version: int | None


class AlarmItem(BaseModel):
    """An alarm with its latest occurrence."""

    alarm_id: str
    occurrence_id: str
    transition: int
    state: AlarmState
    severity: SeverityName
    tenant: str
    site: str
    asset: str
    parameter: str | None
    type: str
    source: str
    count: int = Field(description="How often the condition was reported true in this occurrence.")
    raised_at: TimeText
    acked_at: TimeText | None
    acked_by: str | None
    cleared_at: TimeText | None
    shelved_until: TimeText | None
    shelved_by: HeldBy | None = Field(
        description="What holds it that long: a shelving of its own, or the suppression of its asset. Null also where"
        " that was just ordered, until the next commit."
    )
    message: str
    value: float | str | bool | None
    threshold: float | None
    unit: str | None
    evidence: EvidenceItem


class Alarms(BaseModel):
    """A page of alarms: what stands first, the gravest first, the newest first. `total` is how many there are."""

    items: list[AlarmItem]
    next: str | None
    total: int


class JournalItem(BaseModel):
    """A change of an alarm: what it was, what it became, who or what did it, and why."""

    occurrence_id: str
    transition: int
    time: TimeText
    previous_state: AlarmState | None
    state: AlarmState
    severity: SeverityName
    actor: str | None
    comment: str | None
    reason: str | None
    until: TimeText | None
    message: str
    value: float | str | bool | None
    threshold: float | None
    unit: str | None
    count: int
    evidence: EvidenceItem


class Journal(BaseModel):
    """Changes of an alarm, the newest first. `truncated`: the read of the log was cut short; `next` goes on."""

    items: list[JournalItem]
    next: str | None
    truncated: bool


AlarmId = Annotated[
    str,
    Path(max_length=1000, description="tenant/site/asset/type/source/parameter, as the list names it."),
]


@router.get("/alarms", operation_id="listAlarms")
async def alarms(
    plant: PlantDep,
    who: Operator,
    state: Annotated[
        list[AlarmState] | None, Query(description="Only alarms in one of these states; left out: all but CLEARED.")
    ] = None,
    severity: Annotated[list[SeverityName] | None, Query(description="Only alarms of one of these.")] = None,
    tenant: PartOfQuery = None,
    site: PartOfQuery = None,
    asset: PartOfQuery = None,
    q: Annotated[str, Query(max_length=200, description="Part of an id, a type or a message, in any case.")] = "",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Alarms:
    """The alarms that there are, as of the journal's newest entry."""
    states = frozenset(state) if state else frozenset(AlarmState) - {AlarmState.CLEARED}
    severities = None if not severity else {Severity[one] for one in severity}
    part = q.casefold()

    def fits(one: Told) -> bool:
        return (
            one.state in states
            and who.sees(one.tenant_id)
            and (severities is None or one.severity in severities)
            and (tenant is None or one.tenant_id == tenant)
            and (site is None or one.site_id == site)
            and (asset is None or one.asset_id == asset)
            and (not part or any(part in text.casefold() for text in (one.alarm_id, one.type, one.message)))
        )

    fitting = [one for one in plant.alarms.ordered() if fits(one)]
    after = read_cursor(cursor, tuple[bool, int, int, str]) if cursor else None
    found = fitting if after is None else [one for one in fitting if one.order > after]
    next_ = write_cursor(found[limit - 1].order) if len(found) > limit else None
    return Alarms(items=[item_of(one) for one in found[:limit]], next=next_, total=len(fitting))


@router.get("/alarms/{alarm_id:path}/journal", operation_id="getJournal", responses=problems(404))
async def journal(
    plant: PlantDep, who: Operator, alarm_id: AlarmId, limit: Limit = 100, cursor: Cursor = None
) -> Journal:
    """What has become of an alarm, the newest first, from alarms.clean."""
    told = told_of(plant, who, alarm_id)
    key = told.asset.encode()

    def take(record: Any) -> AlarmTransition | None:
        if record.key != key:
            return None
        try:
            entry = transition_of(record.value)
        except DecodeError:
            return None
        return entry if entry.alarm_id == alarm_id else None

    before = read_cursor(cursor, int) if cursor else None
    page = await backward_once(plant.pages, Topic.ALARMS_CLEAN, plant.partition_of(key), before, take, limit)
    next_ = None if page.next is None else write_cursor(page.next)
    return Journal(items=[_entry(one) for one in page.items], next=next_, truncated=page.truncated)


@router.get("/alarms/{alarm_id:path}", operation_id="getAlarm", responses=problems(404))
async def alarm(plant: PlantDep, who: Operator, alarm_id: AlarmId) -> AlarmItem:
    """One alarm with its latest occurrence."""
    return item_of(told_of(plant, who, alarm_id))


def item_of(told: Told) -> AlarmItem:
    """An alarm as the list shows it."""
    return AlarmItem.model_validate(
        {
            "alarm_id": told.alarm_id,
            "occurrence_id": told.occurrence_id,
            "transition": told.transition,
            "state": told.state,
            "severity": told.severity.name,
            "tenant": told.tenant_id,
            "site": told.site_id,
            "asset": told.asset_id,
            "parameter": told.parameter,
            "type": told.type,
            "source": told.source,
            "count": told.count,
            "raised_at": to_iso(told.raised_us),
            "acked_at": told.acked_at,
            "acked_by": told.acked_by,
            "cleared_at": told.cleared_at,
            "shelved_until": told.shelved_until,
            "shelved_by": told.shelved_by,
            "message": told.message,
            "value": told.value,
            "threshold": told.threshold,
            "unit": told.unit,
            "evidence": EvidenceItem.model_validate(told.evidence, from_attributes=True),
        }
    )


def _entry(entry: AlarmTransition) -> JournalItem:
    return JournalItem.model_validate(entry, from_attributes=True)


def told_of(plant: Plant, who: Principal, alarm_id: str) -> Told:
    """An alarm that somebody may see. Raises ApiError (404)."""
    told = plant.alarms.get(alarm_id)
    if told is None or not who.sees(told.tenant_id):
        raise not_found(f"alarm {alarm_id}", _HINT)
    return told
