"""The twin against a server that speaks Redis' protocol: what it holds is the newest, in whatever order data comes."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from redis.asyncio.connection import Connection
from redis.crc import key_slot

from ironstream.contract import Topic
from ironstream.schemas import Schemas
from ironstream.sinks.redis_twin import transaction
from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.redis_twin.keys import AssetKeys
from ironstream.sinks.redis_twin.kind import REDIS_TWIN
from ironstream.sinks.redis_twin.sink import RedisTwin
from ironstream.sinks.sink import SinkContext, SinkUnavailableError
from tests.support.clean.bodies import MINUTE_US, START_US, at
from tests.support.clean.records import aggregate, cut_of, reading, transition
from tests.support.engine import MemoryRecord
from tests.support.redis import redis_server

PUMP = AssetKeys("ironstream", "acme", "north-works", "pump-1")
DAY_MINUTES = 1440


@pytest.fixture
def port() -> Iterator[int]:
    with redis_server() as port:
        yield port


@pytest.fixture
def look(port: int) -> Iterator[redis.Redis]:
    with redis.Redis(port=port, host="127.0.0.1", protocol=2, decode_responses=True) as client:
        yield client


@pytest.fixture
async def twin(port: int) -> AsyncIterator[RedisTwin]:
    sink = twin_of(port)
    await sink.connect()
    yield sink
    await sink.close()


def twin_of(port: int, **fields: Any) -> RedisTwin:
    return RedisTwin(RedisTwinConfig(host="127.0.0.1", port=port, **fields), Schemas())


async def put(sink: RedisTwin, topic: str, *records: MemoryRecord) -> None:
    assert not await sink.write(cut_of(sink, topic, records))


def last(look: redis.Redis, parameter: str = "temperature") -> dict[str, Any]:
    found = look.hget(PUMP.last, parameter)
    assert isinstance(found, str)
    return dict(json.loads(found))


def ring(look: redis.Redis) -> list[dict[str, Any]]:
    return [json.loads(str(member)) for member in look.zrange(PUMP.ring("temperature"), 0, -1)]


async def test_the_last_value_says_what_a_person_asks_for(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.TELEMETRY_CLEAN, reading(5, 1, 20.5, quality="SUSPECT", quality_reasons=["clock_skew"]))

    assert last(look) == {
        "value": 20.5, "unit": "degC", "quality": "SUSPECT", "reasons": ["clock_skew"], "time": at(1),
        "order": [START_US + 1_000_000, 0, 5],
    }  # fmt: skip


async def test_an_older_reading_never_becomes_the_last(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 10, 1.0), reading(2, 5, 2.0))
    await put(twin, Topic.TELEMETRY_CLEAN, reading(3, 9, 3.0))

    assert last(look)["value"] == 1.0


async def test_of_readings_of_one_time_that_of_the_later_raw_record_is_the_last(
    twin: RedisTwin, look: redis.Redis
) -> None:
    await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 10, 1.0, raw=(0, 9)), reading(2, 10, 2.0, raw=(0, 8)))
    assert last(look)["value"] == 1.0

    await put(twin, Topic.TELEMETRY_CLEAN, reading(3, 10, 3.0, raw=(0, 10)))
    assert last(look)["value"] == 3.0


async def test_a_dead_sensor_is_seen_as_a_value_that_is_null(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0), reading(2, 2, None, quality="BAD"))

    assert last(look)["value"] is None
    assert last(look)["quality"] == "BAD"


async def test_any_order_and_any_cuts_end_with_the_same_twin(port: int, look: redis.Redis) -> None:
    chance = random.Random(7)
    readings = [
        reading(at, chance.randint(0, 40), float(at), asset_id=f"pump-{at % 3}", parameter=f"p{at % 5}")
        for at in range(60)
    ]
    windows = [aggregate(at, at % 7, at // 7, final=at % 2 == 0) for at in range(30)]
    alarms = [
        transition(at, f"o{at // 4}", at % 4, ("ACTIVE", "ACKNOWLEDGED", "ACTIVE", "CLEARED")[at % 4])
        for at in range(30)
    ]
    seen = []
    for prefix in ("one", "two", "three"):
        sink = twin_of(port, key_prefix=prefix)
        await sink.connect()
        for topic, records in (
            (Topic.TELEMETRY_CLEAN, readings),
            (Topic.aggregates(60), windows),
            (Topic.ALARMS_CLEAN, alarms),
        ):
            order = list(records) if prefix == "one" else chance.sample([*records, *records], 2 * len(records))
            for begin in range(0, len(order), size := chance.randint(5, 30)):
                part = order[begin : begin + size]
                # a chunk is in order of its offsets
                await put(sink, topic, *sorted({one.offset: one for one in part}.values(), key=lambda one: one.offset))
        await sink.close()
        seen.append(_all(look, prefix))

    assert len(seen[0]) == 6
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]


def _all(look: redis.Redis, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in look.scan_iter(f"{prefix}:*"):
        value = look.hgetall(key) if look.type(key) == "hash" else look.zrange(key, 0, -1, withscores=True)
        found[key.removeprefix(prefix)] = value
    return found


async def test_a_window_is_replaced_by_a_higher_revision_alone(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.aggregates(60), aggregate(1, 0, 1), aggregate(2, 1, 0))
    await put(twin, Topic.aggregates(60), aggregate(3, 0, 0))
    assert [(one["start"], one["revision"], one["avg"]) for one in ring(look)] == [
        (START_US // 1000, 1, 21.0),
        ((START_US + MINUTE_US) // 1000, 0, 20.0),
    ]

    await put(twin, Topic.aggregates(60), aggregate(4, 0, 2))
    assert [one["revision"] for one in ring(look)] == [2, 0]


async def test_a_window_that_became_final_replaces_its_own_revision(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.aggregates(60), aggregate(1, 0, 1))
    await put(twin, Topic.aggregates(60), aggregate(2, 0, 1, final=True))
    await put(twin, Topic.aggregates(60), aggregate(3, 0, 1))

    assert [one["final"] for one in ring(look)] == [True]


async def test_the_ring_ends_at_its_own_newest_window(port: int, look: redis.Redis) -> None:
    sink = twin_of(port, retention_days=1, ring_fields=["last", "unit"])
    await sink.connect()
    await put(sink, Topic.aggregates(60), aggregate(1, 0), aggregate(2, 1), aggregate(3, DAY_MINUTES))
    assert [one["start"] for one in ring(look)] == [
        (START_US + MINUTE_US) // 1000,
        (START_US + DAY_MINUTES * MINUTE_US) // 1000,
    ]
    assert ring(look)[0] == {
        "start": (START_US + MINUTE_US) // 1000, "revision": 0, "final": False, "last": 30.0, "unit": "degC",
    }  # fmt: skip

    # what comes again is as old as it was
    await put(sink, Topic.aggregates(60), aggregate(4, 0, 5))
    await sink.close()
    assert len(ring(look)) == 2


async def test_everything_expires_a_day_after_the_retention(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))
    await put(twin, Topic.aggregates(60), aggregate(1, 0))
    await put(twin, Topic.ALARMS_CLEAN, transition(1, "o1", 1, "ACTIVE"), transition(2, "o2", 1, "CLEARED"))

    left = {key: look.ttl(key) for key in look.scan_iter("*")}
    assert len(left) == 4
    assert all(31 * 86_400 - 60 < seconds <= 31 * 86_400 for seconds in left.values()), left


async def test_an_alarm_lives_as_long_as_its_asset_sends_readings(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.ALARMS_CLEAN, transition(1, "o1", 1, "ACTIVE"))
    look.expire(PUMP.alarms, 100)

    await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))

    assert int(str(look.ttl(PUMP.alarms))) > 100


async def test_a_parameter_that_is_gone_is_forgotten_while_its_asset_lives(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 0, 5.0, parameter="removed"))
    await put(twin, Topic.TELEMETRY_CLEAN, reading(2, 30 * 86_400, 1.0))
    assert set(_names(look)) == {"removed", "temperature"}

    for day in range(31, 34):
        await put(twin, Topic.TELEMETRY_CLEAN, reading(day, day * 86_400, 1.0))

    assert _names(look) == ["temperature"]


def _names(look: redis.Redis) -> list[str]:
    return [str(name) for name in look.hkeys(PUMP.last)]


async def test_an_alarm_is_there_until_it_is_cleared(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.ALARMS_CLEAN, transition(1, "o1", 1, "ACTIVE"), transition(2, "o2", 1, "ACTIVE"))
    await put(twin, Topic.ALARMS_CLEAN, transition(3, "o1", 2, "ACKNOWLEDGED", acked_by="kim", acked_at=at(2)))
    assert sorted(look.hkeys(PUMP.alarms)) == ["o1", "o2"]
    shown = json.loads(str(look.hget(PUMP.alarms, "o1")))
    assert shown["state"] == "ACKNOWLEDGED"
    assert (shown["acked_by"], shown["acked_at"], shown["value"]) == ("kim", at(2), 91.5)

    await put(twin, Topic.ALARMS_CLEAN, transition(4, "o1", 3, "CLEARED"))
    assert look.hkeys(PUMP.alarms) == ["o2"]


async def test_a_replay_does_not_raise_what_was_cleared(twin: RedisTwin, look: redis.Redis) -> None:
    log = [transition(1, "o1", 1, "ACTIVE"), transition(2, "o1", 2, "CLEARED")]
    await put(twin, Topic.ALARMS_CLEAN, *log)
    await put(twin, Topic.ALARMS_CLEAN, log[0])

    assert look.hkeys(PUMP.alarms) == []


async def test_an_older_transition_changes_nothing(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.ALARMS_CLEAN, transition(2, "o1", 2, "ACKNOWLEDGED"))
    await put(twin, Topic.ALARMS_CLEAN, transition(1, "o1", 1, "ACTIVE"))

    assert json.loads(str(look.hget(PUMP.alarms, "o1")))["transition"] == 2


async def test_keys_of_an_asset_share_a_slot(twin: RedisTwin, look: redis.Redis) -> None:
    await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))
    await put(twin, Topic.aggregates(60), aggregate(1, 0))
    await put(twin, Topic.ALARMS_CLEAN, transition(1, "o1", 1, "ACTIVE"))

    assert {key_slot(key.encode()) for key in look.scan_iter("*")} == {key_slot(b"acme/north-works/pump-1")}


async def test_names_that_could_make_another_key_are_refused(twin: RedisTwin, look: redis.Redis) -> None:
    records = [reading(1, 1, 5.0, asset_id="pump}:last"), reading(2, 2, 6.0), reading(3, 2, 6.0, parameter="a/b")]
    cut = cut_of(twin, Topic.TELEMETRY_CLEAN, records)

    refusals = cut.parts[0].prepared.refusals
    assert [(one.place, one.reason, one.detail.partition(":")[0]) for one in refusals] == [
        (0, "malformed", "asset_id"),
        (2, "malformed", "parameter"),
    ]
    await twin.write(cut)
    assert list(look.scan_iter("*")) == [PUMP.last]


async def test_what_somebody_else_wrote_in_place_of_a_value_is_written_over(twin: RedisTwin, look: redis.Redis) -> None:
    look.hset(PUMP.last, "temperature", "12.5")
    look.hset(PUMP.last, "other", "{")
    look.zadd(PUMP.ring("temperature"), {"nonsense": START_US // 1000})

    await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))
    await put(twin, Topic.aggregates(60), aggregate(1, 0))

    assert last(look)["value"] == 5.0
    assert len(ring(look)) == 1


async def test_a_key_of_another_type_is_a_fault_that_says_what_to_do(twin: RedisTwin, look: redis.Redis) -> None:
    look.set(PUMP.last, "mine")

    with pytest.raises(SinkUnavailableError) as caught:
        await put(twin, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))

    assert "key_prefix" in caught.value.hint


async def test_two_writers_leave_the_newest_whoever_comes_last(
    port: int, look: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = twin_of(port), twin_of(port)
    await slow.connect()
    await fast.connect()
    run = transaction._run
    meeting = asyncio.Event()
    tried = 0

    async def late(connection: Connection, commands: Sequence[Any], timeout_s: float) -> list[Any]:
        nonlocal tried
        if commands[0] == ("MULTI",) and not meeting.is_set():
            # between the slow writer's look and its transaction
            meeting.set()
            await put(fast, Topic.TELEMETRY_CLEAN, reading(2, 20, 2.0))
        tried += commands[0] == ("MULTI",)
        return await run(connection, commands, timeout_s)

    monkeypatch.setattr(transaction, "_run", late)
    await put(slow, Topic.TELEMETRY_CLEAN, reading(1, 10, 1.0))
    await slow.close()
    await fast.close()

    assert tried == 2  # the second look found nothing left to write
    assert last(look)["value"] == 2.0


async def test_writers_that_never_let_go_are_an_outage(
    port: int, look: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = twin_of(port)
    await sink.connect()
    run = transaction._run

    async def disturbed(connection: Connection, commands: Sequence[Any], timeout_s: float) -> list[Any]:
        if commands[0] == ("MULTI",):
            look.hset(PUMP.last, "another", "1")
        return await run(connection, commands, timeout_s)

    monkeypatch.setattr(transaction, "_run", disturbed)
    with pytest.raises(SinkUnavailableError, match="keeps changing"):
        await put(sink, Topic.TELEMETRY_CLEAN, reading(1, 10, 1.0))

    monkeypatch.undo()
    await put(sink, Topic.TELEMETRY_CLEAN, reading(1, 10, 1.0))
    await sink.close()
    assert last(look)["value"] == 1.0


async def test_a_server_that_is_gone_is_an_outage_and_comes_back(port: int) -> None:
    sink = twin_of(port, timeout_s=2.0)
    await sink.connect()
    await sink.close()
    with pytest.raises(SinkUnavailableError, match="not connected"):
        await put(sink, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))
    await sink.connect()
    await put(sink, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))
    await sink.close()


async def test_nobody_at_the_address_says_what_to_look_at(nowhere: str) -> None:
    sink = twin_of(int(nowhere.rpartition(":")[2]), timeout_s=2.0, password=SecretStr("hunter2"))

    with pytest.raises(SinkUnavailableError) as caught:
        await sink.connect()

    assert nowhere in str(caught.value)
    assert "address and port" in caught.value.hint
    assert "hunter2" not in str(caught.value)


@asynccontextmanager
async def server_that(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[int]:
    """A server that answers each word of the protocol so: a reply, nothing (b""), or by hanging up (None)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            word = line.strip()
            said = {b"PING": b"+PONG\r\n", b"SETINFO": b"+OK\r\n", b"SETNAME": b"+OK\r\n"}.get(word) or answer(word)
            if said is None:
                break
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_connection_that_is_cut_in_the_middle_is_an_outage() -> None:
    async with server_that(lambda word: None if word == b"WATCH" else b"") as port:
        sink = twin_of(port, timeout_s=2.0)
        await sink.connect()
        with pytest.raises(SinkUnavailableError) as caught:
            await put(sink, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))
        await sink.close()

    assert "address and port" in caught.value.hint


