"""A gateway with real processes, a simulated device and a real Kafka."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from adapters.simulator.live import LivePlant
from adapters.simulator.physics import Plant
from adapters.simulator.server import PlantServer
from ironstream.commands.children import ironstream
from ironstream.contract import Topic
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs
from tests.support.gateway import environment, pipeline, records_of, running_gateway, runs_of, write

STARTED = (b'"pipeline_id": "a", "process": "shared", "boot"', b'"pipeline_id": "b", "process": "b", "boot"')


@pytest.fixture
async def plant(deployment: Settings) -> AsyncIterator[int]:
    """Port of a simulated plant; the topics exist."""
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, (1,)))
    async with PlantServer(LivePlant(Plant(seed=1))) as server:
        yield server.port


async def logged(deployment: Settings) -> list[dict[str, Any]]:
    records = await records_of(deployment, Topic.LOGS_GATEWAY)
    assert {key for key, _ in records} == {b"gw-1"}
    return [line for _, line in records]


async def test_a_new_topology_restarts_only_what_it_changes(deployment: Settings, plant: int) -> None:
    write(
        deployment.topology,
        pipeline("stays", plant),
        pipeline("changes", plant),
        pipeline("goes", plant),
        pipeline("alone", plant, process=None),
        pipeline("moves", plant, process="first"),
        pipeline("of-another", plant, gateway="gw-2"),
    )
    async with running_gateway(deployment, "gw-1") as gateway:
        before = await gateway.healthy(stays="shared", changes="shared", goes="shared", alone="alone", moves="first")
        write(
            deployment.topology,
            pipeline("new", plant),
            pipeline("changes", plant, parameter="revolutions"),
            pipeline("stays", plant),
            pipeline("alone", plant, process=None),
            pipeline("moves", plant, process="second"),
        )
        after = await gateway.healthy(stays="shared", changes="shared", new="shared", alone="alone", moves="second")
        for name in ("shared", "alone"):
            assert after["processes"][name]["pid"] == before["processes"][name]["pid"]
        assert after["topology"]["sha256"] != before["topology"]["sha256"]
    runs = await runs_of(deployment)
    assert {name: len(of_one) for name, of_one in runs.items()} == {
        "stays": 1, "changes": 2, "goes": 1, "new": 1, "alone": 1, "moves": 2
    }  # fmt: skip
    assert [parameter for _, parameter in runs["changes"]] == ["speed", "revolutions"]
    told = {(line["event"], line.get("pipeline_id") or line.get("process")) for line in await logged(deployment)}
    assert told >= {
        ("pipeline_started", "stays"),
        ("pipeline_restarted", "changes"),
        ("pipeline_stopped", "goes"),
        ("process_stopped", "first"),
        ("gateway_stopped", None),
    }
    assert not told & {("pipeline_restarted", "stays"), ("process_ended", "shared")}


async def test_a_process_that_is_killed_or_hangs_comes_back_and_the_others_do_not_notice(
    deployment: Settings, plant: int
) -> None:
    write(deployment.topology, *(pipeline(name, plant, process=name) for name in ("killed", "hung", "other")))
    async with running_gateway(deployment, "gw-1") as gateway:
        health = await gateway.healthy(killed="killed", hung="hung", other="other")
        os.kill(health["processes"]["killed"]["pid"], signal.SIGKILL)
        os.kill(health["processes"]["hung"]["pid"], signal.SIGSTOP)
        await gateway.until(
            lambda now: now["processes"]["killed"]["restarts"] == now["processes"]["hung"]["restarts"] == 1,
            "two deaths",
        )
        health = await gateway.healthy(killed="killed", hung="hung", other="other")
        assert {name: one["restarts"] for name, one in health["pipelines"].items()} == {
            "killed": 1, "hung": 1, "other": 0
        }  # fmt: skip
        async with gateway.session.get(gateway.url + "/metrics") as answer:
            metrics = await answer.text()
    for line in (
        'ironstream_gateway_process_restarts_total{process="hung"} 1.0',
        'ironstream_gateway_process_up{process="killed"} 1.0',
        'ironstream_gateway_pipeline_health{pipeline="other"} 2.0',
        'adapter_readings_total{pipeline_id="other"} ',
    ):
        assert line in metrics
    assert {name: len(of_one) for name, of_one in (await runs_of(deployment)).items()} == {
        "killed": 2, "hung": 2, "other": 1
    }  # fmt: skip
    lines = await logged(deployment)
    assert [line["process"] for line in lines if line["event"] == "process_hung"] == ["hung"]
    assert {line["reason"] for line in lines if line["event"] == "process_ended"} == {"SIGKILL"}


async def test_a_bad_topology_and_a_bad_pipeline_are_refused_and_what_runs_goes_on(
    deployment: Settings, plant: int
) -> None:
    write(deployment.topology, pipeline("a", plant), pipeline("b", plant))
    async with running_gateway(deployment, "gw-1") as gateway:
        good = await gateway.healthy(a="shared", b="shared")
        write(deployment.topology, pipeline("a", plant, parameter="no parameter"))
        bad = await gateway.until(lambda now: now["topology"]["refused"] is not None, "a refused topology")
        assert "no parameter" in bad["topology"]["refused"]
        assert (bad["status"], bad["topology"]["sha256"]) == ("degraded", good["topology"]["sha256"])
        # sound for whoever reads the file, but its secret is not to be found
        other = pipeline("a", plant)
        other["config"]["host"] = "${secret:nowhere}"
        write(deployment.topology, other, pipeline("b", plant))
        refused = await gateway.until(lambda now: "nowhere" in str(now["pipelines"]["a"]["detail"]), "a refusal")
        assert refused["topology"]["refused"] is None
        assert refused["pipelines"]["a"]["status"] == "degraded"
        await gateway.until(
            lambda now: now["pipelines"]["a"]["last_reading_at"] > refused["pipelines"]["a"]["last_reading_at"],
            "the former version still reading",
        )
    assert {name: len(of_one) for name, of_one in (await runs_of(deployment)).items()} == {"a": 1, "b": 1}
    events = {line["event"]: line for line in await logged(deployment)}
    assert "error" in events["topology_refused"]["error"]
    assert "nowhere" in events["pipeline_refused"]["faults"][0]


async def started(deployment: Settings, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *ironstream("gateway", *arguments), env=environment(deployment), stderr=asyncio.subprocess.PIPE
    )


async def lines_until(process: asyncio.subprocess.Process, *wanted: bytes) -> None:
    """Read what it says until each of these has come."""
    assert process.stderr is not None
    left = set(wanted)
    async with asyncio.timeout(60):
        while left:
            line = await process.stderr.readline()
            assert line, "the gateway ended"
            left -= {one for one in left if one in line}


async def gone(*processes: psutil.Process) -> None:
    async with asyncio.timeout(60):
        while any(  # noqa: ASYNC110  processes of others have no event for this
            process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes
        ):
            await asyncio.sleep(0.02)


async def test_the_command_ends_on_sigterm_with_0_and_all_that_was_read_is_in_kafka(
    deployment: Settings, plant: int
) -> None:
    write(deployment.topology, pipeline("a", plant), pipeline("b", plant, process=None))
    process = await started(deployment)
    await lines_until(process, *STARTED)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 2
    second = await started(deployment)
    assert second.stderr is not None
    _, said = await second.communicate()
    assert (second.returncode, b"runs already" in said) == (2, True)
    await asyncio.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0
    await gone(*children)
    assert {name: len(of_one) for name, of_one in (await runs_of(deployment)).items()} == {"a": 1, "b": 1}


async def test_a_killed_gateway_leaves_no_process_behind_and_nothing_is_lost(deployment: Settings, plant: int) -> None:
    write(deployment.topology, pipeline("a", plant), pipeline("b", plant, process=None))
    process = await started(deployment, "gw-1")
    await lines_until(process, *STARTED)
    children = psutil.Process(process.pid).children(recursive=True)
    await asyncio.sleep(0.5)
    process.kill()
    await process.communicate()
    await gone(*children)
    assert {name: len(of_one) for name, of_one in (await runs_of(deployment)).items()} == {"a": 1, "b": 1}


async def test_a_topology_with_faults_at_the_start_ends_with_2_and_names_them(deployment: Settings, plant: int) -> None:
    write(deployment.topology, pipeline("a", plant, adapter="profibus"))
    process = await started(deployment)
    assert process.stderr is not None
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"profibus" in said
    assert b"Traceback" not in said
