"""The gateway with processes that have no adapters, and no Kafka; with both it is in tests/integration."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.registry import CONFIG_MODELS
from ironstream.commands.children import python
from ironstream.gateway.processes.gateway import Gateway
from ironstream.gateway.processes.settings import Supervision
from ironstream.gateway.processes.topology_file import TopologyFile
from ironstream.gateway.settings import GatewaySettings
from ironstream.topology import TopologyError
from tests.conformance.support import MemoryPublisher
from tests.support.gateway import pipeline, write
from tests.unit.ironstream.gateway.processes.test_keeper import CHILD, until

SELDOM = Supervision(health_interval_s=0.05, topology_interval_s=1000, settle_s=0, stop_timeout_s=20)


@dataclass
class Running:
    """A gateway that runs while the block is entered."""

    task: asyncio.Task[int]
    publisher: MemoryPublisher
    stop: asyncio.Event
    look_now: asyncio.Event
    url: str

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.publisher.records]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.told if line["event"] == name]


def new(path: Path, name: str | None, program: str, supervision: Supervision) -> Gateway:
    return Gateway(
        name,
        TopologyFile(path, CONFIG_MODELS, supervision.settle_s),
        GatewaySettings(),
        command=python("-c", program),
        env=os.environ,
        buffer_dir=path.parent / "buffer",
        supervision=supervision,
    )


@asynccontextmanager
async def running(
    path: Path, name: str | None = None, program: str = CHILD, supervision: Supervision = SELDOM
) -> AsyncIterator[Running]:
    publisher, stop, look_now = MemoryPublisher(), asyncio.Event(), asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    gateway = new(path, name, program, supervision)
    task = asyncio.create_task(
        gateway.run(stop, look_now=look_now, publisher=publisher, on_ready=ready.set_result), name="gateway"
    )
    made = Running(task, publisher, stop, look_now, f"http://127.0.0.1:{await ready}")
    try:
        yield made
    finally:
        stop.set()
        await task


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "topology.yaml"


async def test_a_new_topology_is_taken_at_once_when_asked_to_look(path: Path) -> None:
    write(path, pipeline("a", 1))
    async with running(path) as gateway:
        await until(lambda: len(gateway.events("pipeline_started")) == 1)
        write(path, pipeline("b", 1))
        gateway.look_now.set()
        await until(lambda: len(gateway.events("pipeline_started")) == 2)
        assert [line["pipeline_id"] for line in gateway.events("pipeline_stopped")] == ["a"]
        assert [line["processes"] for line in gateway.events("topology_applied")] == [1, 1]
    assert await gateway.task == 0


async def test_every_process_has_a_buffer_folder_of_its_own(path: Path) -> None:
    write(path, pipeline("a", 1, process="x"), pipeline("b", 1, process=None))
    program = f"import os\nopen({str(path.parent)!r} + '/' + os.environ['IRONSTREAM_PROCESS'], 'w').write("
    program += f"os.environ['IRONSTREAM_BUFFER_DIR'])\n{CHILD}"
    async with running(path, program=program) as gateway:
        await until(lambda: len(gateway.events("pipeline_started")) == 2)
    for name in ("x", "b"):
        assert (path.parent / name).read_text(encoding="utf-8") == str(path.parent / "buffer" / name)


async def test_it_runs_its_own_pipelines_and_those_of_nobody_and_warns_when_none_names_it(path: Path) -> None:
    write(path, pipeline("mine", 1, gateway="gw-1"), pipeline("of-nobody", 1), pipeline("other", 1, gateway="gw-2"))
    async with running(path, "gw-1") as gateway:
        await until(lambda: len(gateway.events("pipeline_started")) == 2)
        assert {line["pipeline_id"] for line in gateway.events("pipeline_started")} == {"mine", "of-nobody"}
        assert gateway.events("no_pipeline_names_this_gateway") == []
    assert {record.key for record in gateway.publisher.records} == {b"gw-1"}
    async with running(path, "gw-l") as gateway:
        await until(lambda: bool(gateway.events("no_pipeline_names_this_gateway")))
        assert gateway.events("no_pipeline_names_this_gateway")[0]["gateways"] == ["gw-1", "gw-2"]


async def test_a_gateway_without_pipelines_waits_in_good_health(path: Path) -> None:
    write(path)
    async with running(path) as gateway, aiohttp.ClientSession() as session:
        async with session.get(gateway.url + "/health") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "healthy")
        async with session.get(gateway.url + "/live") as answer:
            assert await answer.text() == "live\n"


async def test_it_is_unhealthy_and_yet_alive_while_its_processes_are_away(path: Path) -> None:
    write(path, pipeline("a", 1))
    slow = Supervision(backoff_initial_s=600, backoff_max_s=600)
    async with (
        running(path, program="raise SystemExit(3)", supervision=slow) as gateway,
        aiohttp.ClientSession() as session,
    ):
        await until(lambda: bool(gateway.events("process_ended")))
        async with session.get(gateway.url + "/health") as answer:
            assert answer.status == 503
            assert "exit code 3" in (await answer.json())["pipelines"]["a"]["detail"]
        async with session.get(gateway.url + "/live") as answer:
            assert answer.status == 200


async def test_it_ends_while_a_process_that_is_to_go_does_not(path: Path) -> None:
    write(path, pipeline("a", 1, process="x"))
    stubborn = CHILD + "\nthreading.Event().wait()\n"
    impatient = Supervision(health_interval_s=0.05, topology_interval_s=0.01, settle_s=0, stop_timeout_s=0.5)
    async with running(path, program=stubborn, supervision=impatient) as gateway:
        await until(lambda: len(gateway.events("pipeline_started")) == 1)
        write(path, pipeline("b", 1, process="y"))
        await until(lambda: len(gateway.events("topology_applied")) == 2)
        gateway.stop.set()
        assert await gateway.task == 1
    assert {line["process"] for line in gateway.events("process_killed")} >= {"x"}


async def test_a_topology_that_cannot_be_used_starts_nothing(path: Path) -> None:
    write(path, pipeline("a", 1, adapter="profibus"))
    publisher = MemoryPublisher()
    with pytest.raises(TopologyError, match="profibus"):
        await new(path, None, CHILD, SELDOM).run(asyncio.Event(), publisher=publisher)
    assert publisher.records == []


async def test_a_broken_topology_that_is_taken_back_is_told_to_be_over(path: Path) -> None:
    write(path, pipeline("a", 1))
    async with running(path) as gateway:
        await until(lambda: len(gateway.events("pipeline_started")) == 1)
        write(path, pipeline("a", 1, surprise=1))
        gateway.look_now.set()
        await until(lambda: len(gateway.events("topology_refused")) == 1)
        assert "surprise" in gateway.events("topology_refused")[0]["error"]
        write(path, pipeline("a", 1))
        gateway.look_now.set()
        await until(lambda: len(gateway.events("topology_restored")) == 1)
        gateway.look_now.set()
        await until(lambda: not gateway.look_now.is_set())
        assert gateway.events("topology_restored")[0]["sha256"] == gateway.events("topology_applied")[0]["sha256"]
        assert len(gateway.events("topology_applied")) == len(gateway.events("topology_restored")) == 1
