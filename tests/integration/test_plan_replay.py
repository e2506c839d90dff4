"""`ironstream plan --replay`: a candidate and the version that holds on what was recorded, on a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from ironstream.cli import main
from ironstream.contract import CONTROL_KEY, ID_HEADER, asset_key
from ironstream.domain.times import to_iso
from ironstream.engine.control import TICK, TopologyChange, encode_control
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_names, topic_specs
from ironstream.topology.sources import Sources
from tests.support.deployment import PARTITIONS

PLANT = """\
version: 1
windows: [{size_s: 1, grace_s: 0}, {size_s: 10, grace_s: 0}]
assets:
  - id: pump
    parameters:
      - {name: temperature, unit: degC, range: {min: -50, max: 200}}
      - {name: pressure, unit: bar}
alarms:
  - {id: hot, type: HOT, parameter: temperature, condition: {above: 80}}
  - {id: stopped, type: STOPPED, on: event, condition: {state: {event: status, is: stopped}}}
"""
READINGS = 60


def _environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    return {
        "IRONSTREAM_BOOTSTRAP": settings.bootstrap,
        "IRONSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "IRONSTREAM_APPLICATION_ID": settings.application_id,
        "IRONSTREAM_PARTITIONS": str(settings.partitions),
        "IRONSTREAM_DATA_DIR": str(settings.data_dir),
        "IRONSTREAM_TOPOLOGY": str(settings.topology),
        "TMPDIR": str(tmp_path),
    }


@pytest.fixture
def plant(deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A deployment in which version 1 holds, and which has recorded a minute of its pump: 41 to 100 °C."""
    for name, value in _environment(deployment, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deployment.topology.write_text(PLANT)
    asyncio.run(ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, [1, 10])))
    assert main(["apply"]) == 0
    asyncio.run(_record(deployment))
    return deployment


async def _record(settings: Settings) -> None:
    async with AIOKafkaProducer(**settings.kafka_client_kwargs()) as producer:
        await _send_all(producer, settings)


async def _send_all(producer: AIOKafkaProducer, settings: Settings) -> None:
    key = asset_key("default", "default", "pump")
    begin_us = int(time.time()) * 1_000_000 - READINGS * 1_000_000

    async def send(topic: str, value: Any, key: bytes = key, headers: Any = ()) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        await producer.send_and_wait(settings.topic(topic), body, key=key, headers=list(headers))

    # another version had held until the middle of the recording
    narrow = Sources.single(PLANT.replace("max: 200", "max: 45").encode()).packed()
    for number in range(READINGS):
        at = {"device_time": to_iso(begin_us + number * 1_000_000)}
        base = {"asset_id": "pump", "timestamps": at, "metadata": {"boot": "b", "seq": number + 1}}
        await send("telemetry.raw", base | {"parameter": "temperature", "value": 41 + number, "unit": "degC"})
        await send("telemetry.raw", base | {"parameter": "pressure", "value": 2.5, "unit": "bar"})
    tell = encode_control(TopologyChange(7, 7, narrow))
    for topic in ("telemetry.raw", "events.raw", "alarms.raw"):
        for number in range(settings.partitions):
            for value in (TICK, tell):
                await producer.send_and_wait(settings.topic(topic), value, key=CONTROL_KEY, partition=number)
    status = {"asset_id": "pump", "type": "status", "to": "stopped", "timestamps": {"device_time": to_iso(begin_us)}}
    await send("events.raw", status)
    # as the live agent has found it: the replay finds its own
    condition = {
        "kind": "condition", "tenant_id": "default", "site_id": "default", "asset_id": "pump", "rule_id": "hot",
        "number": 1, "type": "HOT", "severity": "MEDIUM", "state": "ACTIVE", "time": to_iso(begin_us), "message": "hot",
        "parameter": "temperature", "evidence": {"topic": "telemetry.raw", "partition": 0, "offset": 3},
    }  # fmt: skip
    await send("alarms.raw", condition, headers=[(ID_HEADER, b"condition/1")])
    external = {"asset_id": "pump", "type": "LEAK", "state": "ACTIVE", "timestamps": {"device_time": to_iso(begin_us)}}
    await send("alarms.raw", external)


