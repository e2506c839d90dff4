from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel

from ironstream.gateway.adapter import AdapterKind, Point, Polled, Received, Sample
from ironstream.gateway.buffer_file import BufferFile
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.supervisor import buffer_name, run_pipelines


class Config(BaseModel):
    tags: list[str] = []


class Steady(Polled):
    """A device that always answers."""

    points = (Point("x"),)

    def __init__(self, config: Any) -> None: ...

    async def connect(self) -> None: ...

    async def read(self) -> Received:
        return Received([Sample(self.points[0], 1.0, 1)])

    async def close(self) -> None: ...


KINDS = {"steady": AdapterKind(Config, Config, Steady, lambda source, mapping: {})}


def pipeline(name: str, process: str | None = None) -> PipelineSpec:
    return PipelineSpec(id=name, adapter="steady", asset_id="a", config={}, process=process, poll_interval_s=0.01)


async def run_until_buffered(settings: GatewaySettings, least: int) -> int:
    """Run a pipeline until its metrics show so many records on disk; the exit code."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    running = asyncio.create_task(
        run_pipelines([pipeline("pump-1")], settings, stop, adapters=KINDS, on_ready=port.set_result)
    )
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{await port}"
        while least:
            async with session.get(f"{url}/health") as answer:
                health = await answer.json()
            if health["buffer"]["records"] >= least:
                assert (answer.status, health["status"], health["kafka_connection"]) == (200, "degraded", "error")
                async with session.get(f"{url}/pipelines") as answer:
                    assert (await answer.json())["pipelines"]["pump-1"]["status"] == "degraded"
                break
            await asyncio.sleep(0.02)
    stop.set()
    return await running


async def test_a_process_that_stops_while_kafka_is_away_leaves_all_on_disk_and_ends_with_0(
    nowhere: str, tmp_path: Path
) -> None:
    settings = GatewaySettings(bootstrap_servers=nowhere, buffer_dir=tmp_path, flush_timeout_s=0.1)
    assert await run_until_buffered(settings, 10) == 0
    file = BufferFile(tmp_path / "pump-1.sqlite", 1 << 30)
    records = [record for chunk in file.read(0, 1 << 30) for record in chunk.records]
    file.close()
    readings = [json.loads(record.value) for record in records if record.topic == "telemetry.raw"]
    assert [reading["metadata"]["seq"] for reading in readings] == list(range(1, len(readings) + 1))
    assert len(readings) >= 10


async def test_without_a_disk_the_end_says_that_something_is_lost(nowhere: str) -> None:
    assert await run_until_buffered(GatewaySettings(bootstrap_servers=nowhere, flush_timeout_s=0.1), 0) == 1


@pytest.mark.parametrize(
    ("pipelines", "name"),
    [
        ([pipeline("pump-1")], "pump-1"),
        ([pipeline("pump-1", "hall-2")], "hall-2"),
        ([pipeline("pump-1", "hall-2"), pipeline("pump-2", "hall-2")], "hall-2"),
        ([pipeline("pump-1"), pipeline("pump-2")], "gateway"),
        ([pipeline("pump-1", "hall-2"), pipeline("pump-2")], "gateway"),
        ([pipeline("../../etc/passwd")], "______etc_passwd"),
    ],
)
def test_the_buffer_is_named_after_what_the_process_runs(pipelines: list[PipelineSpec], name: str) -> None:
    assert buffer_name(pipelines) == name
