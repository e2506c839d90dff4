from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from adapters.registry import ADAPTERS
from ironstream.errors import ConfigurationError
from ironstream.gateway.config_json import read_config_json
from ironstream.gateway.settings import GatewaySettings


def document(**fields: Any) -> dict[str, Any]:
    return {
        "pipeline_id": "offshore_well_12",
        "adapter_id": "adapter-modbus-001",
        "protocol": "modbus_tcp",
        "source": {"host": "192.0.2.1", "port": 502, "unit_id": 1},
        "mapping": {"registers": {"40001": {"param": "pressure", "unit": "psi", "type": "float32", "scale": 1.0}}},
        "output": {
            "kafka_bootstrap": "kafka:9092",
            "topic": "telemetry.raw",
            "classification": "TELEMETRY",
            "asset_id": "well_12",
        },
        "poll_interval_ms": 500,
        "retry_policy": {"max_retries": 3, "backoff_ms": 2000},
        **fields,
    }


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_a_serial_line_is_read_in_the_same_form() -> None:
    source = {"port": "/dev/ttyUSB0", "baudrate": 9600, "parity": "none", "slave_id": 2}
    text = encoded(document(protocol="modbus_rtu", source=source))
    pipeline, _ = read_config_json(text, ADAPTERS, GatewaySettings())
    config = ADAPTERS[pipeline.adapter].config_model.model_validate(pipeline.config).model_dump()
    assert pipeline.adapter == "modbus-rtu"
    assert (config["serial_port"], config["baudrate"], config["parity"], config["unit_id"]) == (
        "/dev/ttyUSB0",
        9600,
        "N",
        2,
    )


def test_the_whole_form_is_read() -> None:
    pipeline, settings = read_config_json(encoded(document()), ADAPTERS, GatewaySettings())
    assert (pipeline.id, pipeline.adapter, pipeline.asset_id, pipeline.poll_interval_s, pipeline.adapter_id) == (
        "offshore_well_12",
        "modbus-tcp",
        "well_12",
        0.5,
        "adapter-modbus-001",
    )
    assert settings.bootstrap_servers == "kafka:9092"
    assert settings.backoff_initial_s == 2.0
    config = ADAPTERS["modbus-tcp"].config_model.model_validate(pipeline.config)
    assert config.model_dump()["tags"][0]["name"] == "pressure"


def test_the_adapters_own_config_may_stand_in_its_place() -> None:
    own = {"host": "plc", "tags": [{"name": "a", "address": 1}]}
    text = encoded({"pipeline_id": "p", "protocol": "modbus-tcp", "config": own})
    assert read_config_json(text, ADAPTERS, GatewaySettings())[0].config == own


def test_every_fault_is_named_at_once() -> None:
    text = encoded(
        document(
            pipeline_id="", poll_interval_ms=0, mapping={"registers": {"99999": {"param": "x"}}}, output={"topic": "t"}
        )
    )
    with pytest.raises(ConfigurationError) as caught:
        read_config_json(text, ADAPTERS, GatewaySettings())
    for place in ("pipeline_id:", "poll_interval_ms:", "mapping.registers.99999:", "output.topic:"):
        assert place in caught.value.message


@pytest.mark.parametrize("text", ["%%%", encoded([1]), base64.b64encode(b"hunter2").decode(), "hunter2"])
def test_what_is_not_base64_of_a_json_object_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_config_json(text, ADAPTERS, GatewaySettings())
    assert "hunter2" not in str(caught.value)


def test_an_unknown_protocol_names_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="modbus-tcp"):
        read_config_json(encoded(document(protocol="profibus")), ADAPTERS, GatewaySettings())
