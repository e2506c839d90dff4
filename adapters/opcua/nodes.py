"""How nodes are named in a configuration. Pure, and without the protocol's library: a check does not load it."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

UA_NAMESPACE: Final = "http://opcfoundation.org/UA/"
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]")
_NODE_ID: Final = re.compile(r"(?:ns=(?P<ns>[A-Za-z0-9_-]+);|nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<id>.*)", re.S)
_ELEMENT: Final = re.compile(
    r"/(?:nsu=(?P<uri>[^;]+);|(?P<ns>[A-Za-z0-9_-]+):)?(?P<name>(?:[^/&]|&.)+)",
    re.S,
)

Namespace = int | str
"""Index on the server, or the URI, which stays when the server numbers its namespaces anew."""
Identifier = int | str | bytes | uuid.UUID


@dataclass(frozen=True, slots=True)
class NodeName:
    """A node as the configuration names it: by its id, or (`path`) by the browse names on the way from Root."""

    namespace: Namespace = 0
    identifier: Identifier = 0
    path: tuple[tuple[Namespace, str], ...] = ()


def as_name(text: str) -> str:
    """A name of the server with `_` for the signs that no name of ours may have; empty where nothing is left."""
    return _UNFIT.sub("_", text).lstrip("._-")


def parse_node(text: str, aliases: Mapping[str, str] | None = None) -> NodeName:
    """What `nsu=URI;s=…`, `ns=2;i=…`, `i=…` or a path such as `/Objects/2:Line/2:Temperature` names.

    `aliases` are names for URIs that may stand in place of an index. In a path, `&` makes the next character a plain
    one. Raises ValueError saying what is wrong.
    """
    aliases = aliases or {}
    if text.startswith("/"):
        return NodeName(path=_path(text, aliases))
    match = _NODE_ID.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no node: write nsu=URI;s=NAME, ns=2;i=1001, or a path that begins with /Objects")
    return NodeName(_namespace(match["ns"], match["uri"], aliases), _identifier(match["kind"], match["id"]))


def _path(text: str, aliases: Mapping[str, str]) -> tuple[tuple[Namespace, str], ...]:
    elements: list[tuple[Namespace, str]] = []
    at = 0
    while at < len(text):
        match = _ELEMENT.match(text, at)
        if match is None:
            raise ValueError(f"{text!r} is no browse path: after {text[:at]!r} comes no /NAME")
        elements.append((_namespace(match["ns"], match["uri"], aliases), re.sub(r"&(.)", r"\1", match["name"])))
        at = match.end()
    return tuple(elements)


def _namespace(index: str | None, uri: str | None, aliases: Mapping[str, str]) -> Namespace:
    if uri is not None:
        return 0 if unquote(uri) == UA_NAMESPACE else unquote(uri)
    if index is None:
        return 0
    # isdigit alone takes digits that int() does not
    if index.isascii() and index.isdigit():
        if int(index) > 65535:
            raise ValueError(f"namespace index {index} is more than 65535")
        return int(index)
    if index not in aliases:
        raise ValueError(f"{index!r} is neither a namespace index nor one of `namespaces`")
    return aliases[index]


def _identifier(kind: str, text: str) -> Identifier:
    if kind == "s":
        if not text:
            raise ValueError("the identifier after s= is empty")
        return text
    try:
        if kind == "i":
            number = int(text) if text.isascii() and text.isdigit() else -1
            if not 0 <= number < 1 << 32:
                raise ValueError("out of range")
            return number
        return uuid.UUID(text) if kind == "g" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        what = {"i": "a number below 2^32", "g": "a GUID", "b": "base64"}[kind]
        raise ValueError(f"{text!r} after {kind}= is not {what}") from None
