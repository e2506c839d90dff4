from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import pytest
from asyncua import ua
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.opcua.node_ids import node_id
from adapters.opcua.status import overflowed, quality, symbol
from adapters.opcua.types import FieldType, StructureType, TypeBook, UnknownTypeError, structure_type
from adapters.opcua.values import Leaf, leaves
from adapters.opcua.wire import EXTENSION_OBJECT, Matrix, Node, Structure, WireError
from ironstream.contract import Quality

PLAIN, OPTIONAL, UNION, OUTER = (Node(2, number) for number in (1, 2, 3, 4))


def book() -> TypeBook:
    made = TypeBook()
    made.by_type[PLAIN] = StructureType((FieldType("Speed", 11), FieldType("Phases", 6, is_array=True)))
    made.by_type[OPTIONAL] = StructureType(
        (FieldType("a", 6), FieldType("b", 6, is_optional=True), FieldType("c", 12, is_optional=True)),
        has_optional=True,
    )
    made.by_type[UNION] = StructureType((FieldType("number", 11), FieldType("text", 12)), is_union=True)
    made.by_type[OUTER] = StructureType((FieldType("inner", PLAIN, is_array=True), FieldType("any", 24)))
    for node in (PLAIN, OPTIONAL, UNION, OUTER):
        made.encodings[Node(2, 100 + int(str(node.identifier)))] = node
    return made


def structure(number: int, body: bytes) -> Structure:
    return Structure(Node(2, 100 + number), body)


def paths(value: Any, type_: int = EXTENSION_OBJECT) -> dict[str, Any]:
    return {leaf.path: leaf.value for leaf in leaves(value, type_, book(), 100)}


ONE = struct.pack("<d", 1.5) + struct.pack("<3i", 2, 8, 9)


def test_a_structure_is_a_leaf_for_each_field() -> None:
    assert paths(structure(1, ONE)) == {".Speed": 1.5, ".Phases.0": 8, ".Phases.1": 9}


def test_optional_fields_that_are_not_there_are_left_out() -> None:
    assert paths(structure(2, struct.pack("<Ii", 0, 5))) == {".a": 5}
    assert paths(structure(2, struct.pack("<Iii", 2, 5, 1) + b"x")) == {".a": 5, ".c": "x"}


def test_a_union_is_its_one_field() -> None:
    assert paths(structure(3, struct.pack("<Id", 1, 2.5))) == {".number": 2.5}
    assert paths(structure(3, struct.pack("<I", 0))) == {}
    with pytest.raises(WireError, match="field 9 of a union of 2"):
        paths(structure(3, struct.pack("<I", 9)))


def test_structures_within_structures_are_opened() -> None:
    body = struct.pack("<i", 1) + ONE + b"\x0b" + struct.pack("<d", 7.0)
    assert paths(structure(4, body)) == {
        ".inner.0.Speed": 1.5,
        ".inner.0.Phases.0": 8,
        ".inner.0.Phases.1": 9,
        ".any": 7,
    }


def test_a_structure_of_opc_ua_itself_needs_no_definition() -> None:
    assert paths(Structure(Node(0, 886), struct.pack("<dd", 1, 2))) == {".Low": 1.0, ".High": 2.0}


def test_a_type_that_nobody_defined_is_named() -> None:
    with pytest.raises(UnknownTypeError) as caught:
        paths(structure(77, b""))
    assert caught.value.encoding == Node(2, 177)


def test_a_matrix_is_a_leaf_for_each_cell() -> None:
    assert paths(Matrix([1, 2, 3, 4], (2, 2)), 6) == {".0.0": 1, ".0.1": 2, ".1.0": 3, ".1.1": 4}
    assert paths(Matrix([7], (-1, 2**31 - 1)), 6) == {".0.0": 7}


def test_no_more_leaves_than_asked_for() -> None:
    assert len(leaves(list(range(1000)), 6, TypeBook(), 10)) == 10


def test_what_has_no_value_says_why() -> None:
    assert leaves(None, 0, TypeBook(), 1) == [Leaf("", None, reason="no_value")]
    assert leaves(float("inf"), 11, TypeBook(), 1) == [Leaf("", None, reason="not_a_number")]


@settings(max_examples=200)
@given(st.sampled_from([1, 2, 3, 4]), st.binary(max_size=60))
def test_hostile_bodies_are_read_or_a_wire_error(number: int, body: bytes) -> None:
    with suppress(WireError, UnknownTypeError):
        leaves(structure(number, body), EXTENSION_OBJECT, book(), 100)


@settings(max_examples=200)
@given(st.sampled_from([886, 889, 298, 866]), st.binary(max_size=60))
def test_hostile_bodies_of_standard_types_are_read_or_a_wire_error(encoding: int, body: bytes) -> None:
    with suppress(WireError, UnknownTypeError):
        leaves(Structure(Node(0, encoding), body), EXTENSION_OBJECT, TypeBook(), 100)


def test_a_definition_becomes_a_type() -> None:
    make: Any = ua.StructureField
    field = make(Name="a", DataType=node_id(11), ValueRank=1, IsOptional=True)
    definition = ua.StructureDefinition(StructureType=ua.StructureType.StructureWithOptionalFields, Fields=[field])
    made = structure_type(definition, {node_id(11): 11})
    assert made == StructureType((FieldType("a", 11, True, True),), has_optional=True)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, (Quality.GOOD, None)),
        (0x00BA0000, (Quality.GOOD, None)),
        (0x40900000, (Quality.UNCERTAIN, "UncertainLastUsableValue")),
        (0x80340000, (Quality.BAD, "BadNodeIdUnknown")),
        (0x80310000, (Quality.BAD, "comm_loss")),
        (0x808A0000, (Quality.BAD, "comm_loss")),
        (0x80FF1234, (Quality.BAD, "Bad0x80ff0000")),
    ],
)
def test_a_status_is_a_quality_and_a_reason(status: int, expected: tuple[Quality, str | None]) -> None:
    assert quality(status) == expected


def test_the_info_bits_do_not_change_the_name_and_tell_an_overflow() -> None:
    assert symbol(0x80340000 | 0x480) == "BadNodeIdUnknown"
    assert overflowed(0x480)
    assert not overflowed(0x400)
    assert not overflowed(0x080)
