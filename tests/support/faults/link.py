"""A TCP link between an adapter and its device that can be cut, delayed, half-closed, frozen and refused."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

_CHUNK: Final = 4096
_LINGER_NONE: Final = struct.pack("ii", 1, 0)
_LONGEST_S: Final = 30.0


@dataclass(eq=False)
class Connection:
    """One connection of the adapter through the link; `requests` counts what it sent."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    requests: int = 0
    ended: bool = False
    half_closed: asyncio.StreamWriter | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def served(self) -> bool:
        """Whether the adapter has surely read something by it: it asks again once it has its answer."""
        return self.requests >= 2


class Link:
    """Passes bytes to `port` on loopback, as an async context manager; `outages` is what the adapter must have seen."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._open: set[Connection] = set()
        self._changed = asyncio.Event()
        self._through = asyncio.Event()
        self._through.set()
        self.port = 0
        self.delay_s = 0.0
        self.outages = 0

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._through.set()
        self._refuse_new()
        for connection in list(self._open):
            self._abort(connection)
        tasks = [task for connection in self._open for task in connection.tasks]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def carries(self) -> Connection:
        """Wait for a connection by which the adapter reads; the time limit is only there to fail."""
        async with asyncio.timeout(_LONGEST_S):
            while True:
                for connection in self._open:
                    if connection.served and not connection.ended:
                        return connection
                self._changed.clear()
                await self._changed.wait()

    async def cut(self) -> None:
        """Both sides are reset."""
        self._abort(await self.carries())

    async def half_close(self, *, far: bool) -> None:
        """One direction is closed in order: the adapter (or the device) is told that nothing more will come."""
        connection = await self.carries()
        connection.half_closed = connection.far if far else connection.near
        with suppress(OSError):
            connection.half_closed.write_eof()
        await self._end_of(connection)

    async def refuse(self, seconds: float) -> None:
        """The connection is reset and new ones are refused for a while."""
        connection = await self.carries()
        self._refuse_new()
        self._abort(connection)
        await asyncio.sleep(seconds)
        await self._listen()

    async def freeze(self) -> None:
        """Nothing passes, and nobody is told, until the adapter gives the connection up."""
        connection = await self.carries()
        self._through.clear()
        await self._end_of(connection)
        self._through.set()

    async def delay(self, seconds: float) -> None:
        """Three answers come late."""
        connection = await self.carries()
        before, self.delay_s = connection.requests, seconds
        async with asyncio.timeout(_LONGEST_S):
            while connection.requests < before + 3 and not connection.ended:
                self._changed.clear()
                await self._changed.wait()
        self.delay_s = 0.0

    async def _end_of(self, connection: Connection) -> None:
        async with asyncio.timeout(_LONGEST_S):
            while not connection.ended:
                self._changed.clear()
                await self._changed.wait()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    def _refuse_new(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            near.transport.abort()
            return
        connection = Connection(near, far)
        self._open.add(connection)
        connection.tasks = [
            asyncio.create_task(self._pass(connection, near_reader, far, asked=True)),
            asyncio.create_task(self._pass(connection, far_reader, near, asked=False)),
        ]

    async def _pass(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asked: bool
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                if asked:
                    connection.requests += 1
                    self._changed.set()
                elif self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._through.wait()
                if writer is not connection.half_closed:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            self._ended(connection)

    def _ended(self, connection: Connection) -> None:
        """Either direction is over, and so is the connection: no device of ours talks to one that does not listen."""
        if connection.ended:
            return
        connection.ended = True
        self.outages += connection.served
        self._open.discard(connection)
        connection.near.close()
        connection.far.close()
        self._changed.set()

    def _abort(self, connection: Connection) -> None:
        for writer in (connection.near, connection.far):
            raw: socket.socket | None = writer.get_extra_info("socket")
            if raw is not None:
                # the peer is told by a reset, not by an orderly end
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            writer.transport.abort()
        self._ended(connection)
