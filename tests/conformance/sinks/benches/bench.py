"""What the suite needs of a sink's target. A new sink adds a bench."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

from ironstream.sinks.sink import Sink, SinkContext, SinkKind
from tests.conformance.sinks.log import Clean
from tests.support.engine import MemoryRecord
from tests.support.tcp_proxy import TcpProxy


class SinkBench(ABC):
    """A target of one sink, and what it holds.

    `proxy` leads to the target where it is reached over the network.
    """

    kind: ClassVar[str]
    """Name in the registry."""
    topics: ClassVar[tuple[str, ...]]
    """Those of the log that it takes."""
    secrets: tuple[str, ...] = ()
    """What must stand in no error; all of them are in `config`."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.proxy: TcpProxy | None = None

    @abstractmethod
    async def start(self) -> None:
        """Have an empty target."""

    @abstractmethod
    def config(self) -> Mapping[str, Any]:
        """Configuration that leads there."""

    @abstractmethod
    def sink_kind(self) -> SinkKind:
        """The kind of sink."""

    @abstractmethod
    async def held(self) -> Any:
        """What the target holds, by what tells its rows apart; one that is there twice must show."""

    @abstractmethod
    def wanted(self, log: Clean) -> Any:
        """What `held` is to say when all of the log is written."""

    def build(self) -> Sink[Any]:
        """The sink, not connected."""
        kind = self.sink_kind()
        return kind.build(kind.config_model.model_validate(dict(self.config())), SinkContext("bench"))

    async def away(self) -> None:
        """Take the target away."""
        assert self.proxy is not None
        await self.proxy.away()

    async def back(self) -> None:
        """Bring it back as it was."""
        assert self.proxy is not None
        await self.proxy.back()

    async def refuse(self) -> tuple[str, MemoryRecord] | None:
        """Have the target refuse, at the write, a certain record of a topic; None where it refuses nothing there."""
        return None

    async def through_proxy(self, port: int) -> int:
        """A port that leads to this one."""
        self.proxy = await self.stack.enter_async_context(TcpProxy(port))
        return self.proxy.port


def ids_of(records: Sequence[MemoryRecord]) -> list[str]:
    """The ids that the agents gave."""
    return [value.decode() for record in records for name, value in record.headers if name == "ironstream-id"]
