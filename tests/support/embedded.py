"""What every embedded server does: ends with its parent and its guard, refuses what is taken, gives up a start."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ironstream.embedded import EmbeddedKafka
from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.errors import IronstreamError

Server = EmbeddedKafka | EmbeddedPostgres
_PARENT = """
import asyncio, sys, time; from pathlib import Path; from {module} import {name}
server = {name}(Path(sys.argv[1])); asyncio.run(server.start())
print(server.pid, flush=True); time.sleep(600)
"""


def eventually(condition: Callable[[], bool], within_s: float = 30) -> bool:
    """Whether it holds within this time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def process_of(server: Server) -> psutil.Process:
    """The process of a server that runs."""
    assert server.pid is not None
    return psutil.Process(server.pid)


def listens_on(server: Server) -> set[str]:
    """Addresses at which it takes connections."""
    connections = process_of(server).net_connections("inet")
    listening = [one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN]
    return {address.removeprefix("::ffff:") for address in listening}


def ends_with_its_parent(kind: type[Server], folder: Path) -> None:
    """Kill the parent of a server, and start another one in its folder at once."""
    script = _PARENT.format(module=kind.__module__, name=kind.__name__)
    parent = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        before = int(parent.stdout.readline())
        assert psutil.pid_exists(before)
        parent.kill()

    # not waited for on purpose: an operator starts again at once
    again = kind(folder)
    asyncio.run(again.start())
    try:
        assert not psutil.pid_exists(before)
    finally:
        asyncio.run(again.stop())


async def ends_with_its_guard(server: Server) -> None:
    """Kill the guard of a server that runs, and start it again."""
    process = process_of(server)
    guard = process.parent()
    assert guard is not None
    os.kill(guard.pid, signal.SIGKILL)

    assert await asyncio.to_thread(eventually, lambda: not process.is_running())
    assert await asyncio.to_thread(eventually, lambda: not server.running)
    await server.start()
    assert server.running


async def refuses_a_taken_port(kind: type[Server], folder: Path, error: type[IronstreamError]) -> None:
    """Start one at a port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(error, match=f"Port {port} .* is taken"):
            await kind(folder, port=port).start()


async def refuses_a_folder_in_use(
    server: Server, name: str, error: type[IronstreamError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start a second one in the folder of one that runs."""
    monkeypatch.setattr(f"{type(server).__module__}._LOCK_WAIT_S", 0.2)

    with pytest.raises(error, match=f"Another embedded {name} is running"):
        await type(server)(server.log_file.parent).start()


async def gives_up_a_start(server: Server) -> None:
    """Cancel a start when its process is there, and start it anew."""
    starting = asyncio.create_task(server.start())
    assert await asyncio.to_thread(eventually, lambda: server.running)

    starting.cancel()
    await asyncio.wait([starting])

    assert starting.cancelled()
    assert server.pid is None
    await server.start()
    await server.stop()
