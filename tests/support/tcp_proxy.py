"""A TCP proxy in front of a target: it goes away and comes back on the same port, and cuts connections when told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

_READ_BYTES: Final = 65_536


class TcpProxy:
    """Use as `async with TcpProxy(port) as proxy`. Both ends are on loopback."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._transports: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent_left: int | None = None
        self._answers_left: int | None = None
        self.port = 0
        self.cuts = 0
        """Those of `cut_after` that came about."""

    async def __aenter__(self) -> TcpProxy:
        await self.back()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.away()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def away(self) -> None:
        """Refuse connections, and cut those that are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._cut()
        await asyncio.sleep(0)

    async def back(self) -> None:
        """Be there again."""
        self.heal()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def cut_after(self, *, sent: int | None = None, answered: int | None = None) -> None:
        """Cut everything once so many more bytes went to the target, or came from it; then go on as if nothing was."""
        self._sent_left, self._answers_left = sent, answered

    def heal(self) -> None:
        """Cut nothing."""
        self._sent_left = self._answers_left = None

    def _cut(self) -> None:
        for writer in self._transports:
            writer.transport.abort()
        self._transports.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = None
        try:
            from_target, there = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._transports |= {writer, there}
            up = asyncio.create_task(self._pump(reader, there, is_answer=False))
            down = asyncio.create_task(self._pump(from_target, writer, is_answer=True))
            self._tasks |= {up, down}
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass
        finally:
            for one in (writer, there):
                if one is not None:
                    self._transports.discard(one)
                    one.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, is_answer: bool) -> None:
        with suppress(OSError):
            while data := await source.read(_READ_BYTES):
                left = self._answers_left if is_answer else self._sent_left
                if left is not None:
                    data, left = data[:left], left - len(data)
                    if left <= 0:
                        if data and not is_answer:
                            to.write(data)
                            await to.drain()
                            # so that the target has it, and maybe acts on it, before it is alone
                            await asyncio.sleep(0.02)
                        self.heal()
                        self.cuts += 1
                        self._cut()
                        return
                    if is_answer:
                        self._answers_left = left
                    else:
                        self._sent_left = left
                to.write(data)
                await to.drain()
