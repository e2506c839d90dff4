from __future__ import annotations

import pytest

from adapters.modbus.config import Tag
from adapters.simulator.registers import REGISTERS
from ironstream.errors import ConfigurationError
from ironstream.gateway.tags_csv import tags_from_csv, tags_to_csv


@pytest.mark.parametrize("unit_id", sorted(REGISTERS))
def test_what_is_exported_is_imported_again_as_it_was(unit_id: int) -> None:
    tags = [Tag.model_validate(entry.tag()) for entry in REGISTERS[unit_id]]
    assert [Tag.model_validate(fields) for fields in tags_from_csv(tags_to_csv(tags, Tag), Tag)] == tags


def test_a_list_from_a_spreadsheet_may_have_its_own_order_semicolons_and_a_byte_order_mark() -> None:
    text = "\ufeffaddress;name;type;scale;event\n4;speed;INT16;0.1;\n5;running;BIT;;true\n".replace("BIT", "UINT16")
    assert tags_from_csv(text, Tag) == [
        {"address": 4, "name": "speed", "type": "INT16", "scale": 0.1},
        {"address": 5, "name": "running", "type": "UINT16", "event": True},
    ]


def test_every_line_at_fault_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        tags_from_csv("name,address,type\na,-1,INT16\nb,2,INT16\nc,x,WHAT\n", Tag)
    assert "line 2: address" in caught.value.message
    assert "line 4: address" in caught.value.message
    assert "line 4: type" in caught.value.message
    assert "line 3" not in caught.value.message


@pytest.mark.parametrize("text", ["", "name,colour\na,red\n"])
def test_a_header_that_is_missing_or_unknown_names_the_columns(text: str) -> None:
    with pytest.raises(ConfigurationError, match="line 1") as caught:
        tags_from_csv(text, Tag)
    assert "address" in caught.value.hint
