"""What a worker cannot make good, found and said: lost changelogs, expired records, partitions that were added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from ironstream.errors import EngineError

log = structlog.get_logger(__name__)


async def refuse_lost_changelog(
    without_marker: Mapping[TP, str], group: str, client_settings: Mapping[str, Any], hint: str
) -> None:
    """Raise EngineError if one of these partitions (values: their changelogs), which have no marker, was worked on.

    The first commit of a partition always writes a marker, and the group's offset moves only after it. So a group that
    has an offset where the changelog has no marker tells of a changelog that was lost.
    """
    if not without_marker:
        return
    # A consumer that never joins the group: unlike the admin client it waits for a coordinator that moves.
    consumer = AIOKafkaConsumer(**client_settings, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        for tp, changelog in without_marker.items():
            offset = await consumer.committed(TopicPartition(tp.topic, tp.partition))
            if offset is not None:
                raise EngineError(
                    f"{changelog}, partition {tp.partition}, has no commit, but group {group} stands at offset "
                    f"{offset} of {tp.topic}: the state was there and is lost",
                    hint,
                )
    finally:
        await consumer.stop()


def refuse_added_partitions(assignment: Iterable[TP], partitions: int) -> None:
    """Raise EngineError for a partition beyond the deployment's number of them (0: not known)."""
    added = sorted(tp for tp in assignment if partitions and tp.partition >= partitions)
    if added:
        raise EngineError(
            f"Topic {added[0].topic} has more than {partitions} partitions: somebody added some. Assets have changed "
            "their places, and their state has not",
            "Partitions cannot be taken away again. Start a deployment with a new IRONSTREAM_TOPIC_PREFIX and the "
            "number wanted in IRONSTREAM_PARTITIONS, and let the adapters write there.",
        )


def first_position(tp: TP, committed: int | None, oldest: int) -> int:
    """Where to go on: after the last commit, or with the oldest record; an error is logged for what expired between."""
    if committed is None:
        return oldest
    report_expired(tp, committed, oldest)
    return max(committed, oldest)


def report_expired(tp: TP, wanted: int, oldest: int) -> None:
    """Log which records are gone from the log before they were processed."""
    if wanted < oldest:
        # Nothing can bring these back; whoever operates this must hear of it.
        log.error(
            "records expired before they were processed",
            topic=tp.topic,
            partition=tp.partition,
            first_lost=wanted,
            last_lost=oldest - 1,
            hint="raise retention.ms of the topic or add workers",
        )


async def look_for_loss(tp: TP, position: int, first: int, consumer: Any) -> None:
    """Log what expired if `first` is not the offset that `tp` waits for (`position`): the log overtook this process.

    `consumer` is Faust's.
    """
    if first > position:
        oldest = (await consumer.earliest_offsets(tp))[tp]
        report_expired(tp, position, min(first, oldest))
