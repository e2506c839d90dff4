"""What an app of the engine asks of whoever holds its partitions: with state (`ownership`) or without (`following`)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from faust.types import TP

from ironstream.engine.api import Chunk
from ironstream.engine.assignor import Holdings


class Held(Protocol):
    """A partition of a source topic that this process has."""

    @property
    def position(self) -> int:
        """Offset of the next source record to take."""

    def take(self, chunk: Chunk) -> AbstractAsyncContextManager[Chunk | None]:
        """Lend the part of `chunk` that was not taken yet; None when all of it was. It counts when the body ends."""


PartT = TypeVar("PartT", bound=Held)
PartT_co = TypeVar("PartT_co", bound=Held, covariant=True)


class Owning(Protocol[PartT_co]):
    """The partitions of source topics that this process has, and how it gets and gives them."""

    @property
    def partitions(self) -> Mapping[TP, PartT_co]:
        """Those that are ready to be worked on."""

    @property
    def restore_seconds(self) -> float:
        """Length of the last take-over."""

    def holdings(self) -> Holdings:
        """Which partition numbers it had last, and of which it has local copies."""

    def positions(self) -> dict[TP, int]:
        """Offset to go on from, per partition."""

    async def commit(self) -> dict[TP, int]:
        """Make what was done durable; the position of each partition up to which it is. Raises when it cannot."""

    async def take_over(self, assignment: set[TP], consumer: Any, producer: Any) -> None:
        """Make all partitions of `assignment` ready; `consumer` is Faust's, `producer` aiokafka's."""

    async def look_for_loss(self, tp: TP, first: int, consumer: Any) -> None:
        """Say which records expired if `first` is not the offset that `tp` waits for."""

    async def release(self, revoked: set[TP]) -> None:
        """Let go of partitions."""
