"""Asks a server for the definitions of the data types that its nodes have. I/O, into a `TypeBook`."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, Final

from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary

from adapters.opcua.directory import Directory
from adapters.opcua.node_ids import node_id
from adapters.opcua.types import INT32, TypeBook, structure_type
from adapters.opcua.wire import EXTENSION_OBJECT, Node, Reader, Structure, WireError

_MAX_TYPES: Final = 2000
"""Data types asked for on one connection; a server that names ever more gets no further."""
_MAX_SUPERTYPES: Final = 32
_BASES: Final = {26: 24, 27: 24, 28: 24, 29: INT32}
"""Abstract types of OPC UA itself to what is on the wire: a Variant, and Int32 for an enumeration."""


class TypeLoader:
    """Fills `book`; each data type is asked for once on a connection."""

    def __init__(self, directory: Directory, book: TypeBook) -> None:
        self._directory = directory
        self._book = book
        self._asked: set[Node] = set()
        self._supertypes: dict[Node, Node] = {}

    async def learn(self, data_types: Iterable[Node]) -> None:
        """Have these data types, and those of their fields, in the book, as far as the server defines them."""
        definitions: dict[Node, ua.StructureDefinition] = {}
        wanted = self._new(data_types)
        while wanted:
            attributes = [(_id(node), ua.AttributeIds.DataTypeDefinition) for node in wanted]
            undefined: list[Node] = []
            inner: set[Node] = set()
            for node, answer in zip(wanted, await self._directory.read(attributes, max_age_s=3600), strict=True):
                definition = _definition(answer.value)
                if isinstance(definition, ua.StructureDefinition):
                    definitions[node] = definition
                    self._book.encodings[_node(definition.DefaultEncodingId)] = node
                    inner |= {_node(part.DataType) for part in definition.Fields or ()}
                elif isinstance(definition, ua.EnumDefinition):
                    self._book.enums[node] = {int(one.Value): one.Name or "" for one in definition.Fields or ()}
                else:
                    undefined.append(node)
            inner |= await self._look_around(undefined)
            wanted = self._new(inner)
        for node, definition in definitions.items():
            types = {part.DataType: self._field_type(_node(part.DataType)) for part in definition.Fields or ()}
            self._book.by_type[node] = structure_type(definition, types)

    async def learn_encodings(self, encodings: Iterable[Node]) -> None:
        """As `learn`, of the data types that these encodings are of: subtypes that no node is declared with."""
        wanted = self._new(encodings)
        found = await self._directory.browse(
            [_id(node) for node in wanted], direction=ua.BrowseDirection.Inverse, reference=ua.ObjectIds.HasEncoding
        )
        owners = {node: _node(one[0].NodeId) for node, one in zip(wanted, found, strict=True) if one}
        await self.learn(owners.values())
        self._book.encodings.update(owners)

    def _new(self, nodes: Iterable[Node]) -> list[Node]:
        new = [node for node in dict.fromkeys(nodes) if not _is_built_in(node) and node not in self._asked]
        new = new[: max(0, _MAX_TYPES - len(self._asked))]
        self._asked.update(new)
        return new

    async def _look_around(self, nodes: list[Node]) -> set[Node]:
        """Data types without a definition: enumerations of older servers, or subtypes of something else."""
        if not nodes:
            return set()
        ids = [_id(node) for node in nodes]
        inverse = ua.BrowseDirection.Inverse
        supertypes = await self._directory.browse(ids, direction=inverse, reference=ua.ObjectIds.HasSubtype)
        properties = await self._directory.browse(ids, reference=ua.ObjectIds.HasProperty)
        parents: set[Node] = set()
        texts: list[tuple[Node, ua.NodeId]] = []
        for node, above, below in zip(nodes, supertypes, properties, strict=True):
            texts += [(node, one.NodeId) for one in below if one.BrowseName.Name in ("EnumStrings", "EnumValues")]
            if above:
                parent = _node(above[0].NodeId)
                self._supertypes[node] = parent
                parents |= set() if _is_built_in(parent) else {parent}
        answers = await self._directory.read([(property_id, ua.AttributeIds.Value) for _, property_id in texts])
        for (node, _), answer in zip(texts, answers, strict=True):
            self._book.enums[node] = _texts(answer.value)
        return parents

    def _base(self, node: Node) -> int:
        """The built-in type that a data type is at last a subtype of."""
        for _ in range(_MAX_SUPERTYPES):
            if _is_built_in(node):
                return _BASES.get(_number(node), _number(node))
            if node not in self._supertypes:
                break
            node = self._supertypes[node]
        return EXTENSION_OBJECT

    def _field_type(self, node: Node) -> int | Node:
        if node in self._book.enums:
            return INT32
        return self._base(node) if _is_built_in(node) or node in self._supertypes else node


def _definition(value: Any) -> Any:
    """The definition in the value of the attribute; None when there is none, or none that can be read."""
    if not isinstance(value, Structure) or value.body is None or value.encoding.namespace != 0:
        return None
    cls: Any = {122: ua.StructureDefinition, 123: ua.EnumDefinition}.get(_number(value.encoding))
    if cls is None:
        return None
    try:
        return struct_from_binary(cls, ua.utils.Buffer(value.body))
    except (ua.UaError, struct.error, ValueError, TypeError, LookupError, OverflowError):
        return None


def _texts(value: Any) -> dict[int, str]:
    """The words of EnumStrings (their place is the number) or EnumValues."""
    words: dict[int, str] = {}
    for number, one in enumerate(value if isinstance(value, list) else ()):
        if isinstance(one, Structure) and one.body is not None:
            reader = Reader(one.body)
            try:
                key = int(reader.value(8))
                words[key] = reader.localized() or str(key)
            except (WireError, struct.error):
                continue
        elif isinstance(one, str):
            words[number] = one
    return words


def _is_built_in(node: Node) -> bool:
    return node.namespace == 0 and isinstance(node.identifier, int) and node.identifier <= 29


def _number(node: Node) -> int:
    return node.identifier if isinstance(node.identifier, int) else -1


def _id(node: Node) -> ua.NodeId:
    return node_id(node.identifier, node.namespace)


def _node(node: ua.NodeId) -> Node:
    return Node(int(node.NamespaceIndex), node.Identifier)
