"""Dead letters read from Kafka: one, a page of them, and how many there were over time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import TopicPartition

from ironstream.dead_letters.letter import reason_of
from ironstream.engine.log_reader import LogReader, Progress
from ironstream.engine.newest_first import Stretch, newest_first
from ironstream.engine.stretches import newest_of, read_spans, record_at, spans_between
from ironstream.errors import ConfigurationError
from ironstream.settings import Settings

Wanted = Callable[[Any], bool]
Keep = Callable[[Any], Any]
MOST_SCANNED: Final = 20_000
"""Records that are looked at for one page."""
_AT_ONCE: Final = 2_000
_FIRST: Final = 50
"""Offsets of each partition that are looked at first: one page is often full with them."""
_SECONDS: Final = 5.0
"""How long is looked for one page."""


class NoSuchRecordError(ConfigurationError):
    """There is no such record, or none any more."""


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Dead letters, the newest first, and by partition the offset before which the next page begins; None: all seen."""

    records: list[Any]
    before: dict[int, int] | None


@dataclass(slots=True)
class Refusals:
    """Dead letters of one topic with one reason; on dlq.sinks those of one sink. `over_time` counts them by the start
    of their bucket (ms since the epoch).
    """

    topic: str
    reason: str
    sink: str | None = None
    count: int = 0
    last_ms: int = -1
    last_id: str = ""
    last_detail: str = ""
    over_time: dict[int, int] = field(default_factory=dict)

    def add(self, record: Any, detail: str) -> None:
        """Count one more."""
        self.count += 1
        if record.timestamp >= self.last_ms:
            self.last_ms, self.last_detail = record.timestamp, detail
            self.last_id = f"{self.topic}/{record.partition}/{record.offset}"


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there were. `truncated`: there were more records than were looked at, the newest ones."""

    refusals: list[Refusals]
    truncated: bool


@dataclass(frozen=True, slots=True)
class _PassedOver:
    """A record that is not wanted: what the order of the others needs of it."""

    offset: int
    timestamp: int


async def one_letter(settings: Settings, topic: str, partition: int, offset: int) -> Any:
    """One record. Raises NoSuchRecordError."""
    record = await record_at(settings, topic, partition, offset)
    if record is None:
        raise NoSuchRecordError(
            f"There is no record {topic}/{partition}/{offset}.", "`ironstream dlq list` names those that there are."
        )
    return record


async def letter_page(
    settings: Settings,
    topic: str,
    wanted: Wanted,
    limit: int,
    *,
    before: dict[int, int] | None = None,
    since_ms: int | None = None,
    keep: Keep = lambda record: record,
) -> LetterPage:
    """The newest `limit` records of a topic that are wanted, before these offsets and since that time.

    There may be fewer, or none, with more to follow: no more than `MOST_SCANNED` are looked at, for 5 s. `keep` makes
    of a record what is to be in the page, with its offset and timestamp: records may be large.
    """
    async with LogReader(settings, [topic], missing_ok=True) as reader:
        spans = await spans_between(reader, since_ms, None)
        firsts = {tp: start for tp, (start, _) in spans.items()}
        ends = {tp: min(end, (before or {}).get(tp.partition, end)) for tp, (_, end) in spans.items()}
        found: list[Any] = []
        scanned, share, until_s = 0, _FIRST, time.monotonic() + _SECONDS
        while len(found) < limit and scanned < MOST_SCANNED and any(ends[tp] > firsts[tp] for tp in ends):
            read = {tp: (max(firsts[tp], ends[tp] - share), ends[tp]) for tp in ends}
            records: dict[TopicPartition, list[Any]] = {tp: [] for tp in ends}
            async for record in read_spans(reader, read):
                place = TopicPartition(record.topic, record.partition)
                records[place].append(keep(record) if wanted(record) else _PassedOver(record.offset, record.timestamp))
                scanned += 1
            stretches = {tp: Stretch(firsts[tp], *read[tp], records[tp]) for tp in ends}
            newest = newest_first(stretches, lambda one: not isinstance(one, _PassedOver), limit - len(found))
            found += newest.records
            ends = newest.ends
            if time.monotonic() > until_s:
                break
            share = min(2 * share, _AT_ONCE)
    more = any(ends[tp] > firsts[tp] for tp in ends)
    return LetterPage(found, {tp.partition: end for tp, end in ends.items()} if more else None)


async def count_letters(
    settings: Settings,
    topics: Sequence[str],
    wanted: Wanted,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    bucket_ms: int | None = None,
    most: int | None = None,
    progress: Progress = lambda done, total: None,
) -> Counted:
    """Dead letters by topic, reason and sink, and over time where `bucket_ms` is given; of many the newest `most`.

    `progress` is told how many offsets of how many are behind.
    """
    groups: dict[tuple[str, str, str | None], Refusals] = {}
    async with LogReader(settings, topics, missing_ok=True) as reader:
        spans = await spans_between(reader, from_ms, to_ms)
        chosen = spans if most is None else newest_of(spans, most)
        total, done = sum(end - start for start, end in chosen.values()), 0
        async for record in read_spans(reader, chosen):
            done += 1
            progress(done, total)
            if not wanted(record):
                continue
            topic = reader.topic_of(record)
            reason, detail, sink = reason_of(record)
            group = groups.setdefault((topic, reason, sink), Refusals(topic, reason, sink))
            group.add(record, detail)
            if bucket_ms is not None:
                start = record.timestamp // bucket_ms * bucket_ms
                group.over_time[start] = group.over_time.get(start, 0) + 1
    ordered = sorted(groups.values(), key=lambda one: (one.topic, -one.count))
    return Counted(ordered, truncated=chosen != spans)
