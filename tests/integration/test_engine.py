"""The engine on a real broker, with the smallest agent there is (tests/support/faults/counting.py)."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from ironstream.engine.changelog import Marker, marker_record, row_record
from ironstream.errors import EngineError, FencedError
from ironstream.settings import Settings
from tests.support.faults import counting
from tests.support.faults.rig import Rig, owner


@pytest.fixture
async def rig(deployment: Settings, tmp_path: Path) -> Rig:
    made = Rig(deployment, tmp_path / "state")
    await made.create()
    return made


@pytest.fixture
async def producer(rig: Rig) -> AsyncIterator[AIOKafkaProducer]:
    async with rig.producer() as started:
        yield started


async def test_a_restart_goes_on_at_the_marker_and_repeats_nothing(rig: Rig) -> None:
    await rig.say(*[(b"a", b"x"), (b"b", b"x")] * 500)
    with rig.worker() as process:
        await rig.counted({b"a": 500, b"b": 500})
        assert await rig.stopped(process) == 0, rig.log()[-3000:]
    marker = await rig.marker()
    assert await rig.group_offset() == marker.source_offset
    await rig.say(*[(b"a", b"x")] * 10)
    await rig.rewind_group()

    with rig.worker() as process:
        await rig.counted({b"a": 510, b"b": 500})
        assert await rig.stopped(process) == 0, rig.log()[-3000:]

    ids = Counter(r.headers["ironstream-id"] for r in await rig.read(rig.settings.topic(counting.COUNTS)))
    assert len(ids) == 1010
    assert set(ids.values()) == {1}


async def test_an_empty_folder_is_restored_from_the_changelog(rig: Rig) -> None:
    await rig.say(*[(b"a", b"x"), (b"b", b"x")] * 100, (b"b", b"delete"))
    with rig.worker() as process:
        await rig.counted({b"a": 100, b"b": 0})
        process.kill()
    shutil.rmtree(rig.folder)
    await rig.say((b"a", b"x"), (b"b", b"x"))

    with rig.worker() as process:
        await rig.counted({b"a": 101, b"b": 1})
        assert await rig.stopped(process) == 0, rig.log()[-3000:]


async def test_an_agent_that_raises_stops_the_worker_and_leaves_the_offsets(rig: Rig) -> None:
    await rig.say((b"a", b"x"))
    with rig.worker() as process:
        await rig.counted({b"a": 1})
        await asyncio.sleep(1)
        before = await rig.group_offset()
        poison = (await rig.read(rig.source))[-1].offset + 1
        await rig.say((b"a", b"raise"), (b"a", b"x"))
        assert await asyncio.to_thread(process.wait, 40) != 0
    assert "told to raise" in rig.log()
    after = await rig.group_offset()
    assert before is not None
    assert after is not None
    assert before <= after
    assert after <= max(r.offset for r in await rig.read(rig.source) if r.value == b"raise")
    assert (await rig.marker()).source_offset <= poison + 5

    with rig.worker() as process:
        assert await asyncio.to_thread(process.wait, 60) != 0, "the record is still there: it must stop again"
    assert await rig.counts() == {b"a": 1}


async def test_a_backlog_beyond_every_buffer_is_worked_off(rig: Rig) -> None:
    count = 150_000
    async with rig.producer() as producer:
        for first in range(0, count, 5_000):
            await asyncio.gather(
                *[
                    await producer.send(rig.source, key=b"k%d" % (n % 7), value=b"x" * 50, partition=0)
                    for n in range(first, first + 5_000)
                ]
            )
    expected = Counter(b"k%d" % (n % 7) for n in range(count))

    with rig.worker() as process:
        deadline = time.monotonic() + 60
        while (await rig.group_offset() or 0) < count:
            assert time.monotonic() < deadline, rig.log()[-3000:]
            await asyncio.sleep(0.5)
        assert await rig.stopped(process) == 0, rig.log()[-3000:]

    assert await rig.counts() == dict(expected)


async def test_of_two_claims_the_first_writes_nothing_more(
    rig: Rig, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    first = owner(rig, await rig.restore(tmp_path / "first", producer), producer)
    first._store.put(b"k", b"first")
    assert await first.commit() == 0
    second = await rig.restore(tmp_path / "second", producer)
    assert second.store.get(b"k") == b"first"
    before = first._store.committed()
    first._store.put(b"k", b"stale")

    with pytest.raises(FencedError, match="another worker has claimed it"):
        await first.commit()

    assert first._store.committed() == before
    await first.close()
    second.store.close()
    third = await rig.restore(tmp_path / "third", producer)
    assert third.store.get(b"k") == b"first"
    assert third.store.take_changes() == {b"k": b"first"}, "what was dropped must be written again as it was"
    third.store.close()


async def test_a_deleted_row_stays_deleted_in_every_restore(
    rig: Rig, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    partition = owner(rig, await rig.restore(tmp_path / "one", producer), producer)
    partition._store.put(b"k", b"1")
    partition._store.put(b"other", b"1")
    await partition.commit()
    await partition.close()
    shutil.copytree(tmp_path / "one", tmp_path / "old")

    partition = owner(rig, await rig.restore(tmp_path / "one", producer), producer, position=5)
    partition._store.delete(b"k")
    await partition.commit()
    await partition.close()

    for folder in ("one", "old", "empty"):
        restored = await rig.restore(tmp_path / folder, producer)
        assert dict(restored.store.scan(b"")) == {b"other": b"1"}, folder
        assert restored.source_offset == 5
        restored.store.close()


async def test_rows_without_a_marker_are_dropped_and_healed(
    rig: Rig, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    restored = await rig.restore(tmp_path / "one", producer)
    partition = owner(rig, restored, producer)
    partition._store.put(b"k", b"1")
    await partition.commit()
    for key in (b"k", b"new"):
        row_key, value, headers = row_record(restored.claim, key, b"half a commit")
        await producer.send_and_wait(rig.changelog, key=row_key, value=value, headers=list(headers), partition=0)
    await partition.close()

    after = await rig.restore(tmp_path / "two", producer)

    assert dict(after.store.scan(b"")) == {b"k": b"1"}
    assert after.healed == 2
    assert after.store.take_changes() == {b"k": b"1", b"new": None}
    after.store.close()


async def test_a_local_copy_from_another_changelog_is_refused(
    rig: Rig, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    stranger = await rig.restore(tmp_path / "one", producer)
    partition = owner(rig, stranger, producer)
    for number in range(5):
        partition._store.put(b"k", b"%d" % number)
        partition.position += 1
        await partition.commit()
    await partition.close()
    again = Rig(rig.settings.model_copy(update={"topic_prefix": rig.settings.topic_prefix + "again."}), rig.folder)
    await again.create()

    with pytest.raises(EngineError, match="is not the changelog of the local copy"):
        await again.restore(tmp_path / "one", producer)

    for number in range(20):
        await producer.send_and_wait(again.changelog, key=b"other/%d" % number, value=b"12345678x", partition=0)
    with pytest.raises(EngineError, match="the marker of the copy is not at offset"):
        await again.restore(tmp_path / "one", producer)


async def test_a_marker_of_a_fenced_claim_moves_nothing(rig: Rig, producer: AIOKafkaProducer, tmp_path: Path) -> None:
    first = await rig.restore(tmp_path / "first", producer)
    second = owner(rig, await rig.restore(tmp_path / "second", producer), producer, position=3)
    second._store.put(b"k", b"second")
    await second.commit()
    row_key, value, _ = row_record(first.claim, b"k", b"stale")
    await producer.send_and_wait(rig.changelog, key=row_key, value=value, partition=0)
    key, marker = marker_record(first.claim, Marker(99, 999, 1, 0))
    await producer.send_and_wait(rig.changelog, key=key, value=marker, partition=0)
    first.store.close()
    await second.close()

    third = await rig.restore(tmp_path / "third", producer)

    assert (third.source_offset, third.store.get(b"k")) == (3, b"second")
    third.store.close()
