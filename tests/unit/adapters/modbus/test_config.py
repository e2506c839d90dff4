from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

import adapters.modbus
from adapters.modbus.config import DeviceTimeTag, ModbusTcpConfig, Tag
from adapters.modbus.serial_config import ModbusRtuConfig, Rs485Config
from adapters.registry import CONFIG_MODELS


def config(**fields: Any) -> ModbusTcpConfig:
    return ModbusTcpConfig.model_validate({"host": "plc", "tags": [{"name": "a", "address": 0}], **fields})


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"type": "BIT"}, "BIT of a register needs bit"),
        ({"type": "INT16", "bit": 3}, "bit needs type BIT"),
        ({"kind": "coil", "type": "INT16"}, "needs kind holding or input"),
        ({"kind": "coil", "bit": 1}, "has its own address"),
        ({"type": "STRING"}, "needs length"),
        ({"type": "INT16", "length": 3}, "STRING needs length, and only it"),
        ({"bit": 0, "scale": 2}, "do not apply"),
        ({"scale": 0}, "makes every value the same"),
        ({"type": "INT32", "byte_order": "GHEFCDAB"}, "four registers"),
        ({"name": "a b"}, "pattern"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_a_tag_that_cannot_be_read_is_refused_with_the_reason(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        Tag.model_validate({"name": "a", "address": 0, **fields})


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"tags": []}, "at least 1 item"),
        ({"tags": [{"name": "a", "address": 0}, {"name": "a", "address": 1}]}, "a is given twice"),
        ({"address_base": 1}, "address 0 with address_base 1 is outside"),
        ({"tags": [{"name": "a", "address": 65535, "type": "INT32"}]}, "is outside"),
        ({"max_registers_per_read": 1, "tags": [{"name": "a", "address": 0, "type": "INT32"}]}, "more than one read"),
        ({"max_registers_per_read": 126}, "less than or equal to 125"),
    ],
)
def test_a_device_that_cannot_be_read_is_refused_with_the_reason(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        config(**fields)


def test_a_coil_is_a_bit_without_saying_so() -> None:
    assert config(tags=[{"name": "a", "kind": "coil", "address": 0}]).tags[0].type == "BIT"


def rtu(**fields: Any) -> ModbusRtuConfig:
    return ModbusRtuConfig.model_validate(
        {"serial_port": "/dev/ttyS0", "tags": [{"name": "a", "address": 0}], **fields}
    )


@pytest.mark.parametrize(
    ("fields", "silence_s"),
    [
        ({"baudrate": 9600}, 3.5 * 11 / 9600),
        ({"baudrate": 1200, "parity": "N"}, 3.5 * 10 / 1200),
        ({"baudrate": 19200, "stopbits": 2}, 3.5 * 12 / 19200),
        ({"baudrate": 115200}, 0.00175),
        ({"baudrate": 9600, "pause_between_requests_s": 0.1}, 0.1),
    ],
)
def test_frames_on_a_serial_line_are_as_far_apart_as_the_standard_asks_for(
    fields: dict[str, Any], silence_s: float
) -> None:
    assert rtu(**fields).silence_s == pytest.approx(silence_s)


def test_nobody_reads_a_broadcast_from_rtu_frames() -> None:
    for fields in ({"unit_id": 0}, {"tags": [{"name": "a", "address": 0, "unit_id": 0}]}):
        with pytest.raises(ValidationError, match="broadcast"):
            rtu(**fields)
        with pytest.raises(ValidationError, match="broadcast"):
            config(framer="rtu", **fields)
        config(**fields)


def test_a_serial_server_is_no_serial_port() -> None:
    with pytest.raises(ValidationError, match="framer: rtu"):
        rtu(serial_port="socket://plc:502")


def test_a_unit_may_have_its_own_timeout_and_a_late_answer_as_much_again() -> None:
    device = rtu(timeout_s=2, unit_timeout_s={3: 0.5})
    assert (device.timeout_of(1), device.timeout_of(3), device.late_answer_of(3)) == (2, 0.5, 0.5)
    assert rtu(late_answer_s=0.1).late_answer_of(1) == 0.1


def test_one_port_is_one_claim_whatever_it_is_called(tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to("/dev/null")
    assert rtu(serial_port=str(link)).claims == rtu(serial_port="/dev/null").claims


@pytest.mark.parametrize("model", [ModbusTcpConfig, ModbusRtuConfig, Rs485Config, Tag, DeviceTimeTag])
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(("name", "model"), [("sample.yaml", ModbusTcpConfig), ("sample-rtu.yaml", ModbusRtuConfig)])
def test_a_sample_is_a_valid_pipeline(name: str, model: type[BaseModel]) -> None:
    assert adapters.modbus.__file__ is not None
    sample = YAML(typ="safe").load(Path(adapters.modbus.__file__).with_name(name))
    assert CONFIG_MODELS[sample["adapter"]] is model
    model.model_validate(sample["config"])
