"""What the nodes that a configuration names are on one server at one time. Pure."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from typing import Any

from asyncua import ua

from adapters.opcua.nodes import Identifier, Namespace, NodeName


class UnknownNamespaceError(LookupError):
    """The server does not have the namespace that a node is named by."""


def node_id(identifier: Identifier | None, namespace: int = 0) -> ua.NodeId:
    """A node id; asyncua's annotations want types of its own, its code does not."""
    make: Any = ua.NodeId
    made: ua.NodeId = make(identifier, namespace)
    return made


def resolve(name: NodeName, namespaces: Sequence[str]) -> ua.NodeId | ua.BrowsePath:
    """The node id, or the path to be translated, on a server with these namespaces (its NamespaceArray).

    Raises UnknownNamespaceError.
    """
    if not name.path:
        return node_id(name.identifier, _index(name.namespace, namespaces))
    path = ua.BrowsePath()
    path.StartingNode = node_id(ua.ObjectIds.RootFolder)
    for namespace, text in name.path:
        element: Any = ua.RelativePathElement()
        element.ReferenceTypeId = node_id(ua.ObjectIds.HierarchicalReferences)
        element.IncludeSubtypes = True
        element.IsInverse = False
        element.TargetName = ua.QualifiedName(text, _index(namespace, namespaces))
        path.RelativePath.Elements.append(element)
    return path


def portable(node: ua.NodeId, namespaces: Sequence[str]) -> str:
    """The node by its namespace URI, as `parse_node` reads it back; by index where the server names no URI."""
    match node.Identifier:
        case uuid.UUID() as guid:
            text = f"g={guid}"
        case bytes() as data:
            text = "b=" + base64.b64encode(data).decode("ascii")
        case int() as number:
            text = f"i={number}"
        case other:
            text = f"s={other}"
    index = int(node.NamespaceIndex)
    if index == 0:
        return text
    uri = namespaces[index] if index < len(namespaces) else ""
    return f"nsu={uri.replace('%', '%25').replace(';', '%3B')};{text}" if uri else f"ns={index};{text}"


def _index(namespace: Namespace, namespaces: Sequence[str]) -> int:
    if isinstance(namespace, int):
        return namespace
    if namespace not in namespaces:
        raise UnknownNamespaceError(f"the server has no namespace {namespace!r}")
    return namespaces.index(namespace)
