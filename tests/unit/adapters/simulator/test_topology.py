"""The plant that topology.yaml describes is the one that the simulator runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.modbus.config import ModbusTcpConfig
from adapters.registry import ADAPTERS, CONFIG_MODELS
from adapters.simulator.live import LivePlant
from adapters.simulator.mqtt_broker import PressBroker
from adapters.simulator.opcua_server import BoilerServer
from adapters.simulator.physics import Plant
from adapters.simulator.registers import ASSETS, REGISTERS, pipeline_config
from ironstream.contract import Quality, Severity
from ironstream.gateway.adapter import Sample
from ironstream.gateway.build import build
from ironstream.gateway.from_topology import pipelines_of
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.settings import GatewaySettings
from ironstream.topology import load_topology
from tests.support.opcua.client import Seen

TOPOLOGY = Path(__file__).parents[4] / "topology.yaml"
# pump-2 is declared in psi on purpose, to show the conversion of units
READ_IN_ANOTHER_UNIT = {("pump-2", "pressure")}


@pytest.fixture(scope="module")
def pipelines() -> list[PipelineSpec]:
    return pipelines_of(load_topology(TOPOLOGY, CONFIG_MODELS))


def declared_units(asset_id: str) -> dict[str, str | None]:
    asset = next(asset for asset in load_topology(TOPOLOGY, CONFIG_MODELS).assets if asset.id == asset_id)
    return {parameter.name: parameter.unit for parameter in asset.parameters}


def of(pipelines: list[PipelineSpec], asset: str) -> PipelineSpec:
    return next(pipeline for pipeline in pipelines if pipeline.asset_id == asset)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("asyncua", "amqtt", "transitions", "mqtt")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def standing_at(time_s: float) -> Plant:
    """The plant as it is `time_s` after its start; it moves no further while its servers' clock stands still."""
    plant = Plant(seed=1)
    plant.advance_to(time_s)
    return plant


@asynccontextmanager
async def listening(pipeline: PipelineSpec, **place: object) -> AsyncIterator[Seen]:
    """The pipeline's adapter, with `place` in its configuration, connected."""
    kind = ADAPTERS[pipeline.adapter]
    adapter = kind.factory(kind.config_model.model_validate({**pipeline.config, **place}))
    await adapter.connect()
    try:
        # made for the adapters of OPC UA, whose own methods it leaves alone
        yield Seen(cast(Any, adapter))
    finally:
        await adapter.close()


def newest(seen: Seen) -> dict[str, Sample]:
    return {sample.parameter: sample for sample in seen.samples}


def test_every_pipeline_can_be_built(pipelines: list[PipelineSpec]) -> None:
    assert len(asyncio.run(build(pipelines, ADAPTERS, GatewaySettings()))) == len(pipelines)


def test_every_machine_of_the_plant_is_read_as_its_registers_are(pipelines: list[PipelineSpec]) -> None:
    for unit_id, asset in ASSETS.items():
        declared = ModbusTcpConfig.model_validate(of(pipelines, asset).config)
        own = ModbusTcpConfig.model_validate(pipeline_config(unit_id, declared.host, declared.port))
        assert declared.unit_id == unit_id
        assert declared.device_time == own.device_time
        assert {tag.name for tag in declared.tags} == {entry.name for entry in REGISTERS[unit_id]}
        theirs = {tag.name: tag for tag in own.tags}
        for tag in declared.tags:
            if (asset, tag.name) in READ_IN_ANOTHER_UNIT:
                continue
            place = tag.model_dump(exclude={"unit", "report", "event"})
            assert place == theirs[tag.name].model_dump(exclude={"unit", "report", "event"})


def test_the_flowmeter_is_polled_faster_than_the_rate_limit_allows(pipelines: list[PipelineSpec]) -> None:
    assert of(pipelines, "flowmeter-1").poll_interval_s <= 0.05


async def test_the_boiler_is_read_as_it_is_with_the_alarm_of_its_own_control(pipelines: list[PipelineSpec]) -> None:
    pipeline, plant, now_s = of(pipelines, "boiler-1"), standing_at(21), [0.0]
    boiler, tags = plant.boiler, pipeline.config["tags"]
    async with (
        BoilerServer(LivePlant(plant, monotonic_s=lambda: now_s[0]), update_s=0.02) as server,
        listening(pipeline, endpoint=server.endpoint, publishing_interval_s=0.05) as seen,
    ):
        await seen.until(lambda: newest(seen).keys() == {tag["name"] for tag in tags})
        bad = {name: sample.reason for name, sample in newest(seen).items() if sample.quality is Quality.BAD}
        assert bad == {"flue_gas_temperature": "BadSensorFailure"}

        now_s[0] = 34.5
        await seen.until(lambda: bool(seen.alarms) and newest(seen)["state"].value == "low water")
        await seen.until(lambda: newest(seen)["level"].value == pytest.approx(boiler.level))
        await seen.until(lambda: newest(seen)["flue_gas_temperature"].quality is Quality.GOOD)
        assert {name: sample.value for name, sample in newest(seen).items()} == {
            "pressure": boiler.measured_pressure,
            "level": pytest.approx(boiler.level),
            "steam_temperature": pytest.approx(boiler.steam_temperature),
            "flue_gas_temperature": pytest.approx(boiler.flue_gas),
            "fuel_flow": boiler.fuel_flow,
            "fuel_total": int(boiler.fuel_m3),
            "burner": boiler.firing,
            "state": "low water",
        }
        message = f"water in the drum is low: {boiler.level:.1f} %"
        async with listening(pipeline, endpoint=server.endpoint) as later:
            await later.until(lambda: bool(later.alarms))

        now_s[0] = 45.0
        await seen.until(lambda: len(seen.alarms) == 2)

    told = [(alarm.type, alarm.parameter, alarm.active, alarm.severity) for alarm in seen.alarms]
    assert told == [("LowWater", "DrumLevel", active, Severity.CRITICAL) for active in (True, False)]
    assert [alarm.message for alarm in (*seen.alarms[:1], *later.alarms)] == [message, message]
    units = {name: sample.point.unit for name, sample in newest(seen).items() if not sample.point.is_event}
    assert units == declared_units("boiler-1")


async def test_the_press_is_read_as_it_is(pipelines: list[PipelineSpec]) -> None:
    plant = standing_at(15.0)
    async with (
        PressBroker(LivePlant(plant, monotonic_s=lambda: 0.0), update_s=0.02) as broker,
        listening(of(pipelines, "press-1"), port=broker.port) as seen,
    ):
        await seen.until(lambda: len(newest(seen)) == 6)

    press = plant.press
    assert press.force > 800
    assert {name: sample.value for name, sample in newest(seen).items()} == {
        "force": pytest.approx(press.force, abs=0.01),
        "position": pytest.approx(press.position, abs=0.01),
        "oil_temperature": pytest.approx(press.oil_temperature, abs=0.001),
        "parts": press.parts,
        "state": "pressing",
        "online": "true",
    }
    units = {name: sample.point.unit for name, sample in newest(seen).items() if not sample.point.is_event}
    assert units == declared_units("press-1")
    assert newest(seen)["force"].device_time_us is not None
