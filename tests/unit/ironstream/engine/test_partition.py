"""One partition at work: outputs, then changelog, then local copy, and nothing after a newer claim."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from ironstream.engine.api import Chunk, Outputs, Store
from ironstream.engine.changelog import Marker, Replay, claim_key
from ironstream.engine.database import StoreOptions
from ironstream.engine.outbox import Outbox
from ironstream.engine.partition import Partition, PartitionOutputs
from ironstream.engine.store import PartitionStore
from ironstream.errors import EngineError, FencedError
from tests.support.engine import MemoryRecord, chunk
from tests.support.faults.producer import InMemoryProducer

CLAIM, OTHER = b"claim-aa", b"claim-bb"
CHANGELOG = "p.changelog"


class Counting:
    """Counts the records of each key, and says so."""

    topology_version = 7
    topology_number = 7

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed: dict[bytes, int] = {}

    def apply(self, chunk: Chunk, out: Outputs) -> None:
        for record in chunk.records:
            key = record.key or b""
            self._changed[key] = 1 + self._changed.get(key, int(self._store.get(key) or 0))
            out.send("counts", key, b"%d" % self._changed[key], record.timestamp)

    def flush(self) -> None:
        for key, count in self._changed.items():
            self._store.put(key, b"%d" % count)
        self._changed.clear()


class Rig:
    """A partition over a broker in memory."""

    def __init__(self, folder: Path, commit_number: int = 4) -> None:
        self.producer = InMemoryProducer()
        self.failures: list[Exception] = []
        self.outbox = Outbox(self.failures.append)
        self.outbox.start(self.producer)
        self.store = PartitionStore(folder, StoreOptions(1, 1))
        self.producer.write(CHANGELOG, 0, claim_key(CLAIM), b"{}")
        self.logic = Counting(self.store)
        self.partition = Partition(
            changelog_topic=CHANGELOG,
            partition=0,
            logic=self.logic,
            store=self.store,
            outputs=PartitionOutputs(self.outbox, "p.", 0),
            outbox=self.outbox,
            claim=CLAIM,
            changelog_offset=1,
            position=100,
            commit_number=commit_number,
        )

    async def take(self, first: int, keys: Sequence[bytes]) -> None:
        records = [MemoryRecord(first + at, 1000, key, b"v") for at, key in enumerate(keys)]
        async with self.partition.take(chunk("source", records)) as fresh:
            if fresh is not None:
                self.logic.apply(fresh, self.partition.outputs)

    def replayed(self) -> tuple[Marker | None, dict[bytes, bytes | None]]:
        replay = Replay()
        replay.feed(self.producer.logs[CHANGELOG, 0])
        return replay.marker, dict(replay.take())


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path / "store")
    yield made
    made.producer.let_go()
    await made.partition.close()


async def test_a_commit_writes_rows_then_a_marker_that_names_the_position(rig: Rig) -> None:
    await rig.take(100, [b"a", b"b", b"a"])

    assert await rig.partition.commit() == 103

    marker, rows = rig.replayed()
    assert rows == {b"a": b"2", b"b": b"1"}
    assert marker is not None
    assert (marker.number, marker.source_offset, marker.topology_version) == (5, 103, 7)
    local = rig.store.committed()
    assert local is not None
    assert (local.claim, local.source_offset, local.changelog_offset) == (CLAIM, 103, 4)


async def test_outputs_are_acknowledged_before_the_changelog_knows_of_them(rig: Rig) -> None:
    rig.producer.hold()
    await rig.take(100, [b"a"])
    commit = asyncio.create_task(rig.partition.commit())
    await asyncio.sleep(0.01)
    rig.producer.let_go()
    await commit

    assert rig.producer.batches == [("p.counts", 0), (CHANGELOG, 0)]


async def test_records_that_the_state_reflects_are_not_taken_again(rig: Rig) -> None:
    await rig.take(100, [b"a", b"a"])
    await rig.take(99, [b"a", b"a", b"a", b"a"])
    await rig.take(98, [b"a"])

    assert rig.partition.position == 103
    await rig.partition.commit()
    assert rig.replayed()[1] == {b"a": b"3"}


async def test_what_is_taken_while_a_commit_runs_belongs_to_the_next(rig: Rig) -> None:
    await rig.take(100, [b"a"])
    rig.producer.hold()
    commit = asyncio.create_task(rig.partition.commit())
    await asyncio.sleep(0.01)
    await rig.take(101, [b"a"])
    rig.producer.let_go()

    assert await commit == 101
    marker, rows = rig.replayed()
    assert rows == {b"a": b"1"}
    assert marker is not None
    assert marker.source_offset == 101
    assert await rig.partition.commit() == 102
    assert rig.replayed()[1] == {b"a": b"2"}


async def test_a_newer_claim_stops_the_commit_before_the_local_copy(rig: Rig) -> None:
    await rig.take(100, [b"a"])
    rig.producer.write(CHANGELOG, 0, claim_key(OTHER), b"{}")

    with pytest.raises(FencedError, match="another worker has claimed it"):
        await rig.partition.commit()

    assert rig.store.committed() is None
    assert rig.replayed() == (None, {})


async def test_an_output_that_is_refused_keeps_the_changelog_and_the_local_copy_clean(rig: Rig) -> None:
    rig.producer.hold()
    await rig.take(100, [b"a"])
    commit = asyncio.create_task(rig.partition.commit())
    await asyncio.sleep(0.01)
    rig.producer.refuse = OSError("gone")
    rig.producer.let_go()

    with pytest.raises(EngineError, match="cannot write"):
        await commit

    assert rig.store.committed() is None
    assert len(rig.failures) == 1


async def test_a_body_that_raises_leaves_the_position(rig: Rig) -> None:
    with pytest.raises(ZeroDivisionError):
        async with rig.partition.take(chunk("source", [MemoryRecord(100, 0, b"a", b"v")])):
            raise ZeroDivisionError

    assert rig.partition.position == 100


async def test_without_changes_only_the_position_moves(rig: Rig) -> None:
    async with rig.partition.take(chunk("source", [MemoryRecord(100, 0, None, b"tick")])):
        pass

    assert await rig.partition.commit() == 101
    assert rig.replayed() == (None, {})


async def test_the_first_commit_of_a_partition_has_a_marker_even_without_changes(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "new", commit_number=0)
    async with rig.partition.take(chunk("source", [MemoryRecord(100, 0, None, b"tick")])):
        pass

    assert await rig.partition.commit() == 101
    marker, _ = rig.replayed()
    assert marker is not None
    assert (marker.number, marker.source_offset) == (1, 101)
    await rig.partition.close()


async def test_many_records_without_a_change_are_marked_all_the_same(rig: Rig) -> None:
    async with rig.partition.take(chunk("source", [MemoryRecord(10_200, 0, None, b"tick")])):
        pass

    assert await rig.partition.commit() == 10_201
    marker, _ = rig.replayed()
    assert marker is not None
    assert marker.source_offset == 10_201


async def test_a_closed_partition_takes_and_commits_nothing(rig: Rig) -> None:
    await rig.partition.close()

    async with rig.partition.take(chunk("source", [MemoryRecord(100, 0, b"a", b"v")])) as fresh:
        assert fresh is None
    assert await rig.partition.commit() == 100
