from __future__ import annotations

from typing import Any

import pytest

from adapters.registry import ADAPTERS
from ironstream.errors import ConfigurationError
from ironstream.gateway.build import build
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.settings import GatewaySettings


def on_port(name: str, port: str) -> PipelineSpec:
    config: dict[str, Any] = {"serial_port": port, "tags": [{"name": "level", "address": 0}]}
    return PipelineSpec(id=name, adapter="modbus-rtu", asset_id=name, config=config)


async def test_two_pipelines_on_one_serial_port_are_a_fault_that_names_both() -> None:
    with pytest.raises(ConfigurationError) as caught:
        await build([on_port("p1", "/dev/ttyS0"), on_port("p2", "/dev/./ttyS0")], ADAPTERS, GatewaySettings())
    assert caught.value.message.startswith("pipeline p2: pipeline p1 has serial port /dev/ttyS0 too: let one pipeline")


async def test_two_serial_ports_may_be_read_side_by_side() -> None:
    pipelines = [on_port("p1", "/dev/ttyS0"), on_port("p2", "/dev/ttyS1")]
    assert [b.pipeline.id for b in await build(pipelines, ADAPTERS, GatewaySettings())] == ["p1", "p2"]


async def test_a_port_that_is_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONSTREAM_SECRET_PORT", "/dev/ttyS7")
    with pytest.raises(ConfigurationError) as caught:
        await build([on_port("p1", "${secret:port}"), on_port("p2", "${secret:port}")], ADAPTERS, GatewaySettings())
    assert "/dev/ttyS7" not in caught.value.message
