"""What the embedded servers share: a guarded child process on a port, stopped in order or by force."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Final, Self

from ironstream.embedded.guarded import GuardedProcess

STOP_TIMEOUT_S: Final = 30.0
PORT_TRIES: Final = 3


class EmbeddedServer(ABC):
    """A server of this machine. `port` 0 takes a free one, and keeps it for later starts of the same object."""

    def __init__(self, process: GuardedProcess, port: int) -> None:
        self._process = process
        self._port = port
        self._port_is_ours = port == 0

    @property
    def pid(self) -> int | None:
        """Process id of the server while it runs."""
        return self._process.pid if self.running else None

    @property
    def running(self) -> bool:
        """Whether the process is there; readiness is what `start` waits for."""
        return self._process.running

    @abstractmethod
    async def start(self) -> None:
        """Start, and return when it answers. After an error nothing runs."""

    async def stop(self) -> None:
        """End the server in order, by force if it takes more than 30 s. May be called when nothing runs."""
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_TIMEOUT_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the server as a power cut would (SIGKILL) and wait until it is gone."""
        self._process.kill()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _choose_another_port(self, attempt: int) -> bool:
        """Whether to try again, which is possible while the port is ours to choose."""
        if not self._port_is_ours or attempt == PORT_TRIES:
            return False
        self._port = 0
        return True
