"""Walks the address space of a server and offers its variables. I/O, by one connection."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from asyncua import ua

from adapters.opcua.directory import Directory
from adapters.opcua.node_ids import node_id, portable
from adapters.opcua.nodes import as_name
from adapters.opcua.types import TypeBook, UnknownTypeError
from adapters.opcua.values import leaves
from adapters.opcua.wire import DATE_TIME, EXTENSION_OBJECT, DataValue, Node, Structure, WireError
from ironstream.gateway.adapter import Offer

MAX_DEPTH: Final = 20
MAX_NODES: Final = 200_000
"""Nodes looked at; a server whose nodes hold one another without end stops there."""
_AT_ONCE: Final = 200
_SHOWN: Final = 80
_TEXTS: Final = frozenset({12, DATE_TIME, 14, 15, 16, 17, 18, 19, 20, 21})


class _Place(NamedTuple):
    node: ua.NodeId
    path: tuple[str, ...]
    is_variable: bool


async def walk(directory: Directory, pattern: str) -> AsyncIterator[Offer]:
    """The variables below Objects whose path, such as `Line1/Pump/Pressure`, matches the shell pattern.

    Those of the Server object come only when the pattern begins with `Server`. Raises AdapterError.
    """
    start = node_id(ua.ObjectIds.ObjectsFolder)
    waiting = deque([_Place(start, (), False)])
    seen = {start}
    while waiting:
        places = [waiting.popleft() for _ in range(min(_AT_ONCE, len(waiting)))]
        found = await directory.browse([place.node for place in places])
        units: dict[ua.NodeId, ua.NodeId] = {}
        for place, references in zip(places, found, strict=True):
            for reference in references:
                node = node_id(reference.NodeId.Identifier, reference.NodeId.NamespaceIndex)
                name = str(reference.BrowseName.Name or "")
                if reference.ReferenceTypeId == node_id(ua.ObjectIds.HasProperty):
                    if name == "EngineeringUnits":
                        units[place.node] = node
                    continue
                is_server = node == node_id(ua.ObjectIds.Server) and not pattern.startswith("Server")
                if node in seen or is_server or len(place.path) >= MAX_DEPTH or len(seen) >= MAX_NODES:
                    continue
                seen.add(node)
                waiting.append(_Place(node, (*place.path, name), reference.NodeClass == ua.NodeClass.Variable))
        matching = [place for place in places if place.is_variable and fnmatchcase("/".join(place.path), pattern)]
        for offer in await _offers(directory, matching, units):
            yield offer


async def _offers(directory: Directory, places: Sequence[_Place], units: dict[ua.NodeId, ua.NodeId]) -> list[Offer]:
    values = await directory.read([(place.node, ua.AttributeIds.Value) for place in places])
    wanted = [place.node for place in places if place.node in units]
    answers = await directory.read([(units[node], ua.AttributeIds.Value) for node in wanted])
    unit_of = {node: _unit(answer) for node, answer in zip(wanted, answers, strict=True)}
    return [
        _offer(place, value, unit_of.get(place.node), portable(place.node, directory.namespaces))
        for place, value in zip(places, values, strict=True)
    ]


def _offer(place: _Place, value: DataValue, unit: str | None, address: str) -> Offer:
    name = as_name(".".join(place.path))[-128:].lstrip("._-")
    tag: dict[str, Any] = {"name": name or "value", "node": address}
    if unit:
        tag["unit"] = unit
    is_array = isinstance(value.value, list | tuple) and not isinstance(value.value, Structure | Node)
    if value.type in _TEXTS and not is_array:
        tag["text"] = True
    return Offer(address, "/".join(place.path), _type_name(value.type, is_array), _shown(value), unit, tag)


def _type_name(type_: int, is_array: bool) -> str:
    name = "" if type_ == 0 else "Structure" if type_ == EXTENSION_OBJECT else str(ua.VariantType(type_).name)
    return f"{name}[]" if is_array else name


def _shown(value: DataValue) -> str:
    if isinstance(value.value, Structure):
        return "…"
    try:
        parts = leaves(value.value, value.type, TypeBook(), 8)
    except (UnknownTypeError, WireError):
        return "…"
    return ", ".join("" if part.value is None else str(part.value) for part in parts)[:_SHOWN]


def _unit(value: DataValue) -> str | None:
    """The display name in an EUInformation."""
    if not isinstance(value.value, Structure):
        return None
    try:
        record = TypeBook().decode(value.value)
    except (UnknownTypeError, WireError):
        return None
    names = {part.name: part.value for part in record.fields}
    unit = names.get("DisplayName")
    return unit if isinstance(unit, str) and unit else None
