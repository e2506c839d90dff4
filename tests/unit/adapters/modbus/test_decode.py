from __future__ import annotations

import math
import struct
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from adapters.modbus.config import DataType, DeviceTimeTag, Tag
from adapters.modbus.decode import Decoder, decode, decode_time_us, encode, encode_string, to_bytes
from adapters.modbus.layout import layout_of_bit, layout_of_tag

CASES = sorted((Path(__file__).parents[3] / "cases" / "modbus").glob("*.yaml"))
FORMATS = {
    "INT16": "h",
    "UINT16": "H",
    "INT32": "i",
    "UINT32": "I",
    "INT64": "q",
    "UINT64": "Q",
    "FLOAT16": "e",
    "FLOAT32": "f",
    "FLOAT64": "d",
}
# where byte i of the big-endian value lies on the wire, written out by hand
WIRE = {
    (2, "ABCD"): "AB",
    (2, "CDAB"): "AB",
    (2, "DCBA"): "BA",
    (2, "BADC"): "BA",
    (4, "ABCD"): "ABCD",
    (4, "DCBA"): "DCBA",
    (4, "BADC"): "BADC",
    (4, "CDAB"): "CDAB",
    (8, "ABCD"): "ABCDEFGH",
    (8, "DCBA"): "HGFEDCBA",
    (8, "BADC"): "BADCFEHG",
    (8, "CDAB"): "GHEFCDAB",
    (8, "ABCDEFGH"): "ABCDEFGH",
    (8, "HGFEDCBA"): "HGFEDCBA",
    (8, "BADCFEHG"): "BADCFEHG",
    (8, "GHEFCDAB"): "GHEFCDAB",
}


def tag(**fields: Any) -> Tag:
    return Tag.model_validate({"name": "x", "address": 0, **fields})


def on_wire(big_endian: bytes, order: str) -> list[int]:
    letters = WIRE[len(big_endian), order]
    data = bytes(big_endian["ABCDEFGH".index(letter)] for letter in letters)
    return list(struct.unpack(f">{len(data) // 2}H", data))


@given(data=st.data(), type_=st.sampled_from(sorted(FORMATS)))
def test_every_type_in_every_byte_order_is_what_struct_says(data: st.DataObject, type_: str) -> None:
    size = struct.calcsize(FORMATS[type_])
    order = data.draw(st.sampled_from([order for width, order in WIRE if width == size]))
    raw = data.draw(st.binary(min_size=size, max_size=size))
    expected = struct.unpack(">" + FORMATS[type_], raw)[0]
    value = decode(tag(type=type_, byte_order=order), on_wire(raw, order))
    assert value == expected or (math.isnan(expected) and isinstance(value, float) and math.isnan(value))


@given(data=st.data(), type_=st.sampled_from(sorted(FORMATS)))
def test_encoding_is_the_inverse_of_decoding(data: st.DataObject, type_: str) -> None:
    size = struct.calcsize(FORMATS[type_])
    order = data.draw(st.sampled_from([order for width, order in WIRE if width == size]))
    raw = data.draw(st.binary(min_size=size, max_size=size))
    number = struct.unpack(">" + FORMATS[type_], raw)[0]
    if math.isnan(number):
        return
    assert encode(number, DataType(type_), order) == on_wire(raw, order)


@given(word=st.integers(0, 65535), bit=st.integers(0, 15))
def test_a_bit_of_a_register_is_counted_from_the_least_significant(word: int, bit: int) -> None:
    assert decode(tag(bit=bit), [word]) is bool(word & 2**bit)


@given(word=st.integers(0, 65535))
def test_the_two_bytes_of_a_register_are_read_apart(word: int) -> None:
    low, high = word & 0xFF, word >> 8
    assert decode(tag(type="UINT8L"), [word]) == low
    assert decode(tag(type="UINT8H"), [word]) == high
    assert decode(tag(type="INT8L"), [word]) == (low - 256 if low > 127 else low)
    assert decode(tag(type="INT8H"), [word]) == (high - 256 if high > 127 else high)


@given(raw=st.integers(-32768, 32767))
def test_scale_and_offset_give_the_number_that_a_person_expects(raw: int) -> None:
    value = decode(tag(type="INT16", scale=0.1, offset=-40), encode(raw, DataType.INT16))
    assert value == pytest.approx(raw / 10 - 40)
    assert isinstance(value, float)
    assert len(repr(value)) <= 7


