"""Runs the web view in this process."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import uvicorn

from ironstream.errors import ConfigurationError
from ironstream.settings import Settings
from ironstream.web.app import build_web
from ironstream.web.options import WebOptions

_BACKLOG: Final = 256
_GRACE_S: Final = 3
"""Seconds that answers under way may still take when the process is to end."""


def serve(
    settings: Settings, options: WebOptions, on_address: Callable[[str], None], is_over: Callable[[], bool]
) -> None:
    """Serve until SIGTERM or Ctrl-C. `on_address` is told where, before the first request is taken; `is_over` says
    whether a signal came before the server listened to them.

    Raises ConfigurationError when the address cannot be had, or may not be without a login.
    """
    # before anything listens: it refuses to be open to other machines without a login
    app = build_web(settings, options)
    listening = _listening(options.host, options.port)
    port = listening.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    on_address(f"http://{host}:{port}/")
    config = uvicorn.Config(
        app,
        # the application's own logging is kept
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    with listening:
        _Server(config, is_over).run([listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, is_over: Callable[[], bool]) -> None:
        super().__init__(config)
        self._is_over = is_over

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.should_exit = self.should_exit or self._is_over()


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}",
            "Is another one running there? --port 0 takes a free port.",
        ) from error
    return listening
