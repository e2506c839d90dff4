"""The web view as a process beside others, of commands that run everything on one machine."""

from __future__ import annotations

from typing import Final

from ironstream.commands import children
from ironstream.commands.children import Child
from ironstream.commands.supervised import environment
from ironstream.embedded.config import HOST
from ironstream.embedded.ports import free_port, is_free
from ironstream.settings import Settings

_USUAL_PORT: Final = 8080


def web_process(settings: Settings, port: int) -> Child:
    """The process, listening on loopback."""
    command = children.ironstream("web", "--host", HOST, "--port", str(port))
    return Child("web", command, settings.data_dir / "logs" / "web.log", environment(settings))


def port_for_web() -> int:
    """The usual port, or a free one where that is taken."""
    return _USUAL_PORT if is_free(_USUAL_PORT) else free_port()


def address_of(port: int) -> str:
    """Where a browser finds it."""
    return f"http://{HOST}:{port}/"
