from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.layout import Value
from adapters.xbee.config import Block
from adapters.xbee.messages import Data, LineSample, Radio
from adapters.xbee.registers import registers_of, to_registers, values_of
from adapters.xbee.tag import Tag

RADIO = Radio("0013A20041B2C3D4")
ARRIVED_US = 1_736_510_464_001_000
# 003's own example: pressure in the first four bytes, temperature in the next four
WELL = struct.pack(">ff", 185.4, 312.5)


def tag(**fields: Any) -> Tag:
    return Tag.model_validate({"name": "x", **fields})


def block(**fields: Any) -> Block:
    return Block.model_validate(fields)


def read(message: Data | LineSample, *tags: Tag, layout: tuple[Block, ...] = (Block(),)) -> list[Value | None]:
    registers = registers_of(message, layout)
    assert registers is not None
    return [value for _, value in values_of(registers, [(tag, tag) for tag in tags])]


def test_the_payload_is_the_registers_from_the_first_on() -> None:
    pressure, temperature = tag(address=0, type="FLOAT32"), tag(address=2, type="FLOAT32", scale=0.1)
    assert read(Data(RADIO, WELL), pressure, temperature) == [pytest.approx(185.4), pytest.approx(31.25)]


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"byte": 0, "type": "UINT8"}, 0x81),
        ({"byte": 0, "type": "INT8"}, -127),
        ({"byte": 1, "bit": 1}, True),
        ({"byte": 1, "bit": 0}, False),
        ({"byte": 1, "type": "UINT16"}, 0x0203),
        ({"byte": 1, "type": "UINT16", "byte_order": "DCBA"}, 0x0302),
        ({"byte": 1, "type": "STRING", "length": 3}, "\x02\x03\x04"),
        ({"byte": 1, "type": "STRING", "length": 1, "byte_order": "BADC"}, "\x03"),
        ({"address": 0, "type": "STRING", "length": 4, "byte_order": "BADC"}, "\x02\ufffd\x04\x03"),
        ({"address": 1, "type": "UINT8L"}, 4),
        ({"address": 1, "type": "UINT8H"}, 3),
        ({"address": 0, "bit": 15}, True),
        ({"address": 0, "type": "UINT32", "byte_order": "CDAB"}, 0x03048102),
    ],
)
def test_a_value_may_begin_at_any_byte(fields: dict[str, Any], value: Value) -> None:
    assert read(Data(RADIO, b"\x81\x02\x03\x04"), tag(**fields)) == [value]


@given(payload=st.binary(max_size=12), address=st.integers(0, 5), type_=st.sampled_from(["UINT16", "FLOAT32", "INT64"]))
def test_a_value_is_read_whole_or_not_at_all(payload: bytes, address: int, type_: str) -> None:
    whole = tag(address=address, type=type_)
    assert len(read(Data(RADIO, payload), whole)) == (2 * address + whole.size <= len(payload))


def test_the_first_block_that_fits_says_where_a_message_goes() -> None:
    layout = (block(prefix="A1", length=3, skip=1), block(prefix="B2", skip=1, address=10))
    first, second = tag(address=0), tag(address=10)
    assert read(Data(RADIO, b"\xa1\x00\x07"), first, second, layout=layout) == [7]
    assert read(Data(RADIO, b"\xb2\x00\x09"), first, second, layout=layout) == [9]
    assert registers_of(Data(RADIO, b"\xa1\x00\x07\x00"), layout) is None
    assert registers_of(Data(RADIO, b"\xc3\x00\x07"), layout) is None


def test_lines_are_registers_of_their_own_spaces() -> None:
    sample = LineSample(RADIO, {0: True, 4: False}, {1: 512, 7: 2900})
    tags = [
        tag(kind="discrete", address=0),
        tag(kind="discrete", address=4),
        tag(kind="input", address=1, scale=0.5),
        tag(kind="input", address=7),
        tag(kind="discrete", address=1),
        tag(kind="input", address=0),
        tag(address=0),
    ]
    assert read(sample, *tags) == [True, False, 256.0, 2900]


def test_a_dead_sensor_has_no_value() -> None:
    assert read(Data(RADIO, struct.pack(">f", float("nan"))), tag(address=0, type="FLOAT32")) == [None]


@pytest.mark.parametrize(
    ("payload", "time_us"),
    [
        (WELL + struct.pack(">I", 1_736_510_463), 1_736_510_463_000_000),
        (WELL + bytes(4), None),
        (WELL, None),
    ],
)
def test_a_message_with_a_clock_has_its_time_or_none(payload: bytes, time_us: int | None) -> None:
    registers = registers_of(Data(RADIO, payload), (block(device_time={"address": 4}),))
    assert registers is not None
    assert registers.time_us(ARRIVED_US) == time_us


def test_a_message_without_a_clock_was_so_when_it_came() -> None:
    registers = registers_of(Data(RADIO, WELL), (Block(),))
    assert registers is not None
    assert registers.time_us(ARRIVED_US) == ARRIVED_US


@given(
    payload=st.binary(max_size=40), fields=st.sampled_from(["UINT8", "BIT", "INT16", "FLOAT32", "FLOAT64", "STRING"])
)
def test_no_payload_is_an_error(payload: bytes, fields: str) -> None:
    more = {"BIT": {"bit": 3}, "STRING": {"length": 5}}.get(fields, {})
    for value in read(Data(RADIO, payload), *(tag(byte=at, type=fields, **more) for at in range(40))):
        assert value is None or isinstance(value, bool | int | float | str)


def test_an_odd_byte_is_the_high_one_of_its_register() -> None:
    assert to_registers(b"\x01\x02\x03") == [0x0102, 0x0300]
