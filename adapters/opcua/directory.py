"""Finds the nodes of the configuration on a server, and what their values are. I/O, by one connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from asyncua import ua

from adapters.opcua.config import OpcUaConfig
from adapters.opcua.connection import Connection
from adapters.opcua.errors import told
from adapters.opcua.items import Item
from adapters.opcua.messages import read_results
from adapters.opcua.node_ids import UnknownNamespaceError, node_id, resolve
from adapters.opcua.nodes import NodeName
from adapters.opcua.plan import Limits, chunks, limits
from adapters.opcua.wire import DataValue, Node
from ironstream.gateway.adapter import DeviceProtocolError, DeviceRefusedError

_NAMESPACE_ARRAY: Final = 2255
_OPERATION_LIMITS: Final = (11705, 11714, 12165, 11710, 11712)
"""MaxNodesPerRead, MaxMonitoredItemsPerCall, MaxNodesPerHistoryReadData, …PerBrowse, …PerTranslateBrowsePaths."""
_DESCRIBING: Final = (ua.AttributeIds.DataType, ua.AttributeIds.ValueRank, ua.AttributeIds.AccessLevel)
_HISTORY_READ: Final = 0x04
_TOO_MUCH: Final = frozenset(
    int(code)
    for code in (
        ua.StatusCodes.BadTooManyOperations,
        ua.StatusCodes.BadEncodingLimitsExceeded,
        ua.StatusCodes.BadResponseTooLarge,
        ua.StatusCodes.BadRequestTooLarge,
    )
)


class Directory:
    """What one server is at present; `load` first."""

    def __init__(self, connection: Connection, config: OpcUaConfig) -> None:
        self._connection = connection
        self._config = config
        self.namespaces: Sequence[str] = ()
        self.limits: Limits = limits(config.max_items_per_call, config.server_profile, (None,) * 5)

    async def load(self) -> None:
        """Read the server's namespaces and limits. Raises AdapterError."""
        ids = [node_id(number) for number in (_NAMESPACE_ARRAY, *_OPERATION_LIMITS)]
        array, *answers = await self.read([(node, ua.AttributeIds.Value) for node in ids])
        if not isinstance(array.value, list):
            raise DeviceProtocolError(
                f"{self._config.where} has no NamespaceArray", "no OPC UA server may lack it: see its manual"
            )
        self.namespaces = [uri or "" for uri in array.value]
        self.limits = limits(
            self._config.max_items_per_call,
            self._config.server_profile,
            [one.value if isinstance(one.value, int) and not one.status else None for one in answers],
        )

    async def read(self, wanted: Sequence[tuple[ua.NodeId, int]], max_age_s: float = 0.0) -> list[DataValue]:
        """These attributes of these nodes, each with its own status. Raises AdapterError.

        A server that finds a call too large is asked for half as much from then on.
        """
        return [value for value, _ in await self.read_timed(wanted, max_age_s)]

    async def read_timed(
        self, wanted: Sequence[tuple[ua.NodeId, int]], max_age_s: float = 0.0
    ) -> list[tuple[DataValue, int | None]]:
        """As `read`, each with the server's clock when it answered (µs since the epoch)."""
        values: list[tuple[DataValue, int | None]] = []
        while len(values) < len(wanted):
            chunk = wanted[len(values) : len(values) + self.limits.read]
            request = ua.ReadRequest()
            request.Parameters.MaxAge = 1000 * max_age_s
            request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
            request.Parameters.NodesToRead = [_value_id(node, attribute) for node, attribute in chunk]
            try:
                answer = await self._connection.ask_raw(request, "reading")
                with told(self._config.where, "reading"):
                    time_us, found = read_results(answer)
            except DeviceRefusedError as error:
                if error.code not in _TOO_MUCH or len(chunk) == 1:
                    raise
                self.limits = self.limits._replace(read=max(1, len(chunk) // 2))
                continue
            if len(found) != len(chunk):
                raise self.misfit(len(found), len(chunk))
            values += [(value, time_us) for value in found]
        return values

    async def find(self, names: Sequence[NodeName]) -> list[ua.NodeId | None]:
        """The nodes of these names; None of one that the server does not have (a node id is taken on trust)."""
        found: list[ua.NodeId | None] = [None] * len(names)
        paths: list[tuple[int, ua.BrowsePath]] = []
        for at, name in enumerate(names):
            try:
                target = resolve(name, self.namespaces)
            except UnknownNamespaceError:
                continue
            if isinstance(target, ua.NodeId):
                found[at] = target
            else:
                paths.append((at, target))
        for chunk in chunks(paths, self.limits.translate):
            request = ua.TranslateBrowsePathsToNodeIdsRequest()
            request.Parameters.BrowsePaths = [path for _, path in chunk]
            answer = await self._connection.ask(
                request, ua.TranslateBrowsePathsToNodeIdsResponse, "translating browse paths"
            )
            for (at, _), result in zip(chunk, answer.Results or (), strict=False):
                if result.StatusCode.is_good() and result.Targets:
                    target_id = result.Targets[0].TargetId
                    found[at] = node_id(target_id.Identifier, target_id.NamespaceIndex)
        return found

    async def browse(self, nodes: Sequence[ua.NodeId], **description: Any) -> list[list[ua.ReferenceDescription]]:
        """The references of each node, all of them; none of one that cannot be browsed. Raises AdapterError."""
        found: list[list[ua.ReferenceDescription]] = []
        for chunk in chunks(nodes, self.limits.browse):
            request = ua.BrowseRequest()
            request.Parameters.NodesToBrowse = [_browse_description(node, description) for node in chunk]
            answer = await self._connection.ask(request, ua.BrowseResponse, "browsing")
            results = list(answer.Results or ())
            if len(results) != len(chunk):
                raise self.misfit(len(results), len(chunk))
            for result in results:
                references = list(result.References or ())
                while result.ContinuationPoint:
                    following = ua.BrowseNextRequest()
                    following.Parameters.ContinuationPoints = [result.ContinuationPoint]
                    more = await self._connection.ask(following, ua.BrowseNextResponse, "browsing")
                    result = (more.Parameters.Results or [ua.BrowseResult()])[0]
                    references += result.References or ()
                found.append(references)
        return found

    async def locate(self, items: Iterable[Item]) -> None:
        """Set `node` of each item, None where the server does not have it, and read its data type and history ability.

        Raises AdapterError.
        """
        wanted = list(items)
        for item, node in zip(wanted, await self.find([item.name for item in wanted]), strict=True):
            item.node = node
        there = [(item, item.node) for item in wanted if item.node is not None]
        attributes = [(node, attribute) for _, node in there for attribute in _DESCRIBING]
        answers = await self.read(attributes, max_age_s=60)
        for at, (item, _) in enumerate(there):
            data_type, rank, level = (answer.value for answer in answers[3 * at : 3 * at + 3])
            item.data_type = data_type if isinstance(data_type, Node) else None
            item.is_parted = isinstance(rank, int) and rank > 0
            item.has_history = isinstance(level, int) and bool(level & _HISTORY_READ)

    def misfit(self, found: int, wanted: int) -> DeviceProtocolError:
        """The error of an answer with too many or too few results."""
        return DeviceProtocolError(
            f"{self._config.where} answered {found} results to {wanted} items", "see whether the server has an update"
        )


def _value_id(node: ua.NodeId, attribute: int) -> ua.ReadValueId:
    wanted = ua.ReadValueId()
    wanted.NodeId = node
    wanted.AttributeId = attribute
    return wanted


def _browse_description(node: ua.NodeId, fields: dict[str, Any]) -> ua.BrowseDescription:
    description = ua.BrowseDescription()
    description.NodeId = node
    description.BrowseDirection = fields.get("direction", ua.BrowseDirection.Forward)
    description.ReferenceTypeId = node_id(fields.get("reference", ua.ObjectIds.HierarchicalReferences))
    description.IncludeSubtypes = True
    description.NodeClassMask = fields.get("classes", 0)
    description.ResultMask = ua.BrowseResultMask.All
    return description
