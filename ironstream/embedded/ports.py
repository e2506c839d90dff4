"""Ports on loopback."""

from __future__ import annotations

import asyncio
import socket

from ironstream.embedded.config import HOST


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether Kafka could listen there."""
    with socket.socket() as probe:
        # as Kafka does it: connections of a former broker that linger are no obstacle
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


async def listens(port: int) -> bool:
    """Whether somebody listens there. To be asked before an admin client, which logs an error when nobody does."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True
