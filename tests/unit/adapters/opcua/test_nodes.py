from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from adapters.opcua.node_ids import UnknownNamespaceError, node_id, portable, resolve
from adapters.opcua.nodes import NodeName, parse_node

URI = "http://example.com/plant"
NAMESPACES = ["http://opcfoundation.org/UA/", "urn:server", URI]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("i=85", NodeName(0, 85)),
        ("ns=2;s=Line1.Temp;raw", NodeName(2, "Line1.Temp;raw")),
        (f"nsu={URI};i=1001", NodeName(URI, 1001)),
        ("nsu=http://opcfoundation.org/UA/;i=2258", NodeName(0, 2258)),
        ("nsu=urn:a%3Bb;s=x", NodeName("urn:a;b", "x")),
        ("ns=plant;s=x", NodeName(URI, "x")),
        ("ns=1;g=00000000-0000-0000-0000-000000000007", NodeName(1, uuid.UUID(int=7))),
        ("ns=1;b=AQI=", NodeName(1, b"\x01\x02")),
        ("/Objects/2:Line 1/plant:Temp", NodeName(path=((0, "Objects"), (2, "Line 1"), (URI, "Temp")))),
        ("/Objects/nsu=http://a/b;Line/x&/y&:z", NodeName(path=((0, "Objects"), ("http://a/b", "Line"), (0, "x/y:z")))),
    ],
)
def test_a_node_is_read_as_it_is_written(text: str, name: NodeName) -> None:
    assert parse_node(text, {"plant": URI}) == name


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is no node"),
        ("temperature", "is no node"),
        ("ns=2", "is no node"),
        ("ns=2;s=", "is empty"),
        ("ns=2;i=x", "a number below"),
        ("ns=2;i=4294967296", "a number below"),
        ("ns=2;g=x", "a GUID"),
        ("ns=2;b=x", "base64"),
        ("ns=70000;i=1", "65535"),
        ("ns=other;s=x", "neither a namespace index"),
        ("/", "no browse path"),
        ("/Objects//x", "no browse path"),
        ("/Objects/other:x", "neither a namespace index"),
    ],
)
def test_a_node_that_cannot_be_is_refused_with_the_reason(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_node(text)


@given(st.text(max_size=40))
def test_any_text_is_a_node_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        parse_node(text)


def test_a_uri_is_found_where_the_server_has_it_now() -> None:
    assert resolve(parse_node(f"nsu={URI};s=x"), NAMESPACES) == node_id("x", 2)
    assert resolve(parse_node(f"nsu={URI};s=x"), [NAMESPACES[0], URI]) == node_id("x", 1)
    with pytest.raises(UnknownNamespaceError, match="no namespace"):
        resolve(parse_node("nsu=http://nowhere;s=x"), NAMESPACES)


def test_a_path_goes_from_root_by_names() -> None:
    path = resolve(parse_node(f"/Objects/nsu={URI};Line"), NAMESPACES)
    assert isinstance(path, ua.BrowsePath)
    assert path.StartingNode == node_id(84)
    names = [(int(e.TargetName.NamespaceIndex), e.TargetName.Name) for e in path.RelativePath.Elements]
    assert names == [(0, "Objects"), (2, "Line")]


@pytest.mark.parametrize("identifier", [7, "Line1;x", uuid.UUID(int=9), b"\x00\xff"])
def test_what_browse_shows_is_read_back_as_the_same_node(identifier: Any) -> None:
    for index in (0, 2):
        node = node_id(identifier, index)
        assert resolve(parse_node(portable(node, NAMESPACES)), NAMESPACES) == node
    assert portable(node_id(identifier, 9), NAMESPACES).startswith("ns=9;")
