"""Single records of the log as the API shows them, to whom it may."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, Field

from ironstream.dead_letters.letter import tenants_of
from ironstream.domain.times import MAX_US, to_iso
from ironstream.engine.stretches import record_at
from ironstream.record_text import headers_of, text_of
from ironstream.settings import Settings
from ironstream.web.auth import Principal
from ironstream.web.models import Time
from ironstream.web.problems import not_found

_SHORT: Final = 200
_LONG: Final = 64 * 1024


class LogRecord(BaseModel):
    """A record as it stands in Kafka. Of a long value the beginning is shown: `size` is that of the whole, in bytes.

    What devices wrote is here as they wrote it: it is text, never HTML.
    """

    topic: str = Field(examples=["telemetry.raw"])
    partition: int
    offset: int
    time: Time = Field(description="When it reached Kafka.")
    key: str | None
    headers: dict[str, str | None]
    text: str | None
    hex: str | None = Field(description="Only where one record is asked for.")
    size: int


def log_record(topic: str, record: Any, *, whole: bool = False) -> LogRecord:
    """A record as it is shown."""
    value, most = record.value, _LONG if whole else _SHORT
    return LogRecord(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        time=iso(record.timestamp),
        key=text_of(record.key),
        headers=headers_of(record),
        # text with what is none replaced: the bytes themselves are in `hex`
        text=None if value is None else value[:most].decode("utf-8", "replace"),
        hex=value[:most].hex(" ") if whole and value is not None else None,
        size=len(value or b""),
    )


def iso(time_ms: int) -> str:
    """A time of Kafka's."""
    return to_iso(min(max(time_ms * 1000, 0), MAX_US))


def may_see(who: Principal, record: Any) -> bool:
    """Whether a record may be shown to them; one whose tenant cannot be told only to who sees all."""
    if who.sees_all:
        return True
    tenants = tenants_of(record)
    return tenants is not None and all(map(who.sees, tenants))


async def seen_record(settings: Settings, who: Principal, topic: str, partition: int, offset: int, hint: str) -> Any:
    """A record that they may see. Raises ApiError (404) with the hint, also for one of which they may not know."""
    record = await record_at(settings, topic, partition, offset)
    if record is None or not may_see(who, record):
        raise not_found(f"record {topic}/{partition}/{offset}", hint)
    return record
