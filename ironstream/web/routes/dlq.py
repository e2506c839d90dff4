"""Dead letters: why records were refused, over time and one by one, and giving them to the agents again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime

from ironstream.dead_letters import TOPICS
from ironstream.dead_letters.letter import reason_of
from ironstream.dead_letters.read import count_letters, letter_page
from ironstream.dead_letters.replay import SOURCES
from ironstream.engine.log_reader import LogReader
from ironstream.web.apart import apart
from ironstream.web.auth import Principal
from ironstream.web.cursors import read_cursor, write_cursor
from ironstream.web.dead_letters import (
    DeadLetter,
    DeadLetterPage,
    DeadLetterTopic,
    DeadLetterTopics,
    Reasons,
    Replayed,
    ReplayRequest,
    Shown,
    reasons_of,
    replay_many,
    replay_one,
    seen_letter,
    shown,
)
from ironstream.web.models import us_of
from ironstream.web.problems import COMMON, not_found, problems
from ironstream.web.records import may_see
from ironstream.web.routes.deps import Cursor, Engineer, Limit, Offset, Operator, Partition, PlantDep

router = APIRouter(tags=["dlq"], responses=COMMON)
_DAY_MS = 86_400_000
_MOST_BUCKETS = 1_000
_MOST_COUNTED = 50_000


def _topic(topic: Annotated[str, Path(max_length=100, examples=["dlq.invalid_telemetry"])]) -> str:
    if topic not in TOPICS:
        raise not_found(f"topic {topic[:100]} of dead letters", "GET /api/v1/dlq/topics lists them.")
    return topic


TopicDep = Annotated[str, Depends(_topic)]


@router.get("/dlq/topics", operation_id="listDeadLetterTopics")
async def topics(plant: PlantDep, who: Operator) -> DeadLetterTopics:
    """The topics of dead letters. How many records each has is told to whoever sees all tenants."""
    counts: dict[str, int] = dict.fromkeys(TOPICS, 0)
    if who.sees_all:
        async with plant.heavy.place(), LogReader(plant.settings, TOPICS, missing_ok=True) as reader:
            if reader.partitions:
                first = await reader.consumer.beginning_offsets(reader.partitions)
                for tp, end in (await reader.consumer.end_offsets(reader.partitions)).items():
                    counts[tp.topic.removeprefix(plant.settings.topic_prefix)] += end - first[tp]
    return DeadLetterTopics(
        items=[
            DeadLetterTopic(
                topic=topic, records=counts[topic] if who.sees_all else None, replayable=topic in SOURCES,
            )
            for topic in TOPICS
        ]
    )  # fmt: skip


@router.get("/dlq/reasons", operation_id="listDeadLetterReasons", responses=problems(404))
async def reasons(
    plant: PlantDep,
    who: Operator,
    topic: Annotated[str | None, Query(max_length=100, description="Left out: all of them.")] = None,
    from_: Annotated[AwareDatetime | None, Query(alias="from", description="Left out: a day before `to`.")] = None,
    to: Annotated[AwareDatetime | None, Query(description="Left out: now.")] = None,
    bucket_s: Annotated[int, Query(ge=1, le=86_400, description="Length of the intervals that are counted.")] = 3_600,
) -> Reasons:
    """How many were refused, by reason and over time. Of very many the newest are counted: `truncated`."""
    if topic is not None and topic not in TOPICS:
        raise not_found(f"topic {topic} of dead letters", "GET /api/v1/dlq/topics lists them.")
    to_ms = us_of(to, int(plant.now_ms()) * 1000) // 1000
    from_ms = us_of(from_, (to_ms - _DAY_MS) * 1000) // 1000
    # intervals as long as it takes for a chart to have no more of them than it can show
    bucket_ms = max(bucket_s * 1000, (to_ms - from_ms) // _MOST_BUCKETS)
    async with plant.heavy.place():
        counted = await apart(
            lambda: count_letters(
                plant.settings, TOPICS if topic is None else [topic], _wanted(who), from_ms=from_ms, to_ms=to_ms + 1,
                bucket_ms=bucket_ms, most=_MOST_COUNTED,
            )
        )  # fmt: skip
    return reasons_of(counted, from_ms, to_ms, bucket_ms)


@router.get("/dlq/{topic}", operation_id="listDeadLetters", responses=problems(404))
async def letters(
    plant: PlantDep,
    who: Operator,
    topic: TopicDep,
    reason: Annotated[str | None, Query(max_length=100, description="Only those refused for this reason.")] = None,
    key: Annotated[str | None, Query(max_length=400, description="Only of assets whose key has this in it.")] = None,
    from_: Annotated[AwareDatetime | None, Query(alias="from", description="Only since then.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> DeadLetterPage:
    """Dead letters, the newest first. A page may have few or none, and yet a next one: each looks at so many."""
    before = read_cursor(cursor, dict[int, int]) if cursor else None
    since_ms = None if from_ is None else us_of(from_, 0) // 1000
    async with plant.heavy.place():
        wanted = _wanted(who, reason, key)
        page = await apart(
            lambda: letter_page(
                plant.settings, topic, wanted, limit, before=before, since_ms=since_ms,
                keep=lambda record: Shown.of(topic, record),
            )
        )  # fmt: skip
    return DeadLetterPage(
        items=[one.letter for one in page.records],
        next=None if page.before is None else write_cursor(page.before),
    )


@router.get("/dlq/{topic}/{partition}/{offset}", operation_id="getDeadLetter", responses=problems(404))
async def letter(plant: PlantDep, who: Operator, topic: TopicDep, partition: Partition, offset: Offset) -> DeadLetter:
    """One dead letter: why, from where, its headers, and its value as text and hex."""
    async with plant.heavy.place():
        return shown(topic, await seen_letter(plant.settings, who, topic, partition, offset), whole=True)


@router.post("/dlq/replay", operation_id="replayDeadLetters", responses=problems(404, 409, 413))
async def replay(plant: PlantDep, who: Engineer, asked: ReplayRequest) -> Replayed:
    """Give dead letters to the agents once more, after what refused them was mended.

    One, by `partition` and `offset`; or those with a `reason`, the newest `limit` of them. A repeat counts once.
    """
    if asked.partition is not None and asked.offset is not None:
        async with plant.heavy.place():
            return await replay_one(plant.settings, who, asked.topic, asked.partition, asked.offset)
    async with plant.heavy.place():
        since_ms = None if asked.from_ is None else us_of(asked.from_, 0) // 1000
        wanted = _wanted(who, asked.reason)
        return await apart(lambda: replay_many(plant.settings, asked.topic, wanted, asked.limit, since_ms))


def _wanted(who: Principal, reason: str | None = None, key: str | None = None) -> Callable[[Any], bool]:
    def wanted(record: Any) -> bool:
        if reason is not None and reason_of(record)[0] != reason:
            return False
        if key and key not in (record.key or b"").decode("utf-8", "replace"):
            return False
        return may_see(who, record)

    return wanted
