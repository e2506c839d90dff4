"""`ironstream sink list` and `replay`, and the dead letters of sinks, on a real broker."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

import ironstream.sinks.registry
from ironstream.cli import main
from ironstream.contract import Topic
from ironstream.dlq import SINK_HEADER, dlq_headers
from ironstream.domain.times import to_iso
from ironstream.settings import Settings
from ironstream.sinks.group import group_of
from ironstream.sinks.groups import SinkGroups
from ironstream.topics import ensure_topics, topic_specs
from tests.support.engine import MemoryRecord
from tests.support.sink_kinds import KINDS

TOPOLOGY = """\
version: 1
sinks:
  - {id: archive, kind: folder, topics: [telemetry.clean, alarms.clean], config: {path: /srv/archive}}
  - {id: oncall, kind: pager, enabled: false}
"""
START_MS = (int(time.time()) - 3_600) * 1_000
"""Of the records: a broker deletes what is older than the retention of its topic, whenever it looks."""
RECORDS = 8
"""In each partition of telemetry.clean that has any, one a second."""


@pytest.fixture
def cli(deployment: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The deployment, in the environment of every command: two partitions of readings, one alarm."""
    deployment.topology.write_text(TOPOLOGY, encoding="utf-8")
    for name in ("bootstrap", "topic_prefix", "application_id", "partitions", "data_dir", "topology"):
        monkeypatch.setenv(f"IRONSTREAM_{name.upper()}", str(getattr(deployment, name)))
    monkeypatch.setattr(ironstream.sinks.registry, "SINKS", KINDS)
    asyncio.run(fill(deployment))
    return deployment


async def fill(settings: Settings) -> None:
    await ensure_topics(settings.kafka_client_kwargs(), topic_specs(settings, [1]))
    async with AIOKafkaProducer(**settings.kafka_client_kwargs()) as producer:
        for partition in (0, 1):
            for place in range(RECORDS):
                time_ms = START_MS + 1000 * place
                await producer.send(
                    settings.topic(Topic.TELEMETRY_CLEAN),
                    b"{}",
                    partition=partition,
                    timestamp_ms=time_ms,
                )
        await producer.send(settings.topic(Topic.ALARMS_CLEAN), b"{}", partition=0, timestamp_ms=START_MS)
        await producer.flush()


def consumer_of(settings: Settings, sink: str, **options: Any) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **settings.kafka_client_kwargs(),
        group_id=group_of(settings.application_id, sink),
        enable_auto_commit=False,
        **options,
    )


def has_written(settings: Settings, offsets: dict[tuple[str, int], int], sink: str = "archive") -> None:
    """Commit as a sink does that has written up to these offsets and then stopped."""

    async def commit() -> None:
        async with consumer_of(settings, sink) as consumer:
            to = {TopicPartition(settings.topic(topic), number): offset for (topic, number), offset in offsets.items()}
            consumer.assign(list(to))
            await consumer.commit(to)

    asyncio.run(commit())


MEMBER = """
import asyncio, sys
from aiokafka import AIOKafkaConsumer

async def follow(bootstrap, group, *topics):
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, group_id=group, client_id="sink-a",
                                session_timeout_ms=6000, enable_auto_commit=False)
    await consumer.start()
    while not consumer.assignment():
        await consumer.getmany(timeout_ms=100)
    print("assigned", flush=True)
    await asyncio.Event().wait()

asyncio.run(follow(*sys.argv[1:]))
"""


@pytest.fixture
def member(cli: Settings) -> Iterator[subprocess.Popen[str]]:
    """A process in the group of `archive`."""
    topics = [cli.topic(Topic.TELEMETRY_CLEAN), cli.topic(Topic.ALARMS_CLEAN)]
    has_written(cli, WRITTEN)
    group = group_of(cli.application_id, "archive")
    command = [sys.executable, "-c", MEMBER, cli.bootstrap, group, *topics]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "assigned\n"
        yield process
        process.kill()


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main([*arguments, "--output", "json"]) == code
    return json.loads(capsys.readouterr().out)


