from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

import adapters.modbus
from adapters.modbus.config import DeviceTimeTag, ModbusTcpConfig, Tag


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


@pytest.mark.parametrize("model", [ModbusTcpConfig, Tag, DeviceTimeTag])
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_sample_is_a_valid_pipeline() -> None:
    assert adapters.modbus.__file__ is not None
    sample = YAML(typ="safe").load(Path(adapters.modbus.__file__).with_name("sample.yaml"))
    ModbusTcpConfig.model_validate(sample["config"])