async def test_a_server_that_says_nothing_is_an_outage_after_the_timeout() -> None:
    async with server_that(lambda word: b"") as port:
        sink = twin_of(port, timeout_s=0.2)
        await sink.connect()
        with pytest.raises(SinkUnavailableError, match="TimeoutError"):
            await put(sink, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))
        await sink.close()


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", "maxmemory"),
        ("READONLY You can't write against a read only replica.", "primary"),
        ("LOADING Redis is loading the dataset in memory", "loading"),
        ("NOAUTH Authentication required.", "secret"),
        ("NOPERM this user has no permissions to run the 'watch' command", "ACL"),
        ("CLUSTERDOWN Hash slot not served", "cluster info"),
        ("CROSSSLOT Keys in request don't hash to the same slot", "cluster: true"),
        ("MOVED 866 127.0.0.1:7001", "cluster"),
    ],
)
async def test_what_redis_has_against_a_write_becomes_a_hint(answer: str, hint: str) -> None:
    refusal = f"-{answer}\r\n".encode()
    async with server_that(lambda word: refusal if word in (b"WATCH", b"HMGET", b"HRANDFIELD") else b"") as port:
        sink = twin_of(port, timeout_s=2.0)
        await sink.connect()
        with pytest.raises(SinkUnavailableError) as caught:
            await put(sink, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0))
        await sink.close()

    assert hint in caught.value.hint


