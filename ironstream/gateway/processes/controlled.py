"""A process of adapters that is told on stdin what to run, by the gateway that started it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final

import structlog

from ironstream.gateway.adapter import AdapterKind
from ironstream.gateway.pipeline_set import PipelineSet
from ironstream.gateway.processes.messages import Applied, MessageError, Ready, Wanted, decode_wanted, encode
from ironstream.gateway.publisher import Publisher
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.supervisor import hosting, stop_on_signal

_LOG = structlog.get_logger(__name__)
_CHUNK: Final = 64 * 1024
RETRY_REFUSED_S: Final = 30.0
"""What is refused may be mended elsewhere: a secret that is put in its place, a Vault that is back."""


async def run_controlled(
    settings: GatewaySettings,
    *,
    adapters: Mapping[str, AdapterKind],
    source: int,
    say: Callable[[bytes], None],
    publisher: Publisher | None = None,
    retry_refused_s: float = RETRY_REFUSED_S,
) -> int:
    """Run what the lines of `source` (a file descriptor) want, until it ends, or SIGTERM; then flush.

    The exit code: 0, or 1 when Kafka did not take everything. `say` is given lines for the gateway. Should the end take
    longer than it may, the process is ended by force: with the gateway gone, nobody else would. Raises
    ConfigurationError when the health address cannot be had.
    """
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    async with AsyncExitStack() as stack:
        stop = await stack.enter_async_context(stop_on_signal())
        host = await stack.enter_async_context(hosting(settings, adapters, publisher))
        # stopping may take this long for devices that wait for their receipts, and as long again for the rest
        limit_s = 2 * settings.flush_timeout_s + 10
        reader = _Reader(source, lines.put_nowait, stop.set, asyncio.get_running_loop(), limit_s)
        threading.Thread(target=reader.run, name="stdin", daemon=True).start()
        stack.callback(reader.done.set)
        say(encode(Ready(host.port)))
        following = asyncio.create_task(_follow(lines, host.pipelines, say, retry_refused_s), name="stdin")
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            following.cancel()
            stopped.cancel()
            await asyncio.wait({following, stopped})
        return await host.finish(settings.flush_timeout_s)


async def _follow(
    lines: asyncio.Queue[bytes], pipelines: PipelineSet, say: Callable[[bytes], None], retry_s: float
) -> None:
    wanted: Wanted | None = None
    while True:
        try:
            async with asyncio.timeout(retry_s if pipelines.refused else None):
                line = await lines.get()
            # each line is the whole of what is wanted: only the newest counts
            while not lines.empty():
                line = lines.get_nowait()
            wanted = decode_wanted(line)
        except TimeoutError:
            pass
        except MessageError as error:
            _LOG.error("message_refused", error=error.message, hint=error.hint)
            continue
        if wanted is not None:
            await pipelines.apply(wanted.pipelines)
            say(encode(Applied(wanted.number, pipelines.boots, pipelines.refused)))


class _Reader:
    """Reads lines in a thread, so that the end of the gateway is seen even when the event loop is stuck."""

    def __init__(
        self,
        source: int,
        on_line: Callable[[bytes], None],
        on_end: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
        limit_s: float,
    ) -> None:
        self._source = source
        self._on_line = on_line
        self._on_end = on_end
        self._loop = loop
        self._limit_s = limit_s
        self.done = threading.Event()
        """Set when the process has done all that it had to do before its end."""

    def run(self) -> None:
        rest = b""
        # not through sys.stdin: its lock would be held here while the interpreter ends
        while chunk := _read(self._source):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._call(self._on_line, line)
        self._call(self._on_end)
        if not self.done.wait(self._limit_s):
            os._exit(1)

    def _call(self, function: Callable[..., None], *arguments: bytes) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError:
        # a connection that was reset has ended
        return b""
