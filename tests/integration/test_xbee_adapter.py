"""The XBee adapter as a process against a simulated radio and a real Kafka."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import pytest

from adapters.xbee.simulator import SimulatedNode, SimulatedXBee
from ironstream.contract import Topic
from ironstream.settings import Settings
from ironstream.topics import ensure_topics, topic_specs
from tests.support.adapter_process import AdapterProcess, by_series, holes, records_of

RADIO = SimulatedNode("0013A20041B2C3D4", "WELL-12")


def document(port: str) -> dict[str, Any]:
    """The configuration of an offshore well, as a container is given it."""
    return {
        "pipeline_id": "offshore_well_12",
        "adapter_id": "adapter-xbee-modbus-001",
        "protocol": "xbee_modbus",
        "source": {"xbee_port": port, "baud_rate": 9600, "node_id": "0013A200"},
        "mapping": {
            "registers": {
                "40001": {"param": "pressure", "unit": "psi", "type": "float32", "scale": 1.0},
                "40003": {"param": "temperature", "unit": "celsius", "type": "float32", "scale": 0.1},
            }
        },
        "output": {"topic": "telemetry.raw", "classification": "TELEMETRY", "asset_id": "offshore_well_12"},
        "poll_interval_ms": 1000,
        "retry_policy": {"max_retries": 3, "backoff_ms": 20},
    }


async def arrived(deployment: Settings, count: int) -> None:
    """Wait until so many readings are in Kafka; the timeout is only there to fail."""
    async with asyncio.timeout(60):
        while len(await records_of(deployment, Topic.TELEMETRY_RAW)) < count:  # noqa: ASYNC110  Kafka has no event for this
            await asyncio.sleep(0.05)


async def test_an_offshore_well_arrives_in_kafka_also_when_its_radio_is_pulled_out_and_put_back(
    deployment: Settings, tmp_path: Path
) -> None:
    await ensure_topics(deployment.kafka_client_kwargs(), topic_specs(deployment, (1,)))
    async with (
        SimulatedXBee([RADIO], link=tmp_path / "radio") as radio,
        AdapterProcess(deployment, document(radio.port), tmp_path / "adapter.log") as adapter,
    ):
        await adapter.said('"connected"')
        for number in range(20):
            radio.data("WELL-12", struct.pack(">ff", 185.4, 312.0 + number))
        # what is still in the port when it is pulled out is gone with it
        await arrived(deployment, 40)
        radio.pull()
        await arrived(deployment, 42)
        radio.plug()
        await adapter.said('"connected"', times=2)
        radio.data("WELL-12", struct.pack(">ff", 190.5, 400.0))
        await arrived(deployment, 44)
        assert await adapter.stop() == 0
    series = by_series(await records_of(deployment, Topic.TELEMETRY_RAW))
    assert holes(series) == {}
    told = {name[1:]: [readings[seq] for seq in sorted(readings)] for name, readings in series.items()}
    pressure, temperature = (told["offshore_well_12", name] for name in ("pressure", "temperature"))
    assert [reading["quality"] for reading in pressure] == ["GOOD"] * 20 + ["BAD", "GOOD"]
    assert pressure[20]["quality_reasons"] == ["comm_loss"]
    assert [reading["value"] for reading in pressure if reading["value"] is not None] == [
        *[pytest.approx(185.4)] * 20,
        190.5,
    ]
    assert temperature[0]["value"] == pytest.approx(31.2)
    assert (temperature[0]["unit"], temperature[-1]["value"]) == ("celsius", 40.0)
    assert temperature[0]["metadata"]["adapter_id"] == "adapter-xbee-modbus-001"
