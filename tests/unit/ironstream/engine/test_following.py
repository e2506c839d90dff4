from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from ironstream.engine import following
from ironstream.engine.config import EngineConfig
from ironstream.engine.following import Followed, Following
from ironstream.engine.outbox import Outbox
from ironstream.engine.partition import PartitionOutputs
from ironstream.errors import EngineError
from tests.support.engine import chunk, record

TOPIC = "p.telemetry.clean"


class Consumer:
    """What aiokafka and Faust tell of a group and of a log."""

    committed_by_group: Mapping[TP, int] = {}
    oldest: Mapping[TP, int] = {}
    asked = 0
    meanwhile: Any = None

    def __init__(self, **settings: Any) -> None:
        assert settings["enable_auto_commit"] is False

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def committed(self, tp: TP) -> int | None:
        type(self).asked += 1
        await asyncio.sleep(0)
        if self.meanwhile is not None:
            await type(self).meanwhile()
        return self.committed_by_group.get(tp)

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return {tp: self.oldest.get(tp, 0) for tp in tps}


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> type[Consumer]:
    class Fresh(Consumer):
        pass

    monkeypatch.setattr(following, "AIOKafkaConsumer", Fresh)
    return Fresh


def tp(number: int) -> TP:
    return TP(TOPIC, number)


def outbox() -> Outbox:
    return Outbox(lambda err: None)


@pytest.fixture
def held(tmp_path: Path) -> Following:
    config = EngineConfig("app", {"bootstrap_servers": "nowhere"}, tmp_path, topic_prefix="p.", partitions=4)
    return Following(config, outbox())


def followed(position: int = 0) -> Followed:
    return Followed(position, PartitionOutputs(outbox(), "p.", 0))


async def test_it_goes_on_where_the_group_stands_else_with_the_oldest_record(
    held: Following, consumer: type[Consumer]
) -> None:
    consumer.committed_by_group = {tp(0): 50, tp(1): 5}
    consumer.oldest = {tp(0): 10, tp(1): 20, tp(2): 30}
    await held.take_over({tp(0), tp(1), tp(2)}, consumer(enable_auto_commit=False), object())
    assert held.positions() == {tp(0): 50, tp(1): 20, tp(2): 30}
    assert await held.commit() == {tp(0): 50, tp(1): 20, tp(2): 30}
    assert held.holdings().owned == [0, 1, 2]


async def test_the_commit_is_what_is_written_not_what_was_taken(held: Following, consumer: type[Consumer]) -> None:
    await held.take_over({tp(0)}, consumer(enable_auto_commit=False), object())
    partition = held.partitions[tp(0)]
    async with partition.take(chunk(TOPIC, [record(at, b"k", b"v", 0) for at in range(10)])) as fresh:
        assert fresh is not None
    assert (held.positions(), await held.commit()) == ({tp(0): 10}, {tp(0): 0})
    partition.wrote(7)
    assert await held.commit() == {tp(0): 7}
    partition.wrote(3)
    assert await held.commit() == {tp(0): 7}, "it never goes back"


async def test_only_what_is_missing_is_taken_over(held: Following, consumer: type[Consumer]) -> None:
    await held.take_over({tp(0)}, consumer(enable_auto_commit=False), object())
    before = held.partitions[tp(0)]
    await held.take_over({tp(0), tp(1)}, consumer(enable_auto_commit=False), object())
    assert held.partitions[tp(0)] is before
    assert consumer.asked == 2


async def test_what_is_let_go_is_closed_and_comes_back_as_another(held: Following, consumer: type[Consumer]) -> None:
    await held.take_over({tp(0), tp(1)}, consumer(enable_auto_commit=False), object())
    before = held.partitions[tp(0)]
    before.wrote(5)
    await held.release({tp(0), tp(3)})
    assert before.closed
    assert set(held.partitions) == {tp(1)}
    consumer.committed_by_group = {tp(0): 5}
    await held.take_over({tp(0), tp(1)}, consumer(enable_auto_commit=False), object())
    again = held.partitions[tp(0)]
    before.wrote(100)  # a write that was on its way
    assert (again.written, again.closed) == (5, False)


async def test_a_rebalance_while_it_takes_over_leaves_nothing_behind(held: Following, consumer: type[Consumer]) -> None:
    async def release() -> None:
        await held.release({tp(0)})

    consumer.meanwhile = release
    await held.take_over({tp(0)}, consumer(enable_auto_commit=False), object())
    assert held.partitions == {}
    consumer.meanwhile = None
    await held.take_over({tp(0)}, consumer(enable_auto_commit=False), object())
    assert set(held.partitions) == {tp(0)}


async def test_partitions_that_were_added_are_refused(held: Following, consumer: type[Consumer]) -> None:
    with pytest.raises(EngineError, match="more than 4 partitions"):
        await held.take_over({tp(4)}, consumer(enable_auto_commit=False), object())


async def test_a_closed_partition_lends_nothing() -> None:
    partition = followed()
    partition.closed = True
    async with partition.take(chunk(TOPIC, [record(0, b"k", b"v", 0)])) as fresh:
        assert fresh is None
    assert partition.position == 0


async def test_a_chunk_that_fails_does_not_count_as_taken() -> None:
    partition = followed()
    with pytest.raises(ZeroDivisionError):
        async with partition.take(chunk(TOPIC, [record(0, b"k", b"v", 0)])):
            raise ZeroDivisionError
    assert partition.position == 0


@given(st.lists(st.tuples(st.integers(0, 60), st.lists(st.integers(1, 3), min_size=1, max_size=8)), max_size=20))
def test_whatever_is_fetched_again_each_offset_is_lent_once_and_in_order(
    fetches: list[tuple[int, list[int]]],
) -> None:
    partition = followed(5)
    lent: list[int] = []

    async def main() -> None:
        for first, steps in fetches:
            offsets = [first + sum(steps[:at]) for at in range(len(steps))]
            fetched = chunk(TOPIC, [record(at, b"k", b"v", 0) for at in offsets])
            before = partition.position
            async with partition.take(fetched) as fresh:
                found = [] if fresh is None else fresh.records.offsets.tolist()
                assert found == [at for at in offsets if at >= before]
                lent.extend(found)
            assert partition.position == max(before, fetched.next_offset)

    asyncio.run(main())
    assert lent == sorted(set(lent))
    assert all(offset >= 5 for offset in lent)
