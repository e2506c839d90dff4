"""Records of the plant's data, one by one: what alarms have as their evidence, what dead letters came from."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path

from ironstream.contract import Topic
from ironstream.web.problems import COMMON, not_found, problems
from ironstream.web.records import LogRecord, log_record, seen_record
from ironstream.web.routes.deps import Offset, Operator, Partition, PlantDep

router = APIRouter(tags=["records"], responses=COMMON)
_RAW: Final = (Topic.TELEMETRY_RAW, Topic.EVENTS_RAW, Topic.ALARMS_RAW)


def _topic(plant: PlantDep, topic: Annotated[str, Path(max_length=100, examples=["telemetry.raw"])]) -> str:
    shown = (*_RAW, *Topic.clean(plant.topology.declared.window_sizes_s))
    if topic not in shown:
        raise not_found(f"topic {topic[:100]} whose records are shown", f"There are {', '.join(shown)}.")
    return topic


@router.get("/records/{topic}/{partition}/{offset}", operation_id="getRecord", responses=problems(404))
async def record(
    plant: PlantDep, who: Operator, topic: Annotated[str, Depends(_topic)], partition: Partition, offset: Offset
) -> LogRecord:
    """One record as it was written, with its value as text and hex: the evidence of an alarm, say."""
    hint = "Its topic may have let it go: records are kept for as long as the topic's retention says."
    async with plant.heavy.place():
        found = await seen_record(plant.settings, who, topic, partition, offset, hint)
    return log_record(topic, found, whole=True)
