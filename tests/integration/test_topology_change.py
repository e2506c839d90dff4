"""A new version of topology.yaml under real workers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ironstream.cli import main
from ironstream.settings import Settings
from tests.support.deployment import PARTITIONS
from tests.support.faults.deployment import Deployment
from tests.support.faults.oracle import Logged


async def test_a_new_topology_holds_from_its_control_record_on(
    deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Applied while a worker runs, and taken back: each reading is judged by the version that stands before it."""
    plant = Deployment(deployment, assets=4, seed=3, logs=tmp_path)
    for name, value in plant.environment().items():
        if name.startswith("IRONSTREAM_"):
            monkeypatch.setenv(name, value)
    narrower = tmp_path / "narrower.yaml"
    try:
        async with plant.load():
            worker = plant.start_worker()
            await plant.processing()
            text = plant.settings.topology.read_text()
            narrower.write_text(text.replace("max: 200", "max: 60"))
            assert await asyncio.to_thread(main, ["apply", str(narrower), "--reason", "too hot", "--wait"]) == 0
            assert await _naming(plant, 2) == PARTITIONS
            await plant.processing()
            await asyncio.sleep(3)
            assert await asyncio.to_thread(main, ["rollback", "--wait"]) == 0
            assert await _naming(plant, 3) == PARTITIONS
            await plant.processing()
            assert worker.running
        await plant.drain()
        await plant.stop_workers()
        log, clean = await plant.read("telemetry.raw"), await plant.read("telemetry.clean")
        refused = await plant.read("dlq.invalid_telemetry")
        trail = [json.loads(record.value or b"{}") for record in await plant.read("audit_trail")]
    finally:
        plant.close()

    begins = _begins(log)
    for record in clean:
        partition, offset = (int(part) for part in record.headers["ironstream-id"].decode().split("/")[1:3])
        body = json.loads(record.value or b"{}")
        narrow = begins[partition, 2] < offset < begins[partition, 3]
        assert body["topology_version"] == (2 if narrow else 1)
        if narrow and body["parameter"] == "temperature" and body["value"] is not None:
            assert body["value"] <= 60
    hot = [r for r in refused if r.headers["dlq-reason"] == b"range" and 60 < _value(r) < 200]
    assert hot
    for record in hot:
        partition, offset = int(record.headers["dlq-partition"]), int(record.headers["dlq-offset"])
        assert begins[partition, 2] < offset < begins[partition, 3]
    told = [
        (one["action"], one["before_version"], one["after_version"], one["reason"])
        for one in trail
        if one.get("kind") == "topology"
    ]
    assert told == [("apply", 1, 2, "too hot"), ("rollback", 2, 1, "")]


async def _naming(plant: Deployment, change: int) -> int:
    """How many partitions' logs have named the change."""
    return sum(number == change for _, number in _begins(await plant.read("telemetry.raw")))


def _begins(log: list[Logged]) -> dict[tuple[int, int], int]:
    """Offset of the first control record of each change, by partition and number of the change."""
    found: dict[tuple[int, int], int] = {}
    for record in log:
        if record.key == b"ironstream.control" and "number" in (said := json.loads(record.value or b"{}")):
            found.setdefault((record.partition, said["number"]), record.offset)
    return found


def _value(record: Logged) -> float:
    return float(json.loads(record.value or b"{}")["value"])
