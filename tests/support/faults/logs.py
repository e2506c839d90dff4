"""Faults of the logs themselves: records that expire before they are processed, changelogs that are compacted."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ironstream.topics import STATEFUL_AGENTS, changelog_config, changelog_topic
from tests.support.faults.deployment import Deployment, Worker

_SAID_S: Final = 60.0
_COMPACTED_S: Final = 120.0
_EXPIRED: Final = re.compile(r"records expired before they were processed.*")


async def delete_records(on: Deployment, before: dict[TopicPartition, int]) -> None:
    """Delete the records of partitions before an offset, as retention does."""
    admin = AIOKafkaAdminClient(**on.settings.kafka_client_kwargs())
    await admin.start()
    try:
        await admin.delete_records({tp: RecordsToDelete(offset) for tp, offset in before.items()})
    finally:
        await admin.close()


async def overtake_running_worker(on: Deployment) -> None:
    """A worker that is held up for less than its session finds its place in telemetry.raw expired."""
    worker = on.only_worker()
    await on.processing()
    worker.send(signal.SIGSTOP)
    await asyncio.sleep(2.5)
    expired = await _expire(on)
    worker.send(signal.SIGCONT)
    on.faults["telemetry.raw expired under a running worker"] += 1
    await _said(on, worker, expired)


async def overtake_stopped_worker(on: Deployment) -> None:
    """While no worker runs, telemetry.raw expires beyond the last commit."""
    await on.stop_workers()
    await asyncio.sleep(2.5)
    expired = await _expire(on)
    on.faults["telemetry.raw expired while no worker ran"] += 1
    await _said(on, on.start_worker(), expired)


async def _expire(on: Deployment) -> dict[int, int]:
    """Expire all there is in half of the partitions; returns the oldest offset that is left, by partition."""
    ends = await on.ends(["telemetry.raw"])
    on.archive = [*on.archive, *await on.read("telemetry.raw")]
    chosen = {tp: end for tp, end in ends.items() if tp.partition % 2 == 0 and end > 0}
    await delete_records(on, chosen)
    return {tp.partition: end for tp, end in chosen.items()}


async def _said(on: Deployment, worker: Worker, expired: dict[int, int]) -> None:
    """Wait until the worker has named what it lost, partition by partition, and keep it for the oracle."""
    topic = on.settings.topic("telemetry.raw")
    deadline = time.monotonic() + _SAID_S
    missing = set(expired)
    while missing:
        assert time.monotonic() < deadline, f"no word of what was lost in partitions {missing}\n{worker.last_words()}"
        await asyncio.sleep(0.3)
        for line in _EXPIRED.findall(worker.log.read_text(errors="replace")):
            told = dict(re.findall(r"(\w+)=(\S+)", line))
            partition, lost = int(told["partition"]), range(int(told["first_lost"]), int(told["last_lost"]) + 1)
            if told["topic"] == topic and partition in missing and lost.stop == expired[partition]:
                on.lost.setdefault(partition, []).append(lost)
                missing.discard(partition)
    assert all(ranges[-1] for ranges in on.lost.values()), "what is lost has a first and a last offset"
    await on.processing()


async def set_compaction(on: Deployment, *, lag_ms: int, segment_ms: int) -> None:
    """Have the broker compact the changelogs whatever little there is to gain, `lag_ms` after a record was written."""
    config = changelog_config() | {
        "min.compaction.lag.ms": str(lag_ms),
        "max.compaction.lag.ms": str(max(lag_ms, 1)),
        "segment.ms": str(segment_ms),
        "min.cleanable.dirty.ratio": "0.0",
        "min.insync.replicas": "2" if on.settings.replication >= 3 else "1",
    }
    admin = AIOKafkaAdminClient(**on.settings.kafka_client_kwargs())
    await admin.start()
    try:
        topics = [on.settings.topic(changelog_topic(agent)) for agent in STATEFUL_AGENTS]
        answers = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, one, config) for one in topics])
        # the cleaner looks for work every 15 s by default
        answers += await admin.alter_configs(
            [ConfigResource(ConfigResourceType.BROKER, "1", {"log.cleaner.backoff.ms": "500"})]
        )
    finally:
        await admin.close()
    for answer in answers:
        for resource in answer.to_object()["resources"]:
            assert resource["error_code"] == 0, resource


async def compact_changelog(on: Deployment) -> None:
    """The changelog is compacted up to its last segment; then all state is restored from it."""
    on.only_worker()
    await on.processing()
    await set_compaction(on, lag_ms=3_600_000, segment_ms=500)
    for _ in range(6):
        await on.processing()
    await on.stop_workers()
    before = now = await _density(on)
    await set_compaction(on, lag_ms=0, segment_ms=500)
    deadline = time.monotonic() + _COMPACTED_S
    while True:
        await asyncio.sleep(1.5)
        last, now = now, await _density(on)
        if now == last < 0.9 * before:
            break
        assert time.monotonic() < deadline, f"the changelog was not compacted: {before:.2f} → {now:.2f}"
    await set_compaction(on, lag_ms=3_600_000, segment_ms=21_600_000)
    on.faults["changelog compacted"] += 1
    on.delete_state()
    on.start_worker()
    await on.processing()


async def _density(on: Deployment) -> float:
    """How many of the changelog's offsets still hold a record."""
    topic = changelog_topic("telemetry")
    ends = await on.ends([topic])
    return len(await on.read(topic)) / max(1, sum(ends.values()))
