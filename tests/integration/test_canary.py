"""A topology that is tried on one gateway, under real workers that watch it."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ironstream.cli import main
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.records import Change
from ironstream.settings import Settings
from tests.support.deployment import PARTITIONS
from tests.support.faults.deployment import Deployment

PLANT = """version: 1
deployment: {canary: {watch_s: WATCH, silent_after_s: 60, max_lag_s: 60}}
windows: [{size_s: 1}]
machine_types: [{id: any, parameters: [{name: flow, range: {max: 100}}]}]
assets:
  - {id: pump-1, machine_type: any}
  - {id: pump-2, machine_type: any}
  - {id: press-1, machine_type: any}
  - {id: press-2, machine_type: any}
pipelines:
  - {id: pumps, adapter: opcua, gateway: gw-1, config: {endpoint: "opc.tcp://127.0.0.1:4840", tags: [
      {name: flow, asset: pump-1, node: "ns=3;i=1"}, {name: flow, asset: pump-2, node: "ns=3;i=2"}]}}
  - {id: presses, adapter: opcua, gateway: gw-2, config: {endpoint: "opc.tcp://127.0.0.1:4840", tags: [
      {name: flow, asset: press-1, node: "ns=3;i=3"}, {name: flow, asset: press-2, node: "ns=3;i=4"}]}}
