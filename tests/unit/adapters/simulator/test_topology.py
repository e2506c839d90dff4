"""The plant that topology.yaml describes is the one that the simulator runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.modbus.config import ModbusTcpConfig
from adapters.registry import ADAPTERS, CONFIG_MODELS
from adapters.simulator.registers import ASSETS, REGISTERS, pipeline_config
from ironstream.gateway.build import build
from ironstream.gateway.from_topology import pipelines_of
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.settings import GatewaySettings
from ironstream.topology import load_topology

TOPOLOGY = Path(__file__).parents[4] / "topology.yaml"
# pump-2 is declared in psi on purpose, to show the conversion of units
READ_IN_ANOTHER_UNIT = {("pump-2", "pressure")}


@pytest.fixture(scope="module")
def pipelines() -> list[PipelineSpec]:
    return pipelines_of(load_topology(TOPOLOGY, CONFIG_MODELS))


def test_every_pipeline_can_be_built(pipelines: list[PipelineSpec]) -> None:
    assert len(asyncio.run(build(pipelines, ADAPTERS, GatewaySettings()))) == len(pipelines)


def test_every_machine_of_the_plant_is_read_as_its_registers_are(pipelines: list[PipelineSpec]) -> None:
    by_asset = {pipeline.asset_id: pipeline for pipeline in pipelines}
    for unit_id, asset in ASSETS.items():
        declared = ModbusTcpConfig.model_validate(by_asset[asset].config)
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
    flowmeter = next(pipeline for pipeline in pipelines if pipeline.asset_id == "flowmeter-1")
    assert flowmeter.poll_interval_s <= 0.05
