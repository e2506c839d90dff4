from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict

from ironstream.gateway.adapter import Adapter, AdapterKind, DeviceConnectionError, Point, Polled, Received, Sample
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.pipeline_set import PipelineSet
from ironstream.gateway.settings import GatewaySettings
from tests.conformance.support import MemoryPublisher


class Config(BaseModel):
    """What the adapter of these tests is told; `defect`: raises when it is made, or when it lets a lost device go."""

    model_config = ConfigDict(extra="forbid")
    n: int = 0
    defect: str = ""
    password: str = ""
    port: str | None = None
    tags: list[str] = []

    @property
    def claims(self) -> tuple[str, ...]:
        return () if self.port is None else (f"serial port {self.port}",)


class Counting(Polled):
    """Gives one sample per read; notes who has the device."""

    held: ClassVar[list[int]] = []

    def __init__(self, config: Config) -> None:
        if config.defect == "made":
            raise TypeError(f"cannot with {config.password}")
        self._config = config
        self.reads = 0
        self.points = (Point("x"),)

    async def connect(self) -> None:
        assert self._config.n not in self.held
        self.held.append(self._config.n)

    async def read(self) -> Received:
        if self._config.defect == "closed" and self.reads:
            raise DeviceConnectionError("gone")
        self.reads += 1
        return Received([Sample(self.points[0], 1.0, 1)])

    async def close(self) -> None:
        if self._config.n in self.held:
            self.held.remove(self._config.n)
            if self._config.defect == "closed" and self.reads:
                self._config = self._config.model_copy(update={"defect": ""})
                raise RuntimeError("cannot let go")


def made(config: Any) -> Adapter:
    return Counting(config)


KINDS = {"fake": AdapterKind(Config, Config, made, lambda source, mapping: {})}


def spec(name: str, **config: Any) -> PipelineSpec:
    return PipelineSpec(id=name, adapter="fake", asset_id=name, config=config, poll_interval_s=0.001)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  a publisher has no event for this
            await asyncio.sleep(0.001)


def new_set(publisher: MemoryPublisher) -> PipelineSet:
    return PipelineSet(GatewaySettings(backoff_initial_s=0.001, backoff_max_s=0.002), KINDS, publisher)


def runs(publisher: MemoryPublisher, name: str) -> dict[str, list[int]]:
    """Numbers by boot, in the order of what was put."""
    found: dict[str, list[int]] = {}
    for reading in publisher.of("telemetry.raw"):
        if reading["metadata"]["pipeline_id"] == name:
            found.setdefault(reading["metadata"]["boot"], []).append(reading["metadata"]["seq"])
    return found


async def test_only_what_changed_is_restarted() -> None:
    publisher = MemoryPublisher()
    async with new_set(publisher) as pipelines:
        await pipelines.apply([spec("stays", n=1), spec("changes", n=2), spec("goes", n=3)])
        before = pipelines.boots
        await until(lambda: all(runs(publisher, name) for name in before))
        await pipelines.apply([spec("new", n=4), spec("changes", n=5), spec("stays", n=1)])
        assert pipelines.boots.keys() == {"stays", "changes", "new"} == pipelines.stats.keys()
        assert pipelines.boots["stays"] == before["stays"]
        assert pipelines.boots["changes"] != before["changes"]
        await until(lambda: len(runs(publisher, "changes")) == 2 and bool(runs(publisher, "new")))
        await pipelines.close()
    assert len(runs(publisher, "stays")) == len(runs(publisher, "goes")) == 1
    for name in ("stays", "changes", "goes", "new"):
        for numbers in runs(publisher, name).values():
            assert numbers == list(range(1, len(numbers) + 1))


async def test_a_bad_configuration_is_refused_its_former_version_runs_on_and_the_others_are_taken() -> None:
    publisher = MemoryPublisher()
    async with new_set(publisher) as pipelines:
        await pipelines.apply([spec("a", n=1)])
        before = pipelines.boots["a"]
        wanted = [spec("a", n="no number"), spec("b", n=2), spec("c", surprise=1)]
        for _ in range(2):
            await pipelines.apply(wanted)
            assert (pipelines.boots["a"], set(pipelines.boots)) == (before, {"a", "b"})
            assert pipelines.refused.keys() == {"a", "c"}
            assert "config.n" in pipelines.refused["a"][0]
        await pipelines.apply([spec("a", n=1), spec("b", n=2)])
        assert pipelines.refused == {}
        assert pipelines.boots["a"] == before
        await pipelines.close()
    told = [
        (line["pipeline_id"], line["former_runs"])
        for line in publisher.of("logs.adapters")
        if line["event"] == "refused"
    ]
    assert told == [("a", True), ("c", False)]


