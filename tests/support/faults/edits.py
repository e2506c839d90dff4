"""Edits of a deployment's topology by the real commands, and what must be true of them afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.bench.switches import Judged, Switches, judge
from ironstream.cli import main
from ironstream.contract import ID_HEADER, Topic
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.participants import Participants
from ironstream.rollout.records import ORDER_PARTITION, Change
from tests.support.faults.deployment import Deployment, Worker
from tests.support.faults.oracle import Logged

_COMMAND_S = 60.0


async def command(on: Deployment, *arguments: str, code: int = 0) -> str:
    """Run `ironstream …` on the deployment; what it says. Raises AssertionError when it exits with another code."""
    process = await _start(on, *arguments)
    said, complained = await asyncio.wait_for(process.communicate(), _COMMAND_S)
    assert process.returncode == code, f"{arguments} exited with {process.returncode}\n{complained.decode()}"
    return said.decode()


async def apply(file: Path, text: str) -> None:
    """Apply a text, and stay until all who follow have it."""
    await asyncio.to_thread(file.write_text, text)
    await rollout("apply", str(file), "--accept-losses", "--wait", "--timeout", "50")


async def rollout(*arguments: str) -> None:
    """Run `ironstream …` in this process, which has the deployment's settings in its environment; it must succeed."""
    assert await asyncio.to_thread(main, list(arguments)) == 0, f"ironstream {' '.join(arguments)} has failed"


async def started_apply(on: Deployment, file: Path, text: str, after_records: int) -> asyncio.subprocess.Process:
    """`apply`, which has written so many records into the log of topologies (0: not the first), or has ended."""
    await asyncio.to_thread(file.write_text, text)
    at = TopicPartition(on.settings.topic(Topic.CONFIG_TOPOLOGY), ORDER_PARTITION)
    async with AIOKafkaConsumer(**on.settings.kafka_client_kwargs()) as consumer:
        before = (await consumer.end_offsets([at]))[at]
        process = await _start(on, "apply", str(file), "--accept-losses")
        deadline = time.monotonic() + _COMMAND_S
        while (await consumer.end_offsets([at]))[at] < before + after_records and process.returncode is None:
            assert time.monotonic() < deadline, f"apply has not written {after_records} records"
            await asyncio.sleep(0)
    return process


async def killed_apply(on: Deployment, file: Path, text: str, after_records: int) -> None:
    """`started_apply`, and kill -9 of it at once."""
    process = await started_apply(on, file, text, after_records)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.communicate()
    on.faults[f"kill -9 of apply after {after_records} records"] += 1


def start_gateway(on: Deployment, log: Path) -> Worker:
    """Start the gateway gw-1 as a process."""
    return Worker(on.environment() | {"IRONSTREAM_HEALTH_PORT": "0"}, log, ("ironstream.cli", "gateway", "gw-1"))


async def one_version_everywhere(on: Deployment, roles: set[str], within_s: float = 60.0) -> None:
    """Wait until all who follow the topology say that they have the last change; of each of the roles one is there."""
    deadline = time.monotonic() + within_s
    while True:
        last = (await changes(on))[-1]
        async with Participants(on.settings) as participants:
            present = participants.present
        held = {(one.change, one.version, one.refused) for one in present}
        if held == {(last.number, last.version, None)} and {one.role for one in present} == roles:
            return
        assert time.monotonic() < deadline, f"{last} is not with all of {present}\n{on.last_words()}"
        await asyncio.sleep(0.3)


async def changes(on: Deployment) -> list[Change]:
    """All changes that count."""
    async with TopologyLog(on.settings) as log:
        return list(log.history.changes)


async def named_everywhere(on: Deployment, within_s: float = 60.0) -> None:
    """Wait until the last change of the log of topologies is the last one in the log of every partition."""
    wanted = (await changes(on))[-1].number
    deadline = time.monotonic() + within_s
    while True:
        switches = switches_in(await on.read("telemetry.raw"))
        behind = [number for number in range(on.settings.partitions) if switches[number].numbers[-1:] != [wanted]]
        if not behind:
            return
        assert time.monotonic() < deadline, f"partitions {behind} have not come to change {wanted}\n{on.last_words()}"
        await asyncio.sleep(0.3)


def switches_in(log: list[Logged]) -> defaultdict[int, Switches]:
    """The changes in the log of each partition of telemetry.raw."""
    found: defaultdict[int, Switches] = defaultdict(Switches)
    for record in log:
        found[record.partition].add(record.offset, record.key, record.value)
    return found


async def judged_as_the_log_says(on: Deployment) -> set[int]:
    """Hold every clean reading to the version before it in its log; the versions that there were.

    Numbers must not go back within a partition, which is so where each is that of the log.
    """
    switches = switches_in(await on.read("telemetry.raw"))
    clean = await on.read("telemetry.clean")
    readings = [_judged(record) for record in clean]
    found = judge(switches, readings)
    assert not found.wrong, "\n".join(found.wrong)
    assert found.right == len(readings) > 0
    return {one.version for one in readings if one.version is not None}


def _judged(record: Logged) -> Judged:
    _, partition, offset = record.headers[ID_HEADER].decode().split("/")[:3]
    return Judged(int(partition), int(offset), json.loads(record.value or b"{}")["topology_version"])


async def explained(on: Deployment) -> None:
    """Hold the deployment to its own ledger: every reading was sent, and became something."""
    book = msgspec.json.decode(await command(on, "ledger", "--output", "json"))
    assert book["explained"], {
        f"{one['asset']}/{one['parameter']}": (one["missing"], one["unexplained"], one["runs"])
        for one in book["series"]
        if one["missing"] or one["unexplained"]
    }


async def _start(on: Deployment, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ironstream.cli", *arguments, env=os.environ | on.environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