TAGS = st.one_of(
    st.builds(
        lambda type_, order, scale: {"type": type_, "byte_order": order, "scale": scale},
        st.sampled_from(["INT8L", "UINT8H", "INT16", "UINT32", "INT64", "FLOAT16", "FLOAT32", "FLOAT64"]),
        st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]),
        st.sampled_from([1.0, 0.1, -2.5]),
    ),
    st.builds(
        lambda bit, order: {"bit": bit, "byte_order": order}, st.integers(0, 15), st.sampled_from(["ABCD", "DCBA"])
    ),
    st.builds(lambda length: {"type": "STRING", "length": length}, st.integers(1, 9)),
)


@given(fields=st.lists(st.tuples(TAGS, st.integers(0, 20)), min_size=1, max_size=12), data=st.data())
def test_values_that_are_decoded_together_are_those_decoded_alone(
    fields: list[tuple[dict[str, Any], int]], data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.integers(0, 65535), min_size=30, max_size=30))
    tags = [(tag(**of_one), at) for of_one, at in fields]
    together = Decoder([layout_of_tag(one).moved(2 * at) for one, at in tags])(to_bytes(words))
    alone = [decode(one, words[at : at + one.registers]) for one, at in tags]
    # NaN is not itself
    assert list(map(repr, together)) == list(map(repr, alone))


@given(data=st.binary(min_size=3, max_size=3), indexes=st.lists(st.integers(0, 23), min_size=1, max_size=30))
def test_coils_are_eight_to_a_byte_with_the_first_lowest(data: bytes, indexes: list[int]) -> None:
    number = int.from_bytes(data, "little")
    assert Decoder([layout_of_bit(index) for index in indexes])(data) == [
        bool(number >> index & 1) for index in indexes
    ]


@given(
    raw=st.integers(-(2**63), 2**63 - 1),
    scale=st.floats(allow_nan=False, allow_infinity=False).filter(bool),
    offset=st.floats(allow_nan=False, allow_infinity=False),
)
def test_scaling_rounds_once_and_never_raises(raw: int, scale: float, offset: float) -> None:
    value = decode(tag(type="INT64", scale=scale, offset=offset), encode(raw, DataType.INT64))
    assert isinstance(value, int | float)
    exact = raw * Fraction(repr(scale)) + Fraction(repr(offset))
    if math.isfinite(value) and (scale, offset) != (1.0, 0.0):
        assert value == float(exact)
    elif not math.isfinite(value):
        assert abs(exact) > sys.float_info.max


def test_an_integer_of_64_bits_keeps_its_last_digit() -> None:
    big = 2**63 + 1
    assert decode(tag(type="UINT64"), encode(big, DataType.UINT64)) == big


@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12))
def test_a_string_is_read_back_without_its_padding(text: str) -> None:
    words = encode_string(text, 12)
    assert decode(tag(type="STRING", length=12), words) == text
    swapped = [(word & 0xFF) << 8 | word >> 8 for word in words]
    assert decode(tag(type="STRING", length=12, byte_order="BADC"), swapped) == text


def test_a_coil_is_a_bool() -> None:
    assert decode(tag(kind="coil"), [1]) is True
    assert decode(tag(kind="discrete"), [0]) is False


@pytest.mark.parametrize(("resolution", "raw"), [("s", 1_736_510_463), ("ms", 1_736_510_463_000)])
def test_the_clock_of_a_device_is_microseconds(resolution: str, raw: int) -> None:
    clock = DeviceTimeTag.model_validate({"address": 0, "type": "UINT64", "resolution": resolution})
    assert decode_time_us(clock, encode(raw, DataType.UINT64)) == 1_736_510_463_000_000


@given(words=st.lists(st.integers(0, 65535), min_size=4, max_size=4), type_=st.sampled_from(["UINT64", "FLOAT64"]))
def test_a_clock_that_holds_no_time_gives_none_and_never_an_error(words: list[int], type_: str) -> None:
    clock = DeviceTimeTag.model_validate({"address": 0, "type": type_})
    time_us = decode_time_us(clock, words)
    assert time_us is None or 0 <= time_us < 253_402_300_800_000_000


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_device_seen_in_the_field_is_read_as_its_manual_says(path: Path) -> None:
    case = YAML(typ="safe").load(path)
    for entry in case["tags"]:
        located = Tag.model_validate(entry["tag"])
        at = located.address - case.get("first_address", 0)
        words = case["registers"][at : at + located.registers]
        assert decode(located, words) == pytest.approx(entry["value"]), located.name


def test_there_are_cases_from_the_field() -> None:
    assert CASES
