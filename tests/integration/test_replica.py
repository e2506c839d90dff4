"""A read replica over a real broker: what it goes on from, and what it does not."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer

from ironstream.engine.api import Headers
from ironstream.engine.changelog import Marker, claim_key, marker_record, row_record
from ironstream.engine.replica import Replica
from ironstream.engine.replica_copy import ForeignCopyError, PartitionCopy
from ironstream.settings import Settings
from ironstream.topics import changelog_topic, ensure_all_topics

CLAIM, NEXT_CLAIM = b"worker-1", b"worker-2"
Rows = dict[bytes, bytes | None]


def replica(settings: Settings, copy: dict[int, PartitionCopy] | None = None) -> Replica:
    return Replica(settings.kafka_client_kwargs(), settings.topic(changelog_topic("events")), copy=copy)


async def commit(settings: Settings, claim: bytes, number: int, rows: Rows, *, marked: bool = True) -> None:
    """What a worker writes in a commit, to partition 0; with the first it takes the partition."""
    records: list[tuple[bytes, bytes | None, Headers]] = [(claim_key(claim), b"{}", ())] if number == 1 else []
    records += [row_record(claim, key, value) for key, value in rows.items()]
    if marked:
        records.append((*marker_record(claim, Marker(number, number, 1, 0)), ()))
    async with AIOKafkaProducer(**settings.kafka_client_kwargs(), acks="all") as producer:
        for key, value, headers in records:
            topic = settings.topic(changelog_topic("events"))
            await producer.send_and_wait(topic, value, key, 0, headers=list(headers))


async def read(settings: Settings, copy: dict[int, PartitionCopy] | None = None) -> Replica:
    """A replica at the end of the log, left again."""
    async with replica(settings, copy) as found:
        await found.catch_up()
    return found


async def test_a_replica_that_goes_on_from_a_copy_comes_to_what_one_from_the_beginning_does(
    deployment: Settings,
) -> None:
    await ensure_all_topics(deployment, [])
    await commit(deployment, CLAIM, 1, {b"a": b"1", b"b": b"1", b"c": b"1"})
    # of a commit that was not over yet when the copy was taken
    await commit(deployment, CLAIM, 2, {b"a": b"2"}, marked=False)
    copy = (await read(deployment)).copy()
    assert copy[0].rows == {b"a": b"1", b"b": b"1", b"c": b"1"}
    await commit(deployment, CLAIM, 2, {b"b": None})
    await commit(deployment, NEXT_CLAIM, 1, {b"d": b"3"})
    await commit(deployment, CLAIM, 3, {b"c": b"too late"})
    async with replica(deployment, copy) as found:
        told = []
        ends = await found.ends()
        while await found.left(ends):
            told += await found.poll()
    assert told == [(0, (b"a", b"2")), (0, (b"b", None)), (0, (b"d", b"3"))]
    anew = await read(deployment)
    assert found.rows == anew.rows
    assert found.rows[0] == {b"a": b"2", b"c": b"1", b"d": b"3"}
    assert found.commits() == anew.commits()


async def test_a_copy_of_another_log_is_noticed(deployment: Settings) -> None:
    await ensure_all_topics(deployment, [])
    await commit(deployment, CLAIM, 1, {b"a": b"1"})
    copy = (await read(deployment)).copy()
    other = {0: PartitionCopy(NEXT_CLAIM, copy[0].marker, copy[0].marker_offset, {b"x": b"1"})}
    with pytest.raises(ForeignCopyError, match="not from this log"):
        await read(deployment, other)


async def test_where_a_copy_ends_behind_the_log_all_is_read_anew(deployment: Settings) -> None:
    await ensure_all_topics(deployment, [])
    await commit(deployment, CLAIM, 1, {b"a": b"1"})
    copy = (await read(deployment)).copy()
    beyond = {0: PartitionCopy(CLAIM, copy[0].marker, 1000, {b"x": b"1"})}
    assert (await read(deployment, beyond)).rows[0] == {b"a": b"1"}