async def test_an_outage_of_many_assets_of_a_cluster_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = twin_of(1, cluster=True)

    async def gone(group: Sequence[Any], written: list[Any]) -> None:
        raise SinkUnavailableError(f"{group[0].key} has no node")

    monkeypatch.setattr(sink, "_apply", gone)
    with pytest.raises(SinkUnavailableError, match="has no node") as caught:
        await put(sink, Topic.TELEMETRY_CLEAN, reading(1, 1, 5.0), reading(2, 2, 5.0, asset_id="pump-2"))
    assert not caught.value.progressed


@pytest.mark.parametrize("cluster", [False, True])
async def test_an_outage_says_whether_some_assets_were_set_before_it(
    port: int, look: redis.Redis, monkeypatch: pytest.MonkeyPatch, cluster: bool
) -> None:
    sink = twin_of(port)
    await sink.connect()
    # one after the other, each for itself
    monkeypatch.setattr("ironstream.sinks.redis_twin.sink._READS_AT_ONCE", 1)
    monkeypatch.setattr("ironstream.sinks.redis_twin.sink._NODES_AT_ONCE", 1)
    monkeypatch.setattr(sink, "_config", sink._config.model_copy(update={"cluster": cluster}))
    other = AssetKeys("ironstream", "acme", "north-works", "pump-2")
    look.set(other.last, "of somebody else")
    rows = [reading(1, 1, 5.0), reading(2, 2, 5.0, asset_id="pump-2")]

    for progressed in (True, False):
        with pytest.raises(SinkUnavailableError) as caught:
            await put(sink, Topic.TELEMETRY_CLEAN, *rows)
        assert caught.value.progressed is progressed
        assert last(look)["value"] == 5.0

    look.delete(other.last)
    await put(sink, Topic.TELEMETRY_CLEAN, *rows)
    await sink.close()
    assert look.hexists(other.last, "temperature")


async def test_the_kind_takes_its_three_topics_and_tests_its_target(port: int) -> None:
    context = SinkContext("twin")
    config = RedisTwinConfig(host="127.0.0.1", port=port)

    assert [topic for topic in ("telemetry.clean", "telemetry.1s", "telemetry.1min", "events.clean", "alarms.clean")
            if REDIS_TWIN.topics(topic)] == ["telemetry.clean", "telemetry.1min", "alarms.clean"]  # fmt: skip
    assert isinstance(REDIS_TWIN.build(config, context), RedisTwin)
    assert REDIS_TWIN.test is not None
    assert (await REDIS_TWIN.test(config, context)).startswith(f"Redis at 127.0.0.1:{port} answers, version ")
