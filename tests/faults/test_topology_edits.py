"""Edits of the topology under load: nothing is lost, one version holds everywhere, and a replay decides alike."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.simulator.live import LivePlant
from adapters.simulator.physics import Plant as PhysicalPlant
from adapters.simulator.server import PlantServer
from tests.support.faults import edits, replay
from tests.support.faults.deployment import Deployment

SIZES_S = (1, 5, 10)

Edit = Callable[[str], str]


def narrower(text: str) -> str:
    """Temperatures above 95 are out of range."""
    return text.replace("max: 200", "max: 95")


def with_cold(text: str) -> str:
    """One more alarm, and a limit of another that is lower."""
    return text.replace("above: 90", "above: 85") + (
        "  - {id: cold, type: cold, parameter: temperature, condition: {below: 45, deadband: 2}}\n"
    )


def with_windows_of_5_s(text: str) -> str:
    """One more size of windows, and an asset."""
    return (
        text.replace("  - {size_s: 10,", "  - {size_s: 5, grace_s: 1, late_retention_s: 60}\n  - {size_s: 10,")
        .replace("windows_s: [1, 10]", "windows_s: [1, 5, 10]")
        .replace("assets:\n", "assets:\n  - {id: press-0, site: works, parameters: [{name: force}]}\n")
    )


def without_cold(text: str) -> str:
    """The alarm is given up."""
    return "".join(line for line in text.splitlines(keepends=True) if "id: cold" not in line)


EDITS: tuple[Edit, ...] = (narrower, with_cold, with_windows_of_5_s, without_cold)


@pytest.fixture
def edited(plant: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment whose settings this process has too, for the commands that it runs itself."""
    for name, value in plant.environment().items():
        monkeypatch.setenv(name, value)
    return plant


async def test_a_replay_over_edits_gives_the_same_outputs(edited: Deployment, tmp_path: Path) -> None:
    plant = edited
    text = plant.settings.topology.read_text()
    await edits.rollout("apply")
    plant.start_worker()
    await edits.named_everywhere(plant)
    async with plant.load():
        await plant.processing()
        for edit in EDITS:
            text = edit(text)
            await edits.apply(tmp_path / "edited.yaml", text)
        await edits.rollout("rollback", "--wait")
        await plant.processing()
    await plant.drain()
    await plant.stop_workers()
    await edits.explained(plant)
    assert await edits.judged_as_the_log_says(plant) >= set(range(2, len(EDITS) + 2))

    first, ended = await replay.outputs(plant, SIZES_S), await replay.ends(plant, SIZES_S)
    until_ms = await replay.seen_until_ms(plant)
    await replay.start_anew(plant)
    plant.start_worker()
    await plant.drain()
    await plant.stop_workers()

    same = replay.compare(first, await replay.outputs(plant, SIZES_S, ended), until_ms)
    assert all(same[topic] for topic in ("telemetry.clean", "telemetry.5s", "alarms.clean", "dlq.invalid_telemetry"))


def with_pipeline(text: str, port: int) -> str:
    """A pipeline of the gateway, on a simulated pump."""
    tag = "{name: speed, address: 2, type: INT16}"
    return text.replace(
        "assets:\n", "assets:\n  - {id: pump-1, site: works, parameters: [{name: speed}]}\n"
    ).replace(
        "alarms:\n",
        "pipelines:\n  - {id: pump-1-modbus, adapter: modbus-tcp, gateway: gw-1, site: works, asset: pump-1,\n"
        f"     poll_interval_s: 0.1, config: {{host: 127.0.0.1, port: {port}, unit_id: 1, tags: [{tag}]}}}}\nalarms:\n",
    )  # fmt: skip


async def test_one_version_holds_everywhere_whoever_is_killed_while_it_is_applied(
    edited: Deployment, tmp_path: Path
) -> None:
    plant, file = edited, tmp_path / "edited.yaml"
    async with PlantServer(LivePlant(PhysicalPlant(seed=1))) as server:
        text = with_pipeline(plant.settings.topology.read_text(), server.port)
        await edits.apply(file, text)
        worker = plant.start_worker()
        gateway = edits.start_gateway(plant, tmp_path / "gateway-0.log")
        try:
            await edits.one_version_everywhere(plant, {"gateway", "worker"})
            async with plant.load():
                await plant.processing()
                # with its version written, proposed, and made to hold but perhaps not audited
                for records in (1, 2, 3):
                    await edits.killed_apply(plant, file, text.replace("max: 200", f"max: {199 - records}"), records)
                applying = await edits.started_apply(plant, file, narrower(text), 2)
                worker.kill()
                gateway.kill()
                gateway = edits.start_gateway(plant, tmp_path / "gateway-1.log")
                plant.start_worker()
                assert await applying.wait() == 0
                await plant.processing()
                await edits.apply(file, narrower(text).replace("poll_interval_s: 0.1", "poll_interval_s: 0.2"))
            await edits.one_version_everywhere(plant, {"gateway", "worker"})
            await edits.named_everywhere(plant)
            gateway.send(signal.SIGTERM)
            assert await gateway.exit(45) == 0, gateway.last_words()
        finally:
            gateway.kill()
    await plant.drain()
    await plant.stop_workers()
    await edits.judged_as_the_log_says(plant)
    await edits.explained(plant)
