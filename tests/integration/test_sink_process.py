"""What every sink has from its process, on a real broker, its target a file (tests.support.sinks.journal)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ironstream.contract import Topic
from ironstream.settings import Settings
from tests.support.sinks.journal import rows_of
from tests.support.sinks.rig import SinkRig, until

RECORDS = 3_000


def values(count: int, first: int = 0) -> list[bytes]:
    return [json.dumps({"parameter": f"p{number}"}).encode() for number in range(first, first + count)]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "rows"


async def rig_of(deployment: Settings, target: Path, **config: Any) -> SinkRig:
    topics = [Topic.TELEMETRY_CLEAN, Topic.EVENTS_CLEAN]
    config = {"path": str(target)} | config
    rig = SinkRig(deployment, [{"id": "store", "kind": "journal", "topics": topics, "config": config}])
    await rig.create()
    return rig


def names(target: Path) -> Counter[str]:
    return Counter(row[3] for row in rows_of(target))


@pytest.mark.parametrize("by_partition", [False, True])
async def test_everything_is_written_once_and_the_offsets_say_so(
    deployment: Settings, target: Path, by_partition: bool
) -> None:
    rig = await rig_of(deployment, target, by_partition=by_partition)
    await rig.say(Topic.TELEMETRY_CLEAN, values(RECORDS), key=b"")
    await rig.say(Topic.EVENTS_CLEAN, values(100, RECORDS))
    with rig.process("store") as sink:
        await until(lambda: len(rows_of(target)) >= RECORDS + 100, sink)
        assert await sink.stopped() == 0, sink.said()
    assert names(target) == Counter({f"p{number}": 1 for number in range(RECORDS + 100)})
    for topic in (Topic.TELEMETRY_CLEAN, Topic.EVENTS_CLEAN):
        ends = await rig.ends(topic)
        offsets = await rig.offsets("store", topic)
        assert {number: offset or 0 for number, offset in offsets.items()} == ends


async def test_what_was_gathered_is_written_before_a_graceful_end(deployment: Settings, target: Path) -> None:
    rig = await rig_of(deployment, target, age_s=1000.0, rows=100_000)
    await rig.say(Topic.TELEMETRY_CLEAN, values(200))
    with rig.process("store") as sink:
        await until(lambda: "partitions taken over" in sink.said(), sink)
        await sink.shows("/metrics", 'ironstream_sink_rows_waiting{sink="store",topic="telemetry.clean"} 200')
        assert rows_of(target) == []
        assert await sink.stopped() == 0, sink.said()
    assert len(rows_of(target)) == 200
    assert sum(offset or 0 for offset in (await rig.offsets("store", Topic.TELEMETRY_CLEAN)).values()) == 200


async def test_what_breaks_at_a_graceful_end_ends_it_at_once_with_a_code(deployment: Settings, target: Path) -> None:
    await asyncio.to_thread(target.mkdir)  # no outage, but nothing that this sink could ever write to
    rig = await rig_of(deployment, target, age_s=1000.0, rows=100_000)
    await rig.say(Topic.TELEMETRY_CLEAN, values(200))
    with rig.process("store") as sink:
        await sink.shows("/metrics", 'ironstream_sink_rows_waiting{sink="store",topic="telemetry.clean"} 200')
        assert await sink.stopped() != 0, sink.said()
        assert "IsADirectoryError" in sink.said()
        # had it waited for what nobody writes any more, it would have been cut off before this
        assert "_Flows]: Stopping" in sink.said()
    assert set((await rig.offsets("store", Topic.TELEMETRY_CLEAN)).values()) <= {None, 0}


@pytest.mark.parametrize("crash_at", ["before_write:2", "after_write:2", "before_offsets:1"])
async def test_killed_at_any_step_it_loses_and_doubles_nothing(
    deployment: Settings, target: Path, crash_at: str
) -> None:
    rig = await rig_of(deployment, target)
    await rig.say(Topic.TELEMETRY_CLEAN, values(RECORDS), key=b"")
    with rig.process("store", crash_at) as sink:
        assert await sink.ended() == -9, sink.said()
    with rig.process("store") as sink:
        await until(lambda: len(rows_of(target)) >= RECORDS, sink)
        await sink.shows("/health", '"kafka_connection": "ok"')
        assert await sink.stopped() == 0, sink.said()
    assert names(target) == Counter({f"p{number}": 1 for number in range(RECORDS)})


async def test_a_target_that_is_away_stalls_nothing_but_itself(
    deployment: Settings, target: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.touch()
    rig = await rig_of(deployment, target, away=str(away))
    await rig.say(Topic.TELEMETRY_CLEAN, values(RECORDS), key=b"")
    with rig.process("store") as sink:
        await sink.shows("/health", '"breaker": "open"')
        health = await sink.health()
        assert health["status"] == "unhealthy"
        assert health["last_error"] == "the journal is away"
        lines = [json.loads(record.value) for record in await rig.read(Topic.LOGS_SINKS)]
        assert {(line["level"], line["sink"], line["error"]) for line in lines} == {
            ("warning", "store", "the journal is away")
        }
        assert health["lag_records"] == RECORDS
        assert 'ironstream_sink_breaker_open{sink="store"} 1.0' in (await sink.get("/metrics"))[1]
        assert (await sink.get("/live"))[0] == 200
        away.unlink()
        await until(lambda: len(rows_of(target)) == RECORDS, sink)
        await sink.shows("/health", '"lag_records": 0')
        health = await sink.health()
        assert health["status"] == "healthy"
        assert health["last_write_at"]
        assert await sink.stopped() == 0, sink.said()
    assert names(target) == Counter({f"p{number}": 1 for number in range(RECORDS)})


async def test_it_ends_in_time_while_its_target_is_away_and_goes_on_where_it_was(
    deployment: Settings, target: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    rig = await rig_of(deployment, target, away=str(away))
    await rig.say(Topic.TELEMETRY_CLEAN, values(500), key=b"")
    with rig.process("store") as sink:
        await until(lambda: len(rows_of(target)) == 500, sink)
        away.touch()
        await rig.say(Topic.TELEMETRY_CLEAN, values(500, 500), key=b"")
        await until(lambda: "it is tried again" in sink.said(), sink)
        assert await sink.stopped() == 0, sink.said()
    assert len(rows_of(target)) == 500
    away.unlink()
    with rig.process("store") as sink:
        await until(lambda: len(rows_of(target)) >= 1000, sink)
    assert names(target) == Counter({f"p{number}": 1 for number in range(1000)})


async def test_what_is_refused_is_a_dead_letter_and_nothing_else_is(deployment: Settings, target: Path) -> None:
    rig = await rig_of(deployment, target)
    bad = [b'{"parameter": "refuse"}', b"not json"]
    await rig.say(Topic.TELEMETRY_CLEAN, [*values(50), *bad, *values(50, 50)])
    with rig.process("store") as sink:
        await until(lambda: len(rows_of(target)) >= 100, sink)
        assert await sink.stopped() == 0, sink.said()
    assert names(target) == Counter({f"p{number}": 1 for number in range(100)})
    letters = sorted(await rig.dead_letters(), key=lambda letter: int(letter["dlq-offset"]))
    assert [letter["dlq-reason"] for letter in letters] == ["refused", "malformed"]
    assert {letter["dlq-sink"] for letter in letters} == {"store"}
    assert {letter["dlq-topic"] for letter in letters} == {Topic.TELEMETRY_CLEAN}
    assert {record.value for record in await rig.read(Topic.DLQ_SINKS)} == set(bad)


async def test_a_second_process_takes_its_share_and_gives_it_back(deployment: Settings, target: Path) -> None:
    rig = await rig_of(deployment, target)
    with rig.process("store") as first:
        await rig.say(Topic.TELEMETRY_CLEAN, values(1000), key=b"")
        await until(lambda: len(rows_of(target)) >= 1000, first)
        with rig.process("store") as second:
            await until(lambda: "partitions taken over" in second.said(), second)
            await rig.say(Topic.TELEMETRY_CLEAN, values(1000, 1000), key=b"")
            await until(lambda: len(rows_of(target)) >= 2000, second)
            second.child.kill()
        await rig.say(Topic.TELEMETRY_CLEAN, values(1000, 2000), key=b"")
        await until(lambda: len(set(names(target))) >= 3000, first)
        assert await first.stopped() == 0, first.said()
    assert set(names(target)) == {f"p{number}" for number in range(3000)}
