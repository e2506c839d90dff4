"""What the sink asks of a place for files. Paths are relative to its root, with `/`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ironstream.errors import IronstreamError


class GoneError(IronstreamError):
    """A file that was listed is not there any more."""


class LeaseLostError(IronstreamError):
    """Another process has taken the lease over."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a directory."""

    name: str
    nbytes: int


class Lease(Protocol):
    """The right to be the only one who does something."""

    async def renew(self) -> None:
        """Called before each step. Raises LeaseLostError."""


class Store(Protocol):
    """A root with directories of files. All methods raise SinkUnavailableError, and never block the event loop.

    A method that was cancelled may have had its effect.
    """

    async def connect(self) -> None:
        """Reach the root and see that it can be written to. Raises ConfigurationError where it cannot do its part."""

    async def entries(self, directory: str, prefix: str) -> Sequence[Entry]:
        """Files of a directory whose name starts with `prefix`; what it names is durable. Empty where it is not."""

    async def tail(self, path: str, nbytes: int) -> bytes:
        """The last bytes of a file, all of a smaller one. Raises GoneError."""

    async def read(self, path: str) -> bytes:
        """A file. Raises GoneError."""

    async def create(self, path: str, body: bytes) -> bool:
        """Make a file, durable and at once whole; False where one of this name is already."""

    async def replace(self, path: str, body: bytes) -> None:
        """Make a file, durable and at once whole, in the place of the one of this name."""

    async def delete(self, path: str) -> None:
        """Remove a file, for good; nothing where there is none. What is deleted later is never gone before it."""

    def walk(self) -> AsyncIterator[tuple[str, Sequence[Entry]]]:
        """Every directory with its files."""

    def lease(self, name: str) -> AbstractAsyncContextManager[Lease]:
        """Hold a lease. Raises SinkUnavailableError while another process has it; a dead one's passes on."""

    async def close(self) -> None:
        """Let go of it; called once."""
