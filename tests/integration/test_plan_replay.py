"""`ironstream plan --replay`: a candidate and the version that holds on what was recorded, on a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ironstream.cli import main
from ironstream.contract import CONTROL_KEY, ID_HEADER, asset_key
from ironstream.domain.times import to_iso
from ironstream.engine.control import TICK, TopologyChange, encode_control
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_names, topic_specs
from ironstream.topology.sources import Sources
from ironstream.whatif.namespace import MARK
from tests.conftest import PARTITIONS

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
    """A deployment in which version 1 holds, and which has recorded a minute of its pump: 41 to 100 °C, once a second."""
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


def test_an_equal_candidate_makes_no_difference_at_all(
    plant: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _topics(plant)

    found = _replay(PLANT + "# told again\n", tmp_path, capsys)

    print(json.dumps(found, indent=1))
    assert found["same"] is True
    assert found["series"] == []
    assert found["clean"]["readings"] == {"before": 2 * READINGS, "after": 2 * READINGS}
    assert found["alarms"]
    assert _topics(plant) == before
