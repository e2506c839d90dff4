"""Runs a module of this folder with a JVM in a process of its own, for JPype's JVM cannot be started twice in one."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[3]
_START_S = 120.0
"""With the download of the jars, once per user."""
_CALL_S = 30.0


class JavaProcess:
    """`async with JavaProcess("j2mod_server") as server: await server.call("set", address=0, value=1)`.

    The module `tests.support.java.<module>` starts the JVM and serves its functions (see `driver`). What it prints goes
    to the test's stderr. It ends with the block, or when this process dies.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"tests.support.java.{self._module}",
            cwd=_ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=16 * 1024 * 1024,
        )
        await self._answer(_START_S)
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def call(self, name: str, **arguments: Any) -> Any:
        """The result of the module's function of that name. Raises AssertionError with the text of what it raised."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"call": name, "args": arguments}).encode() + b"\n")
        await self._process.stdin.drain()
        return await self._answer(_CALL_S)

    async def _answer(self, timeout_s: float) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(timeout_s):
            line = await self._process.stdout.readline()
        assert line, f"{self._module} ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]