async def test_a_secret_that_turns_up_later_is_found_by_wanting_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = MemoryPublisher()
    async with new_set(publisher) as pipelines:
        wanted = [spec("a", password="${secret:pump}")]
        await pipelines.apply(wanted)
        assert "pump" in pipelines.refused["a"][0]
        monkeypatch.setenv("IRONSTREAM_SECRET_PUMP", "hunter2")
        await pipelines.apply(wanted)
        assert (pipelines.refused, list(pipelines.boots)) == ({}, ["a"])
        await pipelines.close()


async def test_a_defect_of_a_constructor_keeps_nothing_else_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IRONSTREAM_SECRET_PUMP", "hunter2")
    publisher = MemoryPublisher()
    async with new_set(publisher) as pipelines:
        await pipelines.apply([spec("a", defect="made", password="${secret:pump}"), spec("b", n=2)])
        assert list(pipelines.boots) == ["b"]
        assert "TypeError in __init__" in pipelines.refused["a"][0]
        await pipelines.close()
    assert "hunter2" not in repr(publisher.records)


async def test_a_pipeline_that_crashes_comes_back_as_another_run_and_the_others_do_not_notice() -> None:
    publisher = MemoryPublisher()
    async with new_set(publisher) as pipelines:
        await pipelines.apply([spec("a", n=1, defect="closed"), spec("b", n=2)])
        before = pipelines.boots
        await until(lambda: len(runs(publisher, "a")) == 2 and bool(runs(publisher, "b")))
        assert pipelines.boots["a"] == list(runs(publisher, "a"))[1]
        assert pipelines.boots["b"] == before["b"]
        await pipelines.close()
    crashed = [line for line in publisher.of("logs.adapters") if line["event"] == "crashed"]
    assert [line["pipeline_id"] for line in crashed] == ["a"]
    assert "cannot let go" in crashed[0]["error"]


async def test_a_cancelled_apply_leaves_a_set_that_can_be_closed() -> None:
    publisher = MemoryPublisher()
    async with new_set(publisher) as pipelines:
        await pipelines.apply([spec("a", n=1)])
        await until(lambda: bool(runs(publisher, "a")))
        applying = asyncio.create_task(pipelines.apply([]))
        await asyncio.sleep(0)
        applying.cancel()
        await asyncio.wait({applying})
        await pipelines.close()
        assert pipelines.boots == {}
    assert Counting.held == []


async def test_a_serial_port_is_given_away_before_another_takes_it() -> None:
    publisher = MemoryPublisher()
    async with new_set(publisher) as pipelines:
        # of one number: a device that minds being taken twice
        await pipelines.apply([spec("a", n=1, port="/dev/ttyS0"), spec("b", n=2, port="/dev/ttyS1")])
        await until(lambda: bool(runs(publisher, "a")) and bool(runs(publisher, "b")))
        await pipelines.apply([spec("b", n=1, port="/dev/ttyS0"), spec("c", n=2, port="/dev/ttyS1")])
        await until(lambda: len(runs(publisher, "b")) == 2 and bool(runs(publisher, "c")))
        assert pipelines.refused == {}
        await pipelines.close()
    assert [line for line in publisher.of("logs.adapters") if line["event"] == "device_lost"] == []


async def test_a_serial_port_that_a_running_pipeline_has_is_refused_to_another() -> None:
    publisher = MemoryPublisher()
    async with new_set(publisher) as pipelines:
        await pipelines.apply([spec("a", n=1, port="/dev/ttyS0"), spec("b", n=2, port="/dev/ttyS1")])
        wanted = [
            spec("a", n=1, port="/dev/ttyS0"),
            spec("b", n="no number", port="/dev/ttyS7"),
            spec("c", n=3, port="/dev/ttyS0"),
            spec("d", n=4, port="/dev/ttyS1"),
        ]
        await pipelines.apply(wanted)
        assert "pipeline a has serial port /dev/ttyS0" in pipelines.refused["c"][0]
        assert "pipeline b has serial port /dev/ttyS1" in pipelines.refused["d"][0]
        await pipelines.apply(wanted[:1] + wanted[2:])
        assert (sorted(pipelines.boots), list(pipelines.refused)) == (["a", "d"], ["c"])
        await pipelines.close()