"""
PUMPS, PRESSES = ("pump-1", "pump-2"), ("press-1", "press-2")
VALUE = 50.0


class Machines:
    """Readings of `VALUE`, 20 a second of each asset that is on."""

    def __init__(self, settings: Settings) -> None:
        self.on: Collection[str] = (*PUMPS, *PRESSES)
        self._settings = settings

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self._run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def _run(self, stop: asyncio.Event) -> None:
        async with AIOKafkaProducer(**self._settings.kafka_client_kwargs()) as producer:
            for seq in itertools.count(1):
                for asset in self.on:
                    reading = {
                        "asset_id": asset, "parameter": "flow", "value": VALUE,
                        "timestamps": {"device_time": round(time.time() * 1000)},
                        "metadata": {"boot": "b", "seq": seq},
                    }  # fmt: skip
                    key = f"default/default/{asset}".encode()
                    await producer.send(self._settings.topic("telemetry.raw"), json.dumps(reading).encode(), key)
                await asyncio.sleep(0.05)
                if stop.is_set():
                    return


class Plant:
    """Workers, machines and the commands of a person."""

    def __init__(self, settings: Settings, logs: Path, watch_s: int) -> None:
        self.on = Deployment(settings, assets=1, seed=1, logs=logs)
        self.text = PLANT.replace("WATCH", str(watch_s))
        self.on.settings.topology.write_text(self.text)
        self.machines = Machines(self.on.settings)
        self._folder = logs

    async def command(self, *words: str) -> int:
        return await asyncio.to_thread(main, list(words))

    async def candidate(self, limit: int, *words: str) -> int:
        """Apply the plant with another limit for everything."""
        file = self._folder / f"limit-{limit}.yaml"
        file.write_text(self.text.replace("max: 100", f"max: {limit}"))
        return await self.command("apply", str(file), *words)

    async def changes(self) -> list[Change]:
        async with TopologyLog(self.on.settings) as log:
            return log.history.changes

    async def until(self, what: Callable[[], Any], within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while not await what():
            assert time.monotonic() < deadline, self.on.last_words()
            await asyncio.sleep(0.2)

    async def came(self, topic: str, assets: Collection[str]) -> list[dict[str, Any]]:
        """What is on a topic of these assets."""
        records = [json.loads(record.value or b"{}") for record in await self.on.read(topic)]
        return [one for one in records if one.get("asset_id") in assets]

    async def named(self, change: int) -> bool:
        """Whether every partition has named a change."""
        log = await self.on.read("telemetry.raw")
        said = [(one.partition, json.loads(one.value or b"{}")) for one in log if one.key == b"ironstream.control"]
        return len({at for at, one in said if one.get("number") == change}) == PARTITIONS

    async def trail(self) -> list[tuple[str, int, int]]:
        told = [json.loads(record.value or b"{}") for record in await self.on.read("audit_trail")]
        return [(one["action"], one["before_version"], one["after_version"]) for one in told]


@asynccontextmanager
async def running(settings: Settings, logs: Path, watch_s: int, patch: pytest.MonkeyPatch) -> AsyncIterator[Plant]:
    plant = Plant(settings, logs, watch_s)
    for name, value in plant.on.environment().items():
        patch.setenv(name, value)
    try:
        async with plant.machines.running():
            plant.on.start_worker()
            await plant.on.processing()
            yield plant
    finally:
        plant.on.close()


async def test_a_canary_that_does_harm_is_taken_back_by_itself_and_a_good_one_is_promoted(
    deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All readings are 50: a limit of 40 makes those of the tried gateway BAD, one of 60 changes nothing."""
    async with running(deployment, tmp_path, 4, monkeypatch) as plant:
        assert await plant.candidate(40, "--gateway", "gw-1", "--reason", "tighter") == 0

        async def taken_back() -> bool:
            return len(await plant.changes()) == 3

        await plant.until(taken_back)
        back = (await plant.changes())[-1]
        assert (back.action, back.author, back.version, back.before) == ("rollback", "canary watch", 1, 3)
        # by single series where these had enough readings before all together had
        assert re.search(r"BAD \(range|2 of 2 series have most of their readings refused", back.reason), back.reason
        assert await plant.command("history") == 0
        told = capsys.readouterr().out
        assert "canary of 2 on gw-1" in " ".join(told.split())
        assert "canary watch" in " ".join(told.split())
        await plant.until(lambda: plant.named(3))

        # how it is watched is the whole plant's: from the promotion on
        plant.text = plant.text.replace("watch_s: 4, silent_after_s: 60", "watch_s: 40, silent_after_s: 2")
        assert await plant.candidate(60, "--gateway", "gw-1") == 0

        async def passed() -> bool:
            return ("pass", 5, 5) in await plant.trail()

        await plant.until(passed)
        assert await plant.command("promote", "--reason", "all well") == 0
        await plant.until(lambda: plant.named(5))

        # what it reads no longer comes
        assert await plant.candidate(70, "--gateway", "gw-1") == 0
        await plant.until(lambda: plant.named(6))
        plant.machines.on = PRESSES

        async def taken_back_again() -> bool:
            return len(await plant.changes()) == 7

        await plant.until(taken_back_again)
        assert "2 of 2 series have fallen silent" in (await plant.changes())[-1].reason
        await plant.until(lambda: plant.named(7))
        refused = await plant.came("dlq.invalid_telemetry", (*PUMPS, *PRESSES))
        clean = await plant.came("telemetry.clean", PRESSES)
        trail = await plant.trail()
        await plant.on.stop_workers()

    assert {one["asset_id"] for one in refused} == set(PUMPS)
    # a reading of the others is where it was, whatever is tried
    numbers = [one["metadata"]["seq"] for one in clean if one["asset_id"] == "press-1"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [one for one in trail if one[0] != "pass"] == [
        ("canary", 1, 3), ("rollback", 3, 1), ("canary", 1, 5), ("promote", 5, 4), ("canary", 4, 7), ("rollback", 7, 4)
    ]  # fmt: skip
    assert {one["topology_version"] for one in clean} <= {1, 3, 4, 5, 7}


async def test_the_worker_that_watches_is_killed_and_the_canary_is_taken_back_all_the_same(
    deployment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(deployment, tmp_path, 50, monkeypatch) as plant:
        # the harm begins when the first watcher is gone
        plant.machines.on = PRESSES
        assert await plant.candidate(40, "--gateway", "gw-1") == 0
        await plant.until(lambda: plant.named(2))
        await asyncio.sleep(1.5)
        plant.on.no_worker()
        assert len(await plant.changes()) == 2
        plant.machines.on = (*PUMPS, *PRESSES)
        plant.on.start_worker()

        async def taken_back() -> bool:
            return len(await plant.changes()) == 3

        await plant.until(taken_back)
        back = (await plant.changes())[-1]
        assert (back.action, back.author, back.version) == ("rollback", "canary watch", 1)
        await plant.until(lambda: plant.named(3))
        await plant.on.stop_workers()
