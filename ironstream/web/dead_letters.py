"""Dead letters as the API shows them, and what it does with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from ironstream.dead_letters.letter import reason_of
from ironstream.dead_letters.read import Counted, letter_page
from ironstream.dead_letters.replay import NotReplayableError, Replay, replay_of
from ironstream.dead_letters.write import write_replays
from ironstream.schemas import Schemas
from ironstream.settings import Settings
from ironstream.web.auth import Principal
from ironstream.web.models import Time
from ironstream.web.problems import ApiError
from ironstream.web.records import LogRecord, iso, log_record, seen_record

_REPLAYED_AT_ONCE: Final = 1_000


class DeadLetterTopic(BaseModel):
    """A topic of dead letters. `replayable`: agents read where its records came from."""

    topic: str = Field(examples=["dlq.invalid_telemetry"])
    records: int | None
    replayable: bool


class DeadLetterTopics(BaseModel):
    """All of them."""

    items: list[DeadLetterTopic]
    next: str | None = None


class ReasonBucket(BaseModel):
    """How many records of one topic were refused for one reason (on dlq.sinks by one sink) in one interval."""

    start: Time
    topic: str
    reason: str = Field(examples=["range"])
    sink: str | None
    count: int


class ReasonTotal(BaseModel):
    """All of one reason, and the last of them."""

    topic: str
    reason: str = Field(examples=["range"])
    sink: str | None
    count: int
    last_at: Time
    last_record: str = Field(examples=["dlq.invalid_telemetry/3/17"])
    last_detail: str


class Reasons(BaseModel):
    """What was refused in a time, by interval and in all. `truncated`: there was more; the newest is counted."""

    items: list[ReasonBucket]
    next: str | None = None
    totals: list[ReasonTotal]
    covers_from: Time
    covers_to: Time
    bucket_s: float
    truncated: bool


class DeadLetter(LogRecord):
    """A record that was refused, as it was; its time is that of the refused record."""

    reason: str
    detail: str
    sink: str | None
    source: str | None = Field(description="topic/partition/offset of the refused record.")
    topology_version: int | None = Field(description="The version that it was judged by.")


class DeadLetterPage(BaseModel):
    """Dead letters, the newest first."""

    items: list[DeadLetter]
    next: str | None


class ReplayRequest(BaseModel):
    """Which dead letters: one by its place, or those of a reason."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"topic": "dlq.invalid_telemetry", "partition": 3, "offset": 17},
                {"topic": "dlq.invalid_telemetry", "reason": "range", "from": "2031-01-31T06:00:00Z", "limit": 500},
            ]
        },
    )

    topic: Literal["dlq.invalid_telemetry", "dlq.invalid_events", "dlq.invalid_alarms"]
    partition: int | None = Field(None, ge=0, le=2**31 - 1)
    offset: int | None = Field(None, ge=0, le=2**63 - 2)
    reason: str | None = Field(None, min_length=1, max_length=100)
    from_: AwareDatetime | None = Field(None, alias="from", description="Only what reached Kafka since then.")
    limit: int = Field(100, ge=1, le=_REPLAYED_AT_ONCE)

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        one = self.partition is not None and self.offset is not None
        if one is (self.reason is not None) or (self.partition is None) is not (self.offset is None):
            raise ValueError("give partition and offset, or reason")
        return self


class Skipped(BaseModel):
    """A dead letter that could not be replayed, and why."""

    record: str
    why: str


class Replayed(BaseModel):
    """What was done. `more`: there are older ones that were not looked at."""

    replayed: int
    skipped: list[Skipped]
    more: bool


def shown(topic: str, record: Any, *, whole: bool = False) -> DeadLetter:
    """A record as it is shown."""
    plain = log_record(topic, record, whole=whole)
    reason, detail, sink = reason_of(record)
    places = [plain.headers.get(f"dlq-{name}") for name in ("topic", "partition", "offset")]
    version = plain.headers.get("dlq-topology") or ""
    return DeadLetter(
        **dict(plain),
        reason=reason,
        detail=detail,
        sink=sink,
        source="/".join(map(str, places)) if all(places) else None,
        topology_version=int(version) if version.isdecimal() and len(version) < 16 else None,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as it is shown in a list, in place of the record, which may be large."""

    offset: int
    timestamp: int
    letter: DeadLetter

    @classmethod
    def of(cls, topic: str, record: Any) -> Self:
        """What is shown of a record."""
        return cls(record.offset, record.timestamp, shown(topic, record))


def reasons_of(counted: Counted, from_ms: int, to_ms: int, bucket_ms: int) -> Reasons:
    """What was counted, as it is shown."""
    return Reasons(
        items=[
            ReasonBucket(start=iso(start), topic=one.topic, reason=one.reason, sink=one.sink, count=count)
            for one in counted.refusals
            for start, count in sorted(one.over_time.items())
        ],
        totals=[
            ReasonTotal(
                topic=one.topic, reason=one.reason, sink=one.sink, count=one.count, last_at=iso(one.last_ms),
                last_record=one.last_id, last_detail=one.last_detail,
            )
            for one in counted.refusals
        ],
        covers_from=iso(from_ms),
        covers_to=iso(to_ms),
        bucket_s=bucket_ms / 1000,
        truncated=counted.truncated,
    )  # fmt: skip


async def seen_letter(settings: Settings, who: Principal, topic: str, partition: int, offset: int) -> Any:
    """A dead letter that they may see. Raises ApiError (404), also for one of which they may not know."""
    return await seen_record(settings, who, topic, partition, offset, "GET /api/v1/dlq/{topic} lists those there are.")


async def replay_one(settings: Settings, who: Principal, topic: str, partition: int, offset: int) -> Replayed:
    """Replay one. Raises ApiError (409) where it cannot be."""
    record = await seen_letter(settings, who, topic, partition, offset)
    try:
        replay = replay_of(topic, record, Schemas(settings.schemas))
    except NotReplayableError as error:
        raise ApiError(409, error.message, error.hint) from error
    return Replayed(replayed=await write_replays(settings, [replay]), skipped=[], more=False)


async def replay_many(
    settings: Settings, topic: str, wanted: Callable[[Any], bool], limit: int, since_ms: int | None
) -> Replayed:
    """Replay the newest `limit` that are wanted, the oldest of them first."""
    page = await letter_page(settings, topic, wanted, limit, since_ms=since_ms)
    schemas = Schemas(settings.schemas)
    replays: list[Replay] = []
    skipped: list[Skipped] = []
    for record in reversed(page.records):
        try:
            replays.append(replay_of(topic, record, schemas))
        except NotReplayableError as error:
            skipped.append(Skipped(record=f"{topic}/{record.partition}/{record.offset}", why=error.message))
    written = await write_replays(settings, replays) if replays else 0
    return Replayed(replayed=written, skipped=skipped, more=page.before is not None)