def committed(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, int], int | None]:
    archive = answer(capsys, "sink", "list")[0]
    return {(at["topic"], at["partition"]): at["committed"] for at in archive["partitions"]}


CLEAN_0, CLEAN_1, ALARMS_0 = (Topic.TELEMETRY_CLEAN, 0), (Topic.TELEMETRY_CLEAN, 1), (Topic.ALARMS_CLEAN, 0)
WRITTEN = {CLEAN_0: RECORDS, CLEAN_1: 5, ALARMS_0: 1}


def test_a_sink_that_has_never_run_has_everything_before_it(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    archive, oncall = answer(capsys, "sink", "list")

    assert (archive["id"], archive["kind"], archive["enabled"], archive["members"]) == ("archive", "folder", True, [])
    assert (archive["lag"], archive["written_until"]) == (2 * RECORDS + 1, None)
    assert archive["group"] == f"{cli.application_id}.sink.archive"
    assert len(archive["partitions"]) == 2 * cli.partitions
    assert (oncall["enabled"], oncall["topics"], oncall["lag"]) == (False, ["alarms.clean"], 1)


def test_the_list_tells_how_far_a_sink_is(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    has_written(cli, WRITTEN)

    archive = answer(capsys, "sink", "list")[0]
    assert archive["lag"] == RECORDS - 5
    assert archive["written_until"] == to_iso((START_MS + 4000) * 1000)

    assert main(["sink", "list"]) == 0
    shown = capsys.readouterr().out
    assert "archive  folder  stopped" in shown
    assert "oncall   pager   disabled" in shown


def test_a_replay_by_time_goes_back_and_never_ahead(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    has_written(cli, WRITTEN)
    since = ["--from-time", to_iso((START_MS + 6000) * 1000)]

    tried = answer(capsys, "sink", "replay", "archive", *since, "--dry-run")
    assert (tried["done"], tried["records_again"]) == (False, 2)
    assert committed(capsys)[CLEAN_0] == RECORDS

    done = answer(capsys, "sink", "replay", "archive", *since)
    assert (done["done"], done["records_again"]) == (True, 2)
    assert done["partitions"] == [
        {"topic": "telemetry.clean", "partition": 0, "old": 8, "new": 6, "again": 2, "deleted": 0}
    ]
    # partition 1 stands before that time, and the alarm came before it
    assert committed(capsys) | {CLEAN_0: 6, CLEAN_1: 5, ALARMS_0: 1} == committed(capsys)
    assert answer(capsys, "sink", "replay", "archive", *since)["records_again"] == 0


def test_a_replay_from_the_beginning_takes_the_named_topics(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    has_written(cli, WRITTEN)

    assert main(["sink", "replay", "archive", "--from-beginning", "--topic", "telemetry.clean"]) == 0

    shown = capsys.readouterr()
    assert "archive writes 13 records again once it runs; nothing is doubled." in shown.out
    assert {place: committed(capsys)[place] for place in WRITTEN} == {CLEAN_0: 0, CLEAN_1: 0, ALARMS_0: 1}


def test_a_replay_from_offsets_moves_these_partitions(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    has_written(cli, WRITTEN)
    offsets = ["--from-offset", "telemetry.clean:0:3", "--from-offset", "alarms.clean:0:0"]

    assert answer(capsys, "sink", "replay", "archive", *offsets)["records_again"] == 6
    assert {place: committed(capsys)[place] for place in WRITTEN} == {CLEAN_0: 3, CLEAN_1: 5, ALARMS_0: 0}


@pytest.mark.parametrize(
    ("offset", "fault"),
    [
        ("telemetry.clean:1:7", "telemetry.clean:1 stands at 5: from 7 on would leave 2 out."),
        ("telemetry.clean:1:99", "telemetry.clean:1 has no offset 99, it ends before 8."),
        ("telemetry.clean:77:0", "There is no partition telemetry.clean:77."),
    ],
)
def test_a_replay_leaves_nothing_out(
    cli: Settings, capsys: pytest.CaptureFixture[str], offset: str, fault: str
) -> None:
    has_written(cli, WRITTEN)

    assert main(["sink", "replay", "archive", "--from-offset", offset]) == 2
    assert fault in capsys.readouterr().err
    assert {place: committed(capsys)[place] for place in WRITTEN} == WRITTEN


def test_a_running_sink_is_not_set_back_and_one_that_was_killed_is_once_its_session_is_over(
    cli: Settings, member: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    replay = ["sink", "replay", "archive", "--from-beginning"]

    assert main(replay) == 1
    said = capsys.readouterr().err
    assert "Sink archive is running (sink-a on 127.0.0.1)" in said
    assert "Stop it, and try again." in said

    assert answer(capsys, "sink", "list")[0]["members"] == ["sink-a on 127.0.0.1"]
    assert main([*replay, "--dry-run"]) == 0
    shown = capsys.readouterr()
    assert "archive would write 14 records again" in shown.out
    assert "it is running (sink-a on 127.0.0.1): stop it first" in shown.err

    member.kill()
    deadline = time.monotonic() + 60
    while main(replay) != 0:
        assert "is running" in capsys.readouterr().err
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert "archive writes 14 records again" in capsys.readouterr().out
    assert {place: committed(capsys)[place] for place in WRITTEN} == {CLEAN_0: 0, CLEAN_1: 0, ALARMS_0: 0}


def test_a_sink_that_starts_in_between_keeps_its_offsets(
    cli: Settings, member: subprocess.Popen[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = SinkGroups.members
    answers = 2  # when the replay looks, and before it writes

    async def nobody_yet(self: SinkGroups, group: str) -> list[str]:
        nonlocal answers
        answers -= 1
        return [] if answers >= 0 else await asked(self, group)

    monkeypatch.setattr(SinkGroups, "members", nobody_yet)

    assert main(["sink", "replay", "archive", "--from-beginning"]) == 1
    assert "Sink archive is running (sink-a on 127.0.0.1)" in capsys.readouterr().err
    assert {place: committed(capsys)[place] for place in WRITTEN} == WRITTEN


def test_before_the_topics_are_made_nothing_waits(
    deployment: Settings, cli: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRONSTREAM_TOPIC_PREFIX", f"{cli.topic_prefix}new.")

    assert [(one["lag"], one["partitions"]) for one in answer(capsys, "sink", "list")] == [(0, []), (0, [])]
    assert answer(capsys, "sink", "replay", "archive", "--from-time", "2026-01-01T00:00:00Z")["partitions"] == []


def test_the_dead_letters_of_sinks_are_told_apart(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    record = MemoryRecord(17, START_MS, b"acme/site/pump", b'{"value": 1e999}')

    async def refuse() -> None:
        async with AIOKafkaProducer(**cli.kafka_client_kwargs()) as producer:
            for sink in ("archive", "archive", "store"):
                headers = dlq_headers(record, Topic.TELEMETRY_CLEAN, 3, "refused", "out of range")
                await producer.send_and_wait(
                    cli.topic(Topic.DLQ_SINKS), record.value, key=record.key, partition=0,
                    headers=[*headers, (SINK_HEADER, sink.encode())],
                )  # fmt: skip

    asyncio.run(refuse())

    groups = answer(capsys, "dlq", "list")
    assert [(one["topic"], one["sink"], one["reason"], one["count"]) for one in groups] == [
        ("dlq.sinks", "archive", "refused", 2),
        ("dlq.sinks", "store", "refused", 1),
    ]
    assert [one["sink"] for one in answer(capsys, "dlq", "list", "--sink", "store")] == ["store"]
    assert len(answer(capsys, "dlq", "list", "--sink", "archive", "--reason", "refused")) == 2
    assert answer(capsys, "dlq", "show", groups[1]["last_record"])["headers"]["dlq-sink"] == "store"

    assert main(["dlq", "list"]) == 0
    assert "dlq.sinks of archive" in capsys.readouterr().out
    assert main(["dlq", "show", "sinks/0/2"]) == 0
    shown = capsys.readouterr().out
    assert "from telemetry.clean/3/17" in shown
    assert "refused by the target of sink store" in shown
