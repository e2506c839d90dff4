"""A gateway in this process, with real processes of adapters, for tests."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiokafka import AIOKafkaConsumer

from adapters.registry import CONFIG_MODELS
from ironstream.commands.children import python
from ironstream.contract import Topic
from ironstream.gateway.processes.gateway import Gateway
from ironstream.gateway.processes.settings import Supervision
from ironstream.gateway.processes.topology_file import TopologyFile
from ironstream.gateway.processes.topology_source import TopologySource
from ironstream.gateway.settings import GatewaySettings
from ironstream.settings import Settings

FAST = Supervision(
    health_interval_s=0.2,
    health_timeout_s=1.0,
    backoff_initial_s=0.05,
    backoff_max_s=0.2,
    topology_interval_s=0.1,
    settle_s=0.02,
)


def pipeline(name: str, port: int, *, process: str | None = "shared", parameter: str = "speed", **fields: Any) -> Any:
    """A pipeline of a topology: one register of the simulated pump; its asset is named as the pipeline."""
    tag = {"name": parameter, "address": 2, "type": "INT16"}
    return {
        "id": name,
        "adapter": "modbus-tcp",
        "asset": name,
        "poll_interval_s": 0.02,
        "config": {"host": "127.0.0.1", "port": port, "unit_id": 1, "tags": [tag]},
        **({} if process is None else {"process": process}),
        **fields,
    }


def write(path: Path, *pipelines: Any) -> None:
    """Put a topology in the place of the one that is there, at once."""
    new = path.with_suffix(".new")
    new.write_text(yaml.safe_dump({"version": 1, "pipelines": list(pipelines)}), encoding="utf-8")
    new.replace(path)


def environment(deployment: Settings) -> dict[str, str]:
    """Of the processes of a gateway of this deployment."""
    return os.environ | {
        "IRONSTREAM_BOOTSTRAP": deployment.bootstrap,
        "IRONSTREAM_TOPIC_PREFIX": deployment.topic_prefix,
        "IRONSTREAM_DATA_DIR": str(deployment.data_dir),
        "IRONSTREAM_TOPOLOGY": str(deployment.topology),
        "IRONSTREAM_HEALTH_PORT": "0",
    }


@dataclass
class RunningGateway:
    """A gateway that runs while the block is entered."""

    task: asyncio.Task[int]
    stop: asyncio.Event
    url: str
    session: aiohttp.ClientSession
    health: dict[str, Any] = field(default_factory=dict)

    async def until(
        self, condition: Callable[[dict[str, Any]], bool], what: str, timeout_s: float = 30
    ) -> dict[str, Any]:
        """The first health of which it is so; the timeout is only there to fail."""
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(await self.ask()):
                    assert not self.task.done(), "the gateway ended"
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"it did not come to this: {what}; {self.health}") from None
        return self.health

    async def ask(self) -> dict[str, Any]:
        """Its health now."""
        async with self.session.get(self.url + "/health") as answer:
            self.health = await answer.json()
        return self.health

    async def healthy(self, **processes: str) -> dict[str, Any]:
        """Wait until exactly these pipelines are there, each in its process, healthy, and reading."""

        def so(health: dict[str, Any]) -> bool:
            pipelines = health["pipelines"]
            return (
                {name: one["process"] for name, one in pipelines.items()} == processes
                and all(one["status"] == "healthy" and one["last_reading_at"] for one in pipelines.values())
                and health["processes"].keys() == set(processes.values())
            )

        return await self.until(so, f"{processes} healthy")


@asynccontextmanager
async def running_gateway(
    deployment: Settings, name: str | None = None, supervision: Supervision = FAST, source: TopologySource | None = None
) -> AsyncIterator[RunningGateway]:
    """A gateway on `source`, else on the file `deployment.topology`; at the end it is stopped, and must exit with 0."""
    stop = asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    gateway = Gateway(
        name,
        source or TopologyFile(deployment.topology, CONFIG_MODELS, supervision.settle_s),
        GatewaySettings.of(deployment, hostname="host-1"),
        command=python("-m", "adapters", "--control"),
        env=environment(deployment),
        buffer_dir=deployment.data_dir / "buffer",
        supervision=supervision,
    )
    task = asyncio.create_task(gateway.run(stop, on_ready=ready.set_result))
    async with aiohttp.ClientSession() as session:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await task
        running = RunningGateway(task, stop, f"http://127.0.0.1:{ready.result()}", session)
        try:
            yield running
        finally:
            stop.set()
            code = await task
        assert code == 0


async def records_of(deployment: Settings, topic: str) -> list[tuple[bytes, Any]]:
    """Key and value of every record of the topic, from its beginning to its end at the time of the call."""
    consumer = AIOKafkaConsumer(
        deployment.topic(topic), bootstrap_servers=deployment.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        records: list[tuple[bytes, Any]] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += [(record.key, json.loads(record.value)) for record in batch]
        return records
    finally:
        await consumer.stop()


async def runs_of(deployment: Settings) -> dict[str, list[tuple[str, str]]]:
    """Boot and parameter of every run of each pipeline, in order; none may have a hole in its numbers."""
    numbers: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for _, reading in await records_of(deployment, Topic.TELEMETRY_RAW):
        metadata = reading["metadata"]
        numbers[metadata["pipeline_id"], metadata["boot"], reading["parameter"]].append(metadata["seq"])
    runs: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for (name, boot, parameter), seen in numbers.items():
        assert seen == list(range(1, len(seen) + 1)), f"{name}: a hole, or another order"
        runs[name].append((boot, parameter))
    return dict(runs)
