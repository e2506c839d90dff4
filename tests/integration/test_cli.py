"""The command line on a real broker, with a real worker."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ironstream.cli import main
from ironstream.commands.children import Child, ironstream
from ironstream.contract import Topic
from ironstream.settings import Settings

TOPOLOGY = """\
version: 1
assets:
  - {id: pump-1, parameters: [{name: temperature, unit: degC, range: {min: -20, max: 150}}]}
alarms:
  - {id: hot, type: overheat, severity: CRITICAL, asset: pump-1, parameter: temperature, condition: {above: 90}}
"""
ALARM = "default/default/pump-1/overheat/rule:hot/temperature"


@pytest.fixture
def cli(deployment: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The deployment, in the environment of every command."""
    deployment.topology.write_text(TOPOLOGY, encoding="utf-8")
    names = ("bootstrap", "topic_prefix", "application_id", "partitions", "data_dir", "topology")
    for name in names:
        monkeypatch.setenv(f"IRONSTREAM_{name.upper()}", str(getattr(deployment, name)))
    return deployment


@pytest.fixture
def worker(cli: Settings, tmp_path: Path) -> Iterator[Child]:
    child = Child("worker", ironstream("worker", "--metrics-port", "0"), tmp_path / "worker.log", os.environ)
    child.start()
    assert child.wait_for("partitions restored", 60) is not None, child.last_words()
    yield child
    child.stop()


def send(settings: Settings, *values: float) -> None:
    """Readings of pump-1, one a second up to now."""

    async def produce() -> None:
        async with AIOKafkaProducer(**settings.kafka_client_kwargs()) as producer:
            now_ms = time.time_ns() // 1_000_000
            for place, value in enumerate(values):
                at_ms = now_ms - 1000 * (len(values) - place)
                reading = {"asset_id": "pump-1", "parameter": "temperature", "value": value, "unit": "degC",
                           "timestamps": {"device_time": at_ms, "gateway_time": at_ms}}  # fmt: skip
                await producer.send_and_wait(
                    settings.topic(Topic.TELEMETRY_RAW), json.dumps(reading).encode(), key=b"default/default/pump-1"
                )
            await producer.send_and_wait(settings.topic(Topic.TELEMETRY_RAW), b"{oops", key=b"default/default/pump-1")

    asyncio.run(produce())


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """What a command prints as JSON."""
    assert main([*arguments, "--output", "json"]) == code
    return json.loads(capsys.readouterr().out)


