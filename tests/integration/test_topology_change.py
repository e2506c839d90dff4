"""A new version of topology.yaml under real workers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from ironstream.settings import Settings
from tests.support.faults.deployment import Deployment
from tests.support.faults.oracle import Logged


async def test_a_new_topology_holds_from_its_control_record_on(deployment: Settings, tmp_path: Path) -> None:
    """Two versions of the file, one after the other: each reading is judged by the one that stands before it."""
    plant = Deployment(deployment, assets=4, seed=3, logs=tmp_path)
    try:
        async with plant.load():
            plant.start_worker()
            await plant.processing()
            await plant.processing()
            await plant.stop_workers()
            text = plant.settings.topology.read_text()
            plant.settings.topology.write_text(text.replace("max: 200", "max: 60"))
            plant.start_worker()
            await plant.processing()
            await asyncio.sleep(3)
        await plant.drain()
        await plant.stop_workers()
        log, clean = await plant.read("telemetry.raw"), await plant.read("telemetry.clean")
        refused = await plant.read("dlq.invalid_telemetry")
    finally:
        plant.close()

    changed: dict[int, int] = {}
    for record in log:
        if record.key == b"ironstream.control" and json.loads(record.value or b"{}").get("version") == 2:
            changed.setdefault(record.partition, record.offset)
    assert changed
    for record in clean:
        partition, offset = (int(part) for part in record.headers["ironstream-id"].decode().split("/")[1:3])
        body = json.loads(record.value or b"{}")
        second = offset > changed.get(partition, 1 << 62)
        assert body["topology_version"] == (2 if second else 1)
        if second and body["parameter"] == "temperature" and body["value"] is not None:
            assert body["value"] <= 60
    hot = [r for r in refused if r.headers["dlq-reason"] == b"range" and 60 < _value(r) < 200]
    assert hot
    assert all(int(r.headers["dlq-offset"]) > changed[int(r.headers["dlq-partition"])] for r in hot)


def _value(record: Logged) -> float:
    return float(json.loads(record.value or b"{}")["value"])
