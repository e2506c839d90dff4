"""Taking partitions over: claim them, bring the local copies up to the claim, find where to go on.

The changelog is read by a consumer of its own, in batches, up to the worker's own claims. Whatever an older owner
still writes after a claim is fenced by it (see `ironstream.engine.changelog`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ironstream.engine.changelog import CLAIM_ID_LENGTH, Replay, claim_key, is_marker_of
from ironstream.engine.crashpoints import crash_point
from ironstream.engine.database import StoreOptions, discard
from ironstream.engine.records import Records
from ironstream.engine.store import LocalCommit, PartitionStore
from ironstream.engine.unpack import records_of, unpack_fast
from ironstream.errors import EngineError

log = structlog.get_logger(__name__)

LOCAL_COPY_MAX_AGE_MS: Final = 12 * 3600 * 1000
"""Deletions leave the changelog after delete.retention.ms (24 h): a local copy older than half of that is rebuilt."""


@dataclass(slots=True)
class Restored:
    """A partition ready to go on: its rows, its claim, and the offsets to continue from.

    `source_offset` is None where no commit was ever made: start with the oldest record.
    """

    store: PartitionStore
    claim: bytes
    changelog_offset: int
    source_offset: int | None
    commit_number: int
    rows_read: int
    healed: int


@dataclass(slots=True)
class _Progress:
    path: Path
    store: PartitionStore
    replay: Replay
    claim: bytes
    claim_offset: int = -1
    position: int = 0
    local: LocalCommit | None = None
    rows_read: int = 0


async def restore_partitions(
    paths: Mapping[TopicPartition, Path],
    *,
    producer: AIOKafkaProducer,
    client_settings: Mapping[str, Any],
    options: StoreOptions,
) -> dict[TopicPartition, Restored]:
    """Claim and restore changelog partitions (keys of `paths`; values: folders of their local copies).

    Returns each partition ready to go on. On cancellation everything that was opened is closed again. Raises
    EngineError for a changelog that lacks what the state needs: going on without it would count readings anew.
    """
    opened: dict[TopicPartition, _Progress] = {}
    try:
        for tp, path in paths.items():
            opened[tp] = _open(path, options)
        await _claim(opened, producer)
        await _check_local_copies(opened, client_settings, options)
        await _read_changelogs(opened, client_settings)
    except BaseException:
        for progress in opened.values():
            progress.store.close()
        raise
    return {tp: _finish(progress) for tp, progress in opened.items()}


def _open(path: Path, options: StoreOptions) -> _Progress:
    store = PartitionStore(path, options)
    progress = _Progress(path, store, Replay(), secrets.token_bytes(CLAIM_ID_LENGTH))
    progress.local = store.committed()
    return progress


async def _claim(opened: Mapping[TopicPartition, _Progress], producer: AIOKafkaProducer) -> None:
    sent = [
        await producer.send(tp.topic, key=claim_key(progress.claim), value=b"{}", partition=tp.partition)
        for tp, progress in opened.items()
    ]
    for progress, metadata in zip(opened.values(), await asyncio.gather(*sent), strict=True):
        progress.claim_offset = metadata.offset


async def _check_local_copies(
    opened: Mapping[TopicPartition, _Progress], client_settings: Mapping[str, Any], options: StoreOptions
) -> None:
    """Throw away local copies that are too old; refuse changelogs that cannot give the state that was committed."""
    consumer = AIOKafkaConsumer(**client_settings)
    await consumer.start()
    try:
        first_offsets = await consumer.beginning_offsets(list(opened))
    finally:
        await consumer.stop()
    for tp, progress in opened.items():
        local, first = progress.local, first_offsets[tp]
        if local is not None and local.changelog_offset > progress.claim_offset:
            raise _foreign(tp, progress.path, f"the copy is at offset {local.changelog_offset}, the log ends before it")
        too_old = local is not None and time.time() * 1000 - local.time_ms > LOCAL_COPY_MAX_AGE_MS
        usable = local is not None and not too_old and first <= local.changelog_offset
        # Compaction never moves the beginning of a log: what is missing there was deleted.
        if first > 0 and not usable:
            raise _incomplete(tp, first)
        if first > 0:
            log.error(
                "changelog lacks its beginning, this local copy is the only one of its state",
                partition=str(tp),
                first_offset=first,
                path=str(progress.path),
                hint="set cleanup.policy=compact on the topic, keep a copy of the folder",
            )
        if local is not None and not usable:
            progress.store.close()
            discard(progress.path, f"it is older than {LOCAL_COPY_MAX_AGE_MS // 3_600_000} h")
            progress.store = PartitionStore(progress.path, options)
            progress.local = None


def start_anew(changelog: str) -> str:
    """What to do when a changelog is lost for good."""
    return (
        f"Bring the topic {changelog} back from a copy. If it is lost: stop all workers, delete the topic, the "
        "consumer group and the folder of the local state; the agent then starts with empty state at the oldest record "
        "of its source."
    )


def _incomplete(tp: TopicPartition, first: int) -> EngineError:
    return EngineError(
        f"{tp.topic}, partition {tp.partition}: its records before offset {first} were deleted, and with them state "
        "that no local copy here has",
        start_anew(tp.topic),
    )


def _foreign(tp: TopicPartition, path: Path, why: str) -> EngineError:
    return EngineError(
        f"{tp.topic}, partition {tp.partition}, is not the changelog of the local copy {path}: {why}. "
        "Was the topic deleted, or the Kafka another one?",
        f"On a new Kafka remove that folder. {start_anew(tp.topic)}",
    )


async def _read_changelogs(opened: Mapping[TopicPartition, _Progress], client_settings: Mapping[str, Any]) -> None:
    for progress in opened.values():
        if progress.local is not None:
            progress.replay = Replay(progress.local.claim)
            # The marker of the copy is read once more: it shows that this is still the log that the copy came from.
            progress.position = progress.local.changelog_offset - 1
    waiting = set(opened)
    consumer = AIOKafkaConsumer(
        **client_settings,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    unpack_fast(consumer)
    try:
        consumer.assign(list(waiting))
        for tp in waiting:
            consumer.seek(tp, opened[tp].position)
        while waiting:
            fetched = await consumer.getmany(timeout_ms=100)
            for tp, batches in fetched.items():
                records = records_of(batches)
                if not len(records):  # compaction leaves batches of none
                    continue
                _check_marker(tp, opened[tp], records)
                _feed(opened[tp], records)
                crash_point("in_restore")
            for tp in [tp for tp in waiting if opened[tp].position > opened[tp].claim_offset]:
                waiting.discard(tp)
                consumer.pause(tp)
            await asyncio.sleep(0)
    finally:
        await consumer.stop()


def _check_marker(tp: TopicPartition, progress: _Progress, records: Records) -> None:
    """Refuse a log that holds something else where the marker of the local copy should be (or was compacted)."""
    local = progress.local
    if local is None or records[0].offset != local.changelog_offset - 1:
        return
    if not is_marker_of(local.claim, records[0].key):
        raise _foreign(tp, progress.path, f"the marker of the copy is not at offset {records[0].offset}")


def _feed(progress: _Progress, records: Records) -> None:
    """Take fetched records up to and including the own claim; store what became final."""
    own = records[: int(np.searchsorted(records.offsets, progress.claim_offset, "right"))]
    progress.position = min(records[-1].offset, progress.claim_offset) + 1
    progress.replay.feed_columns(own)
    progress.rows_read += len(own)
    replay, marker = progress.replay, progress.replay.marker
    if marker is not None and (progress.local is None or progress.local.changelog_offset <= replay.marker_offset):
        # Up to the marker, not to the position: rows after it wait in the replay for a marker of their own.
        progress.local = LocalCommit(
            replay.marker_claim, replay.marker_offset + 1, marker.source_offset, marker.number, marker.time_ms
        )
        progress.store.write(replay.take(), progress.local)


def _finish(progress: _Progress) -> Restored:
    local = progress.local
    progress.store.heal(progress.replay.to_heal)
    return Restored(
        store=progress.store,
        claim=progress.claim,
        changelog_offset=progress.claim_offset + 1,
        source_offset=local.source_offset if local else None,
        commit_number=local.number if local else 0,
        rows_read=progress.rows_read,
        healed=len(progress.replay.to_heal),
    )
