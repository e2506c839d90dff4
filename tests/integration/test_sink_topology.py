"""Sinks that follow the log of topologies, on a real broker; their targets are files."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from ironstream.contract import Topic
from ironstream.rollout.participants import Participants
from ironstream.rollout.statuses import Status
from ironstream.settings import Settings
from tests.support.sinks import forks
from tests.support.sinks.journal import rows_of
from tests.support.sinks.rig import Sink, SinkRig, text_of, until


def journal(path: Path, **more: Any) -> dict[str, Any]:
    """The declaration of a sink whose target is a file."""
    part = {name: more.pop(name) for name in ("enabled", "topics", "batch_rows") if name in more}
    topics = {"topics": [Topic.TELEMETRY_CLEAN]} | part
    return {"id": "store", "kind": "journal", **topics, "config": {"path": str(path), **more}}


async def rig_of(deployment: Settings, *sinks: Mapping[str, Any]) -> SinkRig:
    rig = SinkRig(deployment, sinks)
    await rig.create()
    return rig


def names(*targets: Path) -> Counter[str]:
    """What the targets have, by how often they have it together."""
    return Counter(row[3] for target in targets for row in rows_of(target))


def once(count: int) -> Counter[str]:
    return Counter({f"p{number}": 1 for number in range(count)})


class Readings:
    """Says one reading after the other, for as long as it is `flowing`."""

    def __init__(self, rig: SinkRig) -> None:
        self.said = 0
        self._rig = rig

    async def say(self, count: int) -> None:
        values = [json.dumps({"parameter": f"p{self.said + number}"}).encode() for number in range(count)]
        await self._rig.say(Topic.TELEMETRY_CLEAN, values, key=b"")
        self.said += count

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        stop = asyncio.Event()

        async def flow() -> None:
            while not stop.is_set():
                await self.say(40)

        task = asyncio.create_task(flow())
        try:
            yield
        finally:
            stop.set()
            await task


async def told(rig: SinkRig, sink: Sink | None, true: Callable[[dict[str, Status]], bool]) -> dict[str, Status]:
    """What the sinks say of themselves, by their ids, once it is so."""
    deadline = time.monotonic() + 60
    async with Participants(rig.settings) as participants:
        while True:
            found = {one.participant.split()[1]: one for one in participants.present if one.role == "sink"}
            if true(found):
                return found
            assert time.monotonic() < deadline, (found, sink and sink.said()[-3000:])
            assert sink is None or sink.child.poll() is None, sink.said()[-3000:]
            await participants.poll()


async def dealt_with(rig: SinkRig, sink: Sink, change: int) -> Status:
    """What the sink says once it has dealt with a change."""
    found = await told(rig, sink, lambda all_: "store" in all_ and all_["store"].is_done_with(change))
    return found["store"]


async def test_a_sink_that_is_declared_otherwise_under_load_loses_and_doubles_nothing_in_the_same_process(
    deployment: Settings, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    rig = await rig_of(deployment, journal(first))
    readings = Readings(rig)
    with rig.process("store") as sink:
        process = psutil.Process(sink.child.pid)
        await dealt_with(rig, sink, 1)
        async with readings.flowing():
            await until(lambda: len(rows_of(first)) > 0, sink)
            open_files = []
            for number in range(4):
                # what is held for long is what a stop could lose
                status = await dealt_with(rig, sink, await rig.hold([journal(first, batch_rows=700 + number, age_s=9)]))
                assert (status.change, status.version, status.refused) == (2 + number, 2 + number, None)
                open_files.append(process.num_fds())
            await dealt_with(rig, sink, await rig.hold([journal(second)]))
            await until(lambda: len(rows_of(second)) > 0, sink)
            before = sink.said()
            await dealt_with(rig, sink, await rig.hold([journal(second)], assets=[{"id": "pump-1"}]))
            assert sink.said() == before, "an edit that is none of its own must not touch it"
        await until(lambda: len(rows_of(first)) + len(rows_of(second)) >= readings.said, sink)
        assert open_files[-1] <= open_files[0] + 2, open_files
        assert await sink.stopped() == 0, sink.said()
    assert names(first, second) == once(readings.said)
    assert sink.said().count("metrics on") == 1
    ends = await rig.ends(Topic.TELEMETRY_CLEAN)
    assert {n: at or 0 for n, at in (await rig.offsets("store", Topic.TELEMETRY_CLEAN)).items()} == ends


async def test_topics_that_come_while_two_processes_share_a_sink_end_neither(
    deployment: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "rows"
    rig = await rig_of(deployment, journal(target))
    with rig.process("store") as one, rig.process("store") as other:
        for sink in (one, other):
            await until(lambda sink=sink: "partitions taken over" in sink.said(), sink)  # type: ignore[misc]  # mypy cannot infer a lambda's default
        await rig.hold([journal(target, topics=[Topic.TELEMETRY_CLEAN, Topic.EVENTS_CLEAN])])
        await rig.say(Topic.EVENTS_CLEAN, [json.dumps({"parameter": f"p{n}"}).encode() for n in range(300)], key=b"")
        for sink in (one, other):
            await until(lambda sink=sink: "another declaration" in sink.said(), sink)  # type: ignore[misc]  # as above
            await sink.shows("/ready", "ready\n")
        await until(lambda: len(set(names(target))) == 300, one)
        assert (one.child.poll(), other.child.poll()) == (None, None)
        assert await other.stopped() == 0, other.said()
        assert await one.stopped() == 0, one.said()


async def test_a_sink_that_is_disabled_writes_what_it_holds_and_waits_until_it_is_enabled(
    deployment: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "rows"
    held = journal(target, rows=100_000, age_s=1000.0)
    rig = await rig_of(deployment, held)
    readings = Readings(rig)
    with rig.process("store") as sink:
        await readings.say(200)
        await sink.shows("/metrics", 'ironstream_sink_rows_waiting{sink="store",topic="telemetry.clean"} 200')
        await dealt_with(rig, sink, await rig.hold([held | {"enabled": False}]))
        assert names(target) == once(200)
        committed = sum(offset or 0 for offset in (await rig.offsets("store", Topic.TELEMETRY_CLEAN)).values())
        assert committed == 200
        health = await sink.health()
        assert (health["status"], health["idle"]) == ("healthy", "it is not enabled")
        assert [(await sink.get(path))[0] for path in ("/ready", "/live")] == [200, 200]
        await readings.say(100)
        # a second process: it is known, so it waits too
        with rig.process("store") as waiting:
            await until(lambda: "waits until it is declared" in waiting.said(), waiting)
            assert await waiting.stopped() == 0, waiting.said()
        await dealt_with(rig, sink, await rig.hold([journal(target)]))
        await until(lambda: len(rows_of(target)) >= 300, sink)
        await dealt_with(rig, sink, await rig.hold([]))
        assert (await sink.health())["idle"] == "the topology does not declare it"
        assert await sink.stopped() == 0, sink.said()
    assert names(target) == once(300)


async def test_a_version_whose_secret_is_missing_is_refused_until_the_secret_is_there(
    deployment: Settings, tmp_path: Path
) -> None:
    target, other = tmp_path / "rows", tmp_path / "other"
    rig = await rig_of(deployment, journal(target))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    rig.environment["IRONSTREAM_SECRETS_DIR"] = str(secrets)
    readings = Readings(rig)
    with rig.process("store") as sink:
        await dealt_with(rig, sink, 1)

        async def answer(*sinks: Mapping[str, Any]) -> str | None:
            asked = await rig.propose(sinks)
            found = await told(rig, sink, lambda all_: (a := all_["store"].answer) is not None and a.proposal == asked)
            given = found["store"].answer
            assert given is not None
            return given.refused

        wanted = journal(target) | {"config": {"path": "${secret:place}"}}
        assert "secret 'place' is not to be found" in str(await answer(wanted))
        assert await answer(journal(target), journal(other) | {"id": "new"}) is None
        assert await answer(journal(other)) is None
        assert "there is no kind of sink" in str(await answer(journal(target) | {"kind": "journ"}))
        status = await dealt_with(rig, sink, await rig.hold([wanted]))
        assert (status.change, status.version) == (2, 1)
        assert "secret 'place' is not to be found" in str(status.refused)
        await readings.say(100)
        await until(lambda: len(rows_of(target)) >= 100, sink)
        assert "secret 'place'" in (await sink.health())["topology"]["refused"]
        (secrets / "place").write_text(str(other))
        await told(rig, sink, lambda all_: all_["store"].refused is None and all_["store"].version != 1)
        await readings.say(100)
        await until(lambda: len(rows_of(other)) >= 100, sink)
        assert await sink.stopped() == 0, sink.said()
    assert names(target, other) == once(200)


async def test_a_name_that_nobody_knows_and_a_broker_that_is_away_are_told_at_the_start(
    deployment: Settings, tmp_path: Path, nowhere: str
) -> None:
    rig = await rig_of(deployment, journal(tmp_path / "rows") | {"kind": "s3-parquet", "config": {"path": "/srv/x"}})
    code, said = await command(rig, "sink", "stroe", env={})
    assert code == 2, said
    assert "has no sink stroe, nor had any before it.\n  Did you mean 'store'? There are: store." in said
    code, said = await command(rig, "sink", "store", env={"IRONSTREAM_BOOTSTRAP": nowhere})
    assert code == 1, said
    assert "Kafka" in said
    assert "Traceback" not in said


async def test_all_sinks_of_the_topology_come_and_go_and_none_touches_the_others(
    deployment: Settings, tmp_path: Path
) -> None:
    one, two, three = (parquet(name, tmp_path / name) for name in ("one", "two", "three"))
    rig = await rig_of(deployment, one)
    log = tmp_path / "all.log"
    with log.open("wb") as file:
        parent = forks.parent().command(["sink", "--all"], rig.env(), file, file)
    try:
        at_first = await told(rig, None, lambda all_: done(all_, {"one"}, 1))
        change = await rig.hold([one, two])
        then = await told(rig, None, lambda all_: done(all_, {"one", "two"}, change))
        assert then["one"].participant == at_first["one"].participant, "it has another process"
        change = await rig.hold([two, three | {"config": {"path": "${secret:not-there}"}}])
        last = await told(rig, None, lambda all_: done(all_, {"two"}, change))
        assert last["two"].participant == then["two"].participant, "it has another process"
        said = await asyncio.to_thread(said_with, log, "sink three refuses its configuration")
        assert "secret 'not-there' is not to be found" in said
        assert parent.poll() is None
    finally:
        parent.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(parent.wait, 60)
    assert code == 0, log.read_text()


def parquet(sink_id: str, path: Path) -> dict[str, Any]:
    return {"id": sink_id, "kind": "s3-parquet", "topics": [Topic.ALARMS_CLEAN], "config": {"path": str(path)}}


def done(found: Mapping[str, Status], ids: Iterable[str], change: int) -> bool:
    """Whether these sinks run, no others do, and all have dealt with the change."""
    return set(found) == set(ids) and all(status.is_done_with(change) for status in found.values())


def said_with(log: Path, text: str) -> str:
    """What a log has, once this text is in it."""
    deadline = time.monotonic() + 60
    while text not in (said := log.read_text()):
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    return said


async def command(rig: SinkRig, *arguments: str, env: Mapping[str, str]) -> tuple[int, str]:
    """Exit code of a command, and what it said."""
    log = rig.folder / "command.log"
    with log.open("wb") as file:
        child = forks.parent().command(arguments, rig.env() | dict(env), file, file)
    try:
        return await asyncio.to_thread(child.wait, 60), log.read_text()
    finally:
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)


async def test_a_store_that_comes_while_all_is_up_gets_a_postgresql_and_a_process(
    deployment: Settings, tmp_path: Path
) -> None:
    rig = await rig_of(deployment)
    log = tmp_path / "up.log"
    with log.open("wb") as file:
        up = forks.parent().command(["up", "--watch"], rig.env(), file, file)
    try:
        await asyncio.to_thread(said_with, log, "up on Kafka")
        history = {"id": "history", "kind": "postgres", "config": {"dsn": "${secret:store-dsn}"}}
        deployment.topology.write_bytes(text_of([history]))
        await told(rig, None, lambda all_: done(all_, {"history"}, 2))
        assert "store-dsn is an embedded PostgreSQL" in log.read_text()
    finally:
        up.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(up.wait, 60)
    assert code == 0, log.read_text()