def eventually(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """The first answer that is not empty: tables lag by a commit."""
    deadline = time.monotonic() + 60
    while True:
        code = main([*arguments, "--output", "json"])
        found = json.loads(capsys.readouterr().out)
        if found:
            assert code == 0
            return found
        assert time.monotonic() < deadline, arguments
        time.sleep(0.2)


def test_a_reading_is_followed_from_topic_to_table_to_alarm(
    cli: Settings, worker: Child, capsys: pytest.CaptureFixture[str]
) -> None:
    send(cli, 71.0, 80.0, 95.5)

    assert main(["tail", "telemetry.clean", "--from-beginning", "-n", "3", "--output", "json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["value"]["value"] for line in lines] == [71.0, 80.0, 95.5]

    (row,) = eventually(capsys, "tables", "get", "series", "default/default/pump-1/temperature")
    assert row["last_value"] == 95.5

    (alarm,) = eventually(capsys, "alarms", "list")
    assert (alarm["alarm_id"], alarm["state"], alarm["value"]) == (ALARM, "ACTIVE", 95.5)

    accepted = answer(capsys, "alarms", "ack", "pump-1/overheat", "--actor", "ann")
    assert (accepted["outcome"], accepted["alarm_id"]) == ("accepted", ALARM)

    refused = answer(capsys, "alarms", "ack", ALARM, "--actor", "bob", code=1)
    assert refused["outcome"] == "rejected"
    assert "ann has acknowledged it already" in refused["reason"]

    shelved = answer(capsys, "alarms", "shelve", ALARM, "--for", "8h", "-r", "bearing ordered", "-c", "on Friday")
    assert shelved["outcome"] == "accepted"
    assert answer(capsys, "alarms", "unshelve", ALARM)["outcome"] == "accepted"

    (letters,) = eventually(capsys, "dlq", "list")
    assert (letters["reason"], letters["count"]) == ("malformed", 1)
    letter = answer(capsys, "dlq", "show", letters["last_record"])
    assert letter["value"] == "{oops"

    # it is refused again, by the worker that has read it again
    assert answer(capsys, "dlq", "replay", letters["last_record"]) == {"replayed": 1, "skipped": {}}
    deadline = time.monotonic() + 60
    while answer(capsys, "dlq", "list")[0]["count"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answer(capsys, "dlq", "replay", "--reason", "malformed", "--limit", "1")["replayed"] == 1
    assert answer(capsys, "dlq", "replay", "--reason", "range") == {"replayed": 0, "skipped": {}}
    assert main(["dlq", "replay"]) == 2
    assert "--reason" in capsys.readouterr().err

    tables = {table["table"]: table["rows"] for table in answer(capsys, "tables", "list")}
    assert (tables["series"], tables["alarms"]) == (1, 1)


def test_a_worker_shows_its_state_to_whoever_supervises_it(worker: Child) -> None:
    line = worker.wait_for("metrics on", 60) or ""
    match = re.search(r"metrics on (127\.0\.0\.1:\d+)", line)
    assert match is not None

    def page(name: str) -> str:
        with urllib.request.urlopen(f"http://{match[1]}/{name}", timeout=5) as answer:
            return str(answer.read().decode())

    deadline = time.monotonic() + 60
    while "ironstream_worker_ready 1.0" not in page("metrics") and time.monotonic() < deadline:
        time.sleep(0.1)

    assert page("live") == "live\n"
    assert page("ready") == "ready\n"
    assert "ironstream_partitions_owned" in page("metrics")


def test_a_worker_ends_on_sigterm_with_0_and_without_a_traceback(worker: Child) -> None:
    worker.terminate()

    deadline = time.monotonic() + 60
    while worker.running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert worker.exit_code == 0, worker.last_words()
    assert "Traceback" not in worker.said()


def test_topics_are_reported_missing_and_then_made(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    missing = answer(capsys, "topics", code=1)["missing"]
    assert cli.topic(Topic.TELEMETRY_RAW) in missing

    assert answer(capsys, "topics", "--create")["missing"] == []


def test_a_command_that_no_worker_answers_says_so(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "--create"]) == 0

    assert main(["alarms", "ack", ALARM, "--timeout", "0.3"]) == 1
    assert "No worker has answered" in capsys.readouterr().err


def test_the_doctor_finds_nothing_to_mend_where_all_is_well(
    cli: Settings, worker: Child, capsys: pytest.CaptureFixture[str]
) -> None:
    report = answer(capsys, "doctor")

    assert report["healthy"]
    verdicts = {check["check"]: check["verdict"] for check in report["checks"]}
    assert verdicts["broker"] == verdicts["topics"] == verdicts["topology"] == "ok"


def test_a_topology_with_faults_ends_with_2_and_names_them(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    cli.topology.write_text("version: 1\nassets:\n  - {id: pump-1, unknown: 1}\n", encoding="utf-8")

    report = answer(capsys, "check", str(cli.topology), code=2)

    assert not report["usable"]
    assert [fault["line"] for fault in report["faults"]] == [3]


def test_an_absent_broker_ends_with_1_and_what_to_do(cli: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tail", "telemetry.clean", "--bootstrap", "127.0.0.1:1"]) == 1

    said = capsys.readouterr().err
    assert "127.0.0.1:1" in said
    assert "Traceback" not in said


def test_bad_usage_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tail"]) == 2
    assert main(["no-such-command"]) == 2


def test_the_demo_shows_everything_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = ironstream("demo", "--duration", "58", "--data-dir", str(tmp_path / "demo"), "--output", "json")
    demo = Child("demo", command, tmp_path / "demo.log", os.environ)
    demo.start()

    deadline = time.monotonic() + 200
    while demo.running and time.monotonic() < deadline:
        time.sleep(0.2)

    assert demo.exit_code == 0, demo.last_words(40)
    assert '"complete": true' in demo.said()
