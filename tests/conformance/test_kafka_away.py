"""What every adapter reads while Kafka is away is on disk when its process ends, whatever its protocol."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp

from adapters.registry import ADAPTERS
from ironstream.gateway.buffer_file import BufferFile
from ironstream.gateway.supervisor import run_pipelines
from tests.conformance.benches.bench import Bench
from tests.conformance.support import pipeline, settings

READINGS = 12
CAP = 10_000_000


async def readings_counted(port: int) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        found = re.search(r'^adapter_readings_total\{pipeline_id="p1"\} (\S+)', await response.text(), re.MULTILINE)
    return int(float(found[1])) if found else 0


def readings_on_disk(path: Path) -> list[dict[str, Any]]:
    file = BufferFile(path, CAP)
    try:
        records = [record for chunk in file.read(0, CAP) for record in chunk.records]
    finally:
        file.close()
    return [json.loads(record.value) for record in records if record.topic == "telemetry.raw"]


async def test_what_is_read_while_kafka_is_away_is_on_disk_at_the_end_without_a_hole(
    bench: Bench, nowhere: str, tmp_path: Path
) -> None:
    stop = asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    away = settings(
        bootstrap_servers=nowhere, buffer_dir=tmp_path, buffer_name="p", buffer_max_bytes=CAP, flush_timeout_s=1
    )
    task = asyncio.create_task(
        run_pipelines([pipeline(bench)], away, stop, adapters=ADAPTERS, on_ready=ready.set_result)
    )
    async with asyncio.timeout(60):
        port = await ready
        while await readings_counted(port) < READINGS:
            assert not task.done(), "the gateway ended"
            await asyncio.sleep(0.05)
        stop.set()
        assert await task == 0
    readings = readings_on_disk(tmp_path / "p.sqlite")
    assert len(readings) >= READINGS
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for reading in readings:
        numbers[reading["parameter"]].append(reading["metadata"]["seq"])
    assert {"a", "b"} <= numbers.keys()
    for of_series in numbers.values():
        assert of_series == list(range(1, len(of_series) + 1))
