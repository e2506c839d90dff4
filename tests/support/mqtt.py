"""An MQTT broker in this process, and a client to publish with."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import aiomqtt
from amqtt.broker import Broker

ANONYMOUS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}

_SHUTDOWN_S = 5.0


class MqttBroker:
    """amqtt on a free port of loopback; started again it has the same port, and has forgotten all sessions."""

    def __init__(self, **listener: Any) -> None:
        self.port = 0
        self._listener = listener
        self._broker: Broker | None = None

    async def start(self) -> None:
        self._broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}", **self._listener}},
                "plugins": ANONYMOUS,
            }
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            await self._broker.start()
        server = next(iter(self._broker._servers.values()))
        self.port = server.instance.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._broker is not None:
            broker, self._broker = self._broker, None
            handlers = [handler for _, handler in broker._sessions.values() if handler is not None]
            try:
                async with asyncio.timeout(_SHUTDOWN_S):
                    await broker.shutdown()
            except asyncio.CancelledError:
                pass
            except TimeoutError:
                # it waits for the end of a reader that does not come: then as if the machine had lost its power
                for handler in handlers:
                    if handler.writer is not None:
                        handler.writer._writer.transport.abort()
                for server in broker._servers.values():
                    server.instance.close()


def publisher(port: int, **fields: Any) -> aiomqtt.Client:
    """A client to publish with, as an async context manager."""
    return aiomqtt.Client("127.0.0.1", port, **fields)