def _replay(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """What the command tells of a candidate, as JSON."""
    path = tmp_path / "candidate.yaml"
    path.write_text(text)
    capsys.readouterr()
    assert main(["plan", str(path), "--replay", "1h", "--output", "json", *more]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["before"] == "version 1"
    return dict(told["replay"])


def _topics(settings: Settings) -> set[str]:
    """Topics of this deployment, its shadows among them."""
    names = asyncio.run(topic_names(settings.kafka_client_kwargs()))
    return {name for name in names if name.startswith(settings.topic_prefix)}


def _counts(before: int, after: int) -> dict[str, int]:
    return {"before": before, "after": after}


def test_an_equal_candidate_makes_no_difference_at_all(
    plant: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And all of the recording counts: the rules that held meanwhile, and what they found then, do not."""
    before = _topics(plant)
    groups = asyncio.run(_groups(plant))

    found = _replay(PLANT + "# told again\n", tmp_path, capsys)

    assert found["same"] is True
    assert found["series"] == []
    assert found["clean"]["readings"] == _counts(2 * READINGS, 2 * READINGS)
    assert found["dead_letters"] == {}
    assert {rule["rule"]: rule["states"] for rule in found["alarms"]} == {
        name: {"ACTIVE": _counts(1, 1)} for name in ("external: LEAK", "hot", "stopped")
    }
    controls = 2 * PARTITIONS
    recorded = {"telemetry.raw": 2 * READINGS + controls, "events.raw": 1 + controls, "alarms.raw": 2 + controls}
    assert found["recording"]["records"] == recorded
    assert found["recording"]["missing_s"] > 3000
    # nothing of it is left, and nobody but the run itself has seen it
    assert _topics(plant) == before
    assert asyncio.run(_groups(plant)) == groups
    assert _left(tmp_path) == []


def test_a_plan_is_against_the_version_that_holds_or_an_older_one(
    plant: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(PLANT.replace("above: 80", "above: 70"))
    assert main(["apply", str(other)]) == 0
    capsys.readouterr()

    assert main(["plan", str(other)]) == 0
    assert capsys.readouterr().out == f"Nothing changes: {other} means the same as version 2.\n"
    assert main(["plan", str(other), "--version", "1", "--output", "json"]) == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert item["fields"] == [{"field": "condition.above", "before": 80.0, "after": 70.0}]
    assert main(["plan", str(other), "--version", "7"]) == 2
    assert "There are: 1, 2." in capsys.readouterr().err
    assert main(["plan", "--version", "1", "--against", str(other)]) == 2


def test_where_nothing_holds_a_plan_is_against_nothing_and_makes_nothing(
    deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in _environment(deployment, tmp_path).items():
        monkeypatch.setenv(name, value)
    deployment.topology.write_text(PLANT)

    assert main(["plan", "--output", "json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["before"], told["losses"], told["cost_before"]) == ("nothing", [], None)
    assert main(["plan", "--replay", "1h"]) == 2
    assert "nothing to run the candidate against" in capsys.readouterr().err
    assert _topics(deployment) == set()


def test_a_lower_limit_raises_earlier_and_is_told_by_rule_and_series(
    plant: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = PLANT.replace("above: 80", "above: 120").replace(
        "  - {id: stopped",
        "  - {id: warm, type: WARM, parameter: temperature, condition: {above: 60}}\n  - {id: stopped",
    )

    found = _replay(text, tmp_path, capsys)

    assert found["same"] is False
    assert found["clean"]["changed"] == 0
    series = "default/default/pump/temperature"
    assert found["series"] == [series]
    rules = {rule["rule"]: rule for rule in found["alarms"]}
    assert rules["hot"]["states"] == {"ACTIVE": _counts(1, 0)}
    assert rules["hot"]["series"] == [{"series": series, "gone": {"ACTIVE": 1}, "come": {}, "changed": 0}]
    assert rules["warm"]["series"] == [{"series": series, "gone": {}, "come": {"ACTIVE": 1}, "changed": 0}]
    assert rules["stopped"]["series"] == rules["external: LEAK"]["series"] == []


def test_a_range_refuses_readings_and_changes_windows_and_is_told_in_a_table(
    plant: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """60 readings from 41 to 100 degrees, of which 10 are above 90; the window of the last is still open."""
    text = PLANT.replace("max: 200", "max: 90")

    found = _replay(text, tmp_path, capsys)

    assert found["clean"]["qualities"] == {"GOOD": _counts(2 * READINGS, 2 * READINGS - 10)}
    assert found["dead_letters"] == {"dlq.invalid_telemetry": {"range": _counts(0, 10)}}
    seconds = next(one for one in found["windows"] if one["size_s"] == 1)
    assert (seconds["changed"], seconds["gone"], seconds["come"]) == (9, 0, 0)
    assert main(["plan", str(tmp_path / "candidate.yaml"), "--replay", "30m"]) == 0
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "clean readings 120 110 -10" in lines
    assert "dlq.invalid_telemetry range 0 10 +10" in lines
    assert "The recording is shorter than asked" in shown
    assert "Both begin without state" in shown
    assert "1 series concerned:" in shown


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_leaves_nothing_or_what_the_next_one_removes(
    how: signal.Signals, plant: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _topics(plant)
    asyncio.run(_more(plant, 60_000))
    environment = os.environ | _environment(plant, tmp_path)
    command = [sys.executable, "-m", "ironstream.cli", "plan", "--replay", "1h", "--output", "json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # in the middle of it: state is on disk
        _wait(lambda: bool(list(tmp_path.glob("ironstream-whatif-*/*/before/telemetry/*/CURRENT"))), process)
        process.send_signal(how)
        process.wait(30)

    if how is signal.SIGKILL:
        assert _topics(plant) > before
        assert _left(tmp_path)
        assert _replay(PLANT, tmp_path, capsys)["same"] is True
    else:
        assert process.returncode == 128 + how
    assert _topics(plant) == before
    assert _left(tmp_path) == []


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert process.poll() is None, "it has ended before it was ended"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _left(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("ironstream-whatif-*/*"))


async def _more(settings: Settings, readings: int) -> None:
    """Enough to be in the middle of it for a while."""
    now_us = int(time.time() * 1e6)
    async with AIOKafkaProducer(**settings.kafka_client_kwargs(), linger_ms=20, max_batch_size=1 << 19) as producer:
        for number in range(readings):
            body = {
                "asset_id": f"fan-{number % 50}", "parameter": "speed", "value": number,
                "timestamps": {"device_time": to_iso(now_us - (readings - number) * 1000)},
            }  # fmt: skip
            key = asset_key("default", "default", body["asset_id"])  # type: ignore[arg-type]  # a text
            await producer.send(settings.topic("telemetry.raw"), json.dumps(body).encode(), key=key)
        await producer.flush()


async def _groups(settings: Settings) -> set[str]:
    admin = AIOKafkaAdminClient(**settings.kafka_client_kwargs())
    await admin.start()
    try:
        return {name for name, *_ in await admin.list_consumer_groups()}
    finally:
        await admin.close()
