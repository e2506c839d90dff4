"""One process of adapters as its gateway holds it: started, told what to run, asked how it is, ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import aiohttp
import structlog

from ironstream.gateway.processes import messages
from ironstream.gateway.processes.messages import Applied, Failed, MessageError, Ready, Report, Wanted

_LOG = structlog.get_logger(__name__)
_LINE_MAX: Final = 64 * 1024 * 1024


class AdapterProcess:
    """A running process; made by `start`. It ends by itself when this one is gone: its stdin ends then.

    It has a session of its own: Ctrl-C reaches the gateway alone. What it logs goes where this process logs.
    """

    def __init__(self, process: asyncio.subprocess.Process, on_applied: Callable[[Applied], None]) -> None:
        self._process = process
        self._on_applied = on_applied
        self._listening = asyncio.create_task(self._listen(), name=f"process {process.pid}")
        self.health_port: int | None = None
        """Where it answers HTTP on loopback; None until it is ready."""
        self.failure: str | None = None
        """What it said of its settings before it exited with 2."""

    @classmethod
    async def start(
        cls, command: Sequence[str], env: Mapping[str, str], on_applied: Callable[[Applied], None]
    ) -> AdapterProcess:
        """Start it. Raises OSError when the system has no process to give."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_MAX,
            start_new_session=True,
        )
        return cls(process, on_applied)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def want(self, wanted: Wanted) -> None:
        """Tell it what to run; it answers with `Applied`."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(messages.encode(wanted))

    async def report(self, session: aiohttp.ClientSession, timeout_s: float) -> Report:
        """Ask it how its pipelines are. Raises aiohttp.ClientError, TimeoutError, MessageError."""
        async with asyncio.timeout(timeout_s):
            return messages.decode_report(await self.get(session, "/pipelines"))

    async def get(self, session: aiohttp.ClientSession, path: str) -> bytes:
        """The body of the answer to a GET. Raises aiohttp.ClientError."""
        async with session.get(f"http://127.0.0.1:{self.health_port}{path}") as answer:
            answer.raise_for_status()
            return await answer.read()

    async def ended(self) -> int:
        """Wait for its end; its exit code, minus n for signal n."""
        await self._listening
        return await self._process.wait()

    def end(self) -> None:
        """Ask it to stop, flush and exit; may be repeated."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.health_port is None:
            # it may not listen to its stdin yet, and has read nothing
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                said = messages.decode_said(line)
            except MessageError as error:
                _LOG.error("message_refused", pid=self.pid, error=error.message, hint=error.hint)
                continue
            match said:
                case Ready():
                    self.health_port = said.health_port
                case Failed():
                    self.failure = said.message
                case Applied():
                    self._on_applied(said)
