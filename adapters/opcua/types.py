"""Structures and enumerations as the server defines them (DataTypeDefinition), and values decoded by them. Pure.

asyncua would make Python classes of them, for all servers of the process at once, although each server numbers its
namespaces as it likes; here the definitions belong to one connection, and nothing that a server says becomes code.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from asyncua import ua

from adapters.opcua.node_ids import node_id
from adapters.opcua.wire import EXTENSION_OBJECT, Node, Reader, Structure, WireError

INT32: Final = 6
_MAX_DEPTH: Final = 12
_UNION: Final = (2, 4)
_SUBTYPED: Final = (3, 4)


class UnknownTypeError(LookupError):
    """A value of a structured type that the server did not define, or not yet; `encoding` names it."""

    def __init__(self, encoding: Node) -> None:
        super().__init__(f"the type with encoding ns={encoding.namespace};{encoding.identifier!r} is not known")
        self.encoding = encoding


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field: `type` is a built-in type's id, or the data type of another structure."""

    name: str
    type: int | Node
    is_array: bool = False
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class StructureType:
    """A structure, with optional fields or not, or (`is_union`) one of its fields at a time."""

    fields: tuple[FieldType, ...]
    is_union: bool = False
    has_optional: bool = False


class FieldValue(NamedTuple):
    """A decoded field; `type` as in `DataValue`, EXTENSION_OBJECT where `value` is a `Record` (or a list of them)."""

    name: str
    value: Any
    type: int


class Record(NamedTuple):
    """A decoded structure."""

    fields: tuple[FieldValue, ...]


@dataclass(slots=True)
class TypeBook:
    """What one server has defined, as far as it was asked.

    `by_type` and `enums` are found by data type, `encodings` leads from an encoding to its data type.
    """

    by_type: dict[Node, StructureType] = field(default_factory=dict)
    encodings: dict[Node, Node] = field(default_factory=dict)
    enums: dict[Node, Mapping[int, str]] = field(default_factory=dict)

    def decode(self, value: Structure) -> Record:
        """The fields of a structure. Raises UnknownTypeError or WireError."""
        return self._decode(value, 0)

    def _decode(self, value: Structure, depth: int) -> Record:
        data_type = self.encodings.get(value.encoding)
        definition = None if data_type is None else self.by_type.get(data_type)
        if value.body is None:
            return Record(())
        if definition is None:
            if value.encoding.namespace == 0:
                return _standard(value)
            raise UnknownTypeError(value.encoding)
        try:
            return self._fields(definition, Reader(value.body), depth)
        except (struct.error, OverflowError) as error:
            raise WireError(f"a structure that ends in its middle: {error}") from error

    def _fields(self, definition: StructureType, reader: Reader, depth: int) -> Record:
        if depth > _MAX_DEPTH:
            raise WireError("structures within structures without end")
        if definition.is_union:
            chosen = reader.u32()
            if chosen == 0:
                return Record(())
            if chosen > len(definition.fields):
                raise WireError(f"field {chosen} of a union of {len(definition.fields)}")
            return Record((self._field(definition.fields[chosen - 1], reader, depth),))
        mask = reader.u32() if definition.has_optional else 0
        found: list[FieldValue] = []
        bit = 1
        for part in definition.fields:
            if part.is_optional and definition.has_optional:
                present, bit = mask & bit, bit << 1
                if not present:
                    continue
            found.append(self._field(part, reader, depth))
        return Record(tuple(found))

    def _field(self, part: FieldType, reader: Reader, depth: int) -> FieldValue:
        if isinstance(part.type, int):
            if not part.is_array:
                value, type_ = reader.variant() if part.type == 24 else (reader.value(part.type), part.type)
            else:
                value, type_ = reader.array(part.type), part.type
            return FieldValue(part.name, self._opened(value, depth), type_)
        inner = self.by_type.get(part.type)
        if inner is None:
            if part.type in self.enums:
                return FieldValue(part.name, reader.array(INT32) if part.is_array else reader.i32(), INT32)
            raise WireError(f"field {part.name} has a type that the server does not define")
        if not part.is_array:
            return FieldValue(part.name, self._fields(inner, reader, depth + 1), EXTENSION_OBJECT)
        length = reader.i32()
        if length > len(reader.data) - reader.pos:
            raise WireError(f"{length} structures in {len(reader.data) - reader.pos} bytes")
        records = [self._fields(inner, reader, depth + 1) for _ in range(length)]
        return FieldValue(part.name, records, EXTENSION_OBJECT)

    def _opened(self, value: Any, depth: int) -> Any:
        if isinstance(value, Structure):
            return self._decode(value, depth + 1)
        if isinstance(value, list):
            return [self._opened(part, depth) for part in value]
        return value


def _standard(value: Structure) -> Record:
    """A structure of OPC UA itself, such as Range, which asyncua knows."""
    cls = ua.extension_objects_by_typeid.get(node_id(value.encoding.identifier, 0))
    if cls is None or value.body is None:
        raise UnknownTypeError(value.encoding)
    try:
        return _record(ua.ua_binary.struct_from_binary(cls, ua.utils.Buffer(value.body)), 0)
    except (ua.UaError, struct.error, ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise WireError(f"{cls.__name__} cannot be read: {type(error).__name__}") from error


def _record(value: Any, depth: int) -> Record:
    if depth > _MAX_DEPTH:
        raise WireError("structures within structures without end")
    fields: list[FieldValue] = []
    for name in getattr(value, "__dataclass_fields__", {}):
        part = getattr(value, name)
        match part:
            case bool() | int() | float() | str() | None:
                fields.append(FieldValue(name, part, 0))
            case ua.LocalizedText():
                fields.append(FieldValue(name, part.Text, 0))
            case list():
                continue
            case _ if hasattr(part, "__dataclass_fields__"):
                fields.append(FieldValue(name, _record(part, depth + 1), EXTENSION_OBJECT))
    return Record(tuple(fields))


def structure_type(definition: ua.StructureDefinition, field_types: Mapping[ua.NodeId, int | Node]) -> StructureType:
    """From the server's definition; `field_types` says what each data type that its fields have is."""
    kind = int(definition.StructureType)
    return StructureType(
        tuple(
            FieldType(
                part.Name or f"field{number}",
                EXTENSION_OBJECT if kind in _SUBTYPED and part.IsOptional else field_types[part.DataType],
                part.ValueRank >= 0,
                bool(part.IsOptional) and kind == 1,
            )
            for number, part in enumerate(definition.Fields or ())
        ),
        is_union=kind in _UNION,
        has_optional=kind == 1,
    )
