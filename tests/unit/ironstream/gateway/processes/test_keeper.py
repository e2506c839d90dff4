from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from ironstream.commands.children import python
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.processes.keeper import Keeper
from ironstream.gateway.processes.log import GatewayLog
from ironstream.gateway.processes.settings import Supervision
from ironstream.gateway.processes.view import ProcessState
from tests.conformance.support import MemoryPublisher

FAST = Supervision(
    health_interval_s=0.05,
    health_timeout_s=2,
    start_timeout_s=20,
    stop_timeout_s=20,
    backoff_initial_s=0.01,
    backoff_max_s=0.02,
)
A, B = (PipelineSpec(name, "fake", name, {}) for name in ("a", "b"))
CHILD = """
import json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        pipelines = {"a": {"status": "healthy"}}
        body = json.dumps({"kafka_connection": "ok", "pipelines": pipelines, "refused": {}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"type": "ready", "health_port": server.server_port}), flush=True)
for line in sys.stdin:
    wanted = json.loads(line)
    boots = {pipeline["id"]: "boot" for pipeline in wanted["pipelines"]}
    print("something that is no message", flush=True)
    print(json.dumps({"type": "applied", "number": wanted["number"], "boots": boots, "refused": {}}), flush=True)
"""
"""A process of adapters without adapters, which is there at once."""
REFUSING = """
import json, sys
print(json.dumps({"type": "failed", "message": "no such port"}), flush=True)
sys.exit(2)
"""


@asynccontextmanager
async def kept(program: str, supervision: Supervision = FAST) -> AsyncIterator[tuple[Keeper, MemoryPublisher]]:
    publisher = MemoryPublisher()
    async with aiohttp.ClientSession() as session:
        log = GatewayLog("gw-1", publisher, hostname="host-1")
        keeper = Keeper("x", python("-c", program), dict(os.environ), supervision, session, log)
        keeper.want([A])
        keeper.start()
        try:
            yield keeper, publisher
        finally:
            await keeper.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  a process has no event for this
            await asyncio.sleep(0.005)


def events(publisher: MemoryPublisher) -> list[str]:
    assert {record.key for record in publisher.records} == {b"gw-1"}
    return [json.loads(record.value)["event"] for record in publisher.records]


async def test_it_runs_is_told_what_is_wanted_and_ends_when_it_is_stopped() -> None:
    async with kept(CHILD) as (keeper, publisher):
        await until(lambda: keeper.view.state is ProcessState.RUNNING)
        assert keeper.view.report is not None
        assert keeper.view.report.pipelines["a"].status == "healthy"
        keeper.want([A, B])
        await keeper.applied()
        assert await keeper.stop()
        assert (keeper.view.state, keeper.view.pid, keeper.view.restarts) == (ProcessState.STOPPED, None, 0)
    told = events(publisher)
    assert told == ["process_started", "pipeline_started", "pipeline_started", "process_stopped"]


async def test_the_same_as_before_is_not_told_again() -> None:
    async with kept(CHILD) as (keeper, publisher):
        keeper.want([A])
        keeper.want([A])
        await until(lambda: keeper.view.state is ProcessState.RUNNING)
        keeper.want([B])
        await keeper.applied()
    assert events(publisher).count("pipeline_started") == 2
    assert events(publisher).count("pipeline_stopped") == 1


@pytest.mark.parametrize(("number", "event"), [(signal.SIGKILL, "process_ended"), (signal.SIGSTOP, "process_hung")])
async def test_a_process_that_dies_or_hangs_comes_back_with_what_was_wanted(number: signal.Signals, event: str) -> None:
    async with kept(CHILD, replace(FAST, health_timeout_s=0.4)) as (keeper, publisher):
        await until(lambda: keeper.view.state is ProcessState.RUNNING)
        keeper.want([A, B])
        first = keeper.view.pid
        assert first is not None
        os.kill(first, number)
        await until(lambda: keeper.view.restarts >= 1 and keeper.view.state is ProcessState.RUNNING)
        await keeper.applied()
        assert keeper.view.pid != first
    told = events(publisher)
    assert event in told
    assert told.count("process_started") >= 2
    assert told[told.index("process_ended") :].count("pipeline_started") >= 2


