from __future__ import annotations

import pytest

from adapters.modbus.config import DataType, ModbusTcpConfig
from adapters.modbus.decode import decode
from adapters.simulator.physics import Plant
from adapters.simulator.registers import ASSETS, REGISTERS, image, pipeline_config


@pytest.mark.parametrize("unit_id", ASSETS)
def test_the_tags_of_a_unit_read_what_its_machine_does(unit_id: int) -> None:
    plant = Plant(seed=3)
    plant.advance_to(12)
    spaces = image(unit_id, plant.machines[unit_id], now_us=1_736_510_463_000_000)
    config = ModbusTcpConfig.model_validate(pipeline_config(unit_id, "127.0.0.1", 5020))
    for entry, tag in zip(REGISTERS[unit_id], config.tags, strict=True):
        words = [spaces[tag.kind][tag.address + i] for i in range(tag.registers)]
        expected = entry.value(plant.machines[unit_id])
        resolution = 0.5 if tag.type.value.startswith(("INT", "UINT")) else 1e-3
        value = decode(tag, words)
        assert value == (expected if isinstance(expected, str) else pytest.approx(expected, abs=resolution * tag.scale))


def test_the_plant_uses_every_way_to_decode() -> None:
    entries = [entry for unit in REGISTERS.values() for entry in unit]
    unused = {DataType.INT8L, DataType.INT8H}  # the same code as their unsigned twins
    assert {entry.type for entry in entries} | {DataType.UINT16} >= set(DataType) - unused
    assert {entry.byte_order for entry in entries} == {"ABCD", "CDAB", "BADC", "DCBA", "GHEFCDAB"}
    assert {entry.kind.value for entry in entries} == {"coil", "discrete", "input", "holding"}


def test_no_two_tags_of_a_unit_lie_on_one_another_but_for_bits_and_bytes() -> None:
    for unit_id, entries in REGISTERS.items():
        places: dict[tuple[str, int], str] = {}
        config = ModbusTcpConfig.model_validate(pipeline_config(unit_id, "127.0.0.1", 5020))
        for entry, tag in zip(entries, config.tags, strict=True):
            if entry.bit is None and entry.type not in (DataType.UINT8L, DataType.UINT8H):
                for i in range(tag.registers):
                    assert places.setdefault((tag.kind.value, tag.address + i), tag.name) == tag.name
