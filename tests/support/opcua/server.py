"""A small OPC UA server of asyncua on loopback, with a namespace of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from asyncua import Server, ua
from asyncua.common.node import Node
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_server import InternalServer

from adapters.opcua.node_ids import node_id

URI = "http://example.com/plant"


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _QuickInternalServer(InternalServer):
    """Copies the nodes of the standard, in place of making 8 000 nodes anew for each server of a test run."""

    _standard: ClassVar[dict[ua.NodeId, NodeData]] = {}

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        if not self._standard:
            await super().load_standard_address_space(shelf_file)
            self._standard.update(_copied(self.aspace._nodes))
        else:
            self.aspace._nodes = _copied(self._standard)


def _copied(nodes: dict[ua.NodeId, NodeData]) -> dict[ua.NodeId, NodeData]:
    copies: dict[ua.NodeId, NodeData] = {}
    for name, node in nodes.items():
        made = NodeData(node.nodeid)
        made.attributes = {key: AttributeValue(value.value) for key, value in node.attributes.items() if value.value}
        made.references = list(node.references)
        made.call = node.call
        copies[name] = made
    return copies


def _variant(value: Any, type_: Any) -> ua.Variant:
    return ua.Variant(value, type_)


class PlantServer:
    """`async with PlantServer() as server: node = await server.add("pressure", 1.5)`; may be stopped and started.

    What `add` added comes back with each start, in namespace `URI`, as children of the object Plant.
    """

    def __init__(
        self,
        port: int = 0,
        policies: Sequence[ua.SecurityPolicyType] = (ua.SecurityPolicyType.NoSecurity,),
        prepare: Callable[[Server], Any] | None = None,
    ) -> None:
        self.port = port or free_port()
        self._policies = policies
        self._prepare = prepare
        self._variables: dict[str, tuple[Any, ua.VariantType | None]] = {}
        self.nodes: dict[str, Node] = {}
        self.server: Server | None = None
        self.extra_namespaces: Sequence[str] = ()

    @property
    def endpoint(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}/plant"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        server = Server(iserver=_QuickInternalServer())
        await server.init()
        server.set_endpoint(self.endpoint)
        server.set_security_policy(list(self._policies))
        for uri in self.extra_namespaces:
            await server.register_namespace(uri)
        self.index = await server.register_namespace(URI)
        self.plant = await server.nodes.objects.add_object(self.index, "Plant")
        self.server = server
        for name, (value, type_) in self._variables.items():
            await self._add(name, value, type_)
        if self._prepare is not None:
            await self._prepare(server)
        await server.start()

    async def stop(self) -> None:
        server, self.server = self.server, None
        if server is None:
            return
        # it sleeps for a second between two looks at whether it should stop
        clock, server.iserver.time_task = server.iserver.time_task, None
        if clock is not None:
            clock.cancel()
            await asyncio.gather(clock, return_exceptions=True)
        await server.stop()

    def cut(self) -> None:
        """Break every connection, as a network does; the server goes on."""
        assert self.server is not None
        for transport in list(self.server.iserver.asyncio_transports):
            transport.abort()

    async def add(self, name: str, value: Any, type_: ua.VariantType | None = None) -> Node:
        self._variables[name] = (value, type_)
        return await self._add(name, value, type_)

    async def set(self, name: str, value: Any, status: int = 0, at: datetime | None = None) -> None:
        """Give a variable a value (of the type it has) with a status, and this moment, or `at`, as source time."""
        data = ua.DataValue(
            _variant(value, self._variables[name][1]),
            ua.StatusCode(ua.UInt32(status)),
            SourceTimestamp=ua.DateTime.fromtimestamp((at or datetime.now(UTC)).timestamp(), UTC),
            ServerTimestamp=ua.DateTime.fromtimestamp(datetime.now(UTC).timestamp(), UTC),
        )
        assert self.server is not None
        await self.server.write_attribute_value(self.nodes[name].nodeid, data)

    async def _add(self, name: str, value: Any, type_: ua.VariantType | None) -> Node:
        node = await self.plant.add_variable(
            node_id(name, self.index), ua.QualifiedName(name, self.index), value, type_
        )
        self.nodes[name] = node
        return node