async def test_a_hung_process_shows_no_health_of_before() -> None:
    async with kept(CHILD, Supervision(health_interval_s=0.05, health_timeout_s=0.1, hung_after=10**6)) as (keeper, _):
        await until(lambda: keeper.view.report is not None)
        pid = keeper.view.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: keeper.view.report is None)
        assert "does not answer" in str(keeper.view.detail)
        os.kill(pid, signal.SIGCONT)
        await until(lambda: keeper.view.report is not None)
        assert keeper.view.restarts == 0


async def test_the_pauses_between_starts_grow_up_to_a_limit() -> None:
    supervision = Supervision(backoff_initial_s=0.02, backoff_max_s=0.08)
    async with kept("raise SystemExit(3)", supervision) as (keeper, publisher):
        await until(lambda: keeper.view.restarts >= 5)
    ends = [json.loads(record.value) for record in publisher.records]
    pauses = [end["again_in_s"] for end in ends if end["event"] == "process_ended"]
    for pause, full in zip(pauses, (0.02, 0.04, 0.08, 0.08, 0.08), strict=False):
        assert full / 2 - 0.005 <= pause <= full + 0.005
    assert {end["exit_code"] for end in ends if end["event"] == "process_ended"} == {3}


async def test_steady_running_makes_the_pauses_short_again() -> None:
    supervision = Supervision(backoff_initial_s=0.02, backoff_max_s=10, steady_s=0)
    async with kept("raise SystemExit(3)", supervision) as (keeper, publisher):
        await until(lambda: keeper.view.restarts >= 4)
    ends = [json.loads(record.value) for record in publisher.records]
    assert all(end["again_in_s"] <= 0.02 for end in ends if end["event"] == "process_ended")


async def test_one_that_refuses_its_settings_is_not_started_again_until_something_else_is_wanted() -> None:
    async with kept(REFUSING) as (keeper, publisher):
        await until(lambda: keeper.view.state is ProcessState.REFUSED)
        assert "no such port" in str(keeper.view.detail)
        keeper.want([A])
        await asyncio.sleep(0.1)
        assert keeper.view.restarts == 1
        keeper.want([B])
        await until(lambda: keeper.view.restarts == 2 and keeper.view.state is ProcessState.REFUSED)
    assert events(publisher) == ["process_started", "process_refused"] * 2


async def test_one_that_is_never_ready_is_taken_for_hung() -> None:
    supervision = Supervision(start_timeout_s=0.05, backoff_initial_s=0.01)
    async with kept("import time; time.sleep(600)", supervision) as (keeper, publisher):
        await until(lambda: keeper.view.restarts >= 1)
    assert "process_hung" in events(publisher)


async def test_one_that_does_not_end_is_ended_by_force_and_that_is_told() -> None:
    stubborn = CHILD + "\nthreading.Event().wait()\n"
    async with kept(stubborn, Supervision(stop_timeout_s=0.1, health_interval_s=0.05)) as (keeper, publisher):
        await until(lambda: keeper.view.state is ProcessState.RUNNING)
        assert not await keeper.stop()
    assert "process_killed" in events(publisher)


async def test_a_command_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    publisher = MemoryPublisher()
    async with aiohttp.ClientSession() as session:
        log = GatewayLog("gw-1", publisher, hostname="host-1")
        keeper = Keeper("x", [str(tmp_path / "nothing")], {}, FAST, session, log)
        keeper.want([A])
        keeper.start()
        await until(lambda: keeper.view.restarts >= 2)
        assert "not started" in str(keeper.view.detail)
        assert await keeper.stop()
