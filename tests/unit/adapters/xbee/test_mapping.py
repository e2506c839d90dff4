from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from adapters.registry import ADAPTERS
from adapters.xbee.config import XBeeConfig
from adapters.xbee.mapping import xbee_from_mapping
from ironstream.errors import ConfigurationError
from ironstream.gateway.config_json import read_config_json
from ironstream.gateway.settings import GatewaySettings

REGISTERS = {
    "40001": {"param": "pressure", "unit": "psi", "type": "float32", "scale": 1.0},
    "40003": {"param": "temperature", "unit": "celsius", "type": "float32", "scale": 0.1},
}


def config(source: dict[str, Any], registers: dict[str, Any] | None = None) -> XBeeConfig:
    return XBeeConfig.model_validate(xbee_from_mapping(source, {"registers": registers or REGISTERS}))


def test_the_config_json_of_an_offshore_well_is_read_as_it_is_written_there() -> None:
    document = {
        "pipeline_id": "offshore_well_12",
        "adapter_id": "adapter-xbee-modbus-001",
        "protocol": "xbee_modbus",
        "source": {"xbee_port": "/dev/ttyUSB0", "baud_rate": 9600, "node_id": "0013A200"},
        "mapping": {"registers": REGISTERS},
        "output": {
            "kafka_bootstrap": "localhost:9092",
            "topic": "telemetry.raw",
            "classification": "TELEMETRY",
            "asset_id": "offshore_well_12",
            "schema_registry": "http://localhost:8081",
        },
        "poll_interval_ms": 1000,
        "retry_policy": {"max_retries": 3, "backoff_ms": 1000},
    }
    text = base64.b64encode(json.dumps(document).encode()).decode()
    pipeline, settings = read_config_json(text, ADAPTERS, GatewaySettings())
    made = XBeeConfig.model_validate(pipeline.config)
    assert (pipeline.adapter, pipeline.asset_id) == ("xbee-modbus", "offshore_well_12")
    assert settings.bootstrap_servers == "localhost:9092"
    assert (made.xbee_port, made.baud_rate, made.nodes[0].address64) == ("/dev/ttyUSB0", 9600, "0013A200")
    assert [(t.name, t.first_byte, t.size, t.scale, t.unit) for t in made.tags] == [
        ("pressure", 0, 4, 1.0, "psi"),
        ("temperature", 4, 4, 0.1, "celsius"),
    ]


@pytest.mark.parametrize(
    ("node_id", "key"),
    [
        ("WELL-12", "WELL-12"),
        ("0013a20041b2c3d4", "0013A20041B2C3D4"),
        ("0013A2", "0013A2"),
        ("CAFE BABE", "CAFE BABE"),
    ],
)
def test_a_node_id_that_is_hexadecimal_is_an_address_and_any_other_a_name(node_id: str, key: str) -> None:
    node = config({"port": "/dev/ttyS0", "baudrate": 57600, "node_id": node_id}).nodes[0]
    assert node.key == key
    assert (node.address64 is not None) == (len(node_id) >= 8 and " " not in node_id and "-" not in node_id)


def test_several_nodes_are_told_apart_by_the_registers() -> None:
    made = config(
        {"xbee_port": "/dev/ttyS0", "api_mode": 2, "nodes": [{"node_id": "A"}, {"node_id": "0013A20041B2C3D4"}]},
        {
            "40001": {"param": "a", "node": "A"},
            "10001": {"param": "open", "type": "bool", "scale": 1.0, "node": "0013A20041B2C3D4"},
            "30008": {"param": "battery", "scale": 0.001171875, "unit": "V", "node": "0013A20041B2C3D4"},
        },
    )
    assert [node.key for node in made.nodes] == ["A", "0013A20041B2C3D4"]
    assert [(t.name, t.kind.value, t.address) for t in made.tags] == [
        ("a", "holding", 0),
        ("open", "discrete", 0),
        ("battery", "input", 7),
    ]


def test_every_bad_register_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        config({"xbee_port": "/dev/ttyS0", "node_id": "A"}, {"20001": {"param": "a"}, "x": {}})
    assert "mapping.registers.20001:" in caught.value.message
    assert "mapping.registers.x:" in caught.value.message
